"""`benchctl calibrate`: a run against itself, what it keeps, and what comparisons then say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_cli_console import benchctl_in, config_in

import benchctl
from benchctl.errors import UsageError
from benchctl.runs import calibrations
from benchctl.runs.store import Store

NOISY = """\
benchmark: {name: noisy}
cases:
  - {name: wal, params: {base: "40"}}
  - {name: delete, params: {base: "41"}}
trials: {repeat: 4, order: sequential, seed: 7}
stages:
  - name: load
    command: echo "took = $base.$(( BENCHCTL_TRIAL * 7919 % 100 + 100 )) ms"
metrics:
  - {name: took, stage: load, regex: "took = ([0-9.]+)", unit: ms, better: lower}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a calibration, run-001, and a run of the same config with its trials in turns, run-002."""
    directory = tmp_path_factory.mktemp("kept")
    config_in(directory, NOISY)
    ended = benchctl_in(directory, "calibrate", "-q", "--repeat", "6")
    assert (ended.code, ended.err.split("/")[0]) == (0, "kept  results")
    config_in(directory, NOISY.replace("order: sequential, ", ""))
    assert benchctl_in(directory, "run", "-q").code == 0
    return directory


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept, tmp_path / "runs")


def test_calibration_is_a_run_in_turns_with_twice_the_trials_and_a_tag(kept: Path) -> None:
    run = benchctl.find("1", results=kept / "results")
    assert (run.tags, run.planned["order"], run.planned["repeat"]) == (("calibration",), "interleaved", 12)
    assert [trial.case for trial in run.trials].count("wal") == 12
    assert {run.trials[i].case for i in (0, 1)} == {"wal", "delete"}


def test_table_tells_the_noise_and_what_trials_can_detect(kept: Path) -> None:
    ended = benchctl_in(kept, "calibrate", "--of", "1")
    lines = ended.out.splitlines()
    assert (ended.code, lines[0]) == (0, "run-001 noisy: the same against itself, 6 trials a side, in turns")
    assert lines[2].split("  ")[0] == "CASE"
    assert [line.split()[:4] for line in lines[3:5]] == [["wal", "took", "ms", "12"], ["delete", "took", "ms", "12"]]
    assert lines[8].split() == ["CASE", "METRIC", "TRIALS", "ARE", "4", "5", "10", "30", "1%", "3%", "5%"]
    assert [line.split()[0:3] for line in lines[9:13]] == [
        ["wal", "took", "in"],
        ["wal", "took", "separate"],
        ["delete", "took", "in"],
        ["delete", "took", "separate"],
    ]


def test_json_has_the_floors_and_what_they_can_tell(kept: Path) -> None:
    document = json.loads(benchctl_in(kept, "calibrate", "--of", "1", "--json").out)
    assert (document["schema"], document["run"], document["trials"]) == ("benchctl/calibrate@1", "run-001", 4)
    floor = document["floors"][0]
    smallest = floor["detects"]["in_turns"]["smallest"]["10"]
    assert 0 < smallest["low"] < smallest["value"] < smallest["high"]
    assert list(floor["detects"]["separate"]["trials"]) == ["0.01", "0.03", "0.05"]


def test_comparison_tells_what_lies_below_what_can_be_detected(kept: Path) -> None:
    ended = benchctl_in(kept, "compare", "2:wal", "2:delete", "--json")
    (row,) = json.loads(ended.out)["comparisons"][0]["rows"]
    assert row["detectable"] > 0
    told = any("can detect here (calibrated by run-001)" in text for text in row["warnings"])
    assert told == (abs(row["ratio"]["value"] - 1) < row["detectable"])


def test_table_of_a_comparison_has_a_column_for_it(kept: Path) -> None:
    assert "DETECTABLE" in benchctl_in(kept, "compare", "2").out
    assert "detectable" in benchctl_in(kept, "compare", "2", "--markdown").out


def test_other_hosts_or_another_benchmark_have_no_calibration(kept: Path) -> None:
    store, run = Store(kept / "results"), benchctl.find("2", results=kept / "results")
    assert calibrations.find(store, run) is not None
    facts = {**run.hosts["local"].facts, "kernel": "1.0"}
    moved = replace(run, hosts={"local": replace(run.hosts["local"], facts=facts)})
    assert calibrations.find(store, moved) is None
    assert calibrations.find(store, replace(run, benchmark="other")) is None


def test_newer_calibration_of_one_case_leaves_the_other(runs: Path) -> None:
    assert benchctl_in(runs, "calibrate", "-q", "--repeat", "3", "--case", "wal").code == 0
    run = benchctl.find("latest", results=runs / "results")
    found = calibrations.find(Store(runs / "results"), run)
    assert found is not None
    assert {floor.case: floor.run for floor in found.floors} == {"delete": "run-001", "wal": "run-003"}


def test_damaged_file_is_a_warning_of_a_comparison_and_an_error_of_the_next_calibration(runs: Path) -> None:
    (file,) = (runs / "results" / "calibrations").iterdir()
    file.write_text("{")
    ended = benchctl_in(runs, "compare", "2")
    assert ended.code == 0
    assert f"warning: what benchctl calibrate kept can't be used: results/calibrations/{file.name} ends" in ended.out
    ended = benchctl_in(runs, "calibrate", "--of", "1")
    assert (ended.code, ended.err.splitlines()[1:]) == (
        6,
        ["    hint  remove it, and then: benchctl calibrate --of run-001"],
    )
    assert f"results/calibrations/{file.name} ends" in ended.err
    file.write_text('{"hosts": 7}')
    assert f"can't be used: results/calibrations/{file.name}: hosts is '7'" in benchctl_in(runs, "compare", "2").out


def test_calibration_that_was_cut_off_is_resumed_in_turns(runs: Path) -> None:
    config_in(runs, NOISY)  # whose order is another
    (runs / "stop").write_text("")
    config_in(runs, NOISY.replace("command: echo", "command: test ! -e stop || test $BENCHCTL_TRIAL -lt 5 && echo"))
    ended = benchctl_in(runs, "calibrate", "-q", "--repeat", "3")
    assert ended.code == 1
    (runs / "stop").unlink()
    assert benchctl_in(runs, "resume", "-q", "--failed").code == 0
    run = benchctl.find("latest", results=runs / "results")
    assert (run.status, run.planned["order"]) == ("succeeded", "interleaved")
    ended = benchctl_in(runs, "calibrate", "--of", "latest")
    assert (ended.code, ended.out.split(":")[0]) == (0, "run-003 noisy")


@pytest.mark.parametrize("value", [-5e300, 1e308])
def test_spread_that_none_can_be_is_a_warning_of_a_comparison(runs: Path, value: float) -> None:
    (file,) = (runs / "results" / "calibrations").iterdir()
    document = json.loads(file.read_text())
    document["floors"][0]["spread_in_turns"] = value
    file.write_text(json.dumps(document))
    ended = benchctl_in(runs, "compare", "2")
    told = f"can't be used: results/calibrations/{file.name}: spread_in_turns of took is {value:g}\n"
    assert (ended.code, told in ended.out) == (0, True)


def test_one_case_of_a_kept_run_misses_no_trials(runs: Path) -> None:
    ended = benchctl_in(runs, "calibrate", "--of", "1:wal")
    assert (ended.code, "delete" in ended.out, "not made" in ended.out) == (0, False, False)
    assert "not made" not in benchctl_in(runs, "show", "1:wal").out


def test_metric_with_too_few_values_and_one_that_is_too_large_are_named(tmp_path: Path) -> None:
    said = 'echo "took = $base.$BENCHCTL_TRIAL ms"; test $BENCHCTL_TRIAL -gt 4 || echo "rare = 1$BENCHCTL_TRIAL"'
    huge = '; echo "huge = 1e200"'
    metrics = "".join(f"  - {{name: {name}, stage: load, regex: '{name} = (\\S+)'}}\n" for name in ("rare", "huge"))
    command = next(line for line in NOISY.splitlines() if "command" in line)
    config_in(tmp_path, NOISY.replace(command, f"    command: |\n      {said}{huge}") + metrics)
    ended = benchctl_in(tmp_path, "calibrate", "-q", "--repeat", "3")
    assert (ended.code, ended.out) == (3, "")
    ended = benchctl_in(tmp_path, "calibrate", "--of", "1")
    assert (ended.code, ended.err) == (
        2,
        "run-001: huge of the base: value 1 is 1e+200, which can't be compared\n"
        "    hint  calibrate by the others: --metric NAME\n",
    )
    ended = benchctl_in(tmp_path, "calibrate", "--of", "1", "--metric", "took", "--metric", "rare")
    assert [line for line in ended.out.splitlines() if line.startswith("rare")] == [
        "rare of wal has a value in fewer than 3 pairs of rounds, too few for it",
        "rare of delete has a value in fewer than 3 pairs of rounds, too few for it",
    ]


def test_run_that_fails_at_once_ends_with_its_own_code(tmp_path: Path) -> None:
    config_in(tmp_path, NOISY.replace("command: echo", "command: false; echo").replace("false;", "exit 3;"))
    ended = benchctl_in(tmp_path, "calibrate", "-q")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("stage 'load' failed on local after ")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--of", "2", "--tag", "x"], "--of takes a run as it is; only --metric and --results go with it"),
        (["--of", "2"], "run-002 says nothing of noise: no metric has a value in 6 trials of one case"),
        (["--of", "9"], "No run '9'. Newest are run-002, run-001."),
        (["--repeat", "2"], "--repeat 2: at least 3 trials a side are needed to tell how they spread"),
        (
            ["--of", "1", "--metric", "tok"],
            "no metric is called 'tok'. Metrics: took, load.duration.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(kept: Path, args: list[str], told: str) -> None:
    ended = benchctl_in(kept, "calibrate", *args)
    assert (ended.code in (2, 6), ended.out) == (True, "")
    assert told in ended.err


def test_run_is_kept_where_a_metric_is_not_there(tmp_path: Path) -> None:
    config_in(tmp_path, NOISY)
    ended = benchctl_in(tmp_path, "calibrate", "-q", "--repeat", "3", "--metric", "tok")
    assert (ended.code, ended.err.splitlines()[1:]) == (
        2,
        ["    hint  the run is kept: benchctl calibrate --of run-001"],
    )


def test_order_that_makes_no_pairs_is_refused(tmp_path: Path) -> None:
    config_in(tmp_path, NOISY)
    assert benchctl_in(tmp_path, "run", "-q", "--repeat", "6").code == 0
    with pytest.raises(UsageError, match="the trials of run-001 were made in sequential order"):
        benchctl.calibration_of("latest", results=tmp_path / "results")


def test_calibrate_is_a_task_of_the_collection(tmp_path: Path) -> None:
    config_in(tmp_path, NOISY)
    (tmp_path / "tasks.py").write_text(
        "import benchctl.tasks\nfrom invoke import Collection\n"
        "ns = Collection()\nns.add_collection(benchctl.tasks.collection('config.yaml'), name='bench')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "bench.calibrate", "--repeat", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "run-001 noisy: the same against itself, 3 trials a side, in turns",
    )
