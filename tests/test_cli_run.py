"""`benchctl run`: what it does, prints and leaves behind, and the exit codes it ends with."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sshd as bed
from test_cli_console import FAILING, SMALL, benchctl_in, config_in, files_in


def metadata(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "metadata.json").read_text())
    return document


def timeless(text: str) -> str:
    """The text with its times and durations as T."""
    return re.sub(r"\b[0-9]+(\.[0-9]+)? ?(ms|s)\b", "T", re.sub(r"\[[0-9:.]+\]", "[T]", text))


def test_run_keeps_a_run_and_tells_on_stderr_how_it_goes(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "config.yaml")
    assert (ended.code, ended.out) == (0, "")
    assert re.sub(r", clock \S+", "", timeless(ended.err)).splitlines() == [
        "[T] run-001 small: 2 stages, host local (results/run-001)",
        "[T] host local connected in T",
        "[T] stage greet on local: started (1/2)",
        "[T] stage greet on local: ok T",
        "[T] stage part on local: started (2/2)",
        "[T] stage part on local: ok T",
        "[T] output greeting from local: greeting.txt, 6 B in T",
        "[T] run-001 succeeded after T",
        "    kept  results/run-001",
        "    next  benchctl show run-001",
    ]
    assert (tmp_path / "results/run-001/greeting.txt").read_text() == "hello\n"


def test_config_yaml_is_taken_before_benchmark_yaml(tmp_path: Path) -> None:
    config_in(tmp_path, SMALL.replace("small", "second"), "benchmark.yaml")
    benchctl_in(tmp_path, "run", "-q")
    config_in(tmp_path, SMALL.replace("small", "first"))
    benchctl_in(tmp_path, "run", "-q")
    kept = [metadata(tmp_path / f"results/run-00{number}")["benchmark"] for number in (1, 2)]
    assert kept == ["second", "first"]


def test_without_any_config_the_missing_file_is_named(tmp_path: Path) -> None:
    config_in(tmp_path, name="other.yaml")
    ended = benchctl_in(tmp_path, "run")
    assert ended.code == 2
    assert ended.err.startswith("config.yaml: there is no such file here, and no benchmark.yaml; name a file")
    assert "other.yaml" in ended.err


def test_run_from_another_directory_keeps_results_here_and_starts_stages_beside_the_config(tmp_path: Path) -> None:
    config_in(tmp_path / "project")
    here = tmp_path / "here"
    here.mkdir()
    assert benchctl_in(here, "run", "../project/config.yaml").code == 0
    assert (here / "results/run-001/greeting.txt").exists()
    assert files_in(tmp_path / "project") == {"config.yaml", "greeting.txt"}


def test_set_and_env_reach_the_commands(tmp_path: Path) -> None:
    config_in(tmp_path)
    assert benchctl_in(tmp_path, "run", "--set", "word=good day = fine", "-e", "WHO=you=me", "-q").code == 0
    assert (tmp_path / "results/run-001/greeting.txt").read_text() == "good day = fine you=me\n"
    options = metadata(tmp_path / "results/run-001")["options"]
    assert (options["set"], options["env"]) == ({"word": "good day = fine"}, ["WHO"])


def test_skip_leaves_stages_out_and_says_so(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "--skip", "greet", "--skip", "greet")
    assert ended.code == 0
    assert "stage greet: skipped (--skip)" in ended.err
    assert "stage greet on" not in ended.err


def test_only_stage_runs_that_stage_alone(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "--only-stage", "part")
    assert ended.code == 0
    assert "1 stage, host local" in ended.err
    assert not (tmp_path / "greeting.txt").exists()


def test_when_every_stage_is_skipped_nothing_is_started(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "--only-stage", "part", "--skip", "part")
    assert (ended.code, ended.err) == (2, "every stage is skipped; there is nothing to run\n")
    assert files_in(tmp_path) == {"config.yaml"}


def test_tags_and_note_are_kept_and_the_last_note_counts(tmp_path: Path) -> None:
    config_in(tmp_path, SMALL.replace("{name: small}", "{name: small, tags: [mine]}"))
    benchctl_in(tmp_path, "run", "-q", "--tag", "try", "--tag", "new disk", "--note", "no", "--note", "after the move")
    kept = metadata(tmp_path / "results/run-001")
    assert (kept["tags"], kept["note"]) == (["mine", "try", "new disk"], "after the move")


TASKS_PY = """\
from invoke import task

