"""An export is whole, or says what it lacks, and one that fails leaves nothing behind."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from plots_bed import SCHEMA, rows, run, with_trials
from test_cli_console import benchctl_in
from workflow_bed import Bench

import benchctl
from benchctl.errors import DataError, OutputError, UsageError
from benchctl.exports.placing import Delivery, delivery
from benchctl.runs.record import RunRecord

FORMATS = ["csv", "parquet"]


def half(local: Bench) -> RunRecord:
    """A run of which one optional output was never written."""
    local.path("source.csv").write_text(rows(50))
    outputs = [
        {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA},
        {"name": "other", "remote_path": str(local.path("none.csv")), "data_schema": SCHEMA, "optional": True},
    ]
    return local.run(local.stage("load", "true", outputs=outputs))


def test_an_output_that_was_not_collected_is_said_and_ends_with_3(local: Bench, tmp_path: Path) -> None:
    record = half(local)
    ended = benchctl_in(tmp_path, "export", "-o", "out", "--json")
    (lost,) = ended.json()["missing"]
    reason = next(output.reason for output in record.trials[0].outputs if output.name == "other")
    assert lost == f"run-001: output 'other' was not collected: {reason}"
    assert (ended.code, ended.err, ended.json()["rows"]) == (3, f"incomplete: {lost}\n", {"lat": 50})
    archived = benchctl_in(tmp_path, "export", "--archive", "x.tar.gz")
    assert (archived.code, archived.err.splitlines()[-1]) == (3, f"incomplete: {lost}")
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        page = archive.extractfile("x/README.md")
        assert page
        assert f"## What is missing\n\n- {lost}\n" in page.read().decode()


def test_trials_that_have_no_rows_do_not_hinder_the_others(local: Bench, tmp_path: Path) -> None:
    record = with_trials(run(local, rows(50), []), cases=("wal", "delete"))
    path = record.path / record.trials[1].directory / "trial.json"
    document = json.loads(path.read_text())
    (output,) = document["stages"][0]["hosts"]["local"]["outputs"]
    output |= {"status": "missing", "path": None, "reason": "no such file", "data": None}
    path.write_text(json.dumps(document))
    done = benchctl.export(benchctl.find(str(record.path)), to=tmp_path / "out")
    assert done.rows == {"lat": 300}
    assert done.missing == ("lat: run-001 delete-01: lat of local was not collected: no such file",)
    assert json.loads((tmp_path / "out/lat.csv.json").read_text())["missing"] == [done.missing[0][5:]]


@pytest.mark.parametrize("format", FORMATS)
def test_rows_that_are_not_those_of_the_record_are_said(local: Bench, tmp_path: Path, format: str) -> None:
    pytest.importorskip("pyarrow")
    record = run(local, rows(50), [])
    path = record.path / "source.csv"
    path.write_text(path.read_text().rsplit("\n", 2)[0] + "\n")
    os.utime(path, (1, 1))
    done = benchctl.export(record, to=tmp_path / "out", format=format)
    assert done.missing == (
        "lat: source.csv of run-001 was changed after it was collected; it is read as it is now",
        "lat: run-001: source.csv of local has 49 good rows now; 50 were recorded",
    )


def test_a_file_of_the_same_size_and_an_older_date_is_told_apart_by_its_sum(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [])
    path = record.path / "source.csv"
    path.write_text(path.read_text().replace("read", "raed"))
    os.utime(path, (1, 1))
    done = benchctl.export(record, to=tmp_path / "out")
    assert done.missing == ("lat: source.csv of run-001 was changed after it was collected; it is read as it is now",)
    archived = benchctl.export(record, archive=tmp_path / "x.tar.gz")
    said = "run-001: output 'lat' was changed after it was collected: source.csv has another SHA-256"
    assert archived.missing == (said,)
    path.unlink()
    archived = benchctl.export(record, archive=tmp_path / "y.tar.gz")
    assert archived.missing == ("run-001: output 'lat' is not whole: source.csv is not there any more",)


def test_a_run_that_failed_is_said(local: Bench, tmp_path: Path) -> None:
    record = local.run(local.stage("load", "exit 7"))
    done = benchctl.export(record, to=tmp_path / "out")
    assert record.error
    assert done.missing == (f"run-001 failed: {record.error.message}",)


def test_an_output_called_metrics_keeps_its_rows(local: Bench, tmp_path: Path) -> None:
    local.path("source.csv").write_text(rows(50))
    output = {"name": "metrics", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    done = benchctl.export(local.run(local.stage("load", "true", outputs=[output])), to=tmp_path / "out")
    assert [path.name for path in done.paths] == ["rows-metrics.csv", "rows-metrics.csv.json", *METRICS]
    with (tmp_path / "out/rows-metrics.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 50


METRICS = ["metrics.csv", "metrics_by_case.csv", "metrics.json"]


def two_outputs(local: Bench) -> RunRecord:
    local.path("source.csv").write_text(rows(50))
    output = {"remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    outputs = [{"name": "a", **output}, {"name": "b", "local_path": "b.csv", **output}]
    return local.run(local.stage("load", "true", outputs=outputs))


@pytest.mark.parametrize("format", FORMATS)
def test_a_later_output_that_can_not_be_read_leaves_all_as_it_was(local: Bench, tmp_path: Path, format: str) -> None:
    pytest.importorskip("pyarrow")
    record, out = two_outputs(local), tmp_path / "new/out"
    (record.path / "b.csv").rename(record.path / "away.csv")
    with pytest.raises(DataError):
        benchctl.export(record, to=out, format=format)
    assert not out.parent.exists()
    (record.path / "away.csv").rename(record.path / "b.csv")
    benchctl.export(record, to=out, format=format)
    before = content(out)
    (record.path / "b.csv").unlink()
    with pytest.raises(DataError):
        benchctl.export(record, to=out, format=format, force=True)
    assert content(out) == before


def content(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_comes_in_the_way_meanwhile_is_not_replaced(local: Bench, tmp_path: Path) -> None:
    def deliver() -> None:
        with delivery(tmp_path / "out", force=False) as made:
            put(made, "a", "b")
            (tmp_path / "out/b").write_text("theirs")

    with pytest.raises(UsageError, match=r"b is there already"):
        deliver()
    assert content(tmp_path / "out") == {"b": b"theirs"}


def put(made: Delivery, *names: str) -> None:
    for name in names:
        with made.file(name) as file:
            file.write(b"new")


def test_what_was_replaced_is_back_when_a_later_place_is_taken(tmp_path: Path) -> None:
    def deliver() -> None:
        with delivery(tmp_path, force=True) as made:
            with made.data_set("d") as folder:
                (folder / "run=2").mkdir()
            put(made, "a", "c")
            (tmp_path / "c").mkdir()

    (tmp_path / "a").write_text("old")
    (tmp_path / "d/run=1").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"c is a folder"):
        deliver()
    assert content(tmp_path) == {"a": b"old"}
    assert os.listdir(tmp_path / "d") == ["run=1"]


@pytest.mark.parametrize("arguments", [["-o", "out"], ["-o", "out", "--format", "parquet"], ["--archive", "x.tar.gz"]])
def test_a_full_disk_leaves_nothing(local: Bench, tmp_path: Path, arguments: list[str]) -> None:
    pytest.importorskip("pyarrow")
    run(local, rows(5000), [])
    there = sorted(os.listdir(tmp_path))
    ended = after("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))", arguments, tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert " could not be written: File too large" in ended.stderr
    assert sorted(os.listdir(tmp_path)) == there


def after(statements: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`benchctl export` in a process that did something else before."""
    command = [sys.executable, "-c", f"{statements}\nfrom benchctl.cli import main; main()", "export", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("arguments", [["-o", "out"], ["--archive", "x.tar.gz"]])
def test_a_signal_leaves_nothing(
    local: Bench, tmp_path: Path, number: signal.Signals, code: int, arguments: list[str]
) -> None:
    run(local, rows(50), [])
    there = sorted(os.listdir(tmp_path))
    begin = "import os; from benchctl.exports.placing import Delivery"
    ended = after(f"{begin}; Delivery.place = lambda made: os.kill(os.getpid(), {int(number)})", arguments, tmp_path)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert sorted(os.listdir(tmp_path)) == there


def test_a_place_without_permission_is_named(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(5), [])
    with pytest.raises(OutputError, match="/proc/out could not be written"):
        benchctl.export(record, to="/proc/out")
