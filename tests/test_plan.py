"""What a config is compiled to before anything is touched."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import invoke
import pytest

import benchctl
from benchctl.errors import UsageError
from benchctl.hosts.local import LocalHost
from benchctl.hosts.remote import RemoteHost
from benchctl.names import known_names
from benchctl.plan import Plan

STAGES: list[dict[str, Any]] = [
    {"name": "load", "host": "db", "command": "./load {{vars.size}} {{run.id}}", "args": ["a b"]},
    {"name": "move", "copy": {"from": "db:/tmp/a", "to": "app:/tmp/"}},
    {"name": "own", "task": "build"},
    {"name": "later", "command": "true", "skip": True},
]


def compiled(directory: Path, **options: Any) -> Plan:
    entry = {"ip": "192.0.2.1", "username": "x"}
    hosts = {"db": {**entry, "gateway": "jump"}, "app": entry, "jump": entry, "unused": entry}
    document = {"benchmark": {"name": "x"}, "hosts": hosts, "vars": {"size": "10"}, "stages": STAGES}
    path = directory / "config.yaml"
    path.write_text(json.dumps(document))
    (directory / "tasks.py").write_text("from invoke import task\n@task\ndef build(context): pass\n")
    return benchctl.compile_plan(benchctl.load(path), **options)


def test_a_plan_has_the_chosen_stages_and_only_the_hosts_they_use(tmp_path: Path) -> None:
    plan = compiled(tmp_path)
    assert [stage.name for stage in plan.stages] == ["load", "move", "own"]
    assert dict(plan.skipped) == {"later": "skip: true"}
    assert sorted(plan.hosts) == ["app", "db", "local"]
    assert isinstance(plan.hosts["db"], RemoteHost)
    assert isinstance(plan.hosts["local"], LocalHost)
    assert all(isinstance(task, invoke.Task) for task in plan.tasks.values())
    assert [stage.hosts for stage in plan.stages] == [("db",), ("db",), ("local",)]


def test_a_host_behind_a_gateway_is_reached_through_it(tmp_path: Path) -> None:
    gateway = compiled(tmp_path).hosts["db"].context.gateway
    assert gateway.alias == "jump"


def test_compiling_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    compiled(tmp_path)


@pytest.mark.parametrize(
    ("options", "stages", "skipped"),
    [
        ({"skip": ["load"]}, ["move", "own"], {"load": "--skip", "later": "skip: true"}),
        ({"only": ["later"]}, ["later"], {"load": "--only-stage", "move": "--only-stage", "own": "--only-stage"}),
        ({"only": ["own", "load"]}, ["load", "own"], {"move": "--only-stage", "later": "--only-stage"}),
        (
            {"only": ["load", "own"], "skip": ["own"]},
            ["load"],
            {"move": "--only-stage", "own": "--skip", "later": "--only-stage"},
        ),
    ],
)
def test_stages_are_left_out_for_a_reason(
    tmp_path: Path, options: dict[str, list[str]], stages: list[str], skipped: dict[str, str]
) -> None:
    plan = compiled(tmp_path, **options)
    assert ([stage.name for stage in plan.stages], dict(plan.skipped)) == (stages, skipped)


def test_a_stage_that_there_is_not_is_refused_with_a_guess(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        compiled(tmp_path, only=["laod"])
    assert caught.value.message == "no stage is called 'laod'. Stages: load, move, own, later. Did you mean 'load'?"


def test_a_plan_without_stages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="every stage is skipped; there is nothing to run"):
        compiled(tmp_path, only=["load"], skip=["load"])


def test_a_task_that_there_is_not_shows_before_anything_runs(tmp_path: Path) -> None:
    compiled(tmp_path)
    (tmp_path / "tasks.py").write_text("from invoke import task\n@task\ndef built(context): pass\n")
    assert task_problems(tmp_path) == [
        "stages[2].task: tasks.py has no task 'build'. Tasks: built. Did you mean 'built'?"
    ]
    (tmp_path / "tasks.py").unlink()
    assert task_problems(tmp_path) == [f"stages[2].task: there is no tasks.py beside the config, in {tmp_path}"]


def task_problems(directory: Path) -> list[str]:
    with pytest.raises(benchctl.ConfigError) as caught:
        benchctl.compile_plan(benchctl.load(directory / "config.yaml"))
    return [f"{problem.path}: {problem.text}" for problem in caught.value.problems]


COUNTING = """
from invoke import task
print("loaded")
@task
def before(context, what): pass
@task(pre=[before])
def build(context, target, jobs="1"): pass
@task
def clean(context): pass
"""


def test_every_wrong_task_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.py").write_text(COUNTING)
    stages = ["task: bild", "args: [a]\n    task: clean", "task: clean", "task: build\n    args: [x]"]
    lines = [f"  - name: s{i}\n    {text}" for i, text in enumerate(stages)]
    (tmp_path / "config.yaml").write_text("benchmark: {name: x}\nstages:\n" + "\n".join(lines) + "\n")
    with pytest.raises(benchctl.ConfigError) as caught:
        benchctl.compile_plan(benchctl.load())
    assert caught.value.message.splitlines() == [
        "config.yaml:4: stages[0].task: tasks.py has no task 'bild'. Tasks: before, build, clean. "
        "Did you mean 'build'?",
        "config.yaml:7: stages[1].task: task 'clean' can't be called with these args: too many positional arguments; "
        "after its context it takes nothing",
        "config.yaml:11: stages[3].task: task 'before' can't be called with these args: missing a required argument: "
        "'what'; after its context it takes what",
    ]


def test_tasks_py_is_executed_once_and_again_when_it_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled(tmp_path)
    text = "from invoke import task\nprint('loaded')\n@task\ndef build(context): pass\n"
    (tmp_path / "tasks.py").write_text(text)
    for _ in range(3):
        benchctl.compile_plan(benchctl.load(tmp_path / "config.yaml"))
    assert capsys.readouterr() == ("", "loaded\n")
    (tmp_path / "tasks.py").write_text(text + "# changed\n")
    benchctl.compile_plan(benchctl.load(tmp_path / "config.yaml"))
    assert capsys.readouterr() == ("", "loaded\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("raise SystemExit(3)", "SystemExit: 3"), ("import nowhere_at_all", "ModuleNotFoundError: No module named")],
)
def test_a_tasks_py_that_can_not_be_loaded_is_a_problem_of_its_stage(tmp_path: Path, text: str, reason: str) -> None:
    compiled(tmp_path)
    (tmp_path / "tasks.py").write_text(text)
    (problem,) = task_problems(tmp_path)
    assert problem.startswith(f"stages[2].task: tasks.py can't be loaded: {reason}")


def test_a_tasks_py_of_a_folder_above_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("raise SystemExit('executed')")
    (tmp_path / "below").mkdir()
    compiled(tmp_path / "below")
    (tmp_path / "below/tasks.py").unlink()
    assert "there is no tasks.py beside the config" in task_problems(tmp_path / "below")[0]


def test_names_of_hosts_are_what_ssh_config_makes_of_them(tmp_path: Path, isolated: Path) -> None:
    (isolated / ".ssh").mkdir(exist_ok=True)
    (isolated / ".ssh" / "config").write_text("Host inner\n  HostName 192.0.2.9\n  Port 2222\n  User bench\n")
    (tmp_path / "config.yaml").write_text(
        "benchmark: {name: x}\nhosts: {db: {ip: inner}}\nstages: [{name: a, host: db, command: 'true'}]\n"
    )
    plan = benchctl.compile_plan(benchctl.load(tmp_path / "config.yaml"))
    names = known_names(plan.benchmark)
    assert [names[f"hosts.db{end}"] for end in ("", ".ip", ".port", ".username")] == [
        "192.0.2.9", "192.0.2.9", "2222", "bench"
    ]  # fmt: skip


def test_ssh_config_is_read_only_for_hosts_that_are_reached_over_ssh(tmp_path: Path, isolated: Path) -> None:
    (isolated / ".ssh").mkdir(exist_ok=True)
    (isolated / ".ssh" / "config").write_text("Port abc\n")
    config = tmp_path / "config.yaml"
    local = "benchmark: {name: x}\nstages: [{name: a, command: 'true'}]\n"
    config.write_text(local)
    benchctl.compile_plan(benchctl.load(config))
    config.write_text(local + "hosts: {db: {ip: 10.0.0.5}}\n")
    with pytest.raises(benchctl.ConfigError, match=r"config:1: Port: must be a port from 1 to 65535, not 'abc'"):
        benchctl.compile_plan(benchctl.load(config))


def test_a_plan_has_only_the_cases_in_which_one_of_its_stages_is_done(tmp_path: Path) -> None:
    every, some = {"name": "every", "command": "true"}, {"name": "some", "command": "true", "when": {"j": "wal"}}
    document = {"benchmark": {"name": "x"}, "matrix": {"j": ["wal", "del"]}, "stages": [every, some]}
    (tmp_path / "config.yaml").write_text(json.dumps(document))
    benchmark = benchctl.load(tmp_path / "config.yaml")
    assert [case.name for case in benchctl.compile_plan(benchmark).schedule.cases] == ["wal", "del"]
    plan = benchctl.compile_plan(benchmark, only=["some"])
    assert [case.name for case in plan.schedule.cases] == ["wal"]
    assert [stage.name for stage in plan.stages_of(plan.schedule.cases[0])] == ["some"]
    with pytest.raises(UsageError) as raised:
        benchctl.compile_plan(benchmark, only=["some"], cases=["del"])
    assert raised.value.message == "no stage is left in case 'del'; there is nothing to run"
