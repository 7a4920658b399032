"""The trials of a run, one after the other, and the stages that are done once around all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from benchctl import events
from benchctl.config.model import Case, Stage
from benchctl.names import Circumstances
from benchctl.plan import Plan
from benchctl.redact import Redactor
from benchctl.runs.files import Folder
from benchctl.runs.noise import told_of_run
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.runs.store import trial_name
from benchctl.schedule import PlannedTrial
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.bookkeeping import Book
from benchctl.workflow.evaluation import Evaluation
from benchctl.workflow.noise import Noise
from benchctl.workflow.options import RunOptions
from benchctl.workflow.outputs import Collector, seen_in
from benchctl.workflow.passage import Passage
from benchctl.workflow.repeating import Repeating
from benchctl.workflow.stopping import Stopping
from benchctl.workflow.surroundings import Surroundings
from benchctl.workflow.trial import recorded, run_trial


class Campaign:
    """Makes trials and keeps each in the book."""

    def __init__(
        self,
        plan: Plan,
        book: Book,
        *,
        options: RunOptions,
        announce: Announcer,
        stopping: Stopping,
        evaluation: Evaluation,
        spent_s: float,
    ) -> None:
        """spent_s: how long the run was worked on before."""
        self._plan = plan
        self._book = book
        self._options = options
        self._announce = announce
        self._stopping = stopping
        self._evaluation = evaluation
        self._redactor = Redactor(plan.benchmark.secrets)
        self._repeating = Repeating(plan, book, decide=evaluation.decide, announce=announce, spent_s=spent_s)
        self._seen = seen_in(book.record.trials)  # what the trials so far brought home
        self._named: dict[str, set[int]] = {}
        self._noise = self._new_noise() if options.noise != "off" else None

    def _new_noise(self) -> Noise:
        return Noise(
            self._plan.hosts,
            self._stopping,
            self._announce,
            run_uid=self._book.record.uid,
            processes=self._plan.benchmark.processes,
            samples=self._options.noise == "on",
        )

    def run(self, todo: Sequence[PlannedTrial]) -> None:
        """Make these trials; a failure ends the run unless it keeps going."""
        self._run_all(todo)
        if self._noise and (text := told_of_run(self._book.record.trials)):
            self._announce(events.WARNING, text=text)

    def _run_all(self, todo: Sequence[PlannedTrial]) -> None:
        if not self._plan.stages_around:
            self._run_trials(todo)
            return
        began, begun = time.monotonic(), self._begin_around()
        around = self._surroundings(self._plan.stages_around, self._book.directory)
        passage = Passage(around, Collector(self._book.directory.path, self._announce))
        passage.begin()
        try:
            if passage.outcome.error is None:
                self._run_trials(todo, passage)
        finally:  # also when a trial could not be kept: what goes on around it must not stay
            passage.finish()
            record = recorded(begun, around, passage, time.monotonic() - began)
            self._book.keep_around(record.masked(self._redactor.text))

    def _begin_around(self) -> TrialRecord:
        begun = TrialRecord(trial=0, status="running", started=datetime.now(UTC))
        begun = self._book.after(begun, self._book.record.around)
        self._book.change(around=begun)
        self._book.write()
        return begun

    def _run_trials(self, todo: Sequence[PlannedTrial], outer: Passage | None = None) -> None:
        made = 0
        for position, planned in enumerate(todo):
            if not self._repeating.wants(planned):
                continue
            made += 1
            trial = self._run_trial(planned, outer, self._position(made, todo[position:]))
            self._repeating.note(trial)
            self._book.write_if_due()
            if not self._goes_on_after(trial, outer):
                return

    def _position(self, index: int, left: Sequence[PlannedTrial]) -> dict[str, int | None]:
        """Which trial of how many it is, or of how many at most. left: this one and what is to come."""
        if self._repeating.is_open:
            return {"index": index, "count": None, "most": index - 1 + self._repeating.most(left)}
        return {"index": index, "count": index - 1 + len(left)}

    def _goes_on_after(self, trial: TrialRecord, outer: Passage | None) -> bool:
        if self._stopping.is_asked or self._announce.failure or (outer and outer.is_broken):
            return False
        return self._options.keeps_going or trial.status in ("succeeded", "incomplete")

    def _run_trial(self, planned: PlannedTrial, outer: Passage | None, position: dict[str, int | None]) -> TrialRecord:
        self._book.reserve.take()
        begun = self._new_trial(planned)
        begun = self._book.after(begun, self._book.earlier(begun.place))
        which = {"case": begun.case, "trial": begun.trial, "warmup": begun.warmup, **position}
        where = {"attempt": begun.attempt, "directory": begun.directory, "params": dict(begun.params)}
        self._announce(events.TRIAL_STARTED, **which, **where)
        folder = self._book.folder(begun.directory)
        around = self._surroundings(
            self._plan.stages_of(planned.case),
            folder,
            planned,
            is_last=position["index"] == position["count"] and not outer,
        )
        collector = Collector(folder.path, self._announce, seen=self._seen)
        trial = run_trial(begun, around, collector, outer)
        self._seen.update(collector.found)
        self._book.keep(trial)
        self._announce(
            events.TRIAL_FINISHED,
            **which,
            status=trial.status,
            duration_s=trial.duration_s,
            metrics={name: metric.to_json() for name, metric in trial.metrics.items()},
            flags=list(trial.flags),
            disturbances=list(trial.disturbances),
            error=trial.error.to_json() if trial.error else None,
        )
        return trial

    def _new_trial(self, planned: PlannedTrial) -> TrialRecord:
        name = trial_name(planned.case_name, planned.number, warmup=planned.is_warmup)
        return TrialRecord(
            case=planned.case_name,
            trial=planned.number,
            warmup=planned.is_warmup,
            params=planned.case.params if planned.case else {},
            directory="." if self._plan.schedule.is_single else name,
            status="running",
            started=datetime.now(UTC),
        )

    def _surroundings(
        self, stages: tuple[Stage, ...], folder: Folder, planned: PlannedTrial | None = None, *, is_last: bool = False
    ) -> Surroundings:
        record = self._book.record
        return Surroundings(
            plan=self._plan,
            stages=stages,
            circumstances=self._circumstances(planned.case if planned else None, _number(planned)),
            run=self._book.directory,
            folder=folder,
            announce=self._announce,
            stopping=self._stopping,
            redactor=self._redactor,
            shows_output=self._options.shows_output,
            is_last=is_last,
            check=self._evaluation.check,
            measure=partial(self._evaluation.measure, record),
            named=self._named,
            noise=self._noise if planned else None,
        )

    def _circumstances(self, case: Case | None, trial: str) -> Circumstances:
        record = self._book.record
        return Circumstances(
            benchmark=self._plan.benchmark,
            run_id=record.id,
            run_uid=record.uid,
            run_directory=self._book.directory.path.resolve(),
            case=case,
            trial=trial,
            environment=self._options.env,
        )


def _number(planned: PlannedTrial | None) -> str:
    """What {{trial}} stands for."""
    return "" if planned is None else f"w{planned.number}" if planned.is_warmup else str(planned.number)


def todo_of(plan: Plan, record: RunRecord, *, repeats_failed: bool) -> list[PlannedTrial]:
    """The planned trials that are not over, without those that no case needs any more; with `repeats_failed` those that
    failed are to be made again too, and what they show may ask for further ones.
    """
    begun = {trial.place: trial for trial in record.trials}
    again = {place for place, trial in begun.items() if not trial.is_over}
    again |= {place for place, trial in begun.items() if repeats_failed and trial.status == "failed"}
    ended = {one.case for one in record.repetition if one.ended} - {case for case, _, _ in again}
    return [
        planned
        for planned in plan.schedule.order
        if planned.key in again or (planned.key not in begun and planned.case_name not in ended)
    ]
