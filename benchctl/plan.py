"""A benchmark compiled to what will run it: live hosts and one Invoke task per stage. Opens no socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import fabric
import invoke

from benchctl.config.model import Benchmark, Case, HostConfig, Stage, Trials
from benchctl.config.needed import stages_needed
from benchctl.errors import ConfigError, Problem, UsageError
from benchctl.hosts.commands.process import FunctionProcess, Process
from benchctl.hosts.commands.sinks import LogSink
from benchctl.hosts.context import fabric_config
from benchctl.hosts.files.collecting import Watch
from benchctl.hosts.files.transfer import Copying
from benchctl.hosts.host import Host
from benchctl.hosts.making import make_host
from benchctl.hosts.ssh.connection import Connection
from benchctl.hosts.ssh.ssh_config import no_ssh_config, resolved, user_ssh_config
from benchctl.project_task import TaskProcess, task_flaw
from benchctl.schedule import Schedule, make_schedule
from benchctl.template import did_you_mean, names_in


@dataclass(frozen=True)
class Launch:
    """What a trial adds to a stage to start it: templates filled in, streams opened.

    command: the text for the shell; for a script, its path on the host with its arguments.
    """

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None
    out: LogSink
    err: LogSink
    from_path: str = ""  # of a copy
    to_path: str = ""
    progress: Callable[[int, int], None] = lambda done, total: None  # of a copy: bytes done, and in all
    is_last: bool = False  # no later stage needs the host


@dataclass(frozen=True)
class Plan:
    """The chosen stages in order, the hosts they use, and per stage and host the Invoke task that prepares it.

    Calling `tasks[stage.name, alias](plan.hosts[alias].context, launch)` returns a Process that waits for its `go`.
    """

    benchmark: Benchmark
    stages: tuple[Stage, ...] = field(repr=False)  # their texts may hold secrets
    skipped: Mapping[str, str]  # stage -> why
    hosts: Mapping[str, Host]
    tasks: Mapping[tuple[str, str], invoke.Task[Any]]
    schedule: Schedule

    def stages_of(self, case: Case | None) -> tuple[Stage, ...]:
        """The stages that a trial of a case passes through."""
        return tuple(stage for stage in self._of_trials if is_done_in(stage, case))

    @property
    def stages_around(self) -> tuple[Stage, ...]:
        """The stages that are done once, around all trials."""
        return () if self.schedule.is_single else tuple(stage for stage in self.stages if stage.scope == "run")

    @property
    def _of_trials(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.stages if stage not in self.stages_around)


def is_done_in(stage: Stage, case: Case | None) -> bool:
    return stage.cases is None or (case is not None and case.name in stage.cases)


def compile_plan(
    benchmark: Benchmark,
    *,
    skip: Sequence[str] = (),
    only: Sequence[str] = (),
    cases: Sequence[str] = (),
    repeat: int | None = None,
    seed: int | None = None,
) -> Plan:
    """Raises UsageError for a stage or case that there is not or when none is left, ConfigError for a wrong `task`
    or for files that trials would take from each other.
    """
    _check_names(benchmark, [*skip, *only])
    skipped = {stage.name: why for stage in benchmark.stages if (why := _why_skipped(stage, skip, only))}
    stages = tuple(stage for stage in benchmark.stages if stage.name not in skipped)
    if not stages:
        raise UsageError("every stage is skipped; there is nothing to run")
    _check_tasks(benchmark, stages)
    possible = _possible_cases(benchmark, stages, cases)
    trials = _possible_trials(benchmark, stages)
    schedule = make_schedule(replace(benchmark, cases=possible, trials=trials), cases=cases, repeat=repeat, seed=seed)
    _check_copies(benchmark, stages, schedule)
    ssh_config = user_ssh_config() if any(not host.is_local for host in benchmark.hosts.values()) else no_ssh_config()
    hosts = _hosts(benchmark, stages, fabric_config(benchmark.shell, ssh_config))
    places = [(stage, alias) for stage in stages for alias in stage.hosts]
    tasks = {(stage.name, alias): _task(benchmark, stage, alias, hosts) for stage, alias in places}
    known = {alias: resolved(host, ssh_config) for alias, host in benchmark.hosts.items()}
    return Plan(replace(benchmark, hosts=known), stages, skipped, hosts, tasks, schedule)


def _check_names(benchmark: Benchmark, names: Sequence[str]) -> None:
    known = [stage.name for stage in benchmark.stages]
    for name in names:
        if name not in known:
            raise UsageError(f"no stage is called {name!r}. Stages: {', '.join(known)}.{did_you_mean(name, known)}")


def _check_tasks(benchmark: Benchmark, stages: Sequence[Stage]) -> None:
    """A task that there is not, or that can't take its args, shows before anything runs: all of them at once."""
    problems = [
        Problem(benchmark.file, stage.task_line, f"stages[{benchmark.stages.index(stage)}].task", flaw)
        for stage in stages
        if stage.task and (flaw := task_flaw(benchmark.directory, stage.task, stage.args))
    ]
    if problems:
        raise ConfigError(problems)


def _possible_cases(benchmark: Benchmark, stages: Sequence[Stage], named: Sequence[str]) -> tuple[Case, ...]:
    """The cases in which one of these stages is done; a named one must be among them."""
    done = [stage for stage in stages if stage.scope == "trial"]
    possible = [case for case in benchmark.cases if not done or any(is_done_in(stage, case) for stage in done)]
    for case in benchmark.cases:
        if case.name in named and case not in possible:
            raise UsageError(f"no stage is left in case {case.name!r}; there is nothing to run")
    if benchmark.cases and not possible:
        raise UsageError("no case is left in which one of these stages is done; there is nothing to run")
    return tuple(possible)


