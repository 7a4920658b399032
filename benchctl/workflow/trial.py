"""One trial: the stages in order, and what is done at its end whatever happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from benchctl import events
from benchctl.errors import BenchctlError, HostError, Interrupted, OutputError
from benchctl.hosts.shell import ShellBroken
from benchctl.runs.record import Failure, OutputRecord, StageRecord, TrialRecord
from benchctl.workflow import failures
from benchctl.workflow.daemons import Marked, marked_processes
from benchctl.workflow.outputs import Collector, Wanted
from benchctl.workflow.stage import StageRun
from benchctl.workflow.stopping import StopAtOnce, for_at_most
from benchctl.workflow.surroundings import Surroundings

AT_ONCE_S = 1.0  # for all that is killed, and again for what is cleared away


class TrialRun:
    """A trial under way."""

    def __init__(self, around: Surroundings, collector: Collector, directory: str) -> None:
        self._around = around
        self._collector = collector
        self._directory = directory
        self._stages = [StageRun(stage, around, i) for i, stage in enumerate(around.plan.stages, start=1)]
        self._error: Failure | None = None
        self._status = "succeeded"
        self._flags: list[str] = []

    def run(self) -> TrialRecord:
        """Its record, also when it failed: what was not done is in there. Only a mistake of ours is raised."""
        circumstances, announce = self._around.circumstances, self._around.announce
        started, began = datetime.now(UTC), time.monotonic()
        announce(events.TRIAL_STARTED, case=circumstances.case, trial=circumstances.trial, directory=self._directory)
        try:
            self._run_to_its_end()
        except Exception:
            self._kill_all()
            raise
        record = self._record(started, time.monotonic() - began)
        announce(
            events.TRIAL_FINISHED,
            case=record.case,
            trial=record.trial,
            status=record.status,
            duration_s=record.duration_s,
            error=record.error.to_json() if record.error else None,
        )
        return record

    def _run_to_its_end(self) -> None:
        try:
            with self._around.stopping.ends_at_once():
                self._run_stages()
                self._end()
        except StopAtOnce:
            self._end_at_once()

    def _run_stages(self) -> None:
        watched: list[StageRun] = []
        try:
            for run in self._stages:
                self._around.raise_if_stopped()
                run.run(watched)
                watched = [one for one in (*watched, run) if one.is_watched]
                self._collect(run, "now")
                self._raise_missed(run)
                if self._around.announce.failure:
                    raise self._around.announce.failure
            for run in watched:
                run.check_alive()
        except BenchctlError as error:
            self._fail(error)

    # The end, whatever happened

    def _end(self) -> None:
        for run in reversed(self._stages):
            if not run.stop():
                self._unconfirmed(run)
        for run in self._stages:
            if run.started:
                self._collect(run, "end")
        self._check_outputs()
        self._find_daemons()
        self._remove_scripts()
        self._close()
        self._notice_stop()

    def _end_at_once(self) -> None:
        """The second Ctrl-C: end everything now, collect nothing."""
        for run in self._kill_all():
            self._unconfirmed(run)
        for run in self._stages:
            if run.status == "running":
                run.end()
        self._incomplete("stopped at once: outputs were not collected")
        self._fail(self._around.stopping.error)
        for_at_most(AT_ONCE_S, [self._remove_scripts])
        self._close()

    def _kill_all(self) -> list[StageRun]:
        """The stages whose end could not be confirmed at once."""
        going_on = [run for run in self._stages if run.is_going_on]
        for run in going_on:
            run.kill()
        deadline = time.monotonic() + AT_ONCE_S
        processes = [(run, run.process) for run in going_on if run.process]
        return [run for run, process in processes if not process.gone.wait(max(0.0, deadline - time.monotonic()))]

    def _notice_stop(self) -> None:
        """A first Ctrl-C during the end of the trial: what there is is still collected, and the run says so."""
        if self._error is None:
            try:
                self._around.raise_if_stopped()
            except Interrupted as error:
                self._fail(error)

    def _fail(self, error: BenchctlError, *, of: StageRun | None = None) -> None:
        """The first failure stands. `of`: the stage whose output it is about; a stage's own says so itself."""
        if self._error is not None:
            return
        culprit = next((run for run in self._stages if run.raised is error), None)
        self._error = culprit.error if culprit else self._failure(error, of)
        self._status = "interrupted" if isinstance(error, Interrupted) else "failed"

    def _failure(self, error: BenchctlError, run: StageRun | None) -> Failure:
        alias = run.host.alias if run else getattr(error, "alias", None)
        return failures.as_failure(error, stage=run.stage.name if run else None, host=alias)

    # Outputs

    def _collect(self, run: StageRun, when: str) -> None:
        for output in run.stage.outputs:
            if output.collect != when and not (when == "end" and self._missed_now(run, output.name)):
                continue
            self._notice_stop_between(when)
            wanted = Wanted(output, run.stage, run.host, run.prepared.names, run.started_s)
            run.outputs.append(self._collector.collect(wanted))

    def _notice_stop_between(self, when: str) -> None:
        if when == "end":
            self._notice_stop()
        else:
            self._around.raise_if_stopped()

    def _missed_now(self, run: StageRun, name: str) -> bool:
        """Whether an output with `collect: now` is still to come, since its stage failed before."""
        return all(record.name != name for record in run.outputs)

    def _raise_missed(self, run: StageRun) -> None:
        """An output that had to come now and is missing ends the trial now, not after all other stages."""
        for record in self._missed(run):
            error = self._output_error(run, record)
            self._fail(error, of=run)
            raise error

    def _missed(self, run: StageRun) -> list[OutputRecord]:
        """Its outputs that had to come home and did not."""
        needed = {output.name for output in run.stage.outputs if not output.optional}
        return [record for record in run.outputs if record.status != "collected" and record.name in needed]

    def _check_outputs(self) -> None:
        for run in self._stages:
            missed = self._missed(run)
            for record in run.outputs:
                if record in missed:
                    self._fail(self._output_error(run, record), of=run)
                elif record.status != "collected":
                    self._incomplete(f"optional output '{record.name}': {record.reason}")

    def _output_error(self, run: StageRun, record: OutputRecord) -> BenchctlError:
        text = f"output '{record.name}' of stage '{run.stage.name}': {record.reason}"
        hint = str(record.extra.get("hint", ""))
        gone = self._collector.unreachable.get(run.host.alias)
        if gone and record.reason == gone.message:
            return type(gone)(gone.alias, text, hint=hint)
        return OutputError(text, hint=hint)

    # What is left on the hosts

    def _unconfirmed(self, run: StageRun) -> None:
        process = run.process
        text = f"the end of '{run.stage.name}' on {run.host.place} could not be confirmed"
        if process and process.pid:
            text += f"; on that host: kill -KILL -{process.pid}"
        self._incomplete(text)
        self._around.announce(events.WARNING, text=text)

    def _incomplete(self, reason: str) -> None:
        self._flags.append(reason)
        if self._status == "succeeded":
            self._status = "incomplete"

    def _find_daemons(self) -> None:
        """Name what made a session of its own and outlives the trial; it is left alone."""
        uid, gone = self._around.circumstances.run_uid, self._collector.unreachable
        ours = {run.process.pid for run in self._stages if run.process}
        for alias, host in self._around.plan.hosts.items():
            if alias in gone:
                continue
            try:
                found = [process for process in marked_processes(host, uid) if process.group not in ours]
            except HostError as error:
                gone[alias] = error
            except ShellBroken:
                continue
            else:
                self._name_daemons(alias, found)

    def _name_daemons(self, alias: str, found: Sequence[Marked]) -> None:
        for process in found:
            run = next((r for r in self._stages if r.stage.name == process.stage and r.host.alias == alias), None)
            if run is None:
                continue
            run.left_behind.append({"pid": process.pid, "command": process.command})
            self._around.announce(
                events.WARNING,
                text=f"still running on {alias}: {process.pid} {process.command[:80]} (left by '{process.stage}' in a "
                f"session of its own; to end it: kill {process.pid})",
            )

    def _remove_scripts(self) -> None:
        gone = self._collector.unreachable
        for run in self._stages:
            if run.host.alias in gone:
                continue
            try:
                run.prepared.remove_script()
            except HostError as error:
                gone[run.host.alias] = error

    def _close(self) -> None:
        for run in self._stages:
            run.close()

    # The record

    def _record(self, started: datetime, duration_s: float) -> TrialRecord:
        circumstances = self._around.circumstances
        record = TrialRecord(
            case=circumstances.case,
            trial=circumstances.trial,
            directory=self._directory,
            status=self._status,
            started=started,
            finished=datetime.now(UTC),
            duration_s=duration_s,
            flags=tuple(self._flags),
            error=self._error,
            stages=self._stage_records(),
        )
        return record.masked(self._around.redactor.text)

    def _stage_record(self, run: StageRun) -> StageRecord:
        return StageRecord(
            name=run.stage.name,
            kind=run.stage.kind,
            status=run.status,
            hosts={run.host.alias: run.record()} if run.started else {},
        )

    def _stage_records(self) -> tuple[StageRecord, ...]:
        """Every stage in the config's order, those that were skipped among them."""
        done = {run.stage.name: self._stage_record(run) for run in self._stages}
        stages = self._around.plan.benchmark.stages
        return tuple(done.get(s.name, StageRecord(name=s.name, kind=s.kind, status="skipped")) for s in stages)
