"""What all stages of a trial share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchctl import events
from benchctl.config.model import Stage
from benchctl.errors import HostError, LinkLost
from benchctl.names import Circumstances
from benchctl.plan import Plan
from benchctl.redact import Redactor
from benchctl.runs.files import Folder
from benchctl.runs.record import MetricRecord, TrialRecord
from benchctl.runs.store import RunDirectory
from benchctl.workflow.announcer import Announcer
from benchctl.workflow.evaluation import Check, not_checked
from benchctl.workflow.noise import Noise
from benchctl.workflow.stopping import Stopping

TIDY_S = 15.0  # for one host


@dataclass(frozen=True)
class Surroundings:
    """What the stages of a trial, or those around all trials, share.

    `folder` is where their files go, `run` the whole run's. named: per host the groups of left processes that a
    warning has named already.
    """

    plan: Plan
    stages: tuple[Stage, ...]
    circumstances: Circumstances
    run: RunDirectory
    folder: Folder
    announce: Announcer
    stopping: Stopping
    redactor: Redactor
    shows_output: bool
    is_last: bool = True  # nothing of the run comes after these stages
    check: Check = not_checked
    measure: Callable[[TrialRecord], dict[str, MetricRecord]] = lambda trial: {}
    named: dict[str, set[int]] = field(default_factory=dict)
    noise: Noise | None = None  # of trials, not of what is around them

    def raise_if_stopped(self) -> None:
        """Raise Interrupted when Ctrl-C or its like was asked for, and say what happens then."""
        if self.stopping.is_asked:
            self.announce(events.STOPPING, text="stopping and collecting what there is; Ctrl-C again stops at once")
            raise self.stopping.error

    def host_hangs(self, alias: str) -> HostError:
        place = self.plan.hosts[alias].place
        return LinkLost(alias, f"{place} did not answer within {TIDY_S:g} s when it was to be left tidy")
