"""One stage on one host: from its preparation until it is complete, and until nothing of it is left."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from benchctl.config.model import Stage
from benchctl.errors import BenchctlError, HostError, StageTimeout
from benchctl.hosts.commands.process import Process
from benchctl.hosts.commands.supervisor import GRACE_S
from benchctl.hosts.health import CHECKED_BEFORE, HealthWatch, Probe
from benchctl.hosts.host import Host
from benchctl.runs.failure import Failure
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import StageOnHost
from benchctl.workflow import failures
from benchctl.workflow.launching import Preparation
from benchctl.workflow.stopping import STOPS
from benchctl.workflow.surroundings import Surroundings
from benchctl.workflow.telling import Telling

PROGRESS_S = 0.25
STOP_MARGIN_S = 5.0  # after the grace, for the kill itself and the way back
PATIENCE_S = 1.0  # before a word on why the end takes so long
SIGN_S = 30.0
LAST_STAGES_S = 60.0  # for an `always` stage without a timeout of its own, in a run that was asked to stop


class HostRun:
    """A stage under way on one of its hosts: `prepare`, `start`, then `look` until it is complete.

    What is still going on then (`is_going_on`) is watched by the trial, and ended by `ask_to_stop` and `wait_for_end`.
    """

    def __init__(self, stage: Stage, host: Host, around: Surroundings, *, index: int, attempt: int) -> None:
        self.stage = stage
        self.host = host
        self.prepared = Preparation(stage, host, around, attempt)
        self.status = "not_started"
        self.process: Process | None = None
        self.outputs: list[OutputRecord] = []
        self.left_behind: list[dict[str, Any]] = []
        self.started: datetime | None = None
        self.error: Failure | None = None
        self.raised: BenchctlError | None = None  # the error that it is to blame for
        self.is_complete = False
        self.is_over = False  # it came to its end before it was complete, and that was told
        self.is_watched = False  # complete, with a command going on whose end nobody has spoken of yet
        self._around = around
        self._telling = Telling(stage, host, around, index=index, attempt=attempt)
        self._began = 0.0
        self._completed_at: float | None = None
        self._probe: Probe | None = None
        self._watch: HealthWatch | None = None
        self._already_ready = False
        self._sign_at = time.monotonic()
        self._went_on = False  # in the background, after it was complete
        self._has_begun = False  # its process was told to go
        self._is_stopping = False
        self._is_unconfirmed = False  # it was waited for, and may still be there
        self._ended_by_itself: Process | None = None  # before it was asked to stop

    @property
    def started_s(self) -> float:
        """When it began, in seconds since the epoch by our clock."""
        return self.started.timestamp() if self.started else 0.0

    # Until it is complete

    def prepare(self) -> None:
        """All that can be done before its start: its script sent, its supervisor waiting. Raises what is in the way."""
        self.status = "running"
        self._begin()
        launch = self.prepared.launch()
        if self._is_given_up():
            return
        self._telling.started(self.prepared)
        self._probe = self.prepared.probe(launch)
        self._look_before(self._probe)
        task = self._around.plan.tasks[self.stage.name, self.host.alias]
        self.process = process = task(self.host.context, launch)
        if self._is_given_up():
            process.cancel()

    def _is_given_up(self) -> bool:
        """Whether it was asked to stop while it was prepared: nobody waits for it any more."""
        return self._is_stopping

    def start(self) -> None:
        process, changed = self._process(), self._around.stopping.changed
        self._begin()
        self._has_begun = True
        process.go()
        if self._probe:
            earliest = process.ended if self._already_ready else None
            self._watch = HealthWatch(self._probe, since=process.started_at, changed=changed, earliest=earliest)
            self._watch.start()
        process.notify(changed)

    def look(self) -> bool:
        """Whether it is complete by now. Raises what ended it before."""
        if not self._is_over():
            left_s = self.time_left()
            if left_s is not None and left_s <= 0:
                raise failures.timed_out(self.stage, self.host, self._limit() or 0.0)
            self._give_a_sign()
            self._tell_health()
            return False
        self.is_complete, self.status = True, "succeeded"
        self._completed_at, self._went_on = time.monotonic(), self.is_watched
        self._tell_finished(self.process)
        if not self.is_going_on:
            self.prepared.let_go()
        return True

    def time_left(self) -> float | None:
        """Seconds until its time-out."""
        limit = self._limit()
        return None if limit is None else limit - self._elapsed()

    def pause(self) -> float | None:
        """How long one may sleep between two looks: until the time-out, or until the next word about its check."""
        left_s = self.time_left()
        if self._watch is None or self._watch.is_over.is_set():
            return left_s
        return PROGRESS_S if left_s is None else min(PROGRESS_S, left_s)

    def _limit(self) -> float | None:
        stopping = self._around.stopping
        if self.stage.timeout_s is None and self.stage.always and stopping.is_asked:
            return max(0.0, stopping.asked_at - self._began) + LAST_STAGES_S
        return self.stage.timeout_s

    def _begin(self) -> None:
        self.started, self._began = datetime.now(UTC), time.monotonic()
        self._sign_at = self._began

    def _look_before(self, probe: Probe | None) -> None:
        if probe is None or probe.check.type not in CHECKED_BEFORE or not probe.attempt().passed:
            return
        self._already_ready = True
        if probe.check.must_start:
            raise failures.was_ready_before(self.stage, self.host, probe.label)
        self._telling.ready_before(probe)

    def _is_over(self) -> bool:
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

    def _give_a_sign(self) -> None:
        """Journal now and then that the stage goes on: of a run that dies, that is how long it lived at least."""
        if time.monotonic() - self._sign_at >= SIGN_S:
            self._sign_at = time.monotonic()
            self._telling.goes_on(self._elapsed())

    def _tell_health(self) -> None:
        if self._watch and not self._watch.is_over.is_set():
            self._telling.waits_for(self._watch, self._elapsed())

    # When it fails, or has to end before it was complete

    def fail(self, error: BenchctlError) -> None:
        """It is to blame for `error`."""
        self.raised = error
        self.status = _status_of(error, self.process)

    def end(self) -> None:
        """Its last moment has come before it was complete, and its last words too."""
        if self.status == "running":
            self.status = "lost" if self.process and self.process.lost else "interrupted"
        if self.raised:
            self._blame(self.raised, self._own_end())
        if self._watch:
            self._watch.stop()
        self.is_over = True
        ended = self._own_end()
        self._completed_at = ended.ended_at if ended else time.monotonic()
        self._tell_finished(ended)

    @property
    def has_ended(self) -> bool:
        """Whether nothing of its command is awaited any more."""
        return self.process is None or self.process.ended.is_set()

    def _own_end(self) -> Process | None:
        """Its process, if that has ended without being asked to."""
        if self._is_stopping:
            return self._ended_by_itself
        return self.process if self.process and self.process.ended.is_set() else None

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
        """Raise BackgroundDied or LinkLost when it ended badly and by itself after it was complete.

        With `continue_on_error` that is only told and kept.
        """
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
        if not self.stage.continue_on_error:
            raise error

    def ask_to_stop(self) -> None:
        """TERM to what is still there, KILL after the grace."""
        process = self.process
        if not self._is_stopping:
            self._is_stopping, self._ended_by_itself = True, process if process and process.ended.is_set() else None
        if process and not self._has_begun:
            process.cancel()
        elif process and not process.gone.is_set():
            process.terminate()

    def wait_for_end(self, deadline: float) -> bool:
        """Whether surely nothing is left, at the latest at `deadline` (as time.monotonic has it); asked twice, it
        does not wait twice.
        """
        process = self.process
        if process is None:
            return True
        if self._is_unconfirmed:
            return process.gone.is_set() and not process.lost
        if not process.gone.wait(max(0.0, min(PATIENCE_S, deadline - time.monotonic()))):
            self._telling.ends_slowly(GRACE_S if process.can_be_killed else None)
        is_sure = process.gone.wait(max(0.0, deadline - time.monotonic())) and not process.lost
        self._is_unconfirmed = not is_sure
        if self.is_watched and self.status == "succeeded":
            self.is_watched = False
            self.status = "succeeded" if is_sure else "lost"
            self._tell_end(process, stopped=is_sure)
        return is_sure

    def kill(self) -> None:
        self._is_stopping = True
        if self.process and not self._has_begun:
            self.process.cancel()
        elif self.process:
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
        if self._went_on and ended_at is None:
            return self._elapsed()
        ends = [moment for moment in (ended_at, self._completed_at) if moment is not None]
        return max(0.0, max(ends, default=time.monotonic()) - self._began)

    # Telling

    def _tell_finished(self, ended: Process | None) -> None:
        ending = self._ending(ended)
        if self._watch and self._watch.passed and self.status == "succeeded":
            self._telling.ready(self._watch, ending, goes_on=self.is_watched)
        duration_s = max(0.0, (self._completed_at or time.monotonic()) - self._began)
        self._telling.finished(ending, self.status, duration_s=duration_s, error=self.error)

    def _tell_end(self, process: Process, *, stopped: bool) -> None:
        self._telling.ended_in_background(
            self._ending(process), self.status, duration_s=self._lifetime(), stopped=stopped, error=self.error
        )

    def _ending(self, ended: Process | None) -> dict[str, Any]:
        """What is known of its command; `ended` has come to its end, None stands for one that has not by itself."""
        process, exit_code = self.process, ended.exit_code if ended else None
        return {
            "pid": process.pid if process else None,
            "heard_s": None if process is None or process.heard_at is None else process.heard_at - self._began,
            "exit_code": exit_code,
            "signal": failures.signal_name(exit_code),
        }

    def _process(self) -> Process:
        assert self.process is not None
        return self.process

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def stop_deadline() -> float:
    """Until when what is asked to stop now has to be gone, as time.monotonic has it."""
    return time.monotonic() + GRACE_S + STOP_MARGIN_S


def _status_of(error: BenchctlError, process: Process | None) -> str:
    if isinstance(error, STOPS):
        return "interrupted"
    if isinstance(error, StageTimeout):
        return "timeout"
    return "lost" if isinstance(error, HostError) and process is not None else "failed"
