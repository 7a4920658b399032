"""`--fail-if "p99 worse by 5%"`: what a comparison has to say about such a condition.

A condition is met when the verdict says so and the estimate is as far out as asked. An estimate that far out without
the verdict is no failure, since chance alone does that too; it is said, with what would tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchctl.analysis.wording import percent
from benchctl.errors import UsageError
from benchctl.reports.text import clean
from benchctl.template import did_you_mean

if TYPE_CHECKING:
    from benchctl.analysis.findings import Comparison, Row

Status = Literal["met", "unproven", "not met"]

ANY = "any"
EXAMPLE = 'such as "p99 worse by 5%", "any worse" or "rows changed by 1%"'
_FORM = re.compile(r"(?P<metric>\S.*?)\s+(?P<verdict>worse|better|changed)(?:\s+by\s+(?P<number>[0-9.]+)\s*%)?")


@dataclass(frozen=True)
class Condition:
    """`metric` (`any` is each that is declared) is `verdict`, by at least the share `by`: 0.05 for 5 %."""

    text: str
    metric: str
    verdict: Literal["worse", "better", "changed"]
    by: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a row says about a condition: met | unproven | not met. Only `met` is a failure.

    is_certain: the whole 95 % interval lies beyond what was asked, and not the estimate alone.
    """

    condition: Condition
    metric: str
    case: str | None
    status: Status
    is_certain: bool
    sentence: str


def condition(text: str) -> Condition:
    """Raises UsageError for what is no condition."""
    found = _FORM.fullmatch(text.strip())
    try:
        share = float(found["number"] or 0) / 100 if found else 0.0
    except ValueError:
        found = None
    if found is None or not math.isfinite(share):
        raise UsageError(f"--fail-if does not understand {text!r}; write METRIC worse|better|changed by N%, {EXAMPLE}")
    words: dict[str, Literal["worse", "better", "changed"]] = {w: w for w in ("worse", "better", "changed")}
    return Condition(text, found["metric"], words[found["verdict"]], share)


def outcomes(conditions: Sequence[Condition], comparisons: Sequence[Comparison]) -> list[Outcome]:
    """Of every condition about every row that it names. Raises UsageError for a metric that there is not, or one of
    which nobody has said what is better.
    """
    rows = [row for comparison in comparisons for row in comparison.rows]
    return [_outcome(one, row) for one in conditions for row in _rows_of(one, rows)]


def _rows_of(condition: Condition, rows: Sequence[Row]) -> list[Row]:
    if condition.metric == ANY and ANY not in {row.metric for row in rows}:
        return [row for row in rows if _fits(condition, row) and _is_declared(row)]
    named = [row for row in rows if row.metric == condition.metric]
    if not named:
        names = list(dict.fromkeys(row.metric for row in rows))
        near = did_you_mean(condition.metric, names)
        there = ", ".join(names) or "none"
        raise UsageError(f"--fail-if {condition.text!r}: no metric {condition.metric!r}. Metrics: {there}.{near}")
    if not all(_fits(condition, row) for row in named):
        raise UsageError(
            f"--fail-if {condition.text!r}: nothing says whether a lower or a higher {condition.metric} is better; "
            "give the metric `better: lower` or `better: higher`, or ask for `changed`"
        )
    return named


def _fits(condition: Condition, row: Row) -> bool:
    return condition.verdict == "changed" or row.better is not None


def _is_declared(row: Row) -> bool:
    return row.test is None or row.p_adjusted is not None


def _outcome(condition: Condition, row: Row) -> Outcome:
    estimate, nearest = _distances(condition, row)
    is_far = estimate > 0 and estimate >= condition.by and row.verdict != "equivalent"
    is_told = row.verdict in (
        ("better", "worse", "changed") if condition.verdict == "changed" else (condition.verdict,)
    )
    status: Status = "not met" if not is_far else "met" if is_told else "unproven"
    is_certain = status == "met" and nearest >= condition.by
    return Outcome(condition, row.metric, row.case, status, is_certain, _sentence(condition, row, status, is_certain))


def _distances(condition: Condition, row: Row) -> tuple[float, float]:
    """How far the estimate and the nearer end of its interval are out in the condition's direction, as shares of the
    base; minus infinity for what is not known.
    """
    shares = _shares(row)
    if not shares:
        return -math.inf, -math.inf
    sign = math.copysign(1, shares[0])
    if condition.verdict != "changed":
        sign = 1 if (condition.verdict == "worse") == (row.better == "lower") else -1
    ends = [sign * share for share in shares[1:]]
    return sign * shares[0], min(ends, default=-math.inf)


def _shares(row: Row) -> tuple[float, ...]:
    """The change and both ends of its interval as shares of the base; of one trial a side the change alone."""
    base, candidate = row.base.value, row.candidate.value
    if row.ratio:
        return row.ratio.value - 1, row.ratio.low - 1, row.ratio.high - 1
    if base is None or candidate is None:
        return ()
    found = row.difference
    changes = (found.value, found.low, found.high) if found else (candidate - base,)
    return tuple(_share(change, abs(base)) for change in changes)


def _share(change: float, base: float) -> float:
    """Any change of nothing is an infinite share of it."""
    return change / base if base else math.copysign(math.inf, change) if change else 0.0


def _sentence(condition: Condition, row: Row, status: Status, is_certain: bool) -> str:
    asked = f" {percent(condition.by)}" if condition.by else ""
    told = clean(f"{row.metric} of {row.case}: {row.sentence}" if row.case else f"{row.metric}: {row.sentence}")
    if status == "met":
        near = f"all of its interval is beyond{asked}" if is_certain else f"its interval begins below{asked}"
        reach = f"; {near}" if asked else ""
        return f"failed ({condition.text}): {told}{reach}"
    if status == "unproven":
        return f"not failed ({condition.text}), for want of proof: {told}"
    if row.verdict == "equivalent" and condition.by < row.margin:
        return f"passed ({condition.text}): {told}; a smaller margin of the metric would tell smaller changes"
    return f"passed ({condition.text}): {told}"
