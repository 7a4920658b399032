"""One trial: the stages in order, and what is done at its end whatever happened."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from benchctl import events
from benchctl.config.model import Output
from benchctl.errors import BenchctlError, DataError, HostError, Interrupted, LinkLost, OutputError, StageError
from benchctl.hosts.commands.shell import ShellBroken
from benchctl.runs.record import Failure, OutputRecord, StageRecord, TrialRecord
from benchctl.workflow import failures
from benchctl.workflow.daemons import Marked, marked_processes
from benchctl.workflow.on_host import HostRun
from benchctl.workflow.outputs import Collector, Wanted
from benchctl.workflow.side_by_side import for_at_most, side_by_side
from benchctl.workflow.stage import StageRun
from benchctl.workflow.stopping import STOPS, StopAtOnce
from benchctl.workflow.surroundings import Surroundings

AT_ONCE_S = 1.0  # for all that is killed, and again for what is cleared away
LONGEST_BACKOFF_S = 60.0
SETTLE_S = 0.2
TIDY_S = 15.0  # for one host


class TrialRun:
    """A trial under way."""

    def __init__(self, around: Surroundings, collector: Collector, directory: str) -> None:
        self._around = around
        self._collector = collector
        self._directory = directory
        self._stages = [StageRun(stage, around, i) for i, stage in enumerate(around.plan.stages, start=1)]
        self._earlier: list[StageRun] = []  # attempts that failed and were followed by another
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
            flags=list(record.flags),
            error=record.error.to_json() if record.error else None,
        )
        return record

    @property
    def _on_hosts(self) -> list[HostRun]:
        """Every stage on every of its hosts, in order."""
        return [one for run in self._stages for one in run.on_hosts]

    @property
    def _watched(self) -> list[HostRun]:
        return [one for one in self._on_hosts if one.is_complete and one.is_watched]

    def _run_to_its_end(self) -> None:
        try:
            with self._around.stopping.ends_at_once():
                self._run_stages()
                self._end()
        except StopAtOnce:
            self._end_at_once()

    def _run_stages(self) -> None:
        try:
            for position, run in enumerate(self._stages):
                if not run.stage.always:
                    self._around.raise_if_stopped()
                    self._check_alive()
                    self._run_stage(position)
            self._wait(self._settling_s())
        except BenchctlError as error:
            self._fail(error)

    def _check_alive(self) -> None:
        for one in self._on_hosts:
            one.check_alive()

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
            self._check_alive()
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
        self._collect_now(self._stages[position])
        self._raise_missed(self._stages[position])
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
            error=self._failure_of(error).to_json(),
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
                self._unconfirmed(one)
        self._collect_all()
        self._check_data()
        self._check_outputs()
        self._check_tolerated()
        self._tidy_up()
        self._tell_news()
        self._close()
        self._notice_stop()

    def _run_last_stages(self) -> None:
        """The `always` stages; one that fails keeps no other from running."""
        for position, run in enumerate(self._stages):
            if run.stage.always:
                self._noting_failure(partial(self._run_attempts, position, ()))
                self._noting_failure(self._check_alive)

    def _noting_failure(self, do: Callable[[], object]) -> None:
        try:
            do()
        except BenchctlError as error:
            self._fail(error)

    def _end_at_once(self) -> None:
        """The second Ctrl-C: end everything now, collect nothing."""
        for one in self._kill_all():
            self._unconfirmed(one)
        for one in self._on_hosts:
            if one.status == "running":
                one.end()
        self._incomplete("stopped at once: outputs were not collected")
        self._fail(self._around.stopping.error)
        for_at_most(AT_ONCE_S, [partial(self._remove_scripts_if_possible, alias) for alias in self._around.plan.hosts])
        self._close()

    def _kill_all(self) -> list[HostRun]:
        """Where the end could not be confirmed at once."""
        going_on = [one for one in self._on_hosts if one.is_going_on]
        for one in going_on:
            one.kill()
        deadline = time.monotonic() + AT_ONCE_S
        processes = [(one, one.process) for one in going_on if one.process]
        return [one for one, process in processes if not process.gone.wait(max(0.0, deadline - time.monotonic()))]

    def _notice_stop(self) -> None:
        """A first Ctrl-C during the end of the trial: what there is is still collected, and the run says so."""
        if self._error is None:
            try:
                self._around.raise_if_stopped()
            except STOPS as error:
                self._fail(error)

    def _fail(self, error: BenchctlError, *, of: HostRun | None = None) -> None:
        """The first failure stands, and a stop that was asked for before it. `of`: the stage whose output it is
        about; a stage's own says so itself.
        """
        if not isinstance(error, STOPS):
            self._notice_stop()
        if self._error is not None:
            return
        self._error = self._failure_of(error, of)
        self._status = "interrupted" if isinstance(error, Interrupted) else "failed"

    def _failure_of(self, error: BenchctlError, of: HostRun | None = None) -> Failure:
        culprit = next((one for one in self._on_hosts if one.raised is error), None)
        if culprit and culprit.error:
            return replace(culprit.error, others=self._others(culprit))
        alias = of.host.alias if of else getattr(error, "alias", None)
        return failures.as_failure(error, stage=of.stage.name if of else None, host=alias)

    def _others(self, culprit: HostRun) -> dict[str, str]:
        """The status of the same stage on its other hosts."""
        run = next(run for run in self._stages if culprit in run.on_hosts)
        return {one.host.alias: one.status for one in run.on_hosts if one is not culprit}

    # Outputs

    def _collect_all(self) -> None:
        """Bring home what is still there: in stage order from each host, from all hosts at once."""
        work = {
            alias: partial(self._collect_from, [one for one in self._on_hosts if one.host.alias == alias])
            for alias in dict.fromkeys(one.host.alias for one in self._on_hosts)
        }
        # Without a limit for all of it: a transfer that stalls has failed.
        side_by_side(work, self._around.stopping, limit_s=math.inf, too_late=self._host_hangs, check=self._notice_stop)

    def _collect_now(self, run: StageRun) -> None:
        """Bring home at once what is wanted so. A death in the background is told meanwhile, and raised then."""
        died: list[BenchctlError] = []

        def look() -> None:
            try:
                self._check_alive()
            except BenchctlError as error:
                died.append(error)

        self._around.raise_if_stopped()
        if any(output.collect == "now" for output in run.stage.outputs):
            work = {one: partial(self._collect, one, "now") for one in run.on_hosts}
            side_by_side(
                work,
                self._around.stopping,
                limit_s=math.inf,
                too_late=lambda one: self._host_hangs(one.host.alias),
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

    def _raise_missed(self, run: StageRun) -> None:
        """An output that had to come now and is missing ends the trial now, not after all other stages."""
        if run.stage.continue_on_error:
            return
        for one in run.on_hosts:
            for record in self._missed(one):
                error = self._output_error(one, record)
                self._fail(error, of=one)
                raise error

    def _missed(self, one: HostRun) -> list[OutputRecord]:
        """Its outputs that had to come home and did not."""
        needed = {output.name for output in one.stage.outputs if not output.optional}
        return [record for record in one.outputs if record.status != "collected" and record.name in needed]

    def _check_outputs(self) -> None:
        for one in self._on_hosts:
            missed = [] if one.stage.continue_on_error else self._missed(one)
            for record in one.outputs:
                if record in missed:
                    self._fail(self._output_error(one, record), of=one)
                elif record.status != "collected":
                    kind = "output" if one.stage.continue_on_error else "optional output"
                    self._incomplete(f"{kind} '{record.name}': {record.reason}")

    def _check_data(self) -> None:
        """Whether what came home holds what its data_schema says."""
        for one in self._on_hosts:
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
            self._fail(DataError(text), of=one)
        elif data.status == "flagged":
            self._incomplete(text)
        return replace(record, data=data)

    def _check_tolerated(self) -> None:
        """A failure that the trial went on past is still one that the run must not hide."""
        for one in self._on_hosts:
            if one.error and one.stage.continue_on_error:
                self._incomplete(f"the trial went on past a failure: {one.error.message}")

    def _output_error(self, one: HostRun, record: OutputRecord) -> BenchctlError:
        text = f"output '{record.name}' of stage '{one.stage.name}': {record.reason}"
        hint = str(record.extra.get("hint", ""))
        gone = self._collector.unreachable.get(one.host.alias)
        if gone and record.reason == gone.message:
            return type(gone)(gone.alias, text, hint=hint)
        return OutputError(text, hint=hint)

    # What is left on the hosts

    def _unconfirmed(self, one: HostRun) -> None:
        process = one.process
        text = f"the end of '{one.stage.name}' on {one.host.place} could not be confirmed"
        if process and process.pid:
            text += f"; on that host: kill -KILL -{process.pid}"
        self._incomplete(text)
        self._around.announce(events.WARNING, text=text)

    def _incomplete(self, reason: str) -> None:
        self._flags.append(reason)
        if self._status == "succeeded":
            self._status = "incomplete"

    def _tidy_up(self) -> None:
        """Look for what is left, and take away what was sent, on all hosts at once."""
        gone = self._collector.unreachable
        work = {alias: partial(self._tidy, alias) for alias in self._around.plan.hosts if alias not in gone}
        errors = side_by_side(
            work, self._around.stopping, limit_s=TIDY_S, too_late=self._host_hangs, check=self._notice_stop
        )
        for alias, error in {**gone, **errors}.items():
            if alias in errors or self._has_script(alias):
                text = f"{self._around.plan.hosts[alias].place} was not left tidy: {error.message}"
                self._incomplete(text)
                self._around.announce(events.WARNING, text=text)
            gone[alias] = error if isinstance(error, HostError) else self._host_hangs(alias)

    def _has_script(self, alias: str) -> bool:
        return any(one.prepared.has_script for one in self._attempts_on(alias))

    def _attempts_on(self, alias: str) -> list[HostRun]:
        """Every attempt of every stage on a host, those that failed among them."""
        runs = (*self._earlier, *self._stages)
        return [one for run in runs for one in run.on_hosts if one.host.alias == alias]

    def _host_hangs(self, alias: str) -> HostError:
        place = self._around.plan.hosts[alias].place
        return LinkLost(alias, f"{place} did not answer within {TIDY_S:g} s when it was to be left tidy")

    def _tidy(self, alias: str) -> None:
        self._remove_scripts(alias)
        try:
            self._find_daemons(alias)
        except ShellBroken as error:
            raise LinkLost(alias, f"what its stages left there can't be looked for: {error}") from error

    def _find_daemons(self, alias: str) -> None:
        """Name what made a session of its own and outlives the trial; it is left alone."""
        host, uid = self._around.plan.hosts[alias], self._around.circumstances.run_uid
        ours = {one.process.pid for one in self._on_hosts if one.process and one.host.alias == alias}
        for process in marked_processes(host, uid):
            if process.group not in ours:
                self._name_daemon(alias, process)

    def _name_daemon(self, alias: str, process: Marked) -> None:
        one = next((o for o in self._on_hosts if o.stage.name == process.stage and o.host.alias == alias), None)
        if one is None:
            return
        one.left_behind.append({"pid": process.pid, "command": process.command})
        self._around.announce(
            events.WARNING,
            text=f"still running on {alias}: {process.pid} {process.command[:80]} (left by '{process.stage}' in a "
            f"session of its own; to end it: kill {process.pid})",
        )

    def _remove_scripts_if_possible(self, alias: str) -> None:
        with contextlib.suppress(HostError):
            self._remove_scripts(alias)

    def _remove_scripts(self, alias: str) -> None:
        for one in self._attempts_on(alias):
            one.prepared.remove_script()

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
        record = replace(record, metrics=self._around.measure(record))
        return record.masked(self._around.redactor.text)

    def _stage_record(self, run: StageRun) -> StageRecord:
        earlier = tuple(attempt.record() for attempt in self._earlier if attempt.stage is run.stage)
        return replace(run.record(), earlier=earlier)

    def _stage_records(self) -> tuple[StageRecord, ...]:
        """Every stage in the config's order, those that were skipped among them."""
        done = {run.stage.name: self._stage_record(run) for run in self._stages}
        stages = self._around.plan.benchmark.stages
        return tuple(done.get(s.name, StageRecord(name=s.name, kind=s.kind, status="skipped")) for s in stages)
