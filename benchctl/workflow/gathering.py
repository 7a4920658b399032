"""The outputs of some stages: brought home, checked, and missed where they had to come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from benchctl import events
from benchctl.config.model import Output
from benchctl.errors import BenchctlError, DataError, OutputError
from benchctl.runs.outputs import OutputRecord
from benchctl.workflow.on_host import HostRun
from benchctl.workflow.outcome import Outcome
from benchctl.workflow.outputs import Collector, Wanted
from benchctl.workflow.side_by_side import side_by_side
from benchctl.workflow.stage import StageRun
from benchctl.workflow.surroundings import Surroundings


class Gathering:
    """Brings the outputs of a passage home and says in its outcome what is wrong with them."""

    def __init__(self, around: Surroundings, collector: Collector, outcome: Outcome) -> None:
        self._around = around
        self._collector = collector
        self._outcome = outcome

    def bring_all(self, on_hosts: Sequence[HostRun]) -> None:
        """Bring home what is still there: in stage order from each host, from all hosts at once."""
        work = {
            alias: partial(self._collect_from, [one for one in on_hosts if one.host.alias == alias])
            for alias in dict.fromkeys(one.host.alias for one in on_hosts)
        }
        # Without a limit for all of it: a transfer that stalls has failed.
        side_by_side(
            work,
            self._around.stopping,
            limit_s=math.inf,
            too_late=self._around.host_hangs,
            check=self._outcome.notice_stop,
        )

    def bring_now(self, run: StageRun, check_alive: Callable[[], object]) -> None:
        """Bring home at once what is wanted so. A death in the background is told meanwhile, and raised then."""
        died: list[BenchctlError] = []

        def look() -> None:
            try:
                check_alive()
            except BenchctlError as error:
                died.append(error)

        self._around.raise_if_stopped()
        if any(output.collect == "now" for output in run.stage.outputs):
            work = {one: partial(self._collect, one, "now") for one in run.on_hosts}
            side_by_side(
                work,
                self._around.stopping,
                limit_s=math.inf,
                too_late=lambda one: self._around.host_hangs(one.host.alias),
                check=look,
            )
        if died:
            raise died[0]

    def _collect_from(self, on_host: Sequence[HostRun]) -> None:
        for one in on_host:
            if one.started:
                self._collect(one, "end")

    def _collect(self, one: HostRun, when: str) -> None:
        for output in one.stage.outputs:
            if output.collect != when and not (when == "end" and self._missed_now(one, output.name)):
                continue
            wanted = Wanted(output, one.stage, one.host, one.prepared.names, one.started_s)
            one.outputs.append(self._collector.collect(wanted))

    def _missed_now(self, one: HostRun, name: str) -> bool:
        """Whether an output with `collect: now` is still to come, since its stage failed before."""
        return all(record.name != name for record in one.outputs)

    def raise_missed(self, run: StageRun) -> None:
        """An output that had to come now and is missing ends the trial now, not after all other stages."""
        if run.stage.continue_on_error:
            return
        for one in run.on_hosts:
            for record in self._missed(one):
                error = self._output_error(one, record)
                self._outcome.fail(error, of=one)
                raise error

    def _missed(self, one: HostRun) -> list[OutputRecord]:
        """Its outputs that had to come home and did not."""
        needed = {output.name for output in one.stage.outputs if not output.optional}
        return [record for record in one.outputs if record.status != "collected" and record.name in needed]

    def check(self, on_hosts: Sequence[HostRun]) -> None:
        """Whether all that had to come is there, and holds what it should."""
        self._check_data(on_hosts)
        self._check_there(on_hosts)
        self._check_tolerated(on_hosts)

    def _check_there(self, on_hosts: Sequence[HostRun]) -> None:
        for one in on_hosts:
            missed = [] if one.stage.continue_on_error else self._missed(one)
            for record in one.outputs:
                if record in missed:
                    self._outcome.fail(self._output_error(one, record), of=one)
                elif record.status != "collected":
                    kind = "output" if one.stage.continue_on_error else "optional output"
                    self._outcome.incomplete(f"{kind} '{record.name}': {record.reason}")

    def _check_data(self, on_hosts: Sequence[HostRun]) -> None:
        """Whether what came home holds what its data_schema says."""
        for one in on_hosts:
            declared = {output.name: output for output in one.stage.outputs if output.data_schema}
            for i, record in enumerate(one.outputs):
                if record.status == "collected" and record.name in declared:
                    one.outputs[i] = self._with_data(one, declared[record.name], record)

    def _with_data(self, one: HostRun, output: Output, record: OutputRecord) -> OutputRecord:
        began = time.monotonic()
        data = self._around.check(output, record, self._around.folder.path)
        for text in data.remarks:
            self._around.announce(events.WARNING, text=text)
        self._around.announce(
            events.OUTPUT_CHECKED,
            output=output.name,
            stage=one.stage.name,
            host=one.host.alias,
            status=data.status,
            rows=data.rows,
            bad_rows=data.bad_rows,
            reason=data.reason,
            duration_s=time.monotonic() - began,
        )
        text = f"output '{output.name}' of stage '{one.stage.name}' on {one.host.alias}: {data.reason}"
        if data.status == "failed":
            self._outcome.fail(DataError(text), of=one)
        elif data.status == "flagged":
            self._outcome.incomplete(text)
        return replace(record, data=data)

    def _check_tolerated(self, on_hosts: Sequence[HostRun]) -> None:
        """A failure that the trial went on past is still one that the run must not hide."""
        for one in on_hosts:
            if one.error and one.stage.continue_on_error:
                self._outcome.incomplete(f"the trial went on past a failure: {one.error.message}")

    def _output_error(self, one: HostRun, record: OutputRecord) -> BenchctlError:
        text = f"output '{record.name}' of stage '{one.stage.name}': {record.reason}"
        hint = str(record.extra.get("hint", ""))
        gone = self._collector.unreachable.get(one.host.alias)
        if gone and record.reason == gone.message:
            return type(gone)(gone.alias, text, hint=hint)
        return OutputError(text, hint=hint)
