"""Comparisons as text, Markdown, LaTeX, CSV and JSON: five renderings of the same rows."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchctl.analysis.wording import detectable, number, p_value, signed
from benchctl.reports.differences import MOST_SHOWN, differences_text, not_shown, shown
from benchctl.reports.disturbed import WORD
from benchctl.reports.text import clean, fitted, table

if TYPE_CHECKING:
    from benchctl.analysis.findings import Comparison, Row, SideEstimate

BEFORE, AFTER = (
    ("metric", "unit", "case"),
    ("n", WORD, "test", "p (Holm)", "effect", "detectable", "verdict"),
)  # of the sides' own names
FIRST_TO_GO = ("effect", "test", "detectable", "unit", "n", "p (Holm)", "ratio", "difference", "ratio or difference")
NO_VERDICT = "no verdict"
TURNS = "trials in turns, paired by round"
APART = "separate trials"
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def comparison_text(comparisons: Sequence[Comparison], width: int | None = None) -> str:
    """A table for each comparison, under it a sentence for each row, then what one has to know to trust it.

    width: of the terminal. A table that is wider goes without some columns, which the sentences tell; None keeps all.
    """
    texts = ["\n".join(_text_lines(comparison, width)) for comparison in comparisons]
    return "\n\n".join(text if width is None else fitted(text, width) for text in texts)


def comparison_markdown(comparisons: Sequence[Comparison]) -> str:
    """A table for each comparison, its notes as a list."""
    return "\n\n".join("\n".join(_markdown_lines(comparison)) for comparison in comparisons) + "\n"


def comparison_latex(comparisons: Sequence[Comparison]) -> str:
    """A booktabs tabular for each comparison, its notes as comments."""
    return "\n\n".join("\n".join(_latex_lines(comparison)) for comparison in comparisons) + "\n"


def comparison_csv(comparisons: Sequence[Comparison]) -> str:
    """A line for each row with all its numbers in full; what is not known is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    lines = [_fields(comparison, row) for comparison in comparisons for row in comparison.rows]
    writer.writerows([list(lines[0]), *(line.values() for line in lines)] if lines else [])
    return file.getvalue()


def comparison_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """`{"schema": "benchctl/compare@1", "comparisons": [..]}`: the dataclasses of analysis/findings as they are."""
    return {"schema": "benchctl/compare@1", "comparisons": [_plain(asdict(comparison)) for comparison in comparisons]}


@dataclass(frozen=True)
class Parts:
    """A comparison in pieces, for a page: its title, the table, a sentence for each row, and the warnings."""

    title: str
    head: list[str]
    rows: list[list[str]]
    sentences: list[str]
    warnings: list[str]


def comparison_parts(comparison: Comparison) -> Parts:
    head, rows = _grid(comparison)
    return Parts(_title(comparison), head, rows, list(_sentences(comparison)), list(_warnings(comparison)))


def _text_lines(comparison: Comparison, width: int | None) -> Iterator[str]:
    yield _title(comparison)
    yield ""
    yield from _table_lines(*_grid(comparison, str.upper), width)
    yield ""
    yield from _sentences(comparison)
    yield from (f"warning: {note}" for note in _warnings(comparison))
    if _has_differences(comparison):
        yield ""
        yield differences_text(comparison.differences, comparison.base, comparison.candidate)


def _table_lines(head: list[str], rows: list[list[str]], width: int | None) -> list[str]:
    """The table with as many of its columns as there is room for."""
    found, left_out = table(head, rows), []
    for name in FIRST_TO_GO:
        if width is None or max(map(len, found)) <= width:
            break
        places = [i for i, column in enumerate(head) if column != name.upper()]
        left_out += [name] if len(places) < len(head) else []
        head, rows = [head[i] for i in places], [[row[i] for i in places] for row in rows]
        found = table(head, rows)
    return [*found, f"(no room for: {', '.join(left_out)}; --csv has everything)"] if left_out else found


def _has_differences(comparison: Comparison) -> bool:
    """Whether they are worth a word: of separate trials also that there are none."""
    return bool(comparison.differences) or not comparison.is_paired


def _differing(comparison: Comparison) -> Iterator[str]:
    """What else differs, in a sentence each."""
    for one in comparison.differences[:MOST_SHOWN]:
        yield f"differs: {clean(one.what)}: {shown(one.base)} in the base, {shown(one.candidate)} in the candidate"
    yield from not_shown(comparison.differences)


def _markdown_lines(comparison: Comparison) -> Iterator[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(_escaped_markdown(cell) for cell in cells)} |"

    head, rows = _grid(comparison)
    yield _escaped_markdown(_title(comparison)) + "\n"
    yield line(head)
    yield f"|{'---|' * len(head)}"
    yield from map(line, rows)
    yield ""
    yield from (f"- {_escaped_markdown(sentence)}" for sentence in _sentences(comparison))
    yield from (f"- Warning: {_escaped_markdown(note)}" for note in _warnings(comparison))
    yield from (f"- {_escaped_markdown(line)}" for line in _differing(comparison))


