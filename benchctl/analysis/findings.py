"""What goes into a comparison, and what comes out of it: enough for every way of showing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MARGIN = 0.03
CONFIDENCE = 0.95

Better = Literal["lower", "higher"]
Verdict = Literal["better", "worse", "changed", "equivalent", "not enough data"]


@dataclass(frozen=True)
class Interval:
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SideEstimate:
    """The mean of `n` trials, geometric or plain; value is None without any, low and high with fewer than two.

    disturbed: during how many of them something else used the machine.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    disturbed: int = 0


@dataclass(frozen=True)
class Test:
    """A test of no difference: its name, statistic, degrees of freedom (None for ranks) and two-sided p."""

    __test__ = False  # pytest takes the name for a class of tests

    name: str
    statistic: float
    df: float | None
    p: float


@dataclass(frozen=True)
class Sample:
    """A metric of one side: a value per trial in the order they were run, None where a trial has none.

    rounds: of each trial the pass through all cases that it was part of; None where that has no meaning. disturbed:
    whether something else used the machine during it; none where nobody says so.
    """

    values: Sequence[float | None]
    rounds: Sequence[int] | None = None
    disturbed: Sequence[bool] = ()


@dataclass(frozen=True)
class Subject:
    """A metric of a case, on both sides. margin: a share of the base that makes no difference, 0.03 for 3 %.

    is_declared: whether it is one of the metrics that the comparison is about; the others get no verdict.
    """

    metric: str
    base: Sample
    candidate: Sample
    unit: str | None = None
    better: Better | None = None
    case: str | None = None
    margin: float = MARGIN
    is_declared: bool = True


@dataclass(frozen=True)
class Row:
    """What is known of one metric of one case.

    ratio: candidate / base, where all values are positive; else difference: candidate - base. One of the two, from two
    trials a side on. p_adjusted: Holm's, over the declared metrics. effect: the share of trials in which the candidate
    reads higher. more_trials: a side (or rounds), with the verdict `not enough data` and where a number can be said.
    detectable: the smallest difference that so many trials tell from none 4 times in 5, as a share of the base (0.02
    for 2 %) or in the unit; None without a calibration. verdict: None with fewer than two trials on a side, and for a
    metric that is not declared.
    """

    metric: str
    case: str | None
    unit: str | None
    better: Better | None
    margin: float
    base: SideEstimate
    candidate: SideEstimate
    ratio: Interval | None = None
    difference: Interval | None = None
    test: Test | None = None
    p_adjusted: float | None = None
    effect: float | None = None
    verdict: Verdict | None = None
    more_trials: int | None = None
    detectable: float | None = None
    sentence: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One thing besides the numbers that is not the same; None where a side does not have it.

    kind: benchmark | params | host | versions | git | config | options.
    """

    kind: str
    what: str
    base: str | None
    candidate: str | None


@dataclass(frozen=True)
class Comparison:
    """Of two sides, each with the name of its run or case. is_paired: whether their trials took turns, round by round.

    differences: what else differs between the two, most suspicious first.
    """

    base: str
    candidate: str
    is_paired: bool
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()
    confidence: float = CONFIDENCE
    differences: tuple[Difference, ...] = ()
