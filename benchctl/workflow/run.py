"""A run from its number to its last word. The steps stand in `execute`, in their order."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from benchctl import events
from benchctl.errors import BenchctlError, Interrupted, UsageError
from benchctl.events import Listener
from benchctl.plan import Plan
from benchctl.redact import Redactor
from benchctl.runs import facts
from benchctl.runs.failure import Failure
from benchctl.runs.files import NotWritten, removed, time_text
from benchctl.runs.loading import glance, load
from benchctl.runs.means import means
from benchctl.runs.noise import told_of_run
from benchctl.runs.record import HostRecord, PlotRecord, RunRecord
from benchctl.runs.repetition import Repetition
from benchctl.runs.store import RunDirectory, Store
from benchctl.schedule import PlannedTrial
from benchctl.workflow import failures
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.bookkeeping import Book
from benchctl.workflow.campaign import Campaign, todo_of
from benchctl.workflow.connecting import connect
from benchctl.workflow.evaluation import Draw, Evaluation
from benchctl.workflow.options import RunOptions
from benchctl.workflow.recording import conclusion, first_record
from benchctl.workflow.resuming import changes_of_hosts, check_missing, check_unchanged, check_unused
from benchctl.workflow.side_by_side import for_at_most
from benchctl.workflow.stopping import StopAtOnce, Stopping

FLAGS_TOLD = 200
CLOSE_S = 2.0
NO_EVALUATION = Evaluation()


def execute(
    plan: Plan,
    store: Store,
    options: RunOptions,
    listeners: Sequence[Listener] = (),
    *,
    evaluation: Evaluation = NO_EVALUATION,
) -> RunRecord:
    """Run a plan and keep everything about it. A failed run is a record too; only what prevents keeping
    one is raised.
    """
    code = facts.code(plan.benchmark.directory)  # before there is a run: git may take its time
    stopping = Stopping(options.timeout_s)
    with stopping.on_signals(), contextlib.ExitStack() as opened:
        directory = store.allocate()
        with _kept_once_begun(store, directory):
            journal = opened.enter_context(directory.journal())
            journal.lock()  # it is new: nobody else has it, and nobody resumes it before this process has ended
            announce = Announcer(journal, listeners, Redactor(plan.benchmark.secrets))
            record = first_record(plan, directory, options, code)
            run = _Run(plan, record, options=options, announce=announce, stopping=stopping, evaluation=evaluation)
            run.begin()
        return run.complete(plan.schedule.order)


def resume(
    plan: Plan,
    directory: RunDirectory,
    options: RunOptions,
    listeners: Sequence[Listener] = (),
    *,
    evaluation: Evaluation = NO_EVALUATION,
    repeats_failed: bool = False,
) -> RunRecord:
    """Make the trials of a run that are missing, and go on with its record. plan: compiled as it was for the run.

    Raises UsageError while the run still goes on, when its config changed since, or when nothing is missing.
    """
    stopping = Stopping(options.timeout_s)
    with stopping.on_signals(), directory.journal() as journal:
        check_unused(glance(directory), journal)
        record = load(directory)
        check_unchanged(record, plan, options.env)
        todo = todo_of(plan, record, repeats_failed=repeats_failed)
        check_missing(record, todo)
        announce = Announcer(journal, listeners, Redactor(plan.benchmark.secrets))
        run = _Run(plan, record, options=options, announce=announce, stopping=stopping, evaluation=evaluation)
        run.resume(todo)
        return run.complete(todo)


@contextlib.contextmanager
def _kept_once_begun(store: Store, directory: RunDirectory) -> Iterator[None]:
    """A directory in which not even the beginning of a run finds room is taken away again."""
    try:
        yield
    except NotWritten as error:
        store.discard(directory)
        raise UsageError(f"can't keep runs in {store.root}: {error.message}") from error


class _Run:
    """A run under way: its record so far, and the means to go on."""

    def __init__(
        self,
        plan: Plan,
        record: RunRecord,
        *,
        options: RunOptions,
        announce: Announcer,
        stopping: Stopping,
        evaluation: Evaluation,
    ) -> None:
        self._plan = plan
        self._options = options
        self._announce = announce
        self._stopping = stopping
        self._evaluation = evaluation
        self._redactor = Redactor(plan.benchmark.secrets)
        self._began = time.monotonic()
        self._took_before_s = record.duration_s or 0.0
        of_the_end = {*_incomplete(record), told_of_run(record.trials)}  # which is told again at the new end
        self._flags = [flag for flag in record.flags if flag not in of_the_end]
        self._book = Book(record.directory, record.masked(self._redactor.text), self._redactor)

    def begin(self) -> None:
        """Keep what is known before anything is touched."""
        benchmark = self._plan.benchmark
        self._book.write()
        self._record.directory.save_text("config.yaml", benchmark.text)
        self._book.reserve.take()
        self._announce(
            events.RUN_STARTED,
            id=self._record.id,
            uid=self._record.uid,
            benchmark=benchmark.name,
            directory=str(self._record.path),
            stages=[stage.name for stage in self._plan.stages],
            around=[stage.name for stage in self._plan.stages_around],
            hosts=list(self._plan.hosts),
            cases=dict(self._record.cases),
            planned=dict(self._record.planned),
        )
        if self._announce.failure:
            raise self._announce.failure
        for text in benchmark.warnings:
            self._announce(events.WARNING, text=text)
        for stage, reason in self._plan.skipped.items():
            self._announce(events.STAGE_SKIPPED, stage=stage, reason=reason)

    def resume(self, todo: Sequence[PlannedTrial]) -> None:
        """Take up an earlier run: its record is written on."""
        writer = facts.writer()
        taken_up = {"at": time_text(datetime.now(UTC)), "writer": writer, "former": dict(self._record.writer)}
        until = self._plan.schedule.trials.until
        trials = None if until else len(todo)
        resumed = (*self._record.resumed, taken_up | {"trials": trials})
        self._book.change(status="running", finished=None, duration_s=None, error=None, writer=writer, resumed=resumed)
        self._book.write()
        self._book.reserve.take()
        where = {"id": self._record.id, "benchmark": self._record.benchmark, "directory": str(self._record.path)}
        self._announce(
            events.RUN_RESUMED,
            **where,
            writer=writer,
            trials=trials,
            until=until and str(until.precision),
            hosts=list(self._plan.hosts),
        )

    def complete(self, todo: Sequence[PlannedTrial]) -> RunRecord:
        """Make these trials, and bring the run to its end whatever happens."""
        try:
            self._connect_hosts()
            self._run_trials(todo)
        except (BenchctlError, StopAtOnce) as error:
            self._fail(error)
        except Exception as error:
            self._fail(error)
            self._close_hosts()
            self._end()
            raise
        self._close_hosts()
        self._draw_plots(self._evaluation.draw)
        return self._end()

    @property
    def _record(self) -> RunRecord:
        return self._book.record

    def _connect_hosts(self) -> None:
        """Reach all hosts at once. One that can't be reached ends the run, before any stage; all such are told."""
        with self._stopping.ends_at_once():
            connect(self._plan.hosts.values(), self._stopping, self._announce)
        found = {alias: HostRecord.from_json(host.recorded()) for alias, host in self._plan.hosts.items()}
        for text in changes_of_hosts(self._record.hosts, found):
            self._announce(events.WARNING, text=text)
        self._book.change(hosts={**self._record.hosts, **found})
        self._book.write()

    def _run_trials(self, todo: Sequence[PlannedTrial]) -> None:
        campaign = Campaign(
            self._plan,
            self._book,
            options=self._options,
            announce=self._announce,
            stopping=self._stopping,
            evaluation=self._evaluation,
            spent_s=self._took_before_s,
        )
        try:
            campaign.run(todo)
        finally:
            self._book.change(**conclusion(self._record))

    def _fail(self, error: BaseException) -> None:
        """Note what ended the run outside its trials; what a trial already said stands."""
        if self._record.error is not None:
            return
        if isinstance(error, StopAtOnce):
            error = self._stopping.error
        status = "interrupted" if isinstance(error, Interrupted) else "failed"
        self._book.change(status=status, error=self._failure(error))

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, BenchctlError):
            failure = failures.as_failure(error, host=getattr(error, "alias", None))
        else:
            failure = Failure(
                code="bug", message=f"benchctl made a mistake of its own: {type(error).__name__}: {error}"
            )
        return failure.masked(self._redactor.text)

    def _close_hosts(self) -> None:
        """Let go of all hosts at once; one that does not answer any more is not waited for long."""
        for_at_most(CLOSE_S, [host.close for host in self._plan.hosts.values()])

    def _draw_plots(self, draw: Draw) -> None:
        """One that can't be drawn leaves the run incomplete, and never fails it."""
        if not self._record.counting:
            return
        plots = list[PlotRecord]()
        with contextlib.suppress(StopAtOnce), self._stopping.ends_at_once():
            drawing = draw(self._record)
            while self._book.is_in_place and not self._stopping.is_asked and (plot := next(drawing, None)):
                plots.append(plot)
                self._announce(events.PLOT_DRAWN, **plot.to_json())
        self._book.change(plots=tuple(plots))
        if _missing(plots) and self._record.status == "succeeded":
            self._book.change(status="incomplete")

    def _end(self) -> RunRecord:
        if self._announce.failure:
            self._fail(self._announce.failure)
        elif not self._book.is_in_place:
            self._fail(removed(self._record.path))
        elif self._record.status == "succeeded" and self._stopping.is_asked:
            self._fail(self._stopping.error)
        self._book.change(
            finished=datetime.now(UTC),
            duration_s=self._took_before_s + time.monotonic() - self._began,
            flags=(*self._flags, *self._announce.warnings, *_incomplete(self._record)),
        )
        counted = self._record.counted()
        self._book.change(counts=counted.counts, disturbed=counted.disturbed, means=means(counted))
        self._book.reserve.give_back()
        if self._book.is_in_place:
            self._book.write()
        record = self._record
        self._announce(
            events.RUN_FINISHED,
            status=record.status,
            duration_s=record.duration_s,
            counts=dict(record.counts),
            warmups=dict(Counter(trial.status for trial in record.trials if trial.warmup)),
            planned=record.planned.get("trials"),
            repetition=[one.to_json() for one in record.repetition],
            flags=_reasons(record),
            error=record.error.to_json() if record.error else None,
        )
        return record


def _reasons(record: RunRecord) -> list[str]:
    """Why it is incomplete, as far as a few words say it."""
    flags = [flag if record.is_single else f"{trial.name}: {flag}" for trial in record.trials for flag in trial.flags]
    return [*flags, *_incomplete(record)][:FLAGS_TOLD]


def _incomplete(record: RunRecord) -> list[str]:
    """Why the run as a whole is incomplete."""
    return [*_unknown(record.repetition), *_missing(record.plots)]


def _unknown(cases: Iterable[Repetition]) -> list[str]:
    return [
        f"{f'case {one.case}: ' if one.case else ''}{one.metric} has no value, so {one.until} says nothing"
        for one in cases
        if one.is_unknown
    ]


def _missing(plots: Iterable[PlotRecord]) -> list[str]:
    return [plot.told for plot in plots if plot.status == "failed"]
