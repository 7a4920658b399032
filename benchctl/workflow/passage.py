"""A pass through some stages in order, and what is done at its end whatever happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from benchctl import events
from benchctl.errors import BenchctlError, StageError
from benchctl.runs.record import StageRecord
from benchctl.workflow.gathering import Gathering
from benchctl.workflow.leftovers import Leftovers
from benchctl.workflow.on_host import HostRun
from benchctl.workflow.outcome import Outcome
from benchctl.workflow.outputs import Collector
from benchctl.workflow.stage import StageRun
from benchctl.workflow.stopping import STOPS, StopAtOnce
from benchctl.workflow.surroundings import Surroundings

AT_ONCE_S = 1.0  # for all that is killed, and again for what is cleared away
LONGEST_BACKOFF_S = 60.0
SETTLE_S = 0.2
TIDY_S = 15.0  # for one host


class Passage:
    """Those stages under way. outer: the passage around this one, whose background stages must stay alive.

    `begin` it, do what is to be done while its background stages go on, and `finish` it; `outcome` says how it went.
    Only a mistake of ours is raised.
    """

    def __init__(self, around: Surroundings, collector: Collector, outer: Passage | None = None) -> None:
        self._around = around
        self._collector = collector
        self._outer = outer
        self._stages = [StageRun(stage, around, i) for i, stage in enumerate(around.stages, start=1)]
        self._earlier: list[StageRun] = []  # attempts that failed and were followed by another
        self._is_cut_short = False
        others = outer.on_hosts if outer else []
        self.outcome = Outcome(around, lambda: [*self.on_hosts, *others])
        self._gathering = Gathering(around, collector, self.outcome)
        self._leftovers = Leftovers(around, collector, self.outcome, attempts=self._attempts, outer=others)

    def begin(self) -> None:
        """All but the `always` stages, until the first failure."""
        self._until_stopped_at_once(self._run_stages)

    def finish(self) -> None:
        """What is done whatever happened: `always` stages, the end of background stages, outputs."""
        self._until_stopped_at_once(self._end)

    @property
    def is_broken(self) -> bool:
        """Whether one of its stages has ended badly, so that what relies on it can't go on."""
        return any(one.raised for one in self.on_hosts)

    def check_alive(self) -> None:
        """Raise when a stage that goes on in the background has died, here or around this."""
        for one in self.on_hosts:
            one.check_alive()
        if self._outer:
            self._outer.check_alive()

    @property
    def on_hosts(self) -> list[HostRun]:
        """Every stage on every of its hosts, in order."""
        return [one for run in self._stages for one in run.on_hosts]

    @property
    def _watched(self) -> list[HostRun]:
        """What goes on in the background, here and around this."""
        watched = [one for one in self.on_hosts if one.is_complete and one.is_watched]
        return [*watched, *(self._outer._watched if self._outer else [])]

    def _attempts(self) -> list[HostRun]:
        return [*self.on_hosts, *(one for run in self._earlier for one in run.on_hosts)]

    def _until_stopped_at_once(self, do: Callable[[], None]) -> None:
        if self._is_cut_short:
            return
        try:
            with self._around.stopping.ends_at_once():
                do()
        except StopAtOnce:
            self._is_cut_short = True
            self._end_at_once()
        except Exception:
            self._kill_all()
            raise

    def _run_stages(self) -> None:
        try:
            for position, run in enumerate(self._stages):
                if not run.stage.always:
                    self._around.raise_if_stopped()
                    self.check_alive()
                    self._run_stage(position)
            self._wait(self._settling_s())
        except BenchctlError as error:
            self.outcome.fail(error)

    def _settling_s(self) -> float:
        """Until what went to the background just now has had a moment to fail, before it is stopped."""
        youngest = max((one.process.started_at for one in self._watched if one.process), default=-math.inf)
        return youngest + SETTLE_S - time.monotonic()

    def _wait(self, seconds: float) -> None:
        """Let time pass, if any is left. Raises when the run is to stop, or when a stage in the background dies."""
        until = time.monotonic() + seconds
        while True:
            self._around.stopping.look()
            self._around.raise_if_stopped()
            self.check_alive()
            if (left_s := until - time.monotonic()) <= 0:
                return
            self._around.stopping.wait(left_s)

    def _run_stage(self, position: int) -> None:
        self._tell_news()
        try:
            self._run_attempts(position, self._watched)
        except BenchctlError as error:
            run = self._stages[position]
            if run.stage.continue_on_error and run.raised is error and not isinstance(error, STOPS):
                return
            raise
        self._gathering.bring_now(self._stages[position], self.check_alive)
        self._gathering.raise_missed(self._stages[position])
        if self._around.announce.failure:
            raise self._around.announce.failure

    def _tell_news(self) -> None:
        for host in self._around.plan.hosts.values():
            for text in host.news():
                self._around.announce(events.WARNING, text=text)

    def _run_attempts(self, position: int, others: Sequence[HostRun]) -> None:
        """Run a stage, and again after a failure of its own for as often as its `retries` allow.

        Not where the attempt before may still be there: two of them at once would measure each other.
        """
        while True:
            run = self._stages[position]
            try:
                run.run(others)
                return
            except StageError as error:
                if run.raised is not error or run.attempt > run.stage.retries or run.unconfirmed:
                    raise
                self._wait_before_retry(run, error)
            self._earlier.append(run)
            self._stages[position] = run.next_attempt()

    def _wait_before_retry(self, run: StageRun, error: StageError) -> None:
        wait_s = min(run.stage.backoff_s * 2 ** (run.attempt - 1), max(LONGEST_BACKOFF_S, run.stage.backoff_s))
        self._around.announce(
            events.STAGE_RETRIED,
            stage=run.stage.name,
            attempt=run.attempt + 1,
            count=run.stage.retries + 1,
            wait_s=wait_s,
            error=self.outcome.failure_of(error).to_json(),
        )
        if run.stage.always:
            time.sleep(wait_s)  # nothing but the second Ctrl-C keeps it from being tried again
        else:
            self._wait(wait_s)

    # The end, whatever happened

    def _end(self) -> None:
        self._run_last_stages()
        for run in reversed(self._stages):
            for one in run.stop():
                self._leftovers.unconfirmed(one)
        self._gathering.bring_all(self.on_hosts)
        self._gathering.check(self.on_hosts)
        self._leftovers.tidy_up()
        self._tell_news()
        self._close()
        self.outcome.notice_stop()

    def _run_last_stages(self) -> None:
        """The `always` stages; one that fails keeps no other from running."""
        for position, run in enumerate(self._stages):
            if run.stage.always:
                self.outcome.noting_failure(partial(self._run_attempts, position, ()))
                self.outcome.noting_failure(self.check_alive)

    def _end_at_once(self) -> None:
        """The second Ctrl-C: end everything now, collect nothing."""
        for one in self._kill_all():
            self._leftovers.unconfirmed(one)
        for one in self.on_hosts:
            if one.status == "running":
                one.end()
        self.outcome.incomplete("stopped at once: outputs were not collected")
        self.outcome.fail(self._around.stopping.error)
        self._leftovers.remove_scripts_at_once()
        self._close()

    def _kill_all(self) -> list[HostRun]:
        """Where the end could not be confirmed at once."""
        going_on = [one for one in self.on_hosts if one.is_going_on]
        for one in going_on:
            one.kill()
        deadline = time.monotonic() + AT_ONCE_S
        processes = [(one, one.process) for one in going_on if one.process]
        return [one for one, process in processes if not process.gone.wait(max(0.0, deadline - time.monotonic()))]

    def _close(self) -> None:
        for run in self._stages:
            run.close()

    def stage_records(self) -> dict[str, StageRecord]:
        """What its stages did, by name."""
        return {run.stage.name: self._stage_record(run) for run in self._stages}

    def _stage_record(self, run: StageRun) -> StageRecord:
        earlier = tuple(attempt.record() for attempt in self._earlier if attempt.stage is run.stage)
        return replace(run.record(), earlier=earlier)
