"""How a passage through stages went: its status, its flags, and the first failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchctl.errors import BenchctlError, Interrupted
from benchctl.runs.failure import Failure
from benchctl.workflow import failures
from benchctl.workflow.on_host import HostRun
from benchctl.workflow.stopping import STOPS
from benchctl.workflow.surroundings import Surroundings


class Outcome:
    """`on_hosts` gives every stage on every of its hosts, those around it among them: one may be to blame."""

    def __init__(self, around: Surroundings, on_hosts: Callable[[], Sequence[HostRun]]) -> None:
        self._around = around
        self._on_hosts = on_hosts
        self.status = "succeeded"
        self.error: Failure | None = None
        self.flags: list[str] = []

    def fail(self, error: BenchctlError, *, of: HostRun | None = None) -> None:
        """The first failure stands, and a stop that was asked for before it. `of`: the stage whose output it is
        about; a stage's own says so itself.
        """
        if not isinstance(error, STOPS):
            self.notice_stop()
        if self.error is not None:
            return
        self.error = self.failure_of(error, of)
        self.status = "interrupted" if isinstance(error, Interrupted) else "failed"

    def notice_stop(self) -> None:
        """A first Ctrl-C during the end of the trial: what there is is still collected, and the run says so."""
        if self.error is None:
            try:
                self._around.raise_if_stopped()
            except STOPS as error:
                self.fail(error)

    def incomplete(self, reason: str) -> None:
        self.flags.append(reason)
        if self.status == "succeeded":
            self.status = "incomplete"

    def noting_failure(self, do: Callable[[], object]) -> None:
        try:
            do()
        except BenchctlError as error:
            self.fail(error)

    def failure_of(self, error: BenchctlError, of: HostRun | None = None) -> Failure:
        culprit = next((one for one in self._on_hosts() if one.raised is error), None)
        if culprit and culprit.error:
            return replace(culprit.error, others=self._others(culprit))
        alias = of.host.alias if of else getattr(error, "alias", None)
        return failures.as_failure(error, stage=of.stage.name if of else None, host=alias)

    def _others(self, culprit: HostRun) -> dict[str, str]:
        """The status of the same stage on its other hosts."""
        same = [one for one in self._on_hosts() if one.stage is culprit.stage and one is not culprit]
        return {one.host.alias: one.status for one in same}