@task
def build(context, target, jobs="1"):
    print(f"{target!r} with {jobs!r}")
"""


def test_args_of_a_task_are_its_positional_arguments_as_text(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS_PY)
    stage = "{name: own, task: build, args: ['for {{vars.who}}', 08]}"
    config_in(tmp_path, f"benchmark: {{name: x}}\nvars: {{who: us}}\nstages:\n  - {stage}\n")
    assert "      task  build 'for us' 08\n" in benchctl_in(tmp_path, "run", "--dry-run").out
    assert benchctl_in(tmp_path, "run", "-q").code == 0
    assert (tmp_path / "results/run-001/logs/own.local.out").read_text() == "'for us' with '08'\n"


NOISY = """\
import os, subprocess, sys, threading
from invoke import task
print("at import")
subprocess.run(["echo", "by a program at import"])

@task
def noise(context):
    subprocess.run(["echo", "by a program"])
    os.write(1, b"by its number\\n")
    thread = threading.Thread(target=print, args=["by a thread"])
    thread.start()
    thread.join()
"""


def test_with_json_what_tasks_write_to_stdout_goes_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(NOISY)
    config_in(tmp_path, "benchmark: {name: x}\nstages: [{name: own, task: noise}]\n")
    for arguments, schema in {
        ("run", "--json"): "benchctl/run@1",
        ("run", "--dry-run", "--json"): "benchctl/plan@1",
        ("validate", "--json"): "benchctl/validate@1",
    }.items():
        ended = benchctl_in(tmp_path, *arguments)
        assert ended.json()["schema"] == schema
        assert "at import\n" in ended.err
        assert "by a program at import\n" in ended.err
    said = benchctl_in(tmp_path, "run", "--json").err
    assert all(f"{text}\n" in said for text in ("by a program", "by its number", "by a thread"))


def test_wrong_tasks_are_the_problems_of_a_validate_document(tmp_path: Path) -> None:
    config_in(tmp_path, "benchmark: {name: x}\nstages: [{name: a, task: b},\n {name: c, task: d}]\n")
    ended = benchctl_in(tmp_path, "validate", "--json")
    document = ended.json()
    assert (ended.code, document["schema"]) == (2, "benchctl/validate@1")
    assert [(problem["line"], problem["path"]) for problem in document["problems"]] == [
        (2, "stages[0].task"),
        (3, "stages[1].task"),
    ]
    assert benchctl_in(tmp_path, "validate").err.startswith("config.yaml:2: stages[0].task: there is no tasks.py")


def test_the_commands_that_a_run_names_at_its_end_find_it_wherever_it_is_kept(tmp_path: Path) -> None:
    config_in(tmp_path)
    config_in(tmp_path, FAILING.replace("failing}", "failing, output_dir: other}"), "failing.yaml")
    for arguments in (["--results", "my runs"], ["failing.yaml"]):
        ended = benchctl_in(tmp_path, "run", *arguments)
        named = re.search(r"benchctl ([^()]+)", ended.last_line)
        assert named
        assert benchctl_in(tmp_path, *shlex.split(named[1])).code == 0


@pytest.mark.parametrize(
    ("options", "variable", "output_dir", "place"),
    [
        (["--results", "given"], "variable", "configured", "given"),
        (["--results", "one", "--results", "given"], "", "", "given"),
        ([], "variable", "configured", "variable"),
        ([], "", "configured", "configured"),
        ([], "", "", "results"),
    ],
)
def test_results_go_where_option_variable_or_config_say(
    tmp_path: Path, options: list[str], variable: str, output_dir: str, place: str
) -> None:
    more = f", output_dir: {output_dir}" if output_dir else ""
    config_in(tmp_path, SMALL.replace("{name: small}", f"{{name: small{more}}}"))
    env = {"BENCHCTL_RESULTS": variable} if variable else {}
    assert benchctl_in(tmp_path, "run", "-q", *options, env=env).code == 0
    assert [path.parent.name for path in tmp_path.glob("*/run-001")] == [place]
    assert "small" in benchctl_in(tmp_path, "list", *options, env=env).out


def test_quiet_says_nothing_about_a_run_that_succeeds(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "--quiet", "config.yaml")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_quiet_says_what_failed_and_where_it_is_kept(tmp_path: Path) -> None:
    config_in(tmp_path, FAILING)
    ended = benchctl_in(tmp_path, "run", "-q")
    assert (ended.code, ended.out) == (1, "")
    assert re.sub(r"after \S+( ms)?:", "after T:", ended.err).splitlines() == [
        "stage 'load' failed on local after T: exit code 3",
        "    command  echo working; echo oh no >&2; exit 3",
        "    stderr   oh no",
        "    kept     results/run-001 (benchctl logs run-001 load)",
    ]


def test_verbose_prints_what_the_stages_print(tmp_path: Path) -> None:
    config_in(tmp_path)
    assert "part | goodbye" not in benchctl_in(tmp_path, "run").err
    assert "part | goodbye" in benchctl_in(tmp_path, "run", "-v").err


def test_quiet_and_verbose_contradict_each_other(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "-q", "-v")
    assert (ended.code, ended.err) == (2, "--quiet and --verbose contradict each other\n")


def test_the_failure_is_the_last_thing_said(tmp_path: Path) -> None:
    config_in(tmp_path, FAILING)
    ended = benchctl_in(tmp_path, "run")
    assert ended.code == 1
    assert ended.last_line == "    kept     results/run-001 (benchctl logs run-001 load)"


def test_a_missing_optional_output_makes_a_run_incomplete(tmp_path: Path) -> None:
    text = SMALL.replace("greeting.txt}]", "other.txt, optional: true}]")
    config_in(tmp_path, text)
    ended = benchctl_in(tmp_path, "run")
    assert ended.code == 3
    assert "run-001 incomplete after" in ended.err


def test_a_host_that_can_not_be_reached_ends_with_4_before_any_stage(tmp_path: Path, closed_port: int) -> None:
    host = f"{{ip: 127.0.0.1, port: {closed_port}, username: bench}}"
    config_in(tmp_path, f"hosts: {{db: {host}}}\n" + SMALL + "    host: db\n")
    ended = benchctl_in(tmp_path, "run")
    assert ended.code == 4
    assert "stage greet" not in ended.err
    assert "refused the connection" in ended.err
    assert metadata(tmp_path / "results/run-001")["status"] == "failed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_the_run_in_order_and_is_its_exit_code(tmp_path: Path, number: int, code: int) -> None:
    config_in(tmp_path, SMALL.replace("echo goodbye", "touch begun; exec sleep 60"))
    process = subprocess.Popen([sys.executable, "-m", "benchctl.cli", "run", "-q"], cwd=tmp_path)
    bed.wait_until((tmp_path / "begun").exists, "the stage begins", timeout_s=60)
    process.send_signal(number)
    assert process.wait(60) == code
    kept = metadata(tmp_path / "results/run-001")
    assert (kept["status"], kept["error"]["code"]) == ("interrupted", "interrupted")
    assert (tmp_path / "results/run-001/greeting.txt").exists()


# --dry-run

PLANNED = """\
benchmark: {name: planned}
hosts:
  db: {ip: 127.0.0.1, port: %(port)s, username: "${BENCH_USER}", password: "${BENCH_PASSWORD}"}
