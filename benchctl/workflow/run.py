"""A run from its number to its last word. The steps stand in `execute`, in their order."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from benchctl import events
from benchctl.errors import BenchctlError, HostError, Interrupted, UsageError
from benchctl.events import Listener
from benchctl.hosts.host import Host
from benchctl.names import Circumstances
from benchctl.plan import Plan
from benchctl.redact import Redactor
from benchctl.runs import facts
from benchctl.runs.record import Failure, HostRecord, PlotRecord, RunRecord
from benchctl.runs.store import NotWritten, RunDirectory, Store, removed
from benchctl.workflow import failures
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.evaluation import Check, Draw, Evaluation
from benchctl.workflow.outputs import Collector
from benchctl.workflow.reserve import Reserve
from benchctl.workflow.side_by_side import for_at_most
from benchctl.workflow.stopping import StopAtOnce, Stopping
from benchctl.workflow.surroundings import Surroundings
from benchctl.workflow.trial import TrialRun

CLOSE_S = 2.0
NO_EVALUATION = Evaluation()


@dataclass(frozen=True)
class RunOptions:
    """How this run differs from what the config says, and what is noted with it."""

    env: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""
    timeout_s: float | None = None  # for the whole run
    shows_output: bool = False  # whether listeners want the stages' output lines
    recorded: Mapping[str, Any] = field(default_factory=dict)  # the options as given, for the record


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
            announce = Announcer(journal, listeners, Redactor(plan.benchmark.secrets))
            run = _Run(plan, directory, options=options, announce=announce, stopping=stopping, code=code)
            run.begin()
        try:
            run.connect_hosts()
            run.run_trials(evaluation.check)
        except (BenchctlError, StopAtOnce) as error:
            run.fail(error)
        except Exception as error:
            run.fail(error)
            run.close_hosts()
            run.end()
            raise
        run.close_hosts()
        run.draw_plots(evaluation.draw)
        return run.end()


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
        directory: RunDirectory,
        *,
        options: RunOptions,
        announce: Announcer,
        stopping: Stopping,
        code: Mapping[str, Any],
    ) -> None:
        self.stopping = stopping
        self._plan = plan
        self._directory = directory
        self._options = options
        self._announce = announce
        self._redactor = Redactor(plan.benchmark.secrets)
        self._code = code
        self._made_as = directory.identity()
        self._began = time.monotonic()
        self._reserve = Reserve(directory.path)
        self._record = self._first_record()

    def begin(self) -> None:
        """Keep what is known before anything is touched."""
        benchmark = self._plan.benchmark
        self._write()
        self._directory.save_text("config.yaml", benchmark.text)
        self._reserve.take()
        self._announce(
            events.RUN_STARTED,
            id=self._record.id,
            uid=self._record.uid,
            benchmark=benchmark.name,
            directory=str(self._directory.path),
            stages=[stage.name for stage in self._plan.stages],
            hosts=list(self._plan.hosts),
        )
        if self._announce.failure:
            raise self._announce.failure
        for text in benchmark.warnings:
            self._announce(events.WARNING, text=text)
        for stage, reason in self._plan.skipped.items():
            self._announce(events.STAGE_SKIPPED, stage=stage, reason=reason)

    def connect_hosts(self) -> None:
        """Reach all hosts at once. One that can't be reached ends the run, before any stage; all such are told."""
        with self.stopping.ends_at_once():
            self._connect_hosts()
        self._record = replace(self._record, hosts=self._host_records())
        self._write()

    def _connect_hosts(self) -> None:
        connecting = [_Connecting(host, self.stopping) for host in self._plan.hosts.values()]
        told: set[str] = set()
        while len(told) < len(connecting):
            self.stopping.look()
            self._stop_if_asked()
            for one in connecting:
                if one.is_over and one.host.alias not in told:
                    told.add(one.host.alias)
                    self._tell_connected(one)
            if len(told) < len(connecting):
                self.stopping.wait(None)
        self._raise_unreachable([one.error for one in connecting if one.error])

    def run_trials(self, check: Check) -> None:
        """Without cases and repeats there is one trial, in the run's own directory."""
        plan = self._plan
        around = Surroundings(
            plan=plan,
            circumstances=Circumstances(
                benchmark=plan.benchmark,
                run_id=self._record.id,
                run_uid=self._record.uid,
                run_directory=self._directory.path.resolve(),
                case=None,
                trial=1,
                environment=self._options.env,
            ),
            run=self._directory,
            folder=self._directory,
            announce=self._announce,
            stopping=self.stopping,
            redactor=self._redactor,
            shows_output=self._options.shows_output,
            check=check,
        )
        record = TrialRun(around, Collector(self._directory.path, self._announce), ".").run()
        self._record = replace(
            self._record, trials=(*self._record.trials, record), status=record.status, error=record.error
        )
        self._reserve.give_back()
        if not self._is_in_place:
            raise removed(self._directory.path)
        self._directory.write_json("trial.json", record.to_json())

    def fail(self, error: BaseException) -> None:
        """Note what ended the run outside its trials; what a trial already said stands."""
        if self._record.error is not None:
            return
        if isinstance(error, StopAtOnce):
            error = self.stopping.error
        status = "interrupted" if isinstance(error, Interrupted) else "failed"
        failure = self._failure(error)
        self._record = replace(self._record, status=status, error=failure)

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, BenchctlError):
            failure = failures.as_failure(error, host=getattr(error, "alias", None))
        else:
            failure = Failure(
                code="bug", message=f"benchctl made a mistake of its own: {type(error).__name__}: {error}"
            )
        return failure.masked(self._redactor.text)

    def close_hosts(self) -> None:
        """Let go of all hosts at once; one that does not answer any more is not waited for long."""
        for_at_most(CLOSE_S, [host.close for host in self._plan.hosts.values()])

    def draw_plots(self, draw: Draw) -> None:
        """The plots of every trial. One that can't be drawn leaves the run incomplete, and never fails it."""
        with contextlib.suppress(StopAtOnce), self.stopping.ends_at_once():
            for position in range(len(self._record.trials)):
                self._draw_plots_of(position, draw)
            self._draw_plots_of_all(draw)

    def _drawn(self, drawing: Iterator[PlotRecord]) -> tuple[tuple[PlotRecord, ...], tuple[str, ...]]:
        """The plots as they come, and why some of them are missing."""
        plots = list[PlotRecord]()
        while self._is_in_place and not self.stopping.is_asked and (plot := next(drawing, None)):
            plots.append(plot)
            self._announce(events.PLOT_DRAWN, **plot.to_json())
        missing = [f"plot '{plot.name}' was not drawn: {plot.reason}" for plot in plots if plot.status == "failed"]
        if missing and self._record.status == "succeeded":
            self._record = replace(self._record, status="incomplete")
        return tuple(plots), tuple(missing)

    def _draw_plots_of(self, position: int, draw: Draw) -> None:
        trial = self._record.trials[position]
        plots, missing = self._drawn(draw(self._record, trial))
        if not plots or not self._is_in_place:
            return
        status = "incomplete" if missing and trial.status == "succeeded" else trial.status
        trial = replace(trial, plots=plots, flags=(*trial.flags, *missing), status=status)
        trials = (*self._record.trials[:position], trial, *self._record.trials[position + 1 :])
        self._record = replace(self._record, trials=trials)
        self._directory.folder(trial.directory).write_json("trial.json", trial.to_json())

    def _draw_plots_of_all(self, draw: Draw) -> None:
        plots, missing = self._drawn(draw(self._record, None))
        self._record = replace(self._record, plots=plots, flags=missing)

    def end(self) -> RunRecord:
        if self._announce.failure:
            self.fail(self._announce.failure)
        elif not self._is_in_place:
            self.fail(removed(self._directory.path))
        elif self._record.status == "succeeded" and self.stopping.is_asked:
            self.fail(self.stopping.error)
        missing = self._record.flags
        self._record = replace(
            self._record,
            finished=datetime.now(UTC),
            duration_s=time.monotonic() - self._began,
            flags=(*self._announce.warnings, *self._record.flags),
        )
        self._reserve.give_back()
        if self._is_in_place:
            self._write()
        self._announce(
            events.RUN_FINISHED,
            status=self._record.status,
            duration_s=self._record.duration_s,
            flags=[*missing, *(flag for trial in self._record.trials for flag in trial.flags)],
            error=self._record.error.to_json() if self._record.error else None,
        )
        return self._record

    def _first_record(self) -> RunRecord:
        benchmark = self._plan.benchmark
        config = {"path": str(benchmark.path), "sha256": benchmark.sha256, "document": dict(benchmark.document)}
        record = RunRecord(
            id=self._directory.id,
            uid=facts.new_uid(),
            benchmark=benchmark.name,
            description=benchmark.description,
            tags=(*benchmark.tags, *self._options.tags),
            note=self._options.note,
            status="running",
            started=datetime.now(UTC),
            writer=facts.writer(),
            config=config,
            options=self._options.recorded,
            git=self._code["git"],
            versions=self._code["versions"],
            path=self._directory.path,
        )
        return record.masked(self._redactor.text)

    @property
    def _is_in_place(self) -> bool:
        """Whether the run's directory is still the one that was made for it."""
        return self._directory.identity() == self._made_as

    def _write(self) -> None:
        self._directory.write_metadata(self._record.masked(self._redactor.text).to_json())

    def _stop_if_asked(self) -> None:
        if self.stopping.is_asked:
            raise self.stopping.error

    def _tell_connected(self, one: _Connecting) -> None:
        if one.error:
            return
        host = one.host
        recorded = host.recorded()
        self._announce(
            events.HOST_CONNECTED,
            host=host.alias,
            address="" if host.config.is_local else f"{recorded['ip']}:{recorded['port']}",
            duration_s=one.duration_s,
            facts=recorded["facts"],
        )
        for text in host.remarks():
            self._announce(events.WARNING, text=text)

    def _raise_unreachable(self, errors: list[BenchctlError]) -> None:
        for error in errors[1:]:
            self._announce(events.WARNING, text=error.message)
        if errors:
            raise errors[0]

    def _host_records(self) -> dict[str, HostRecord]:
        return {alias: HostRecord.from_json(host.recorded()) for alias, host in self._plan.hosts.items()}


class _Connecting(threading.Thread):
    """One host being reached, in a thread of its own."""

    def __init__(self, host: Host, stopping: Stopping) -> None:
        super().__init__(daemon=True)
        self.host = host
        self.error: BenchctlError | None = None
        self.is_over = False
        self.duration_s = 0.0
        self._stopping = stopping
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        try:
            self.host.connect()
        except BenchctlError as error:
            self.error = error
        except Exception as error:  # whatever it is, the run must hear of it and not wait for ever
            self.error = HostError(self.host.alias, f"{self.host.place}: {type(error).__name__}: {error}")
        self.duration_s = time.monotonic() - began
        self.is_over = True
        self._stopping.changed()
        if self._stopping.is_asked:
            self.host.close()  # nobody else will: the run went on without it
