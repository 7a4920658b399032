"""What a stage does on its host: commands, scripts, copies, tasks, and what they find there."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import sshd as bed
from workflow_bed import Bench, log, on_host, pid_in, remote_bench, stage_of, statuses, wait_until_gone


def test_stages_run_in_the_order_of_the_file(bench: Bench) -> None:
    names = ["one", "two", "three"]
    trace = bench.path("trace")
    record = bench.run(*(bench.stage(name, f"echo {name} >> {trace}") for name in names))
    assert record.status == "succeeded"
    assert trace.read_text().split() == names
    assert [(event["stage"], event["index"], event["count"]) for event in bench.told("stage_started")] == [
        ("one", 1, 3),
        ("two", 2, 3),
        ("three", 3, 3),
    ]


def test_logs_hold_every_byte_of_both_streams(bench: Bench) -> None:
    content = bytes(range(256)) * 400 + b"\xff\xfe no newline at the end"
    bench.path("blob").write_bytes(content)
    record = bench.run(bench.stage("talk", f"cat {bench.path('blob')}; tac -s x {bench.path('blob')} | cat >&2"))
    assert log(record, "talk") == content
    assert len(log(record, "talk", "err")) == len(content)
    logs = on_host(record, "talk").logs
    assert (logs["out_bytes"], logs["err_bytes"]) == (len(content), len(content))
    assert logs["out"] == f"logs/talk.{bench.alias}.out"


def test_arguments_reach_a_command_as_they_were_written(bench: Bench) -> None:
    args = ["a b", "$HOME", "it's", '"', "*", ""]
    record = bench.run(bench.stage("show", "printf '[%s]'", args=args))
    assert log(record, "show").decode() == "".join(f"[{arg}]" for arg in args)


def test_standard_input_is_empty(bench: Bench) -> None:
    record = bench.run(bench.stage("read", "cat; echo end", timeout="20s"))
    assert log(record, "read") == b"end\n"


def test_a_script_is_run_by_its_own_first_line_and_kept_as_sent(bench: Bench) -> None:
    script = b'#!/usr/bin/env -S awk -f\nBEGIN { for (i = 1; i < ARGC; i++) printf "%s|", ARGV[i] }\n# \xff\x00 end\n'
    (bench.directory / "list.awk").write_bytes(script)
    record = bench.run(bench.stage("list", script="list.awk", args=["x y", "$z"]))
    assert log(record, "list") == b"x y|$z|"
    assert (record.path / "scripts" / "list.awk").read_bytes() == script


def test_two_scripts_of_the_same_name_are_both_kept(bench: Bench) -> None:
    for folder in ("a", "b"):
        bench.path(folder).mkdir()
        bench.path(f"{folder}/go.sh").write_text(f"#!/bin/sh\necho {folder}\n")
    record = bench.run(*(bench.stage(f"run-{folder}", script=f"{folder}/go.sh") for folder in ("a", "b")))
    assert (log(record, "run-a"), log(record, "run-b")) == (b"a\n", b"b\n")
    kept = {path.name: path.read_text() for path in (record.path / "scripts").iterdir()}
    assert kept == {"go.sh": "#!/bin/sh\necho a\n", "run-b-go.sh": "#!/bin/sh\necho b\n"}


@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "kill -9 $$"])
def test_a_script_is_taken_off_the_host_afterwards(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys, ending: str) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.path("go.sh").write_text(f"#!/bin/sh\necho $0 > {bench.path('where')}\n{ending}\n")
    bench.run(bench.stage("go", script="go.sh"))
    sent = Path(bench.path("where").read_text().strip())
    assert sent.name == "go.sh"
    assert not sent.parent.exists()


def test_a_script_that_went_away_after_loading_fails_its_stage(bench: Bench) -> None:
    bench.path("go.sh").write_text("#!/bin/sh\n")
    record = bench.run(bench.stage("remove", f"rm {bench.path('go.sh')}"), bench.stage("go", script="go.sh"))
    assert record.error is not None
    assert record.error.message == "stage 'go' could not begin: go.sh: No such file or directory"
    assert statuses(record) == {"remove": "succeeded", "go": "failed"}


def test_env_args_and_cwd_may_hold_names(bench: Bench) -> None:
    bench.path("here").mkdir()
    record = bench.run(
        bench.stage(
            "show",
            'printf \'%s|\' {{vars.odd | quote}} "$E" "$PWD"',
            env={"E": "{{vars.odd}}-{{hosts.local.name}}"},
            cwd=str(bench.directory / "{{vars.folder}}"),
            args=["{{run.id}}", "{{stage.host}}"],
        ),
        config={"vars": {"odd": "it's $5", "folder": "here"}},
    )
    said = f"it's $5|it's $5-local|{bench.path('here')}|run-001|{bench.alias}|"
    assert log(record, "show").decode() == said
    assert on_host(record, "show").cwd == str(bench.path("here"))
    assert on_host(record, "show").command == (f"printf '%s|' 'it'\"'\"'s $5' \"$E\" \"$PWD\" run-001 {bench.alias}")


def test_the_environment_says_which_run_and_stage_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCHCTL_NOISE")  # the tests' own
    record = bench.run(
        bench.stage("show env", "env | grep -E '^(BENCHCTL_|MINE|GIVEN)' | sort", env={"MINE": "1", "GIVEN": "config"}),
        env={"GIVEN": "{{not.a.name}} {{hosts.nope}}"},
    )
    found = dict(line.split("=", 1) for line in log(record, "show env").decode().splitlines())
    assert found.pop("BENCHCTL_HOST_LOCAL", "127.0.0.1") == "127.0.0.1"
    assert found.pop("BENCHCTL_HOST_BOX", "127.0.0.1") == "127.0.0.1"
    assert found == {
        "BENCHCTL_RUN_ID": "run-001",
        "BENCHCTL_RUN_UID": record.uid,
        "BENCHCTL_RUN_DIR": str(record.path.resolve()),
        "BENCHCTL_STAGE": "show env",
        "BENCHCTL_HOST": bench.alias,
        "BENCHCTL_CASE": "",
        "BENCHCTL_TRIAL": "1",
        "MINE": "1",
        "GIVEN": "{{not.a.name}} {{hosts.nope}}",
    }


def test_a_missing_working_directory_is_named(bench: Bench) -> None:
    record = bench.run(bench.stage("work", "echo never", cwd="/no/such/{{run.id}}"))
    assert record.error is not None
    assert record.error.hint == f"there is no folder /no/such/run-001 on {bench.alias} to work in (the stage's cwd)"
    assert record.error.exit_code == 1
    assert log(record, "work") == b""


def test_a_timeout_ends_the_whole_process_group(bench: Bench) -> None:
    command = (
        f"sh -c 'sleep 300 & echo $! > {bench.path('grandchild')}; wait' & echo $! > {bench.path('child')}; "
        "echo last words >&2; wait"
    )
    record = bench.run(bench.stage("hang", command, timeout="1s"), bench.stage("later", "true"))
    wait_until_gone([pid_in(bench.path("child")), pid_in(bench.path("grandchild"))])
    error = record.error
    assert error is not None
    assert (error.code, error.stage, error.host, error.stderr) == (
        "stage-timeout",
        "hang",
        bench.alias,
        ("last words",),
    )
    assert error.message == f"stage 'hang' ran longer than its timeout of 1s on {bench.place} and was stopped"
    assert statuses(record) == {"hang": "timeout", "later": "not_started"}
    assert bed.survivors(record.uid) == {}


# Copies


def test_a_copy_brings_a_file_from_host_to_host(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys) -> None:
    bench = remote_bench(tmp_path, sshd, keys)
    bench.hosts = {**bench.hosts, "other": sshd.as_host(keys.encrypted)}
    content = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(content)
    hops = [("local", "box"), ("box", "other"), ("other", "local"), ("local", "local"), ("box", "box")]
    places = [tmp_path / "a", *(tmp_path / f"{i + 1}/a" for i in range(len(hops)))]
    stages = [
        {"name": f"hop-{i}", "copy": {"from": f"{source}:{places[i]}", "to": f"{to}:{places[i + 1].parent}/"}}
        for i, (source, to) in enumerate(hops)
    ]
    for i in range(len(hops)):
        (tmp_path / str(i + 1)).mkdir()
    record = bench.run(*stages)
    assert record.error is None
    assert all((tmp_path / str(i + 1) / "a").read_bytes() == content for i in range(len(hops)))
    assert on_host(record, "hop-1").command == f"copy box:{tmp_path}/1/a other:{tmp_path}/2/"
    assert stage_of(record, "hop-1").kind == "copy"


def test_a_copy_brings_a_folder_and_its_log_names_what_was_not_taken(bench: Bench) -> None:
    (bench.path("out") / "sub").mkdir(parents=True)
    (bench.path("out") / "sub/a").write_text("1\n")
    (bench.path("out") / "link").symlink_to("sub")
    source, target = f"{bench.alias}:{bench.path('out')}", f"local:{bench.path('there')}"
    record = bench.run({"name": "move", "copy": {"from": source, "to": target}})
    assert record.error is None
    assert (bench.path("there") / "sub/a").read_text() == "1\n"
    text = f"not taken from {bench.path('out')}: link (a symbolic link)\n"
    assert (record.path / on_host(record, "move").logs["err"]).read_text() == text


def test_a_copy_of_nothing_fails_its_stage(bench: Bench) -> None:
    source, target = f"{bench.alias}:{bench.path('none')}", f"local:{bench.path('b')}"
    record = bench.run({"name": "move", "copy": {"from": source, "to": target}})
    assert record.error is not None
    assert record.error.code == "command-failed"
    assert record.error.message.endswith(f": there is no {bench.path('none')} on {bench.place}")
    assert not bench.path("b").exists()


def test_a_copy_that_cannot_be_written_leaves_no_part_behind(bench: Bench) -> None:
    bench.path("a").write_text("a")
    target = f"{bench.alias}:{bench.path('no/such/folder')}"
    record = bench.run({"name": "move", "copy": {"from": f"local:{bench.path('a')}", "to": target}})
    assert record.error is not None
    assert f"to {bench.path('no/such/folder')} on {bench.place}: No such file" in record.error.message
    assert not bench.path("no").exists()


# The project's own tasks

TASKS = """
import os, sys, time
from invoke import call, task, Exit