vars: {clients: 8, title: two words}
stages:
  - name: serve
    host: db
    command: |
      cd /srv
      exec ./serve --port {{vars.clients}}080
    cwd: /srv/{{vars.clients}}
    env: {CLIENTS: "{{vars.clients}}", TITLE: "{{vars.title}}"}
    timeout: 90s
    background: true
    health_check: {type: http, target: "http://{{hosts.db}}:{{vars.clients}}080/", timeout: 10s, retries: 2}
  - name: load
    script: load.sh
    args: ["{{hosts.db}}", "{{vars.title}}", "{{run.id}}"]
    outputs: [{name: latency, remote_path: "/tmp/{{vars.clients}}/{{run.id}}.csv", local_path: latency.csv}]
  - name: share
    copy: {from: "local:/tmp/{{vars.clients}}", to: "db:/tmp/"}
  - name: later
    command: "true"
    skip: true
"""
PLAN = """\
planned: 3 of 4 stages; nothing is run

  host db (127.0.0.1:%(port)s)
  host local

  1  serve on db
      command  cd /srv
               exec ./serve --port 8080
      env      CLIENTS=8
               TITLE='two words'
      cwd      /srv/8
      timeout  1m30s
      goes on  in the background
      ready    http http://127.0.0.1:8080/, within 10s, 3 times

  2  load on local
      script   load.sh 127.0.0.1 'two words' {{run.id}}
      outputs  latency: /tmp/8/{{run.id}}.csv -> latency.csv

  3  share
      copy  local:/tmp/8 -> db:/tmp/

  4  later: skipped (skip: true)

  {{..}}: known once it runs