def _possible_trials(benchmark: Benchmark, stages: Sequence[Stage]) -> Trials:
    """Without `until` where a stage that its metric is made of is left out: it would wait for what never comes."""
    until = benchmark.trials.until
    there = {stage.name for stage in stages}
    if until and not stages_needed(benchmark, until.precision.metric) <= there:
        return replace(benchmark.trials, until=None)
    return benchmark.trials


def _check_copies(benchmark: Benchmark, stages: Sequence[Stage], schedule: Schedule) -> None:
    """What is copied out of several trials must go to a file of each."""
    of_trials = [(i, stage) for i, stage in enumerate(benchmark.stages) if stage in stages and stage.scope == "trial"]
    copied = [
        (output.line, f"stages[{i}].outputs[{j}].local_path", str(output.local_path))
        for i, stage in of_trials
        for j, output in enumerate(stage.outputs)
        if output.is_copied
    ]
    copied += [
        (plot.line, f"plots[{i}].export_path", str(plot.export_path))
        for i, plot in enumerate(benchmark.plots)
        if plot.is_copied and plot.is_per_trial
    ]
    flaws = [(line, key, _copy_flaw(path, schedule)) for line, key, path in copied]
    if problems := [Problem(benchmark.file, line, key, flaw) for line, key, flaw in flaws if flaw]:
        raise ConfigError(problems)


def _copy_flaw(path: str, schedule: Schedule) -> str:
    names = {name.name for name in names_in(path)}
    params = [f"params.{name}" for case in schedule.cases for name in case.params]
    needed = ["case"] if len(schedule.cases) > 1 and not names.intersection(["case", *params]) else []
    needed += ["trial"] if schedule.trials.most + schedule.trials.warmup > 1 and "trial" not in names else []
    if not needed:
        return ""
    braces = " and ".join(f"{{{{{name}}}}}" for name in needed)
    return f"{path!r} would be written by every trial; put {braces} into it"


def _why_skipped(stage: Stage, skip: Sequence[str], only: Sequence[str]) -> str:
    if stage.name in skip:
        return "--skip"
    if only and stage.name not in only:
        return "--only-stage"
    return "skip: true" if stage.skip and stage.name not in only else ""


def _hosts(benchmark: Benchmark, stages: Sequence[Stage], config: fabric.Config) -> dict[str, Host]:
    used = {alias for stage in stages for alias in hosts_used(stage)}
    ordered = [host for alias, host in benchmark.hosts.items() if alias in used]
    return {host.alias: _make_host(benchmark, host, config) for host in ordered}


def hosts_used(stage: Stage) -> tuple[str, ...]:
    """The aliases of the hosts that a stage needs."""
    return (stage.copy.from_host, stage.copy.to_host) if stage.copy else stage.hosts


def _make_host(benchmark: Benchmark, host: HostConfig, config: fabric.Config) -> Host:
    return make_host(host, config, benchmark.directory, _gateway(benchmark, host, config))


def _gateway(benchmark: Benchmark, host: HostConfig, config: fabric.Config) -> Connection | None:
    if host.gateway is None:
        return None
    jump = benchmark.hosts[host.gateway]
    return Connection(jump, config=config, gateway=_gateway(benchmark, jump, config))


def _task(benchmark: Benchmark, stage: Stage, alias: str, hosts: Mapping[str, Host]) -> invoke.Task[Any]:
    """The Invoke task of a stage, bound to its host: Fabric's own `Task(hosts=..)` is ignored by `inv`."""
    makers: dict[str, Callable[[], Callable[[Any, Launch], Process]]] = {
        "command": lambda: _shell_stage(hosts[alias], benchmark.shell),
        "script": lambda: _shell_stage(hosts[alias], benchmark.shell),
        "copy": lambda: _copy_stage(stage, hosts),
        "task": lambda: _project_task(stage, benchmark.directory),
    }
    return invoke.Task(makers[stage.kind](), name=stage.slug)


def _shell_stage(host: Host, shell: str) -> Callable[[Any, Launch], Process]:
    def start(context: invoke.Context, launch: Launch) -> Process:
        return host.prepare(
            launch.command,
            env=launch.env,
            cwd=launch.cwd,
            shell=shell,
            out=launch.out,
            err=launch.err,
            is_last=launch.is_last,
        )

    return start


def _copy_stage(stage: Stage, hosts: Mapping[str, Host]) -> Callable[[Any, Launch], Process]:
    assert stage.copy
    source, target = hosts[stage.copy.from_host], hosts[stage.copy.to_host]

    def start(context: invoke.Context, launch: Launch) -> Process:
        watch = Watch(launch.progress, lambda text: launch.err.write_bytes(f"{text}\n".encode()))
        copying = Copying(source, source.resolve(launch.from_path), target, launch.to_path, watch)
        return FunctionProcess(copying.run, copying.stop)

    return start


def _project_task(stage: Stage, directory: Path) -> Callable[[Any, Launch], Process]:
    def start(context: invoke.Context, launch: Launch) -> Process:
        return TaskProcess(str(stage.task), directory, context, launch)

    return start
