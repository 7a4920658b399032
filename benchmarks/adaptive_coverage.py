"""What stopping at a precision does to the 95 % interval, on noise whose mean is known.

    python benchmarks/adaptive_coverage.py [CAMPAIGNS] [LOOKS]     by default 2000, and the looks that benchctl takes

Each line: the noise (its standard deviation as a multiple of the precision asked for), how many of the final intervals
hold the true mean, how many means are as close to it as was asked for, and how many trials it took. The first two are
to be near 95 %; without a rule for stopping, 95 % is what a fixed number of trials gives.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable

from benchctl.analysis import adaptive
from benchctl.analysis.adaptive import Limits, next_step
from benchctl.config.precision import Precision

PRECISION = Precision("p99", 0.05, is_relative=True)
TRUE = 100.0
RATIOS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


def normal(draw: random.Random, spread: float) -> float:
    return draw.gauss(TRUE, TRUE * spread)


def log_normal(draw: random.Random, spread: float) -> float:
    sigma = math.sqrt(math.log1p(spread**2))
    return draw.lognormvariate(math.log(TRUE) - sigma**2 / 2, sigma)


def campaign(noise: Callable[[], float], limits: Limits) -> tuple[bool, bool, int]:
    """Whether the last interval holds the true mean, whether the mean is as near as asked for, and the trials."""
    values: list[float] = []
    while (step := next_step(values, PRECISION, limits)).goes_on:
        values.append(noise())
    known = step.judgement.estimate
    assert known is not None
    assert known.low is not None
    assert known.high is not None
    return known.low <= TRUE <= known.high, abs(known.mean - TRUE) <= PRECISION.width * TRUE, known.count


def main(campaigns: int) -> None:
    draw = random.Random(20261125)
    print("noise        deviation / precision   interval holds   as near as asked   trials")
    for noise in (normal, log_normal):
        for ratio in RATIOS:
            spread = ratio * PRECISION.width
            ends = [campaign(lambda n=noise, s=spread: n(draw, s), Limits(most=200)) for _ in range(campaigns)]
            holds, near, trials = (sum(column) / campaigns for column in zip(*ends, strict=True))
            print(f"{noise.__name__:12} {ratio:21.1f} {holds:16.1%} {near:18.1%} {trials:8.1f}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        adaptive.LOOKS = int(sys.argv[2])
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