def _latex_lines(comparison: Comparison) -> Iterator[str]:
    def line(cells: Sequence[str]) -> str:
        return f"{' & '.join(_escaped_latex(cell) for cell in cells)} \\\\"

    head, rows = _grid(comparison)
    yield f"% {_title(comparison)}. Needs \\usepackage{{booktabs}}."
    yield f"\\begin{{tabular}}{{{'l' * len(head)}}}"
    yield "\\toprule"
    yield line(head)
    yield "\\midrule"
    yield from map(line, rows)
    yield "\\bottomrule"
    yield "\\end{tabular}"
    yield from (f"% {sentence}" for sentence in _sentences(comparison))
    yield from (f"% Warning: {note}" for note in _warnings(comparison))
    yield from (f"% {line}" for line in _differing(comparison))


def _title(comparison: Comparison) -> str:
    confidence = f"{100 * comparison.confidence:.0f} % intervals"
    return clean(
        f"{comparison.candidate} against {comparison.base}: {TURNS if comparison.is_paired else APART}, {confidence}"
    )


def _grid(comparison: Comparison, style: Callable[[str], str] = str) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table, without columns that are empty in every row."""
    sides = [clean(comparison.base), clean(comparison.candidate)]
    head = [*map(style, BEFORE), *sides, *map(style, (_shift_name(comparison), *AFTER))]
    rows = [_cells(row) for row in comparison.rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    return [head[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _shift_name(comparison: Comparison) -> str:
    kinds = [("ratio", any(row.ratio for row in comparison.rows))]
    kinds += [("difference", any(row.difference for row in comparison.rows))]
    return " or ".join(name for name, is_there in kinds if is_there)


def _cells(row: Row) -> list[str]:
    return [
        clean(row.metric),
        clean(row.unit or ""),
        clean(row.case or ""),
        _estimate(row.base),
        _estimate(row.candidate),
        _shift(row),
        str(row.base.n) if row.base.n == row.candidate.n else f"{row.base.n}, {row.candidate.n}",
        _disturbed(row),
        row.test.name if row.test else "",
        p_value(row.p_adjusted),
        "" if row.effect is None else f"{row.effect:.2f}",
        detectable(row),
        row.verdict or NO_VERDICT,
    ]


def _disturbed(row: Row) -> str:
    """`1 of 5, 0 of 5`: of the base's trials and of the candidate's; nothing where none was."""
    sides = (row.base, row.candidate)
    return ", ".join(f"{side.disturbed} of {side.n}" for side in sides) if any(s.disturbed for s in sides) else ""


def _estimate(found: SideEstimate) -> str:
    """`4.02 (3.90 to 4.14)`, with digits by the interval's width."""
    if found.value is None:
        return "none"
    if found.low is None or found.high is None:
        return number(found.value)
    return _interval(found.value, found.low, found.high, number)


def _shift(row: Row) -> str:
    """A ratio, or with a sign a difference: `1.097 (1.060 to 1.135)`, `+1.58 (+0.70 to +2.46)`."""
    if row.ratio:
        return _interval(row.ratio.value, row.ratio.low, row.ratio.high, number)
    if row.difference:
        return _interval(row.difference.value, row.difference.low, row.difference.high, signed)
    return ""


def _interval(value: float, low: float, high: float, show: Callable[[float, float], str]) -> str:
    half = (high - low) / 2
    return f"{show(value, half)} ({show(low, half)} to {show(high, half)})"


def _named(row: Row) -> str:
    return clean(f"{row.metric} of {row.case}" if row.case else row.metric)


def _sentences(comparison: Comparison) -> list[str]:
    return [f"{_named(row)}: {clean(row.sentence)}" for row in comparison.rows]


def _warnings(comparison: Comparison) -> list[str]:
    """Each warning once, with the rows that it is about."""
    about: dict[str, list[str]] = {}
    for row in comparison.rows:
        for warning in row.warnings:
            about.setdefault(warning, []).append(_named(row))
    return [*comparison.warnings, *(f"{', '.join(names)}: {warning}" for warning, names in about.items())]


def _fields(comparison: Comparison, row: Row) -> dict[str, Any]:
    """A row as CSV has it: the nested numbers under `base_low` and the like."""
    nested = asdict(row)
    fields: dict[str, Any] = {"base": comparison.base, "candidate": comparison.candidate}
    for name, value in nested.items():
        if name in ("base", "candidate"):
            fields |= {f"{name}_{key}": inner for key, inner in value.items()}
        elif name in ("ratio", "difference"):
            found = value or {}
            fields |= {name: found.get("value"), f"{name}_low": found.get("low"), f"{name}_high": found.get("high")}
        elif name == "test":
            found = value or {}
            fields |= {"test": found.get("name")} | {key: found.get(key) for key in ("statistic", "df", "p")}
        else:
            fields[name] = "; ".join(value) if name == "warnings" else value
    return fields


def _plain(value: Any) -> Any:
    """JSON has no infinite numbers: null stands for one."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped_markdown(text: str) -> str:
    """Nothing in a name is markup, and nothing ends a cell of a table."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", text)


def _escaped_latex(text: str) -> str:
    escaped = "".join(LATEX.get(character, character) for character in text)
    return re.sub(r"(?<![^ (])-(?=[0-9])", "$-$", escaped)  # a minus, and no hyphen
