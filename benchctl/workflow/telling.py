"""What a stage announces of itself on one of its hosts, from its start to the end of all that it began."""

from __future__ import annotations

from typing import Any

from benchctl import events
from benchctl.config.model import Stage
from benchctl.hosts.health import HealthWatch, Probe
from benchctl.hosts.host import Host
from benchctl.runs.failure import Failure
from benchctl.workflow.launching import Preparation
from benchctl.workflow.surroundings import Surroundings


class Telling:
    """The events of one attempt at a stage on a host.

    ending, where it is asked for: what is known of its command, as `pid`, `heard_s` (from the moment it was told to go
    until its host said that it had begun), `exit_code` and `signal`.
    """

    def __init__(self, stage: Stage, host: Host, around: Surroundings, *, index: int, attempt: int) -> None:
        self._stage = stage
        self._around = around
        self._index = index
        self._attempt = attempt
        self._place = {"stage": stage.name, "host": host.alias}

    def started(self, prepared: Preparation) -> None:
        stage = self._stage
        self._around.announce(
            events.STAGE_STARTED,
            **self._place,
            hosts=len(stage.hosts),
            index=self._index,
            count=len(self._around.stages),
            attempt=self._attempt,
            command=prepared.command,
            cwd=prepared.cwd,
            background=bool(stage.background) and stage.health_check is None,
            logs=prepared.log_paths(),
        )

    def ready_before(self, probe: Probe) -> None:
        """Its check passes already, though nothing of it has begun."""
        self._around.announce(
            events.WARNING,
            text=f"{probe.label} passed on {self._place['host']} before '{self._stage.name}' began: something of an "
            "earlier run? The check counts once it has failed, or after the stage's command has ended",
        )

    def goes_on(self, elapsed_s: float) -> None:
        self._around.announce(events.STAGE_GOES_ON, **self._place, elapsed_s=elapsed_s)

    def waits_for(self, watch: HealthWatch, elapsed_s: float) -> None:
        self._around.announce(
            events.HEALTH_PROGRESS,
            **self._place,
            check=watch.probe.label,
            elapsed_s=elapsed_s,
            window_s=watch.window_s,
            last=watch.last,
        )

    def ready(self, watch: HealthWatch, ending: dict[str, Any], *, goes_on: bool) -> None:
        self._around.announce(
            events.STAGE_READY,
            **self._place,
            pid=ending["pid"],
            heard_s=ending["heard_s"],
            duration_s=watch.first_passed_s,
            check=watch.probe.label,
            goes_on=goes_on,
        )

    def finished(self, ending: dict[str, Any], status: str, *, duration_s: float, error: Failure | None) -> None:
        self._around.announce(
            events.STAGE_FINISHED,
            **self._place,
            **ending,
            status=status,
            duration_s=duration_s,
            error=error.to_json() if error else None,
        )

    def ended_in_background(
        self, ending: dict[str, Any], status: str, *, duration_s: float, stopped: bool, error: Failure | None
    ) -> None:
        """stopped: by us, not by itself."""
        self._around.announce(
            events.BACKGROUND_ENDED,
            **self._place,
            **ending,
            status=status,
            duration_s=duration_s,
            stopped=stopped,
            error=error.to_json() if error else None,
        )

    def ends_slowly(self, grace_s: float | None) -> None:
        """It is waited for; grace_s: after how long it is killed, None where it can't be."""
        killed = "" if grace_s is None else f"; after {grace_s:g} s it is killed"
        text = f"waiting for {self._place['stage']} on {self._place['host']} to end{killed}"
        self._around.announce(events.STOPPING, text=text)