"""
SECRETS = {"BENCH_USER": "bench", "BENCH_PASSWORD": "s3cret-of-mine"}


def planned_in(directory: Path, port: int = 22) -> None:
    config_in(directory, PLANNED % {"port": port}).chmod(0o600)
    (directory / "load.sh").write_text("#!/bin/sh\n")


def test_a_dry_run_shows_the_exact_commands_and_touches_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.setblocking(False)
        port = host.getsockname()[1]
        planned_in(tmp_path, port)
        before = files_in(tmp_path)
        ended = benchctl_in(tmp_path, "run", "--dry-run", env=SECRETS)
        assert (ended.code, ended.out, ended.err) == (0, PLAN % {"port": port}, "")
        assert files_in(tmp_path) == before
        with pytest.raises(BlockingIOError):  # nobody has called
            host.accept()


def test_a_dry_run_as_json_has_the_same_with_numbers(tmp_path: Path) -> None:
    planned_in(tmp_path)
    document = benchctl_in(tmp_path, "run", "-n", "--json", "--skip", "share", env=SECRETS).json()
    assert document["schema"] == "benchctl/plan@1"
    assert [stage["skipped"] for stage in document["stages"]] == [None, None, "--skip", "skip: true"]
    assert document["stages"][0]["health_check"] == {
        "type": "http",
        "target": "http://127.0.0.1:8080/",
        "timeout_s": 10.0,
        "retries": 2,
    }


def test_a_dry_run_follows_set_skip_and_only_stage(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "-n", "--set", "word=hi", "--only-stage", "greet")
    assert "      command  echo hi $WHO | tee greeting.txt\n" in ended.out
    assert "  2  part: skipped (--only-stage)\n" in ended.out


def test_a_dry_run_prints_the_warnings_of_the_config(tmp_path: Path) -> None:
    host = "hosts: {db: {ip: 127.0.0.1, username: bench, password: written out}}\n"
    path = config_in(tmp_path, host + SMALL)
    path.chmod(0o644)
    for arguments in (["run", "-n"], ["validate"]):
        ended = benchctl_in(tmp_path, *arguments)
        assert ended.err.startswith("warning: config.yaml:1: hosts.db.password: others can read this file")
        assert "written out" not in ended.out + ended.err


def test_a_dry_run_shows_given_variables_and_where_copies_go(tmp_path: Path) -> None:
    output = "{name: o, remote_path: o.csv, local_path: '{{vars.to}}/{{run.id}}.csv'}"
    stages = f"[{{name: a, command: 'true', env: {{K: v, L: w}}, outputs: {output}}}]"
    config_in(tmp_path, f"benchmark: {{name: x}}\nvars: {{to: /var/tmp}}\nstages: {stages}\n")
    arguments = ["run", "-n", "-e", "K=secret", "-e", "TOKEN=secret"]
    text = benchctl_in(tmp_path, *arguments).out
    assert "env      K: as given\n               L=w\n               TOKEN: as given\n" in text
    assert "outputs  o: o.csv -> {{run.id}}.csv, and a copy to /var/tmp/{{run.id}}.csv\n" in text
    (stage,) = benchctl_in(tmp_path, *arguments, "--json").json()["stages"]
    assert stage["env"] == {"K": None, "L": "w", "TOKEN": None}
    assert stage["outputs"][0]["copied_to"] == "/var/tmp/{{run.id}}.csv"
    assert "secret" not in text


def test_a_dry_run_shows_how_stages_are_tried_again_and_outputs_collected(tmp_path: Path) -> None:
    stages = """
  - {name: once, command: "true", scope: run, retries: 1}
  - name: load
    command: "true"
    background: true
    may_exit: true
    retries: 3
    backoff: 500ms
    outputs: [{name: o, remote_path: o.csv, optional: true, collect: now}, {name: p, remote_path: p.csv}]
