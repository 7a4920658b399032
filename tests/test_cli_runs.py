"""`benchctl list`, `show` and `logs`: the kept runs, of this directory and of others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sshd as bed
from test_cli_console import FAILING, SMALL, benchctl_in, benchctl_started_in, config_in


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run that succeeded, and then one that failed; nothing is changed in it."""
    directory = tmp_path_factory.mktemp("two")
    config_in(directory)
    config_in(directory, FAILING, "failing.yaml")
    benchctl_in(directory, "run", "-q", "--tag", "try")
    benchctl_in(directory, "run", "-q", "failing.yaml")
    return directory


def test_list_has_a_line_per_run_newest_first_with_the_reason_of_a_failure(two_runs: Path) -> None:
    head, newest, oldest = benchctl_in(two_runs, "list").out.splitlines()
    assert head.split() == ["RUN", "STATUS", "NAME", "STARTED", "TOOK", "TRIALS", "TAGS"]
    assert newest.split()[:3] == ["run-002", "failed", "failing"]
    assert newest.endswith("exit code 3")
    assert oldest.split()[:3] == ["run-001", "succeeded", "small"]
    assert oldest.endswith("  try")


@pytest.mark.parametrize(("limit", "lines"), [("1", 2), ("0", 3), ("50", 3)])
def test_list_shows_at_most_limit_runs(two_runs: Path, limit: str, lines: int) -> None:
    assert len(benchctl_in(two_runs, "list", "-l", limit).out.splitlines()) == lines


def test_list_where_there_are_no_runs_says_how_to_make_one(tmp_path: Path) -> None:
    ended = benchctl_in(tmp_path, "list")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("No runs yet. `benchctl run CONFIG` makes one")


@pytest.mark.parametrize("selector", ["run-001", "1", "001", "latest~1", "results/run-001", "./results/run-001/"])
def test_show_takes_every_way_to_name_a_run(two_runs: Path, selector: str) -> None:
    assert benchctl_in(two_runs, "show", selector).out.startswith("run-001  small  succeeded after")


def test_show_takes_a_uid_as_well(two_runs: Path) -> None:
    uid = benchctl_in(two_runs, "show", "1", "--json").json()["uid"]
    assert benchctl_in(two_runs, "show", uid).out.startswith("run-001  small")


def test_show_shows_the_latest_run_with_its_failure_last(two_runs: Path) -> None:
    out = benchctl_in(two_runs, "show").out
    assert out.startswith("run-002  failing  failed after")
    assert out.endswith("    kept     results/run-002 (benchctl logs run-002 load)\n")


def test_runs_of_another_directory_are_found_by_their_path_or_by_their_results(two_runs: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    results = two_runs / "results"
    by_its_way = os.path.relpath(results, elsewhere)
    for arguments in ([str(results / "run-001")], ["1", "--results", str(results)], ["1", "--results", by_its_way]):
        assert benchctl_in(elsewhere, "show", *arguments).out.startswith("run-001  small")
        assert "part.local | goodbye" in benchctl_in(elsewhere, "logs", *arguments).out
    assert benchctl_in(elsewhere, "show", "1").code == 6


def test_logs_are_those_of_all_stages_or_of_one(two_runs: Path) -> None:
    assert benchctl_in(two_runs, "logs", "1").out == "greet.local | hello\npart.local | goodbye\n"
    assert benchctl_in(two_runs, "logs", "latest~1", "part").out == "part.local | goodbye\n"
    assert benchctl_in(two_runs, "logs").out == "load.local | working\nload.local | oh no\n"


def test_logs_of_a_stage_that_there_is_not_names_those_there_are(two_runs: Path) -> None:
    ended = benchctl_in(two_runs, "logs", "1", "prat")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("run-001 has no stage 'prat'. Stages: greet, part.")


def test_logs_of_a_run_that_is_over_end_also_when_followed(two_runs: Path) -> None:
    assert benchctl_in(two_runs, "logs", "1", "-f").out == benchctl_in(two_runs, "logs", "1").out


def test_logs_are_followed_until_the_run_is_over(tmp_path: Path) -> None:
    command = "touch begun; echo first; until [ -e go ]; do sleep 0.05; done; echo last"
    config_in(tmp_path, SMALL.replace("echo goodbye", command))
    with benchctl_started_in(tmp_path, "run", "-q") as run:
        bed.wait_until((tmp_path / "begun").exists, "the stage begins", timeout_s=60)
        with benchctl_started_in(tmp_path, "logs", "-f") as follower:
            assert follower.stdout
            assert follower.stdout.readline() == "greet.local | hello\n"
            assert follower.stdout.readline() == "part.local | first\n"
            (tmp_path / "go").touch()
            assert follower.stdout.read() == "part.local | last\n"
            assert follower.wait(60) == 0
        assert run.wait(60) == 0


def test_ctrl_c_ends_following_without_a_traceback(tmp_path: Path) -> None:
    config_in(tmp_path, SMALL.replace("echo goodbye", "until [ -e go ]; do sleep 0.05; done"))
    with benchctl_started_in(tmp_path, "run", "-q") as run:
        bed.wait_until((tmp_path / "greeting.txt").exists, "the run begins", timeout_s=60)
        with benchctl_started_in(tmp_path, "logs", "-f") as follower:
            assert follower.stdout
            assert follower.stderr
            assert follower.stdout.readline() == "greet.local | hello\n"
            follower.send_signal(signal.SIGINT)
            assert follower.stderr.read().strip() == "stopped by Ctrl-C"
            assert follower.wait(60) == 130
        (tmp_path / "go").touch()
        assert run.wait(60) == 0


# several at once

PAIRS = 20
RUNNER = """\
import sys, benchctl
benchmark = benchctl.load()
benchctl.compile_plan(benchmark)  # loads what takes time
print("ready", flush=True)
for _ in sys.stdin:
    print(benchctl.run(benchmark).exit_code, flush=True)
"""


def _runner_in(directory: Path) -> subprocess.Popen[str]:
    """A process that says `ready`, and then makes a run for each line it gets and says its exit code."""
    command = [sys.executable, "-c", RUNNER]
    return subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_runs_started_at_the_same_instant_get_numbers_of_their_own_and_lose_nothing(tmp_path: Path) -> None:
    """Two processes that have loaded all they need are told at the same moment to make a run, twenty times."""
    config_in(tmp_path, "benchmark: {name: tiny}\nstages: [{name: touch, command: 'echo $BENCHCTL_RUN_ID'}]\n")
    with _runner_in(tmp_path) as one, _runner_in(tmp_path) as other:
        assert [process.stdout.readline() for process in (one, other) if process.stdout] == ["ready\n"] * 2
        for _ in range(PAIRS):
            for process in (one, other):
                assert process.stdin
                process.stdin.write("go\n")
                process.stdin.flush()
            assert [process.stdout.readline() for process in (one, other) if process.stdout] == ["0\n"] * 2
    names = [f"run-{number:03d}" for number in range(1, 2 * PAIRS + 1)]
    assert sorted(path.name for path in (tmp_path / "results").glob("run-*")) == names
    rows = benchctl_in(tmp_path, "list", "--json").json()["runs"]
    assert [(row["id"], row["status"]) for row in rows] == [(name, "succeeded") for name in reversed(names)]
    assert len({row["uid"] for row in rows}) == 2 * PAIRS
    for name in names:
        assert (tmp_path / f"results/{name}/logs/touch.local.out").read_text() == f"{name}\n"
