"""`benchctl export`: rows and metrics for other programs, and archives that hold all of a run but its secrets."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import stat
import subprocess
import tarfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plots_bed import SCHEMA, rows, run, with_trials
from test_cli_console import benchctl_in
from workflow_bed import Bench

import benchctl
from benchctl.errors import DataError, OutputError, UsageError

METRIC = {"name": "p99", "source": "lat", "column": "latency", "aggregate": "p99"}


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_come_with_run_case_trial_and_host_as_the_frame_has_them(local: Bench, tmp_path: Path) -> None:
    record = with_trials(run(local, rows(50), []), cases=("wal", "delete"), trials=2, hosts=("local", "b"))
    done = benchctl.export(record, to=tmp_path / "out")
    assert [path.name for path in done.paths] == [
        "lat.csv",
        "lat.csv.json",
        "metrics.csv",
        "metrics_by_case.csv",
        "metrics.json",
    ]
    assert done.rows == {"lat": 2400}
    found, frame = lines_of(tmp_path / "out/lat.csv"), benchctl.frame(record, "lat")
    assert list(found[0]) == ["run", "case", "trial", "host", "elapsed_s", "time", "latency", "size", "op"]
    parsed = [
        (
            *(line["run"], line["case"], int(line["trial"]), line["host"], float(line["elapsed_s"])),
            *(datetime.fromisoformat(line["time"]), float(line["latency"]), int(line["size"]), line["op"]),
        )
        for line in found
    ]
    assert parsed == [tuple(row) for row in frame.itertuples(index=False)]
    assert found[0]["time"].endswith("Z")
    told = json.loads((tmp_path / "out/lat.csv.json").read_text())
    assert {column["name"]: column["unit"] for column in told["columns"] if column["unit"]} == {
        "elapsed_s": "s",
        "latency": "ms",
        "size": "B",
    }
    assert (told["rows"], told["runs"]) == (2400, [{"run": "run-001", "uid": record.uid}])


def test_a_case_alone_is_exported_by_its_selector(local: Bench, tmp_path: Path) -> None:
    with_trials(run(local, rows(50), []), cases=("wal", "delete"))
    ended = benchctl_in(tmp_path, "export", "run-001:wal", "-o", "out", "--json")
    assert ended.json() == {
        "schema": "benchctl/export@1",
        "paths": ["out/lat.csv", "out/lat.csv.json", "out/metrics.csv", "out/metrics_by_case.csv", "out/metrics.json"],
        "rows": {"lat": 300},
        "notes": [],
        "missing": [],
    }
    assert Counter(line["case"] for line in lines_of(tmp_path / "out/lat.csv")) == {"wal": 300}


def test_columns_of_several_runs_are_in_one_unit(local: Bench, tmp_path: Path) -> None:
    local.path("a.csv").write_text("time,latency\n1763900000000,1.5\n")
    schema = {"time": {"type": "timestamp", "unit": "ms"}, "latency": {"type": "float", "unit": "ms"}}
    output = {"name": "lat", "remote_path": str(local.path("a.csv"))}
    first = local.run(local.stage("load", "true", outputs=[{**output, "data_schema": schema}]))
    schema["latency"]["unit"] = "us"
    other = local.run(local.stage("load", "true", outputs=[{**output, "data_schema": schema}]))
    done = benchctl.export([first, other], to=tmp_path / "out")
    assert [line["latency"] for line in lines_of(tmp_path / "out/lat.csv")] == ["1.5", "0.0015"]
    assert done.notes == ("lat: 'latency' of run-002 was converted from us to ms",)


def test_finer_times_keep_all_their_digits_and_undeclared_columns_are_named(local: Bench, tmp_path: Path) -> None:
    local.path("a.csv").write_text("time,run,more\n1763900000000000001,7,x\n")
    schema = {"time": {"type": "timestamp", "unit": "ns"}, "run": {"type": "integer"}}
    stage = local.stage(
        "load", "true", outputs=[{"name": "o", "remote_path": str(local.path("a.csv")), "data_schema": schema}]
    )
    done = benchctl.export(local.run(stage), to=tmp_path / "out")
    (line,) = lines_of(tmp_path / "out/o.csv")
    assert (line["run"], line["file.run"], line["time"]) == ("run-001", "7", "2025-11-23T12:13:20.000000001Z")
    assert done.notes == ("o: left out: columns without a declaration in data_schema",)


def test_metrics_are_a_line_each_in_both_forms(local: Bench, tmp_path: Path) -> None:
    local.path("source.csv").write_text(rows(50))
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    record = local.run(local.stage("load", "true", outputs=[output]), config={"metrics": [METRIC]})
    benchctl.export(record, to=tmp_path / "out")
    (trial,) = record.trials
    found = lines_of(tmp_path / "out/metrics.csv")
    assert [line["metric"] for line in found] == list(trial.metrics)
    assert (found[0]["metric"], float(found[0]["value"])) == ("p99", trial.metrics["p99"].value)
    document = json.loads((tmp_path / "out/metrics.json").read_text())
    assert document["schema"] == "benchctl/metrics@1"
    assert [line["value"] for line in document["metrics"]] == [metric.value for metric in trial.metrics.values()]


def test_nothing_is_replaced_unasked_and_nothing_half_is_left(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [])
    out = tmp_path / "out"
    benchctl.export(record, to=out)
    (out / "lat.csv").write_text("mine\n")
    ended = benchctl_in(tmp_path, "export", "-o", "out")
    said = "out/lat.csv is there already\n    hint  --force replaces it; --out names another place\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)
    assert (out / "lat.csv").read_text() == "mine\n"
    benchctl.export(record, to=out, force=True)
    assert len(lines_of(out / "lat.csv")) == 50
    (record.path / "source.csv").unlink()
    (out / "lat.csv").unlink()
    with pytest.raises(DataError):
        benchctl.export(record, to=out, force=True)
    assert sorted(os.listdir(out)) == ["lat.csv.json", "metrics.csv", "metrics.json", "metrics_by_case.csv"]


def test_a_place_that_can_not_be_written_is_named(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(5), [])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=f"{tmp_path}/file could not be written: Not a directory"):
        benchctl.export(record, to=tmp_path / "file")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "parket"], "there is no format 'parket'. Formats: csv, parquet. Did you mean 'parquet'?"),
        (["--output", "lst"], "run-001 has no output 'lst'. Outputs: lat. Did you mean 'lat'?"),
        (["--archive", "a.zip"], "an archive is a .tar.gz file; a.zip is called otherwise"),
        (["--archive", "a.tar.gz", "--out", "x"], "an archive has whole runs in it; leave out outputs, format and to"),
        (["-e", "A=bcde"], "env is for an archive: its values are masked there, and rows are never masked"),
    ],
)
def test_what_makes_no_sense_is_said(local: Bench, tmp_path: Path, arguments: list[str], said: str) -> None:
    run(local, rows(5), [])
    ended = benchctl_in(tmp_path, "export", *arguments)
    assert ended.code in (1, 2)
    assert ended.err.splitlines()[0] == said


def test_parquet_is_read_by_folders_as_columns(local: Bench, tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    record = with_trials(run(local, rows(50), []), cases=("wal", "de lete/1"), trials=2)
    done = benchctl.export(record, to=tmp_path / "out", format="parquet")
    folder = tmp_path / "out/lat"
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))
    assert files[0] == "run=run-001/case=de%20lete%2F1/trial=1/host=local/part-0.parquet"
    assert (len(files), done.rows) == (4, {"lat": 1200})
    table = dataset.dataset(folder, partitioning="hive").to_table()
    assert {name: str(table.schema.field(name).type) for name in ("time", "latency", "size", "op", "trial")} == {
        "time": "timestamp[us, tz=UTC]",
        "latency": "double",
        "size": "int64",
        "op": "string",
        "trial": "int32",
    }
    assert table.schema.field("latency").metadata == {b"unit": b"ms"}
    frame = benchctl.frame(record, "lat")
    keys = ["case", "trial", "latency"]
    assert sorted(zip(*(table[key].to_pylist() for key in keys), strict=True)) == sorted(
        frame[keys].itertuples(index=False, name=None)
    )
    ended = benchctl_in(tmp_path, "export", "-o", "out", "--format", "parquet", "--force")
    assert ended.code == 0, ended.err


def test_parquet_of_a_run_without_cases_can_be_read(local: Bench, tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    benchctl.export(run(local, rows(5), []), to=tmp_path / "out", format="parquet")
    table = dataset.dataset(tmp_path / "out/lat", partitioning="hive").to_table()
    assert (table["case"].to_pylist(), table.num_rows) == (["-"] * 5, 5)


def test_force_replaces_no_folder_that_is_not_a_data_set(local: Bench, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    record = run(local, rows(5), [])
    (tmp_path / "out/lat").mkdir(parents=True)
    (tmp_path / "out/lat/precious").write_text("")
    with pytest.raises(UsageError, match="out/lat is a folder; name another place with --out"):
        benchctl.export(record, to=tmp_path / "out", format="parquet", force=True)
    assert (tmp_path / "out/lat/precious").exists()


def unpacked(archive: Path, folder: Path) -> Path:
    folder.mkdir()
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def secretive(local: Bench, **options: Any) -> Any:
    local.path("go.sh").write_text("#!/bin/sh\necho $TOKEN > found.txt; echo said $TOKEN\n")
    script = {"name": "go", "script": "go.sh", "outputs": [{"name": "found", "remote_path": "found.txt"}]}
    return local.run(script, **options)


def test_an_archive_checks_and_shows_and_holds_no_secret(local: Bench, tmp_path: Path) -> None:
    record = secretive(local, env={"TOKEN": "s3cret-token"})
    ended = benchctl_in(tmp_path, "export", "--archive", "paper.tar.gz", "-e", "TOKEN=s3cret-token")
    names = ["runs/run-001/events.ndjson", "runs/run-001/found.txt", "runs/run-001/logs/go.local.out"]
    assert (ended.code, ended.out) == (0, "paper.tar.gz\n")
    masked = [line for line in ended.err.splitlines() if line.startswith("note: a secret was masked in ")]
    assert {line.removeprefix("note: a secret was masked in ") for line in masked} >= set(names[1:])
    folder = unpacked(tmp_path / "paper.tar.gz", tmp_path / "there")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listed = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == listed | {"SHA256SUMS"}
    assert there >= {"README.md", "metrics.csv", "runs/run-001/config.yaml", "runs/run-001/scripts/go.sh"}
    assert not [path for path in folder.rglob("*") if path.is_file() and b"s3cret-token" in path.read_bytes()]
    assert (folder / "runs/run-001/found.txt").read_text() == "***\n"
    assert (folder / "runs/run-001/scripts/go.sh").stat().st_mode & stat.S_IXUSR
    readme = (folder / "README.md").read_text()
    assert "    benchctl run runs/run-001/config.yaml -e TOKEN=VALUE\n" in readme
    assert "- `runs/run-001/found.txt`\n" in readme
    assert benchctl.find(str(folder / "runs/run-001")).uid == record.uid


def test_an_archive_is_the_same_bytes_whenever_it_is_made(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(500), [])
    benchctl.export(record, archive=tmp_path / "a/x.tar.gz")
    os.utime(record.path / "source.csv", (1, 1))
    benchctl.export(record, archive=tmp_path / "b/x.tar.gz")
    assert (tmp_path / "a/x.tar.gz").read_bytes() == (tmp_path / "b/x.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a/x.tar.gz") as archive:
        assert {(one.uid, one.uname, one.mtime) for one in archive} == {
            (0, "", int(record.started.astimezone(UTC).timestamp()) if record.started else 0)
        }


def test_what_could_not_be_looked_for_or_into_is_said(local: Bench, tmp_path: Path) -> None:
    record = secretive(local, env={"TOKEN": "s3cret-token"})
    (record.path / "more.gz").write_bytes(b"\x1f\x8b and more")
    (record.path / "link").symlink_to("more.gz")
    done = benchctl.export(record, archive=tmp_path / "x.tar.gz")
    assert done.notes == (
        "left out, as it is no plain file: runs/run-001/link",
        "the value of TOKEN was not looked for; -e TOKEN=VALUE masks it",
    )
    done = benchctl.export(record, archive=tmp_path / "y.tar.gz", env={"TOKEN": "s3cret-token"})
    assert "compressed, and not looked into for secrets: runs/run-001/more.gz" in done.notes


@pytest.mark.parametrize("value", ["8000", "true", "abc", "1e-05"])
def test_a_value_that_stands_everywhere_is_refused(local: Bench, tmp_path: Path, value: str) -> None:
    record = run(local, rows(5), [])
    with pytest.raises(UsageError, match=f"-e N: '{value}' stands in too many places to be masked; leave it out"):
        benchctl.export(record, archive=tmp_path / "x.tar.gz", env={"N": value})


def test_passwords_are_found_by_config_and_environment(
    local: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "from-the-environment")
    hosts = {
        "a": {"ip": "127.0.0.1", "username": "x", "password": "written-out"},
        "b": {"ip": "127.0.0.1", "username": "x", "password": "${DB_PASSWORD}"},
    }
    record = local.run(local.stage("load", "true"), config={"hosts": hosts})
    (record.path / "later-written-out.txt").write_text("written-out from-the-environment\n")
    done = benchctl.export(record, archive=tmp_path / "x.tar.gz")
    assert done.archive
    assert done.archive.scrubbed == ("runs/run-001/later-***.txt",)
    folder = unpacked(tmp_path / "x.tar.gz", tmp_path / "there")
    assert (folder / "runs/run-001/later-***.txt").read_text() == "*** ***\n"
    (record.path / "later-from-the-environment.txt").write_text("")
    with pytest.raises(UsageError, match="two files would both be"):
        benchctl.export(record, archive=tmp_path / "y.tar.gz")


def test_a_config_that_is_gone_is_said(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(5), [])
    local.path("config.yaml").unlink()
    done = benchctl.export(record, archive=tmp_path / "x.tar.gz")
    assert done.notes == (
        f"run-001: the config {local.path('config.yaml')} can't be read any more, so that passwords written in it "
        "were masked only where the run did so",
    )


def test_a_run_that_goes_on_is_not_archived(local: Bench, tmp_path: Path) -> None:
    with local.running(local.stage("wait", "sleep 60")) as process:
        process.wait_for("stage_started")
        with pytest.raises(UsageError, match="run-001 still goes on"):
            benchctl.export(process.record(), archive=tmp_path / "x.tar.gz")
    assert not (tmp_path / "x.tar.gz").exists()


def test_labels_that_may_be_taken_for_numbers_are_named_and_other_letters_stay(local: Bench, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    record = with_trials(run(local, rows(5), []), cases=("010", "ü %"))
    done = benchctl.export(record, to=tmp_path / "out", format="parquet")
    assert sorted(os.listdir(tmp_path / "out/lat/run=run-001")) == ["case=010", "case=ü%20%25"]
    assert done.notes == (
        "lat: case '010': readers guess numbers or dates of such folders; docs/export.md tells how to have texts",
    )


def test_metrics_come_by_case_with_params_and_interval(local: Bench, tmp_path: Path) -> None:
    local.path("source.csv").write_text(rows(50))
    output = {"name": "lat", "remote_path": str(local.path("a.csv")), "data_schema": SCHEMA}
    config = {"metrics": [METRIC], "matrix": {"size": ["1"], "kind": ["a"]}, "trials": {"repeat": 3}}
    copied = f"cp {local.path('source.csv')} {local.path('a.csv')}"
    record = local.run(local.stage("load", copied, outputs=[output]), config=config)
    benchctl.export(record, to=tmp_path / "out")
    values = [trial.metrics["p99"].value for trial in record.trials]
    line = next(line for line in lines_of(tmp_path / "out/metrics_by_case.csv") if line["metric"] == "p99")
    assert (line["n"], float(line["mean"]), line["unit"]) == ("3", values[0], "ms")
    assert (float(line["low"]), float(line["high"])) == (values[0], values[0])
    assert (line["params.size"], line["params.kind"]) == ("1", "a")
    trials = lines_of(tmp_path / "out/metrics.csv")
    assert {(one["params.size"], one["params.kind"]) for one in trials} == {("1", "a")}
    document = json.loads((tmp_path / "out/metrics.json").read_text())
    assert document["metrics"][0]["params"] == {"size": "1", "kind": "a"}
    assert document["cases"][0]["n"] == 3


def test_a_password_too_short_to_mask_is_said(local: Bench, tmp_path: Path) -> None:
    hosts = {"a": {"ip": "127.0.0.1", "username": "x", "password": "abc"}}
    record = local.run(local.stage("load", "true"), config={"hosts": hosts})
    done = benchctl.export(record, archive=tmp_path / "x.tar.gz")
    assert done.notes == ("passwords of the config with less than 4 characters were not masked: 1",)


def test_a_file_that_grew_after_it_was_counted_is_an_error(local: Bench, tmp_path: Path) -> None:
    from benchctl.exports.archive import Entry, _Content
    from benchctl.redact import Redactor

    path = tmp_path / "grown"
    path.write_bytes(b"1234")
    entry = Entry("grown", path, 3, hashlib.sha256(b"123").hexdigest())
    with pytest.raises(UsageError, match="changed while it was archived"):
        _Content(entry, Redactor()).read(3)


def test_a_pipe_or_a_way_out_in_a_run_is_left_out(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(5), [])
    os.mkfifo(record.path / "pipe")
    (record.path / "out").symlink_to("/etc")
    done = benchctl.export(record, archive=tmp_path / "x.tar.gz")
    assert done.archive
    assert done.archive.left_out == ("runs/run-001/out", "runs/run-001/pipe")
