"""One stage on one host: from its start until it is complete, and until nothing of it is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from benchctl import events
from benchctl.config.model import Stage
from benchctl.errors import BenchctlError, HostError, Interrupted, StageTimeout
from benchctl.hosts.health import CHECKED_BEFORE, HealthWatch, Probe
from benchctl.hosts.host import Host
from benchctl.hosts.process import Process
from benchctl.hosts.supervisor import GRACE_S
from benchctl.runs.record import Failure, OutputRecord, StageOnHost
from benchctl.workflow import failures
from benchctl.workflow.launching import Preparation
from benchctl.workflow.surroundings import Surroundings

PROGRESS_S = 0.25
STOP_MARGIN_S = 5.0  # after the grace, for the kill itself and the way back
PATIENCE_S = 1.0  # before a word on why the end takes so long
SIGN_S = 30.0


class StageRun:
    """A stage under way. `run` returns when it is complete or raises what went wrong.

    What is still going on then (`is_going_on`) is watched by the trial and ended by `stop`.
    """

    def __init__(self, stage: Stage, around: Surroundings, index: int) -> None:
        self.stage = stage
        self.host: Host = around.plan.host_of(stage)
        self.prepared = Preparation(stage, self.host, around)
        self.status = "not_started"
        self.process: Process | None = None
        self.outputs: list[OutputRecord] = []
        self.left_behind: list[dict[str, Any]] = []
        self.started: datetime | None = None
        self.error: Failure | None = None
        self.raised: BenchctlError | None = None  # the error that it is to blame for
        self._around = around
        self._index = index
        self._began = 0.0
        self._completed_at: float | None = None
        self._watch: HealthWatch | None = None
        self._already_ready = False
        self._sign_at = time.monotonic()
        self.is_watched = False  # complete, with a command going on whose end nobody has spoken of yet
        self._went_on = False  # in the background, after it was complete
        self._is_stopping = False

    @property
    def started_s(self) -> float:
        """When it began, in seconds since the epoch by our clock."""
        return self.started.timestamp() if self.started else 0.0

    # Until it is complete

    def run(self, others: Sequence[StageRun]) -> None:
        """Start it and wait until it is complete; a death among `others` ends it too."""
        self.status = "running"
        self._begin()
        try:
            self._start()
            self._wait(others)
        except BenchctlError as error:
            self._fail(error, is_own=all(other.raised is not error for other in others))
            raise
        self.status, self._completed_at, self._went_on = "succeeded", time.monotonic(), self.is_watched
        self._tell_finished(self.process)
        if not self.is_going_on:
            self.prepared.let_go()

    def _begin(self) -> None:
        self.started, self._began = datetime.now(UTC), time.monotonic()
        self._sign_at = self._began

    def _start(self) -> None:
        around = self._around
        launch = self.prepared.launch()
        self._tell_started()
        probe = self.prepared.probe(launch)
        self._look_before(probe)
        around.raise_if_stopped()
        self._begin()
        self.process = around.plan.tasks[self.stage.name](self.host.context, launch)
        if probe:
            self._watch = HealthWatch(
                probe,
                since=self.process.started_at,
                changed=around.stopping.changed,
                earliest=self.process.ended if self._already_ready else None,
            )
            self._watch.start()
        self.process.notify(around.stopping.changed)

    def _look_before(self, probe: Probe | None) -> None:
        if probe is None or probe.check.type not in CHECKED_BEFORE or not probe.attempt().passed:
            return
        self._already_ready = True
        if probe.check.must_start:
            raise failures.was_ready_before(self.stage, self.host, probe.label)
        self._around.announce(
            events.WARNING,
            text=f"{probe.label} passed on {self.host.alias} before '{self.stage.name}' began: something of an earlier "
            "run? The check counts once it has failed, or after the stage's command has ended",
        )

    def _wait(self, others: Sequence[StageRun]) -> None:
        stopping = self._around.stopping
        while True:
            stopping.look()
            self._around.raise_if_stopped()
            for other in others:
                other.check_alive()
            if self._is_complete():
                return
            left_s = self._time_left()
            if left_s is not None and left_s <= 0:
                raise failures.timed_out(self.stage, self.host)
            self._give_a_sign()
            stopping.wait(self._pause(left_s))

    def _give_a_sign(self) -> None:
        """Journal now and then that the stage goes on: of a run that dies, that is how long it lived at least."""
        if time.monotonic() - self._sign_at >= SIGN_S:
            self._sign_at = time.monotonic()
            self._around.announce(
                events.STAGE_GOES_ON, stage=self.stage.name, host=self.host.alias, elapsed_s=self._elapsed()
            )

    def _is_complete(self) -> bool:
        """Whether it is; from then on the end of a command that goes on is one in the background."""
        process, watch = self._process(), self._watch
        has_ended = process.ended.is_set()  # once: whoever ends after this look ends in the background
        if has_ended and process.exit_code != 0:
            raise failures.command_failed(
                self.stage,
                self.host,
                process,
                seconds=self._lifetime(),
                directory=self._around.plan.benchmark.directory,
                cwd=self.prepared.cwd,
            )
        self.is_watched = not has_ended
        if watch is None:
            return process.started.is_set() if self.stage.background else has_ended
        if watch.is_over.is_set() and not watch.passed:
            ended = process if has_ended else None
            raise failures.not_ready(self.stage, self.host, watch, already_ready=self._already_ready, ended=ended)
        return watch.passed and (self.stage.background is not False or has_ended)

    def _time_left(self) -> float | None:
        return self.stage.timeout_s - self._elapsed() if self.stage.timeout_s else None

    def _pause(self, left_s: float | None) -> float | None:
        """How long to sleep: until the time-out; while a check is under way, only until the next word about it."""
        if self._watch is None or self._watch.is_over.is_set():
            return left_s
        self._around.announce(
            events.HEALTH_PROGRESS,
            stage=self.stage.name,
            host=self.host.alias,
            check=self._watch.probe.label,
            elapsed_s=self._elapsed(),
            window_s=self._watch.window_s,
            last=self._watch.last,
        )
        return PROGRESS_S if left_s is None else min(PROGRESS_S, left_s)

    def _fail(self, error: BenchctlError, *, is_own: bool) -> None:
        """End what is there; a stage that ends because of another one's death is to blame for nothing."""
        process = self.process
        ended = process if process and process.ended.is_set() else None
        self.status = _status_of(error, process) if is_own else "interrupted"
        self.stop()
        if is_own:
            self._blame(error, ended)  # now that its last words have come
        elif process and process.lost:
            self.status = "lost"
        self.end(ended)

    def end(self, ended: Process | None = None) -> None:
        """Its last moment has come before it was complete; `ended`: its command, if it went by itself."""
        if self.status == "running":
            self.status = "interrupted"
        if self._watch:
            self._watch.stop()
        self._completed_at = time.monotonic()
        self._tell_finished(ended)

    def _blame(self, error: BenchctlError, process: Process | None) -> None:
        """Keep the error for the record; `process` has ended by itself, None stands for one that we ended."""
        lines = self.prepared.last_lines(also_stdout=bool(process and process.exit_code))
        failure = failures.as_failure(
            error,
            stage=self.stage.name,
            host=self.host.alias,
            command=self.prepared.command,
            process=process,
            stderr=lines,
        )
        self.raised = error
        self.error = failure.masked(self._around.redactor.text)

    # After it is complete

    @property
    def is_going_on(self) -> bool:
        """Whether something of it is still there: its command, or what that left behind."""
        return self.process is not None and not self.process.gone.is_set()

    def check_alive(self) -> None:
        """Raise BackgroundDied or LinkLost when it ended badly and by itself after it was complete."""
        process = self.process
        if process is None or not self.is_watched or self._is_stopping or not process.ended.is_set():
            return
        self.is_watched = False
        if process.exit_code == 0 or (self.stage.may_exit and not process.lost):
            self._tell_end(process, stopped=False)
            return
        error = failures.background_died(self.stage, self.host, process, self._lifetime())
        self.status = "lost" if process.lost else "failed"
        self._blame(error, process)
        self._tell_end(process, stopped=False)
        raise error

    def stop(self) -> bool:
        """End what is still there: TERM, KILL after the grace. Whether that is confirmed."""
        process = self.process
        if process is None or process.gone.is_set():
            return True
        was_stopped, self._is_stopping = self._is_stopping, True
        process.terminate()
        if not process.gone.wait(PATIENCE_S):
            text = f"waiting for {self.stage.name} on {self.host.alias} to end; after {GRACE_S:g} s it is killed"
            self._around.announce(events.STOPPING, text=text)
        gone = process.gone.wait(STOP_MARGIN_S if was_stopped else GRACE_S + STOP_MARGIN_S)
        if self.is_watched and self.status == "succeeded":
            self.is_watched = False
            self._tell_end(process, stopped=True)
        return gone

    def kill(self) -> None:
        self._is_stopping = True
        if self.process:
            self.process.kill()

    def close(self) -> None:
        """Close its logs."""
        if self._watch:
            self._watch.stop()
        self.prepared.close()

    def record(self) -> StageOnHost:
        process = self.process
        exit_code = process.exit_code if process else None
        duration_s = self._lifetime() if self.started else None
        return StageOnHost(
            status=self.status,
            command=self.prepared.command,
            cwd=self.prepared.cwd,
            background=self._went_on or bool(self.stage.background),
            pid=process.pid if process else None,
            exit_code=exit_code,
            signal=failures.signal_name(exit_code),
            started=self.started,
            finished=self.started + timedelta(seconds=duration_s) if self.started and duration_s is not None else None,
            duration_s=duration_s,
            logs=self.prepared.logs(),
            health_check=self._watch.recorded(already_ready=self._already_ready) if self._watch else None,
            outputs=tuple(self.outputs),
            left_behind=tuple(self.left_behind),
            error=self.error,
        )

    def _lifetime(self) -> float:
        """Seconds from its start to the end of its command, or until it was complete if that was later."""
        ended_at = self.process.ended_at if self.process else None
        ends = [moment for moment in (ended_at, self._completed_at) if moment is not None]
        return max(ends, default=time.monotonic()) - self._began

    # Telling

    def _tell_started(self) -> None:
        stage = self.stage
        self._around.announce(
            events.STAGE_STARTED,
            stage=stage.name,
            host=self.host.alias,
            index=self._index,
            count=len(self._around.plan.stages),
            command=self.prepared.command,
            cwd=self.prepared.cwd,
            background=bool(stage.background) and stage.health_check is None,
        )

    def _tell_finished(self, ended: Process | None) -> None:
        if self._watch and self._watch.passed and self.status == "succeeded":
            self._tell_ready(self._watch)
        self._around.announce(
            events.STAGE_FINISHED,
            **self._ending(ended),
            status=self.status,
            duration_s=self._elapsed(),
            error=self.error.to_json() if self.error else None,
        )

    def _tell_ready(self, watch: HealthWatch) -> None:
        self._around.announce(
            events.STAGE_READY,
            stage=self.stage.name,
            host=self.host.alias,
            duration_s=watch.first_passed_s,
            check=watch.probe.label,
            goes_on=self.is_watched,
        )

    def _tell_end(self, process: Process, *, stopped: bool) -> None:
        self._around.announce(
            events.BACKGROUND_ENDED,
            **self._ending(process),
            status=self.status,
            duration_s=self._lifetime(),
            stopped=stopped,
            error=self.error.to_json() if self.error else None,
        )

    def _ending(self, process: Process | None) -> dict[str, Any]:
        exit_code = process.exit_code if process else None
        signal = failures.signal_name(exit_code)
        return {"stage": self.stage.name, "host": self.host.alias, "exit_code": exit_code, "signal": signal}

    def _process(self) -> Process:
        assert self.process is not None
        return self.process

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def _status_of(error: BenchctlError, process: Process | None) -> str:
    if isinstance(error, Interrupted):
        return "interrupted"
    if isinstance(error, StageTimeout):
        return "timeout"
    return "lost" if isinstance(error, HostError) and process is not None else "failed"
