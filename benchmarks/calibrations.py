"""Usage: calibrations.py [CALIBRATIONS]  Writes the table of docs/calibrate.md: whether differences that a calibration
calls detectable are found as often as it says, on simulated benchmarks of known noise.

Each figure comes from so many calibrations (1,000), each followed by one comparison whose true difference is the
smallest one that was called detectable, or the smallest by the true spread.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchctl.analysis.compare import compare
from benchctl.analysis.detectable import smallest_effect
from benchctl.analysis.findings import Sample, Subject
from benchctl.runs.calibrations import Floor

PAGE = Path(__file__).parent.parent / "docs" / "calibrate.md"
BEGIN, END = "<!-- made by benchmarks/calibrations.py -->\n", "<!-- end -->"
COUNTS = (5, 10, 30)
PAIRS = (5, 10, 30)
DEVIATION = 0.02

Noise = Callable[[np.random.Generator, tuple[int, ...]], Any]  # logarithms of trials
NOISES: tuple[tuple[str, Noise], ...] = (
    ("normal, 2 %", lambda rng, shape: np.log(1 + rng.normal(0, DEVIATION, shape))),
    ("log-normal, 2 %", lambda rng, shape: rng.normal(0, DEVIATION, shape)),
)


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    head = ["noise", "trials", "design", "by the true spread", *(f"by {pairs} pairs" for pairs in PAIRS)]
    lines = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *figures(many))]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    made = "\n".join(lines)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n\n{END}{rest.partition(END)[2]}")
    print(f"wrote {PAGE}")


def figures(many: int) -> Iterator[list[str]]:
    for name, noise in NOISES:
        for n in COUNTS:
            for design, is_paired in (("in turns", True), ("separate", False)):
                known = found(noise, many, n, pairs=None, is_paired=is_paired)
                told = [found(noise, many, n, pairs=pairs, is_paired=is_paired) for pairs in PAIRS]
                yield [name, str(n), design, *(f"{100 * share:.0f} %" for share in (known, *told))]


def found(noise: Noise, many: int, n: int, *, pairs: int | None, is_paired: bool) -> float:
    """How often a true difference that was called the smallest detectable one is told from none."""
    rng = np.random.default_rng(7)
    return float(np.mean([is_found(noise, rng, n, pairs=pairs, is_paired=is_paired) for _ in range(many)]))


def is_found(noise: Noise, rng: np.random.Generator, n: int, *, pairs: int | None, is_paired: bool) -> bool:
    effect = smallest_effect(floor(noise, rng, pairs), n, is_paired=is_paired)
    base, candidate = np.exp(noise(rng, (n,))), np.exp(noise(rng, (n,))) * (1 + effect)
    rounds = range(n)
    subject = Subject("m", Sample(base.tolist(), rounds), Sample(candidate.tolist(), rounds))
    (row,) = compare([subject], base="", candidate="", is_paired=is_paired).rows
    assert row.p_adjusted is not None
    return row.p_adjusted < 0.05


def floor(noise: Noise, rng: np.random.Generator, pairs: int | None) -> Floor:
    """What a calibration of so many pairs measures; None: without error."""
    if pairs is None:
        return Floor(spread_in_turns=DEVIATION * math.sqrt(2), spread_separate=DEVIATION * math.sqrt(2))
    sides = noise(rng, (2, pairs))
    separate = math.sqrt(float(sides.var(axis=1, ddof=1).sum()))
    return Floor(pairs=pairs, spread_in_turns=float((sides[1] - sides[0]).std(ddof=1)), spread_separate=separate)


if __name__ == "__main__":
    main()
