"""One side of a comparison as a number with its 95 % interval, from one value per trial.

Where all values are positive they are taken as logarithms, so that what is told is their geometric mean, and two of
them divided are the ratio of a comparison (Fleming and Wallace 1986). Where they are not, it is the plain mean.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from benchctl.analysis.findings import CONFIDENCE, SideEstimate

ALPHA = 1 - CONFIDENCE
LARGEST_LOG = 300.0  # times what may be compared it is a number still
SMALLEST_LOG = -700.0

Values = NDArray[np.float64]


def estimate(values: Values, step: float, *, on_logs: bool) -> SideEstimate:
    """The mean of `values` with Student's interval; step: how finely they are told, see `resolution`."""
    n = len(values)
    if n == 0:
        return SideEstimate(None, None, None, 0)
    unit = float(values[0])
    scaled = np.log(values) if on_logs else values
    scaled = scaled - scaled[0]  # so that equal values have exactly themselves as their mean
    middle = float(scaled.mean())

    def to_value(number: float) -> float:
        return unit * from_log(number) if on_logs else unit + number

    if n == 1:
        return SideEstimate(unit, None, None, 1)
    deviation, slack = blurred(spread(scaled), scaled_step(step, values, on_logs=on_logs))
    half = quantile(n - 1) * deviation / math.sqrt(n) + slack
    return SideEstimate(to_value(middle), to_value(middle - half), to_value(middle + half), n)


def spread(values: Values) -> float:
    """Their standard deviation, with n - 1; 0 for a single one."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def from_log(number: float) -> float:
    """Its exponential; the end of an interval that is of no use any more may be cut to 1e130, and is never zero."""
    return math.exp(max(SMALLEST_LOG, min(number, LARGEST_LOG)))


def quantile(df: float, probability: float = 1 - ALPHA / 2) -> float:
    """Of Student's t; by default the one for a two-sided 95 % interval."""
    from scipy.special import stdtrit  # scipy.stats would take a second to load

    return float(stdtrit(df, probability))


def tail(df: float, statistic: float) -> float:
    """The two-sided p of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(statistic)))


def resolution(values: Values) -> float:
    """The step in which values seem to be told: 1 for whole numbers, 0.01 for 2.5 and 3.75."""
    exponents = (Decimal(repr(value)).normalize().as_tuple().exponent for value in np.unique(values).tolist())
    return 10.0 ** min((min(int(exponent), 0) for exponent in exponents), default=0)


def scaled_step(step: float, values: Values, *, on_logs: bool) -> float:
    """A step as it is on the scale that values are compared on: on logarithms it is a share of them."""
    return step / float(np.exp(np.log(values).mean())) if on_logs else step


def blurred(deviation: float, step: float) -> tuple[float, float]:
    """The standard deviation one may believe of values told in steps, and how far their mean may be off besides.

    A spread below that of the rounding itself (step / sqrt(12), Sheppard 1898) is not believed. Where values spread by
    less than half a step they may all be rounded to the same side, and more of them don't help. From half a step on,
    rounding moves the mean of a normal law by 0.23 % of a step at most: by exp(-2 (pi spread / step)**2) / pi of one
    (Widrow, Kollar and Liu 1996).
    """
    return max(deviation, step / math.sqrt(12)), step / 2 if deviation < step / 2 else 0.0
