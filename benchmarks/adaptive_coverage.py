"""What stopping at a precision does to the 95 % interval, on noise whose mean is known.

    python benchmarks/adaptive_coverage.py [CAMPAIGNS] [LOOKS]     by default 2000, and the looks that benchctl takes

Each line: the noise (its standard deviation as a multiple of the precision asked for), how many of the final intervals
hold the true mean, how many means are as close to it as was asked for, and how many trials it took. The first two are
to be near 95 %; without a rule for stopping, 95 % is what a fixed number of trials gives. Last, how often two campaigns
of the same noise are told apart by a comparison, as separate runs and as cases in turns; that is to be near 5 %.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Callable

from benchctl.analysis import adaptive
from benchctl.analysis.adaptive import Judgement, Limits, next_step
from benchctl.analysis.compare import compare
from benchctl.analysis.findings import Sample, Subject
from benchctl.config.precision import Precision

PRECISION = Precision("p99", 0.05, is_relative=True)
TRUE = 100.0
RATIOS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


def normal(draw: random.Random, spread: float) -> float:
    return draw.gauss(TRUE, TRUE * spread)


def log_normal(draw: random.Random, spread: float) -> float:
    sigma = math.sqrt(math.log1p(spread**2))
    return draw.lognormvariate(math.log(TRUE) - sigma**2 / 2, sigma)


def campaign(noise: Callable[[], float]) -> tuple[list[float], Judgement]:
    """The trials until the mean is known as well as was asked for, and what they tell."""
    values: list[float] = []
    while (step := next_step(values, PRECISION, Limits(most=200))).goes_on:
        values.append(noise())
    return values, step.judgement


def kept(judgement: Judgement) -> tuple[bool, bool, int]:
    """Whether the last interval holds the true mean, whether the mean is as near as asked for, and the trials."""
    known = judgement.estimate
    assert known is not None
    assert known.low is not None
    assert known.high is not None
    return known.low <= TRUE <= known.high, abs(known.mean - TRUE) <= PRECISION.width * TRUE, known.count


def is_alarm(base: list[float], candidate: list[float], *, is_paired: bool) -> bool:
    """Whether a comparison tells them apart; in turns, by the rounds that both have."""
    sides = [Sample(values, range(len(values))) for values in (base, candidate)]
    subject = Subject("p99", *sides, better="lower")
    return compare([subject], base="", candidate="", is_paired=is_paired).rows[0].verdict in ("better", "worse")


def main(campaigns: int) -> None:
    draw = random.Random(20261125)
    print(
        "noise        deviation / precision   interval holds   as near as asked   trials   alarms: separate   in turns"
    )
    for noise in (normal, log_normal):
        for ratio in RATIOS:
            spread = ratio * PRECISION.width
            ends = [campaign(lambda n=noise, s=spread: n(draw, s)) for _ in range(campaigns)]
            told = [kept(judgement) for _, judgement in ends]
            pairs = [(one, other) for (one, _), (other, _) in itertools.pairwise(ends)]
            alarms = [[is_alarm(*pair, is_paired=is_paired) for pair in pairs] for is_paired in (False, True)]
            holds, near, trials = (sum(column) / campaigns for column in zip(*told, strict=True))
            separate, in_turns = (sum(found) / len(pairs) for found in alarms)
            print(
                f"{noise.__name__:12} {ratio:21.1f} {holds:16.1%} {near:18.1%} {trials:8.1f} "
                f"{separate:18.1%} {in_turns:10.1%}"
            )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        adaptive.LOOKS = int(sys.argv[2])
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
