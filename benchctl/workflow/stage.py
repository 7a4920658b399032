"""One stage on all its hosts: prepared and started at the same moment, complete when it is so on each of them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from benchctl.config.model import Stage
from benchctl.errors import BenchctlError, HostError
from benchctl.runs.record import StageRecord
from benchctl.workflow import failures
from benchctl.workflow.on_host import HostRun, stop_deadline
from benchctl.workflow.side_by_side import side_by_side
from benchctl.workflow.stopping import STOPS
from benchctl.workflow.surroundings import Surroundings

PREPARE_S = 30.0  # for one host to get everything ready: its script sent, its supervisor started


class StageRun:
    """A stage under way. `run` returns when it is complete on all hosts, or raises what went wrong first.

    Then it has ended on the other hosts too.
    """

    def __init__(self, stage: Stage, around: Surroundings, index: int, *, attempt: int = 1) -> None:
        self.stage = stage
        self.attempt = attempt
        self.on_hosts = [
            HostRun(stage, around.plan.hosts[alias], around, index=index, attempt=attempt) for alias in stage.hosts
        ]
        self.raised: BenchctlError | None = None
        self.unconfirmed: list[HostRun] = []  # where it failed and may still be there
        self._around = around
        self._index = index

    # Until it is complete

    def run(self, others: Sequence[HostRun]) -> None:
        """Start it and wait until it is complete; a death among `others` ends it too."""
        try:
            self._prepare(others)
            self.heed_stop()
            for one in self.on_hosts:
                one.start()
            self._wait(others)
        except BenchctlError as error:
            self._fail(error)
            raise

    def _prepare(self, others: Sequence[HostRun]) -> None:
        """Get ready on all hosts at once."""

        def check() -> None:
            self.heed_stop()
            for other in others:
                other.check_alive()

        work = {one: one.prepare for one in self.on_hosts}
        errors = side_by_side(work, self._around.stopping, limit_s=PREPARE_S, too_late=self._too_late, check=check)
        for one, error in errors.items():
            one.fail(error)
        for error in errors.values():
            raise error

    def _too_late(self, one: HostRun) -> BenchctlError:
        return failures.not_prepared(self.stage, one.host, PREPARE_S)

    def _wait(self, others: Sequence[HostRun]) -> None:
        stopping = self._around.stopping
        while True:
            stopping.look()
            self.heed_stop()
            for other in others:
                other.check_alive()
            if self._is_complete():
                return
            pauses = [pause for one in self._incomplete if (pause := one.pause()) is not None]
            stopping.wait(min(pauses, default=None))

    def _is_complete(self) -> bool:
        for one in self.on_hosts:
            if one.is_complete:
                one.check_alive()
            else:
                self._look(one)
        return not self._incomplete

    def _look(self, one: HostRun) -> None:
        try:
            one.look()
        except BenchctlError as error:
            one.fail(error)
            raise

    def heed_stop(self) -> None:
        """An `always` stage is there for a run that was asked to stop."""
        if not self.stage.always:
            self._around.raise_if_stopped()

    @property
    def _incomplete(self) -> list[HostRun]:
        return [one for one in self.on_hosts if not one.is_complete]

    # When it fails

    def _fail(self, error: BenchctlError) -> None:
        """End it on all hosts. Who failed at the same moment says so itself; who did not was interrupted."""
        self.raised = error if any(one.raised is error for one in self.on_hosts) else None
        unfinished = self._incomplete
        for one in unfinished:
            if isinstance(error, STOPS):
                one.fail(error)
            elif not one.raised and one.process:
                self._look_last(one)
        for one in unfinished:
            if one.raised and one.has_ended:
                one.end()  # told at once: the others may take their time to end
        self.unconfirmed = self.stop()
        for one in unfinished:
            if not one.is_complete and not one.is_over:
                one.end()

    def _look_last(self, one: HostRun) -> None:
        try:
            one.look()
        except BenchctlError as error:
            one.fail(error)

    # After it is complete

    def next_attempt(self) -> StageRun:
        """The same once more, when this one has failed and nothing of it is left."""
        for one in self.on_hosts:
            with contextlib.suppress(HostError):  # the end of the trial tries again, and says so
                one.prepared.remove_script()
        self.close()
        return StageRun(self.stage, self._around, self._index, attempt=self.attempt + 1)

    def stop(self) -> list[HostRun]:
        """End what is still there, on all hosts at once; where that could not be confirmed."""
        for one in self.on_hosts:
            one.ask_to_stop()
        deadline = stop_deadline()
        return [one for one in self.on_hosts if not one.wait_for_end(deadline)]

    def close(self) -> None:
        for one in self.on_hosts:
            one.close()

    def record(self) -> StageRecord:
        hosts = {one.host.alias: one.record() for one in self.on_hosts if one.started}
        return StageRecord(
            name=self.stage.name,
            kind=self.stage.kind,
            status=self._status(),
            attempt=self.attempt,
            start_skew_s=self._start_skew_s(),
            hosts=hosts,
        )

    def _status(self) -> str:
        """What its hosts have in common; the worst of them where they differ."""
        statuses = {one.status for one in self.on_hosts}
        ranked = ("failed", "timeout", "lost", "interrupted", "running", "not_started", "succeeded")
        return next(status for status in ranked if status in statuses)

    def _start_skew_s(self) -> float | None:
        """Seconds between the first and the last host that said it had begun, as heard here."""
        heard = [one.process.heard_at for one in self.on_hosts if one.process and one.process.heard_at is not None]
        return max(heard) - min(heard) if len(heard) > 1 else None
