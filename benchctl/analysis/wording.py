"""A comparison in sentences, and its numbers with as many digits as they deserve."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchctl.analysis.findings import Row

APART = (
    "the sides are separate runs: how the machines changed from one to the other can't be told from what the candidate "
    "changed. Cases of one run, whose trials take turns, are free of this"
)
IN_SEQUENCE = (
    "the cases were run one after the other: how the machine changed meanwhile can't be told from what the candidate "
    "changed. With `order: interleaved` their trials take turns"
)
IN_RANDOM_ORDER = (
    "all trials were made in one random order, so what the machine did meanwhile widens the intervals. With "
    "`order: interleaved` they take turns, and are paired by round"
)
FAR_VALUES = "a trial lies far out: compared by ranks, so the ratio is a median that the trial does not move"
TWO_MODES = "the trials of a side seem to fall into two groups, and its mean may be typical of neither"
NO_COMMON_ROUNDS = "the sides have no two rounds in common: compared as if they were separate runs"

DIGITS_OF_DOUBT = 2
DIGITS_ALONE = 6
MOST_DECIMALS = 12
MOST_PERCENT_DECIMALS = 4
TIMES = 3  # an interval that ends beyond this is told in times, not in per cent
ONE_DECIMAL = 1.0  # an interval so wide that no more digits are told


def too_few(row: Row) -> str:
    """For a row with fewer than two trials on a side, or none that has a partner."""
    for side, found in (("base", row.base), ("candidate", row.candidate)):
        if found.n == 0:
            return f"nothing to compare: no trial of the {side} that counts has a value"
    return f"no verdict: {_in_one_trial(row)}one trial says nothing about chance. Repeat it: trials: {{repeat: 10}}"


def _in_one_trial(row: Row) -> str:
    base, candidate = row.base.value or 0.0, row.candidate.value or 0.0
    if base <= 0 or candidate <= 0 or math.isinf(candidate / base):
        return ""
    return f"{_change(candidate / base, ONE_DECIMAL, times if candidate >= TIMES * base else change)}, but "


def undeclared(row: Row) -> str:
    return f"no verdict: {_told(row)}; {row.metric} is not among the declared metrics"


def _all_zero(row: Row) -> str:
    return f"equivalent: 0 in all trials, {row.base.n} of the base and {row.candidate.n} of the candidate"


def sentence(row: Row, *, is_coarse: bool) -> str:
    """The verdict with the numbers that it stands on. is_coarse: rounding alone may hide or make the difference."""
    if row.verdict == "equivalent" and row.base.value == row.candidate.value == 0:
        return _all_zero(row)
    if row.verdict == "equivalent":
        return f"equivalent: {_told(row)}, all of it within {percent(row.margin)}"
    if row.verdict != "not enough data":
        return f"{row.verdict}: {_told(row)}, p {p_value(row.p_adjusted)}"
    return f"not enough data: {_told(row)}; {_cure(row, is_coarse=is_coarse)}"


def _cure(row: Row, *, is_coarse: bool) -> str:
    if row.more_trials is not None:
        return f"about {rounded(row.more_trials)} more {'trial' if row.more_trials == 1 else 'trials'} would tell"
    if is_coarse:
        return "more trials would not tell, a finer measurement would"
    return "not even 1,000 trials would tell"


def coarse(step: float) -> str:
    return f"values come in steps of {step:g}, coarse for how little they spread; the interval allows for that"


def drift(memory: float) -> str:
    return (
        f"a trial resembles the one before it (autocorrelation {memory:.1f}): the machine drifts, and a test of "
        "separate runs then sees differences where there are none"
    )


def stopped_early(name: str, until: str) -> str:
    """Trials that end as soon as their interval is narrow are those whose spread happened to be small."""
    return (
        f"{name}: its trials ended once {until} was reached, so its interval is slightly too narrow, and a difference "
        "is claimed somewhat too easily (docs/metrics.md)"
    )


def below_detectable(row: Row, n: int, run: str, *, is_paired: bool) -> str:
    """What a calibration says of a difference that is smaller than what so many trials find 4 times in 5."""
    trials = f"{n} {'rounds' if is_paired else 'trials a side'}"
    return f"the difference is below the {detectable(row)} that {trials} can detect here (calibrated by {run})"


def detectable(row: Row) -> str:
    """The smallest difference that its trials would find: `2.4 %`, `0.31 ms`; nothing where no calibration told."""
    if row.detectable is None:
        return ""
    if row.ratio:
        return rough(row.detectable)
    return number(row.detectable, row.detectable) + (f" {row.unit}" if row.unit else "")


def no_value(missing: int, total: int, side: str) -> str:
    return f"{missing} of {total} trials of the {side} have no value"


def no_partner(alone: int, side: str) -> str:
    what = "trial of the {} has" if alone == 1 else "trials of the {} have"
    return f"{alone} {what.format(side)} no partner in its round, and {'is' if alone == 1 else 'are'} left out"


def _told(row: Row) -> str:
    """The change with its interval: `5.2 % higher (+3.1 % to +7.4 %)`, `1.58 h higher (+0.70 to +2.46)`."""
    if found := row.ratio:
        half = (found.high - found.low) / 2
        show = times if found.high >= TIMES else change
        return f"{_change(found.value, half, show)} ({show(found.low, half)} to {show(found.high, half)})"
    assert row.difference  # one of the two is always there where both sides have two trials
    found, half = row.difference, (row.difference.high - row.difference.low) / 2
    size = number(abs(found.value), half) + (f" {row.unit}" if row.unit else "")
    how = "higher" if found.value > 0 else "lower" if found.value < 0 else "apart"
    return f"{size} {how} ({signed(found.low, half)} to {signed(found.high, half)})"


def _change(ratio: float, half: float, show: Callable[[float, float], str]) -> str:
    size = show(ratio, half)
    if show is times:
        return f"{size[1:]} times as high"
    return f"{size[1:]} {'higher' if ratio > 1 else 'lower' if ratio < 1 else 'apart'}"


def change(ratio: float, half: float) -> str:
    """A ratio as a signed change, 1.052 as `+5.2 %`; half: of its interval, by which it has one decimal or more."""
    decimals = min(max(_decimals(100 * half) - 1, 1), MOST_PERCENT_DECIMALS)
    return f"{100 * (ratio - 1):+.{decimals}f} %"


def times(ratio: float, half: float) -> str:
    """A ratio as such: `x3.42`."""
    return f"x{number(ratio, half)}"


def rough(share: float) -> str:
    """A share with two digits: `2.4 %`, `640 %`."""
    return f"{float(f'{100 * share:.2g}'):,.6g} %"


def percent(share: float) -> str:
    """`3 %`, `2.5 %`."""
    return f"{100 * share:.4g} %"


def number(value: float, half: float | None = None) -> str:
    """A value with two digits of what is in doubt, `half` of its interval; without one with six digits: `18,204`."""
    if value and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{_digits(value, half) - 1}e}"
    if half is None or half <= 0:
        return f"{value:,.{max(DIGITS_ALONE - 1 - _magnitude(value), 0)}f}".rstrip("0").rstrip(".") if value else "0"
    return f"{value:,.{_decimals(half)}f}"


def signed(value: float, half: float | None = None) -> str:
    text = number(value, half)
    return text if text.startswith("-") else f"+{text}"


def p_value(p: float | None) -> str:
    """`0.042`, `0.0031`, `< 0.0001`; nothing for None."""
    if p is None:
        return ""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def rounded(count: int) -> str:
    """About how many: two digits of it."""
    step = 10 ** max(len(str(count)) - DIGITS_OF_DOUBT, 0)
    return f"{math.ceil(count / step) * step:,}"


def _decimals(half: float) -> int:
    return min(max(DIGITS_OF_DOUBT - 1 - _magnitude(half), 0), MOST_DECIMALS) if half > 0 else MOST_DECIMALS


def _digits(value: float, half: float | None) -> int:
    """How many digits of a value stand before its doubt, and two of that."""
    if not half or half <= 0:
        return DIGITS_ALONE
    return min(max(_magnitude(value) - _magnitude(half) + DIGITS_OF_DOUBT, 1), MOST_DECIMALS)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))