@task
def show(c):
    print("printed")
    found = c.run("echo said; echo warned >&2; printf '%s ' $MINE $BENCHCTL_STAGE; pwd", hide=False)
    assert found.stdout.splitlines()[0] == "said", repr(found.stdout)

@task
def breaks(c):
    c.run("echo on stderr >&2; exit 7")

@task
def surprises(c):
    {}["key"]

@task
def leaves(c):
    raise Exit("enough of that", 3)

@task
def hangs(c):
    c.run(f"echo $$ > {os.path.dirname(__file__)}/pid; sleep 300")

@task
def deaf(c):
    time.sleep(8)

@task
def complains(c):
    print("to stderr", file=sys.stderr)

@task
def prepare(c, what="all"):
    c.run(f"echo prepare {what} $BENCHCTL_STAGE")

@task
def tidy(c):
    print("tidy")

@task(prepare)
def other(c):
    print("other")

@task(pre=[other, call(prepare, "this")], post=[tidy])
def whole(c, target):
    print("whole", target)
"""


def with_tasks(bench: Bench) -> Bench:
    bench.path("tasks.py").write_text(TASKS)
    return bench


def test_a_task_works_on_the_host_of_its_stage(bench: Bench) -> None:
    with_tasks(bench).path("here").mkdir()
    record = bench.run(bench.stage("own", task="show", env={"MINE": "my-value"}, cwd=str(bench.path("here"))))
    assert record.error is None
    assert log(record, "own").decode().splitlines() == ["printed", "said", f"my-value own {bench.path('here')}"]
    assert log(record, "own", "err") == b"warned\n"
    assert on_host(record, "own").command == "task show"


def test_what_a_task_prints_stays_out_of_our_own_stdout(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with_tasks(bench).run(bench.stage("own", task="show"))
    print("ours")
    assert capsys.readouterr().out == "ours\n"


def test_what_a_task_writes_to_stderr_reaches_its_log(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    record = with_tasks(bench).run(bench.stage("own", task="complains"))
    print("ours", file=sys.stderr)
    assert log(record, "own", "err") == b"to stderr\n"
    assert capsys.readouterr().err == "ours\n"


def test_a_task_runs_with_those_before_and_after_it_each_once(bench: Bench) -> None:
    record = with_tasks(bench).run(bench.stage("own", task="whole", args=["x"]))
    said = ["prepare all own", "other", "prepare this own", "whole x", "tidy"]
    assert log(record, "own").decode().splitlines() == said


@pytest.mark.parametrize(
    ("task", "message", "stderr"),
    [
        ("breaks", "its command `echo on stderr >&2; exit 7` ended with exit code 7", "on stderr"),
        ("surprises", "KeyError: 'key'", "KeyError: 'key'"),
        ("leaves", "enough of that", None),
    ],
)
def test_a_failing_task_fails_its_stage(bench: Bench, task: str, message: str, stderr: str | None) -> None:
    record = with_tasks(bench).run(bench.stage("own", task=task), bench.stage("later", "true"))
    assert record.error is not None
    assert record.error.code == "command-failed"
    assert record.error.message.startswith(f"stage 'own' failed on {bench.place} after ")
    assert record.error.message.endswith(f": {message}")
    assert record.error.stderr[-1:] == ((stderr,) if stderr else ())
    assert statuses(record) == {"own": "failed", "later": "not_started"}


def test_a_timeout_ends_the_commands_of_a_task_and_no_others(bench: Bench) -> None:
    server = bench.stage("server", f"echo $$ > {bench.path('server')}; exec sleep 300", background=True)
    record = with_tasks(bench).run(server, bench.stage("own", task="hangs", timeout="1s"))
    wait_until_gone([pid_in(bench.path("pid"))])
    assert record.error is not None
    assert record.error.code == "stage-timeout"
    assert on_host(record, "server").status == "succeeded"
    assert [event["stopped"] for event in bench.told("background_ended")] == [True]


def test_a_task_that_cannot_be_ended_is_told_and_our_stdout_stays_ours(
    local: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchctl.workflow.on_host.GRACE_S", 0.1)
    monkeypatch.setattr("benchctl.workflow.on_host.STOP_MARGIN_S", 0.1)
    record = with_tasks(local).run(local.stage("own", task="deaf", timeout="200ms"))
    print("ours")
    assert capsys.readouterr().out == "ours\n"
    assert record.error is not None
    assert record.error.code == "stage-timeout"
    assert local.warnings() == ["the end of 'own' on local could not be confirmed"]


def test_the_record_of_a_run_holds_all_of_it(bench: Bench) -> None:
    record = bench.run(bench.stage("one", "echo out; echo err >&2"))
    detail = json.loads((record.path / "trial.json").read_text())
    summary = json.loads((record.path / "metadata.json").read_text())
    (stage,) = detail["stages"]
    place = stage["hosts"][bench.alias]
    times = {key: place.pop(key) for key in ("started", "finished", "duration_s", "pid")}
    assert times["started"] < times["finished"]
    assert place == {
        "status": "succeeded",
        "command": "echo out; echo err >&2",
        "cwd": None,
        "background": False,
        "exit_code": 0,
        "signal": None,
        "logs": {
            "out": f"logs/one.{bench.alias}.out",
            "err": f"logs/one.{bench.alias}.err",
            "out_bytes": 4,
            "err_bytes": 4,
        },
        "health_check": None,
        "outputs": [],
        "left_behind": [],
        "error": None,
    }
    assert (summary["status"], summary["error"], summary["trials"][0]["status"]) == ("succeeded", None, "succeeded")
    assert list(summary["hosts"]) == [bench.alias]
    assert [event.kind for event in bench.events if event.kind.endswith(("_started", "_finished"))] == [
        "run_started",
        "trial_started",
        "stage_started",
        "stage_finished",
        "trial_finished",
        "run_finished",
    ]
