"""The trials of a run in their order, which a seed decides: the same seed gives the same order for ever."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchctl.config.model import Benchmark, Case, Trials
from benchctl.errors import UsageError
from benchctl.template import did_you_mean

MOST_TRIALS = 100_000
SEEDS = 2**31


@dataclass(frozen=True)
class PlannedTrial:
    """One pass through the stages that is to be made; numbers begin at 1 in each case, those of warm-ups too."""

    case: Case | None
    number: int
    is_warmup: bool = False

    @property
    def case_name(self) -> str | None:
        return self.case.name if self.case else None

    @property
    def key(self) -> tuple[str | None, int, bool]:
        return self.case_name, self.number, self.is_warmup


@dataclass(frozen=True)
class Schedule:
    """Every trial of a run in the order in which they are made; `trials.seed` is the one that decided it.

    With `trials.until` these are all that there may be: of a case that has ended, the later ones are left out.
    """

    trials: Trials
    cases: tuple[Case, ...]
    order: tuple[PlannedTrial, ...]

    @property
    def is_single(self) -> bool:
        """Whether there is one unnamed trial, kept in the run's own directory."""
        return not self.cases and len(self.order) == 1

    @property
    def sure(self) -> tuple[PlannedTrial, ...]:
        """Those that are made whatever they show, as long as there is room in the budget."""
        until = self.trials.until
        return tuple(one for one in self.order if not until or one.is_warmup or one.number <= until.min)


def make_schedule(
    benchmark: Benchmark, *, cases: Sequence[str] = (), repeat: int | None = None, seed: int | None = None
) -> Schedule:
    """cases: names, for these alone. repeat, seed: in place of the config's, a repeat also in place of its `until`.

    Raises UsageError.
    """
    chosen = _chosen(benchmark, cases)
    trials = benchmark.trials if repeat is None else replace(benchmark.trials, repeat=repeat, until=None)
    given = trials.seed if seed is None else seed
    trials = replace(trials, seed=random.randrange(SEEDS) if given is None else given)
    count = max(1, len(chosen)) * (trials.most + trials.warmup)
    if count > MOST_TRIALS:
        may = "might" if trials.until else "would"
        raise UsageError(f"the run {may} have {count:,} trials; at most {MOST_TRIALS:,} are made")
    return Schedule(trials, chosen, _ordered(chosen or (None,), trials))


def _chosen(benchmark: Benchmark, names: Sequence[str]) -> tuple[Case, ...]:
    known = [case.name for case in benchmark.cases]
    for name in names:
        if not known:
            raise UsageError(f"the config has no cases, so none is called {name!r}")
        if name not in known:
            there = f"Cases: {', '.join(known[:20])}{f' and {len(known) - 20} more' if len(known) > 20 else ''}"
            raise UsageError(f"no case is called {name!r}. {there}.{did_you_mean(name, known)}".removesuffix("."))
    return tuple(case for case in benchmark.cases if not names or case.name in names)


def _ordered(cases: Sequence[Case | None], trials: Trials) -> tuple[PlannedTrial, ...]:
    """Warm-ups come before what is measured: of each case before its own in `sequential`, else before all."""
    warmups = [PlannedTrial(case, n, True) for case in cases for n in range(1, trials.warmup + 1)]
    measured = [PlannedTrial(case, n) for case in cases for n in range(1, trials.most + 1)]
    if trials.order == "sequential":
        return tuple(one for case in cases for one in (*warmups, *measured) if one.case is case)
    return tuple(one for part in (warmups, measured) for one in sorted(part, key=lambda one: _rank(one, trials)))


def _rank(one: PlannedTrial, trials: Trials) -> tuple[int, bytes]:
    """Interleaved: round by round, in each of which the cases come in an order of their own.

    A digest and not Python's shuffle, which a later Python may do otherwise; and a case that is left out changes
    nothing for the others.
    """
    text = f"{trials.seed} {one.case_name} {one.number} {one.is_warmup}"
    return one.number if trials.order == "interleaved" else 0, hashlib.sha256(text.encode()).digest()
