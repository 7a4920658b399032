"""Benchmarks as Invoke tasks: a real `inv` in projects of their own, here and over SSH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sshd as bed
from test_cli_console import BAD_CONFIG, FAILING, LIMIT_S, SMALL, Ended, config_in, python_in

TASKS = """\
from invoke import Collection, task
import benchctl.tasks

@task
def hello(context):
    print("hello from the project")

namespace = Collection(hello)
namespace.add_collection(benchctl.tasks.collection("config.yaml"), name="bench")
"""


def inv(directory: Path, *arguments: str, env: dict[str, str] | None = None) -> Ended:
    """Call `inv ARGUMENTS` in a directory."""
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=directory,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose tasks.py has a task of its own and those of config.yaml."""
    config_in(tmp_path)
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


def record(directory: Path, name: str = "run-001") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "results" / name / "metadata.json").read_text())
    return document


def stages(directory: Path, name: str = "run-001") -> dict[str, str]:
    trial = json.loads((directory / "results" / name / "trial.json").read_text())
    return {stage["name"]: stage["status"] for stage in trial["stages"]}


def test_inv_lists_the_benchmark_and_its_stages_beside_the_projects_own_tasks(project: Path) -> None:
    ended = inv(project, "--list")
    assert ended.code == 0
    names = [line.split()[0] for line in ended.out.splitlines()[2:] if line.strip()]
    ours = ["calibrate", "compare", "export", "list", "plot", "run", "serve", "show", "stages.greet", "stages.part"]
    assert names == ["hello", *(f"bench.{name}" for name in ours)]


def test_inv_run_runs_the_benchmark_and_keeps_it(project: Path) -> None:
    options = [
        "--set",
        "word=hi",
        "--env",
        "WHO=you",
        "--tag",
        "a",
        "--tag",
        "b",
        "--skip",
        "part",
        "--note",
        "why not",
    ]
    ended = inv(project, "bench.run", *options)
    assert (ended.code, ended.out) == (0, "")
    assert "run-001 succeeded after" in ended.err
    assert (project / "results/run-001/greeting.txt").read_text() == "hi you\n"
    kept = record(project)
    assert (kept["tags"], kept["note"]) == (["a", "b"], "why not")
    assert stages(project) == {"greet": "succeeded", "part": "skipped"}


def test_inv_exports_a_kept_run(project: Path) -> None:
    inv(project, "bench.run")
    ended = inv(project, "bench.export", "--out", "out")
    paths = "out/metrics.csv\nout/metrics_by_case.csv\nout/metrics.json\n"
    assert (ended.code, ended.out, ended.err) == (0, paths, "note: greeting has no data_schema, and so no rows\n")
    ended = inv(project, "bench.export", "--out", "out")
    said = "out/metrics.csv is there already\n    hint  --force replaces it; --out names another place\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)
    ended = inv(project, "bench.export", "--archive", "paper.tar.gz")
    assert (ended.code, ended.out) == (0, "paper.tar.gz\n")


def test_inv_draws_the_plots_of_a_kept_run(project: Path) -> None:
    schema = SMALL.replace("greeting.txt}]", "greeting.txt, min_rows: 0, data_schema: {hello: {type: float}}}]")
    config_in(project, schema + "plots: [{name: p, source: greeting, type: histogram, y: hello}]\n")
    assert inv(project, "bench.run").code == 3
    ended = inv(project, "bench.plot")
    assert (ended.code, ended.out) == (3, "p: not drawn: there are no rows to draw\n")
    ended = inv(project, "bench.plot", "--output", "greeting", "--type", "ecfd", "-y", "hello", "--group-by", "host")
    hint = "--type: must be time_series, histogram, boxplot, ecdf or percentiles, not 'ecfd'. Did you mean 'ecdf'?"
    assert (ended.code, ended.out, ended.err) == (2, "", f"{hint}\n")
    ended = inv(project, "bench.plot", "--name", "p", "--name", "q")
    assert (ended.code, ended.out, ended.err) == (2, "", "no plot is called 'q'. Plots: p\n")
    ended = inv(project, "bench.plot", "--type", "boxplot", "-y", "hello", "-y", "helo", "-x", "hello")
    said = "-y: output 'greeting' has no column 'helo'. Columns: hello. Did you mean 'hello'?\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)


def test_inv_compares_runs_and_ends_with_5_where_a_condition_is_met(project: Path) -> None:
    case = "cases: [{name: a, params: {n: '1'}}, {name: b, params: {n: '2'}}]\ntrials: {repeat: 3}\n"
    stage = "stages: [{name: load, command: 'echo took $n.$((BENCHCTL_TRIAL % 2))1'}]\n"
    metric = "metrics: [{name: took, stage: load, regex: 'took ([0-9.]+)', better: lower}]\n"
    config_in(project, "benchmark: {name: small}\n" + case + stage + metric)
    assert inv(project, "bench.run").code == 0
    ended = inv(project, "bench.compare", "--fail-if", "took worse by 5%")
    assert ended.code == 5
    assert ended.out.startswith("run-001:b against run-001:a: trials in turns, paired by round")
    assert ended.err.startswith("failed (took worse by 5%): took: worse: ")
    ended = inv(project, "bench.compare", "--runs", "1:a,1:b", "--form", "csv", "--metric", "took", "--margin", "3%")
    assert (ended.code, ended.out.splitlines()[1].split(",")[:3]) == (0, ["run-001:a", "run-001:b", "took"])
    ended = inv(project, "bench.compare", "--form", "cvs")
    assert (ended.code, ended.err) == (2, "there is no form 'cvs'. Forms: markdown, latex, csv. Did you mean 'csv'?\n")