"""
    config_in(tmp_path, f"benchmark: {{name: x}}\nstages:{stages}")
    text = benchctl_in(tmp_path, "run", "-n").out
    assert text.partition("  1  ")[2] == (
        "once on local\n"
        "      command  true\n"
        "      retries  1, after 1s\n"
        "      scope    the run: once, around all trials\n\n"
        "  2  load on local\n"
        "      command   true\n"
        "      goes on   in the background\n"
        "      may exit  its end in the background is no failure\n"
        "      retries   3, after 500ms, then twice as long each time\n"
        "      outputs   o: o.csv -> o.csv (optional, right after its stage)\n"
        "                p: p.csv -> p.csv\n"
    )
    once, load = benchctl_in(tmp_path, "run", "-n", "--json").json()["stages"]
    assert (once["scope"], once["may_exit"], once["retries"], once["backoff_s"]) == ("run", False, 1, 1.0)
    assert (load["scope"], load["may_exit"], load["retries"], load["backoff_s"]) == ("trial", True, 3, 0.5)
    assert [(output["optional"], output["collect"]) for output in load["outputs"]] == [(True, "now"), (False, "end")]


def test_a_dry_run_shows_no_secret(tmp_path: Path) -> None:
    text = "hosts: {db: {ip: 127.0.0.1, username: '${NAME_OF_MINE}', password: '${NAME_OF_MINE}'}}\n" + SMALL
    config_in(tmp_path, text.replace("{{vars.word}}", "{{hosts.db.username}}"))
    ended = benchctl_in(tmp_path, "run", "-n", env={"NAME_OF_MINE": "hunter22"})
    assert ended.code == 0
    assert "echo ***" in ended.out
    assert "hunter22" not in ended.out + ended.err


# where runs can't be kept


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("config.yaml", "can't keep runs in config.yaml: config.yaml: Not a directory\n"),
        ("config.yaml/results", "can't keep runs in config.yaml/results: config.yaml: Not a directory\n"),
        ("/proc/results", "can't keep runs in /proc/results: /proc/results: No such file or directory\n"),
    ],
)
def test_results_that_can_not_be_written_are_one_line(tmp_path: Path, place: str, reason: str) -> None:
    config_in(tmp_path)
    for arguments, env in (["--results", place], {}), ([], {"BENCHCTL_RESULTS": place}):
        ended = benchctl_in(tmp_path, "run", *arguments, env=env)
        assert (ended.code, ended.out, ended.err) == (2, "", reason)
    assert files_in(tmp_path) == {"config.yaml"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_results_without_permission_are_one_line(tmp_path: Path) -> None:
    config_in(tmp_path)
    (tmp_path / "results").mkdir(mode=0o555)
    ended = benchctl_in(tmp_path, "run")
    assert (ended.code, ended.err) == (2, "can't keep runs in results: results/run-001: Permission denied\n")
