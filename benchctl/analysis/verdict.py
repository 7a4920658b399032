"""What a comparison comes to, in a word, and how many more trials would bring one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from benchctl.analysis.estimates import ALPHA
from benchctl.analysis.findings import Better, Verdict
from benchctl.analysis.shifts import Shift

POWER = 0.8
MOST_TRIALS = 1000


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, corrected so that no false alarm among all of them is likelier than p.

    Holm (1979): the smallest times their number, the next times one less, and so on, never below the one before.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(p_values[i] * (len(p_values) - place), 1.0))
        adjusted[i] = highest
    return adjusted


def verdict(shift: Shift, p_adjusted: float, margin: float, better: Better | None) -> Verdict:
    """margin: how far from none a shift may be and still make no difference to anyone, on the shift's own scale.

    An interval within the margin is decisive whatever the test says: a difference that is certain and of no
    importance is none (two one-sided tests, Schuirmann 1987, each at 2.5 %).
    """
    if -margin <= shift.low and shift.high <= margin:
        return "equivalent"
    if p_adjusted >= ALPHA or not shift.excludes_none:
        return "not enough data"
    if better is None:
        return "changed"
    return "better" if (shift.value > 0) == (better == "higher") else "worse"


def trials_needed(shift: Shift, margin: float, tests: int = 1) -> int | None:
    """With how many trials a side (or rounds) a verdict is likely: four times in five, if the shift and the spread
    are what they seem now.

    Either the shift is told from none, at the level that Holm's correction asks of the first of `tests`, or its
    interval comes to lie within the margin; the one that takes fewer. From the power of the t test (Chow, Shao and
    Wang 2008, with Student's t for normal quantiles; for the margin Julious 2004). None: more than
    MOST_TRIALS, or no number at all.
    """
    from_none = _trials(shift, abs(shift.value), ALPHA / tests, POWER)
    within = _trials(shift, margin - abs(shift.value), ALPHA, (1 + POWER) / 2)
    return min((n for n in (from_none, within) if n is not None), default=None)


def _trials(shift: Shift, distance: float, alpha: float, power: float) -> int | None:
    """The fewest trials at which a shift is told from a bound that lies `distance` away."""
    spread = shift.error * math.sqrt(shift.n)
    return fewest_trials(spread, distance - shift.slack, is_paired=shift.is_paired, alpha=alpha, power=power)


def fewest_trials(spread: float, shift: float, *, is_paired: bool, alpha: float, power: float) -> int | None:
    """With how many trials a side (or rounds) a shift is told from none; the inverse of `smallest_shift`.

    None: more than MOST_TRIALS, or no number at all.
    """
    if shift <= 0:
        return None

    def is_enough(n: int) -> bool:
        return smallest_shift(spread, n, is_paired=is_paired, alpha=alpha, power=power) <= shift

    numbers = range(2, MOST_TRIALS + 1)
    place = bisect_left(numbers, True, key=is_enough)
    return numbers[place] if place < len(numbers) else None


def smallest_shift(spread: float, n: int, *, is_paired: bool, alpha: float, power: float) -> float:
    """The smallest true shift that a t test of `n` trials a side (or rounds) tells from none with this power.

    spread: the standard deviation of the difference between one trial of each side. From the power of the t test
    (Chow, Shao and Wang 2008, with Student's t for normal quantiles).
    """
    from scipy.special import stdtrit

    df = (n - 1) if is_paired else 2 * (n - 1)
    return float(stdtrit(df, 1 - alpha / 2) + stdtrit(df, power)) * spread / math.sqrt(n)
