"""Usage: comparisons.py [COMPARISONS]  Writes the tables of docs/compare.md from simulated benchmarks of known truth.

Each figure comes from so many comparisons (2,000) by benchctl's own compare(), and by SciPy's tests on the same data;
false alarms from ten times as many, since they are held against 5 %.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchctl.analysis.compare import compare
from benchctl.analysis.findings import MARGIN, Row, Sample, Subject
from benchctl.analysis.suspicions import has_two_modes, memory

PAGE = Path(__file__).parent.parent / "docs" / "compare.md"
BEGIN, END = "<!-- made by benchmarks/comparisons.py -->\n", "<!-- end -->"
COUNTS = (5, 10, 30)
METRICS = 7
LEVEL = 0.05
MOST_MORE = 200
NONE = "-"

Noise = Callable[[np.random.Generator, tuple[int, ...]], Any]  # the logarithm of trial after trial, along the last axis


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return np.log(1 + rng.normal(0, 0.05, shape))


def log_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.normal(0, 0.2, shape)


def bimodal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return 0.15 * (rng.random(shape) < 0.5) + rng.normal(0, 0.02, shape)


def disturbed(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.normal(0, 0.03, shape) + (rng.random(shape) < 0.1) * rng.uniform(0.2, 0.6, shape)


def autocorrelated(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    fresh, rho = rng.normal(0, 0.05, shape), 0.7
    found = fresh.copy()
    for i in range(1, shape[-1]):
        found[..., i] = rho * found[..., i - 1] + math.sqrt(1 - rho**2) * fresh[..., i]
    return found


def trending(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.normal(0, 0.05, shape) + 0.005 * np.arange(shape[-1])


@dataclass(frozen=True)
class Machine:
    """position: how much the second trial of a round is slower; goes_on: a second run begins where the first ended."""

    name: str
    noise: Noise
    position: float = 0.0
    goes_on: bool = False

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], effect: float, *, is_paired: bool) -> Any:
        """Base and candidate, each comparisons x trials."""
        many, n = shape
        if is_paired:
            place = rng.integers(0, 2, (many, n))  # of the base, in its round
            line = self.noise(rng, (many, 2 * n)).reshape(many, n, 2) + self.position * np.arange(2)
            base, candidate = (np.take_along_axis(line, p[..., None], -1)[..., 0] for p in (place, 1 - place))
        elif self.goes_on:
            line = self.noise(rng, (many, 2 * n))
            base, candidate = line[:, :n], line[:, n:]
        else:
            base, candidate = self.noise(rng, (many, n)), self.noise(rng, (many, n))
        return 100 * np.exp(base), 100 * np.exp(candidate) * (1 + effect)


MACHINES = (
    Machine("normal, 5 %", normal),
    Machine("log-normal, 20 %", log_normal),
    Machine("two modes, 15 % apart", bimodal),
    Machine("one trial in ten disturbed", disturbed),
    Machine("autocorrelated, rho 0.7", autocorrelated),
    Machine("trend 0.5 %, place 1 %", trending, position=0.01, goes_on=True),
)


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    warnings.simplefilter("ignore")  # SciPy's, on ties and precision
    sections = [alarms(10 * many), power(many), coverage(many), margins(many), more(many), looks(many)]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    made = "\n".join(line for section in sections for line in [*section, ""])
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")
    print(f"wrote {PAGE}")


def rows(base: Any, candidate: Any, *, is_paired: bool, metrics: int = 1) -> list[Row]:
    """A row for each line of base and candidate; so many lines in turn are the metrics of one comparison."""
    found: list[Row] = []
    rounds = range(base.shape[1])
    for first in range(0, len(base), metrics):
        subjects = [
            Subject(str(i), Sample(base[i].tolist(), rounds), Sample(candidate[i].tolist(), rounds), better="lower")
            for i in range(first, first + metrics)
        ]
        found += compare(subjects, base="", candidate="", is_paired=is_paired).rows
    return found


def drawn(machine: Machine, shape: tuple[int, int], effect: float, *, is_paired: bool) -> Any:
    return machine.draw(np.random.default_rng(7), shape, effect, is_paired=is_paired)


def share(claims: Sequence[Any] | Any) -> str:
    return f"{100 * float(np.mean(claims)):.1f} %" if np.size(claims) else NONE


def is_told(row: Row) -> bool:
    return row.verdict in ("better", "worse")


def scipy_p(base: Any, candidate: Any) -> tuple[Any, Any]:
    """Of Welch's test and of Mann and Whitney's, on the values as they are."""
    welch = stats.ttest_ind(base, candidate, axis=1, equal_var=False).pvalue
    return welch, stats.mannwhitneyu(base, candidate, axis=1).pvalue


def table(head: Sequence[str], lines: Iterator[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]


def designs() -> Iterator[tuple[Machine, int]]:
    return ((machine, n) for machine in MACHINES for n in COUNTS)


def alarms(many: int) -> list[str]:
    head = ["A/A", "trials a side"]
    for design in ("in turns", "separate"):
        head += [f"{design}: one metric", f"any of {METRICS}, Holm", "Welch (SciPy)", "Mann-Whitney (SciPy)"]

    def line(machine: Machine, n: int) -> Iterator[str]:
        yield from (machine.name, str(n))
        for is_paired in (True, False):
            base, candidate = drawn(machine, (many * METRICS, n), 0.0, is_paired=is_paired)
            found = rows(base, candidate, is_paired=is_paired, metrics=METRICS)
            yield share([row.test and row.test.p < LEVEL and row.verdict != "equivalent" for row in found])
            yield share(np.array([is_told(row) for row in found]).reshape(many, METRICS).any(axis=1))
            yield from (share(p < LEVEL) for p in scipy_p(base, candidate))

    title = "### False alarms: how often two sides that are the same are told apart"
    return [title, "", *table(head, (list(line(*design)) for design in designs()))]


def power(many: int) -> list[str]:
    head = ["power", "trials a side", "effect"]
    for design in ("in turns", "separate"):
        head += [f"{design}: benchctl", "Welch (SciPy)", "Mann-Whitney (SciPy)"]

    def line(machine: Machine, n: int, effect: float) -> Iterator[str]:
        yield from (machine.name, str(n), f"+{100 * effect:.0f} %")
        for is_paired in (True, False):
            base, candidate = drawn(machine, (many, n), effect, is_paired=is_paired)
            yield share([row.verdict == "worse" for row in rows(base, candidate, is_paired=is_paired)])
            yield from (share((p < LEVEL) & (np.median(candidate - base) > 0)) for p in scipy_p(base, candidate))

    title = "### Power: how often a true difference is told"
    return [title, "", *table(head, (list(line(*design, effect)) for design in designs() for effect in (0.05, 0.1)))]


def coverage(many: int) -> list[str]:
    head = ["coverage", "trials a side", "ratio, in turns", "ratio, separate", "one side's estimate"]
    truth = 1.05

    def line(machine: Machine, n: int) -> Iterator[str]:
        yield from (machine.name, str(n))
        for is_paired in (True, False):
            base, candidate = drawn(machine, (many, n), truth - 1, is_paired=is_paired)
            found = rows(base, candidate, is_paired=is_paired)
            yield share([row.ratio and row.ratio.low <= truth <= row.ratio.high for row in found])
        if machine.goes_on:
            yield NONE  # a machine that drifts for ever has no truth of its own
            return
        centre = 100 * math.exp(float(machine.noise(np.random.default_rng(1), (1000, 1000)).mean()))
        yield share([(row.base.low or 0) <= centre <= (row.base.high or 0) for row in found])

    title = "### Coverage: how often a 95 % interval holds the truth"
    return [title, "", *table(head, (list(line(*design)) for design in designs()))]


def margins(many: int) -> list[str]:
    head = ["equivalent, said of", "trials a side", "no difference", "1 %", "just the margin, 3 %", "5 %"]

    def line(machine: Machine, n: int) -> Iterator[str]:
        yield from (machine.name, str(n))
        for effect in (0.0, 0.01, MARGIN, 0.05):
            found = rows(*drawn(machine, (many, n), effect, is_paired=True), is_paired=True)
            yield share([row.verdict == "equivalent" for row in found])

    title = "### Equivalence: how often it is claimed, and how often wrongly"
    quiet = Machine("normal, 1 %", lambda rng, shape: rng.normal(0, 0.01, shape))
    return [title, "", *table(head, (list(line(machine, n)) for machine in (quiet, MACHINES[0]) for n in COUNTS))]


def more(many: int) -> list[str]:
    """Comparisons that say `about N more` are given N more; four in five should come to a verdict."""
    head = ["about N more", "first trials", "effect", "undecided", "median N", "then decided", "then rightly"]

    def line(n: int, effect: float) -> Iterator[str]:
        base, candidate = drawn(MACHINES[0], (many, n + MOST_MORE), effect, is_paired=True)
        asked = {i: r.more_trials for i, r in enumerate(rows(base[:, :n], candidate[:, :n], is_paired=True))}
        open_ones = {i: more for i, more in asked.items() if more is not None and more <= MOST_MORE}
        after = [
            rows(base[i : i + 1, : n + more], candidate[i : i + 1, : n + more], is_paired=True)[0].verdict
            for i, more in open_ones.items()
        ]
        right = ("equivalent",) if effect < MARGIN else ("worse",)
        yield from (str(n), f"+{100 * effect:.0f} %", share(len(open_ones) / many))
        yield f"{np.median(list(open_ones.values())):.0f}" if open_ones else NONE
        yield from (share([word != "not enough data" for word in after]), share([word in right for word in after]))

    lines = (["normal, 5 %, in turns", *line(n, effect)] for n in COUNTS for effect in (0.0, 0.05, 0.1))
    return ["### More trials: what comes of asking for N more", "", *table(head, lines)]


def looks(many: int) -> list[str]:
    head = ["seen in one sample", "trials", "two groups", "a trial like the one before (two sides)"]

    def line(machine: Machine, n: int) -> Iterator[str]:
        base, candidate = drawn(machine, (many, n), 0.0, is_paired=False)
        yield from (machine.name, str(n))
        yield share([has_two_modes(side) for side in np.log(base)])
        yield share([memory(pair) is not None for pair in zip(np.log(base), np.log(candidate), strict=True)])

    title = "### Warnings: how often they are given"
    return [title, "", *table(head, (list(line(*design)) for design in designs()))]


if __name__ == "__main__":
    main()
