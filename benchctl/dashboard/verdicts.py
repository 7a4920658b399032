"""The verdicts of several comparisons with one base, as the lines of one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchctl.analysis.findings import Comparison, Difference, Row, SideEstimate
from benchctl.analysis.subjects import Asked, is_same_run
from benchctl.analysis.wording import number, signed
from benchctl.comparing import Given, check_over, comparisons
from benchctl.errors import UsageError
from benchctl.reports.differences import case_differences, differences
from benchctl.runs.record import RunRecord
from benchctl.runs.store import Store

MOST_DOTS = 200
TIMES = 3  # a change that ends beyond this is told in times
SIGNS = {"better": "✓", "worse": "✗", "changed": "≠", "equivalent": "=", "not enough data": "?"}
NO_VERDICT, NO_SIGN = "no verdict", "·"
KINDS = ("benchmark", "host", "versions", "git", "params", "config", "options")  # most suspicious first


@dataclass(frozen=True)
class Cell:
    """A metric of one side. dots: a place from 0 to 100 for each trial. change, verdict: against the base; empty for
    the base itself.
    """

    value: str = ""
    interval: str = ""
    n: int = 0
    disturbed: int = 0
    dots: tuple[float, ...] = ()
    change: str = ""
    verdict: str = ""
    sign: str = ""
    p: float | None = None


@dataclass(frozen=True)
class Line:
    """A metric of a case; cells: the base's, then each candidate's, None where the two can't be compared in it.

    low, high: the ends of the dots' scale.
    """

    case: str
    metric: str
    unit: str
    better: str
    cells: list[Cell | None]
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class Verdicts:
    """failures: why a candidate could not be compared, by its name."""

    comparisons: list[Comparison | None] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def found(self) -> list[Comparison]:
        return [one for one in self.comparisons if one]


def verdicts(base: Given, candidates: Sequence[Given], store: Store) -> Verdicts:
    """The base compared with each candidate; one that can't be does not keep the others from it."""
    found = Verdicts()
    for candidate in candidates:
        try:
            check_over(base.run)
            check_over(candidate.run)
            found.comparisons.extend(comparisons(base, [candidate], Asked(), store))
        except UsageError as error:
            found.comparisons.append(None)
            found.failures[candidate.label] = error.message
    return found


def lines(sides: Sequence[Given], known: Verdicts) -> list[Line]:
    """A line for each metric of each case, in the order of the comparisons."""
    tables = [{(row.case, row.metric): row for row in one.rows} if one else {} for one in known.comparisons]
    keys = dict.fromkeys(key for table in tables for key in table)
    return [_line(sides, [table.get(key) for table in tables]) for key in keys]


def _line(sides: Sequence[Given], rows: Sequence[Row | None]) -> Line:
    """rows: of each candidate; of at least one there is one."""
    first = next(row for row in rows if row)
    values = [_values(side, sides[0], first) for side in sides]
    every = [value for those in values for value in those] or [0.0]
    low, high = min(every), max(every)
    dots = [tuple(100 * (value - low) / (high - low) if high > low else 50.0 for value in those) for those in values]
    cells = [_cell(first.base, dots[0]), *(_judged(row, dot) for row, dot in zip(rows, dots[1:], strict=True))]
    half = (high - low) / 2
    ends = (number(low, half), number(high, half)) if high > low else ("", "")
    return Line(first.case or "", first.metric, first.unit or "", first.better or "", cells, *ends)


def _values(side: Given, base: Given, row: Row) -> list[float]:
    """Of each trial, where it is in the unit of the row."""
    case = row.case or side.case or (base.case if base.case in side.cases else side.cases[0])
    found = side.part(case).of_metric(row.metric)
    return [one.value for one in found if one.value is not None and one.unit == row.unit][:MOST_DOTS]


def _cell(found: SideEstimate, dots: tuple[float, ...]) -> Cell:
    if found.value is None:
        return Cell("none", n=found.n)
    if found.low is None or found.high is None:
        return Cell(number(found.value), "", found.n, found.disturbed, dots)
    half = (found.high - found.low) / 2
    interval = f"{number(found.low, half)} to {number(found.high, half)}"
    return Cell(number(found.value, half), interval, found.n, found.disturbed, dots)


def _judged(row: Row | None, dots: tuple[float, ...]) -> Cell | None:
    if row is None:
        return None
    plain = _cell(row.candidate, dots)
    word = row.verdict or NO_VERDICT
    told = (_change(row), word, SIGNS.get(word, NO_SIGN), row.p_adjusted)
    return Cell(plain.value, plain.interval, plain.n, plain.disturbed, dots, *told)


def _change(row: Row) -> str:
    """`-4.7 % (-6.1 to -3.2)`, `5.1 times (4.9 to 5.3)`, `+1.6 (+0.7 to +2.5)`."""
    if row.difference and not row.ratio:
        one, half = row.difference, (row.difference.high - row.difference.low) / 2
        return f"{signed(one.value, half)} ({signed(one.low, half)} to {signed(one.high, half)})"
    if not row.ratio:
        return ""
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    if high > TIMES:
        half = (high - low) / 2
        return f"{number(value, half)} times ({number(low, half)} to {number(high, half)})"
    half = 50 * (high - low)
    percent = [signed(100 * (ratio - 1), half) for ratio in (value, low, high)]
    return f"{percent[0]} % ({percent[1]} to {percent[2]})"


def what_differs(sides: Sequence[Given]) -> list[tuple[str, str, list[str | None]]]:
    """Kind, what, and what each side has there; most suspicious first. None where it is as in the base."""
    found: dict[tuple[str, str], list[str | None]] = {}
    for at, candidate in enumerate(sides[1:], 1):
        for one in _of_two(sides[0], candidate):
            values = found.setdefault((one.kind, one.what), [one.base or "-", *[None] * (len(sides) - 1)])
            values[at] = one.candidate or "-"
    ranked = sorted(found.items(), key=lambda item: KINDS.index(item[0][0]))
    return [(kind, what, values) for (kind, what), values in ranked]


def _of_two(base: Given, candidate: Given) -> tuple[Difference, ...]:
    sides = [one.part(one.cases[0]).params if len(one.cases) == 1 else {} for one in (base, candidate)]
    own = case_differences(*sides)
    return own if is_same_run(base.run, candidate.run) else (*own, *differences(base.run, candidate.run))


def doubts(sides: Sequence[RunRecord]) -> list[str]:
    """Why the runs may not be comparable at all, whatever their numbers say."""
    benchmarks = dict.fromkeys(run.benchmark for run in sides)
    odd = [f"{run.id} {run.status}" for run in sides if run.status != "succeeded"]
    told = [f"They are of different benchmarks: {', '.join(benchmarks)}."] if len(benchmarks) > 1 else []
    return [*told, *([f"Not all succeeded: {', '.join(dict.fromkeys(odd))}."] if odd else [])]
