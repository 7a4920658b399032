"""Which trials are still to be made: all that are planned, or those of the cases that are not known exactly enough."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchctl import events
from benchctl.plan import Plan
from benchctl.runs.record import TrialRecord
from benchctl.schedule import PlannedTrial
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.bookkeeping import Book
from benchctl.workflow.evaluation import Decide


class Repeating:
    """Asks, before each trial and after it, whether its case goes on; keeps in the record how exactly it is known.

    spent_s: what the parts of the run before this one have used of the budget.
    """

    def __init__(self, plan: Plan, book: Book, *, decide: Decide, announce: Announcer, spent_s: float) -> None:
        self._until = plan.schedule.trials.until
        self._shares = plan.schedule.trials.order == "sequential"
        self._cases: list[str | None] = [case.name for case in plan.schedule.cases] or [None]
        self._book = book
        self._decide = decide
        self._announce = announce
        self._began = time.monotonic() - spent_s
        self._known = {one.case: one for one in book.record.repetition}
        self._looked_at: set[str | None] = set()
        self._made: dict[str | None, dict[int, TrialRecord]] = {case: {} for case in self._cases}
        for trial in book.record.trials:
            self._add(trial)
        self._share_ends_s: dict[str | None, float] = {}
        if self._until:
            self._keep_count()

    @property
    def _spent_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet how many trials there will be."""
        return self._until is not None

    def wants(self, planned: PlannedTrial) -> bool:
        """Whether it is to be made: what was begun already is always made again when it is to come."""
        if self._until is None or self._book.earlier(planned.key):
            return True
        if planned.is_warmup:
            return self._until.budget_s is None or self._spent_s < self._until.budget_s
        case = planned.case_name
        if not self._has_ended(case) and (self._until.budget_s is not None or case not in self._looked_at):
            self._look_at(case)
        return not self._has_ended(case)

    def most(self, todo: Sequence[PlannedTrial]) -> int:
        """How many of these may be made at most."""
        return sum(not self._has_ended(one.case_name) for one in todo)

    def note(self, trial: TrialRecord) -> None:
        """A trial was made, and what it shows may end its case."""
        self._add(trial)
        if self._until and not trial.warmup:
            self._look_at(trial.case)

    def _add(self, trial: TrialRecord) -> None:
        if self._until and trial.is_over and not trial.warmup:
            self._made[trial.case][trial.trial] = trial

    def _has_ended(self, case: str | None) -> bool:
        return case in self._known and bool(self._known[case].ended)

    def _look_at(self, case: str | None) -> None:
        assert self._until
        self._looked_at.add(case)
        made = [trial for _, trial in sorted(self._made[case].items())]
        before, now = self._known.get(case), self._decide(self._until, case, made, self._left_s(case))
        self._known[case] = now
        self._book.change(repetition=tuple(self._known[name] for name in self._cases if name in self._known))
        self._keep_count()
        if now.ended and now != before:
            self._announce(events.CASE_ENDED, **now.to_json())

    def _left_s(self, case: str | None) -> float | None:
        """Of the budget for this case. In rounds all cases share it as they go; one after the other, each has its part
        of what the ones before it left.
        """
        assert self._until
        if self._until.budget_s is None:
            return None
        spent_s = self._spent_s
        if not self._shares:
            return self._until.budget_s - spent_s
        if case not in self._share_ends_s:
            going_on = sum(not self._has_ended(name) for name in self._cases)
            self._share_ends_s[case] = spent_s + (self._until.budget_s - spent_s) / max(1, going_on)
        return self._share_ends_s[case] - spent_s

    def _keep_count(self) -> None:
        self._book.change(planned={**self._book.record.planned, "trials": self._count()})

    def _count(self) -> int | None:
        """The number of trials that the run has once each case has ended; None before."""
        if not all(map(self._has_ended, self._cases)):
            return None
        return sum(one.trials for one in self._known.values()) + sum(one.warmup for one in self._book.record.trials)