def test_a_collection_made_where_there_is_no_file_looks_in_the_current_directory(project: Path) -> None:
    code = "import benchctl.tasks as t; print(sorted(t.collection('config.yaml').task_names))"
    names = ["calibrate", "compare", "export", "list", "plot", "run", "serve", "show", "stages.greet", "stages.part"]
    assert python_in(project, code).out == f"{names}\n"


def test_inv_of_one_stage_is_a_run_of_that_stage_alone(project: Path) -> None:
    assert inv(project, "bench.stages.part").code == 0
    assert stages(project) == {"greet": "skipped", "part": "succeeded"}
    assert not (project / "greeting.txt").exists()


def test_a_stage_over_ssh_really_runs_on_its_host_also_under_inv(project: Path, sshd: bed.Sshd, keys: bed.Keys) -> None:
    text = f"hosts: {{db: {json.dumps(sshd.as_host(keys.plain))}}}\n{SMALL}".replace(
        "echo goodbye", "echo $SSH_CONNECTION"
    )
    config_in(project, f"{text}    host: db\n")
    ended = inv(project, "bench.stages.part")
    assert ended.code == 0, ended.err
    assert f" {sshd.address} {sshd.port}" in (project / "results/run-001/logs/part.db.out").read_text()


def test_inv_lists_and_shows_the_kept_runs(project: Path) -> None:
    inv(project, "bench.run", "--tag", "one")
    assert inv(project, "bench.list").out.splitlines()[1].startswith("run-001  succeeded  small")
    assert inv(project, "bench.show").out.startswith("run-001  small  succeeded")
    missing = inv(project, "bench.show", "--run", "7")
    assert (missing.code, missing.out, missing.err) == (6, "", "No run '7'. Newest is run-001.\n")


def test_inv_finds_the_config_from_a_folder_below_and_keeps_results_there(project: Path) -> None:
    below = project / "deep/below"
    below.mkdir(parents=True)
    assert inv(below, "bench.run").code == 0
    assert (below / "results/run-001/greeting.txt").exists()
    assert (project / "greeting.txt").exists()
    assert inv(below, "bench.list").out.count("run-001") == 1


def test_results_of_inv_go_where_the_variable_or_the_config_say(project: Path) -> None:
    config_in(project, SMALL.replace("{name: small}", "{name: small, output_dir: configured}"))
    inv(project, "bench.run")
    inv(project, "bench.run", env={"BENCHCTL_RESULTS": "variable"})
    assert sorted(path.parent.name for path in project.glob("*/run-001")) == ["configured", "variable"]
    assert "run-001" in inv(project, "bench.show", env={"BENCHCTL_RESULTS": "variable"}).out


def test_a_failing_run_ends_inv_with_its_exit_code_and_the_reason_last(project: Path) -> None:
    config_in(project, FAILING)
    ended = inv(project, "bench.run")
    assert ended.code == 1
    assert ended.last_line == "    kept     results/run-001 (benchctl logs run-001 load)"


def test_a_config_with_problems_ends_inv_with_a_line_for_each(project: Path) -> None:
    config_in(project, BAD_CONFIG)
    ended = inv(project, "bench.run")
    assert (ended.code, ended.out) == (2, "")
    assert [line.split(": ")[1] for line in ended.err.splitlines()] == ["stages[0].host", "stages[0].comand"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "wrod=x"], "no variable is called 'wrod'. Variables: word. Did you mean 'word'?"),
        (["--set", "word"], "--set takes NAME=VALUE, not 'word'"),
        (["--skip", "gret"], "no stage is called 'gret'. Stages: greet, part. Did you mean 'greet'?"),
        (
            ["--env", "1A=x"],
            "-e: '1A' can't be set; use letters, digits and _, not beginning with a digit or with "
            "BENCHCTL_, which is ours",
        ),
    ],
)
def test_an_option_that_makes_no_sense_ends_inv_with_one_line(
    project: Path, arguments: list[str], message: str
) -> None:
    ended = inv(project, "bench.run", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.rstrip("\n").endswith(message)
    assert ended.err.count("\n") == 1
    assert not (project / "results").exists()


def test_stages_that_invoke_could_not_tell_apart_are_refused(project: Path) -> None:
    config_in(project, SMALL.replace("name: greet\n", "name: a-b\n").replace("name: part", "name: a_b"))
    ended = inv(project, "--list")
    assert (ended.code, ended.out) == (2, "")
    assert "'a-b' and 'a_b'" in ended.err


def test_names_that_are_none_for_invoke_become_some(project: Path) -> None:
    config_in(project, SMALL.replace("name: greet\n", "name: Load v1.2\n").replace("name: part", "name: a_b"))
    ended = inv(project, "--list")
    assert ended.code == 0
    assert "bench.stages.Load-v1-2" in ended.out
    assert inv(project, "bench.stages.Load-v1-2").code == 0
    assert inv(project, "bench.stages.a-b").code == 0


def test_a_project_may_hold_several_benchmarks(project: Path) -> None:
    config_in(project / "other", SMALL.replace("name: small", "name: other"), "bench.yaml")
    more = 'namespace.add_collection(benchctl.tasks.collection("other/bench.yaml"), name="other")\n'
    (project / "tasks.py").write_text(TASKS + more)
    assert inv(project, "bench.run", "other.run").code == 0
    assert [record(project, name)["benchmark"] for name in ("run-001", "run-002")] == ["small", "other"]
