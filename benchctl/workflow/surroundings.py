"""What all stages of a trial share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchctl import events
from benchctl.names import Circumstances
from benchctl.plan import Plan
from benchctl.redact import Redactor
from benchctl.runs.record import MetricRecord, TrialRecord
from benchctl.runs.store import Folder, RunDirectory
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.evaluation import Check, not_checked
from benchctl.workflow.stopping import Stopping


@dataclass(frozen=True)
class Surroundings:
    """What all stages of a trial share; `folder` is the trial's, `run` the whole run's."""

    plan: Plan
    circumstances: Circumstances
    run: RunDirectory
    folder: Folder
    announce: Announcer
    stopping: Stopping
    redactor: Redactor
    shows_output: bool
    check: Check = not_checked
    measure: Callable[[TrialRecord], dict[str, MetricRecord]] = lambda trial: {}

    def raise_if_stopped(self) -> None:
        """Raise Interrupted when Ctrl-C or its like was asked for, and say what happens then."""
        if self.stopping.is_asked:
            self.announce(events.STOPPING, text="stopping and collecting what there is; Ctrl-C again stops at once")
            raise self.stopping.error
