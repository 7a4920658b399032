"""Runs with data: what a run's record says of it, and the frame of its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from workflow_bed import Bench

import benchctl
from benchctl.errors import DataError

SCHEMA = {"time": {"type": "timestamp", "unit": "ms"}, "latency": {"type": "float", "unit": "ms"}}
TEXT = "time,latency,op,host\n1763900000000,1.5,a,x\n1763900000500,2.5,b,x\n"


def stage(bench: Bench, text: str = TEXT, **output: object) -> dict[str, object]:
    bench.path("source.csv").write_text(text)
    wanted = {"name": "lat", "remote_path": str(bench.path("source.csv")), "data_schema": SCHEMA, **output}
    return bench.stage("load", "true", outputs=[wanted])


def test_a_good_output_has_its_rows_and_numbers_in_the_record(bench: Bench) -> None:
    record = bench.run(stage(bench))
    assert (record.status, record.exit_code) == ("succeeded", 0)
    kept = json.loads((record.path / "trial.json").read_text())["stages"][0]["hosts"][bench.alias]["outputs"][0]["data"]
    assert (kept["status"], kept["rows"], kept["bad_rows"]) == ("good", 2, 0)
    assert kept["columns"]["latency"]["summary"]["mean"] == 2.0
    (told,) = bench.told("output_checked")
    assert (told["output"], told["status"], told["rows"], told["reason"]) == ("lat", "good", 2, None)
    assert benchctl.find("1", results=bench.results).trials[0].outputs[0].data == record.trials[0].outputs[0].data


@pytest.mark.parametrize(
    ("policy", "status", "exit_code"), [("flag", "incomplete", 3), ("fail", "failed", 1), ("ignore", "succeeded", 0)]
)
def test_bad_rows_end_a_run_as_they_are_meant_to(local: Bench, policy: str, status: str, exit_code: int) -> None:
    text = TEXT + "1763900000600,NaN ms,a,x\n"
    record = local.run(stage(local, text, on_bad_rows=policy))
    assert (record.status, record.exit_code) == (status, exit_code)
    assert (record.path / "source.csv").read_text() == text
    reason = "1 of 3 rows is left out: source.csv:4: latency: 'NaN ms' is not a float"
    sentence = f"output 'lat' of stage 'load' on local: {reason}"
    assert record.trials[0].flags == ((sentence,) if policy == "flag" else ())
    assert (record.error.message if record.error else None) == (sentence if policy == "fail" else None)
    assert len(benchctl.frame(record, "lat")) == 2


def test_a_frame_is_typed_and_names_where_each_row_is_from(local: Bench) -> None:
    first, second = local.run(stage(local)), local.run(stage(local))
    frame = benchctl.frame([first, "2"], "lat", results=local.results)
    assert list(frame) == ["run", "case", "trial", "host", "elapsed_s", "op", "file.host", "time", "latency"]
    assert frame["run"].tolist() == ["run-001", "run-001", "run-002", "run-002"]
    assert frame["host"].tolist() == ["local"] * 4
    assert frame["time"].dtype == "datetime64[ns, UTC]"
    assert frame["time"].iloc[1] == pd.Timestamp("2025-11-23T12:13:20.5Z")
    assert frame["latency"].tolist() == [1.5, 2.5, 1.5, 2.5]
    assert frame["elapsed_s"].tolist() == [0.0, 0.5, 0.0, 0.5]  # of another time than the trial: since the first row
    assert frame.attrs["units"] == {"latency": "ms"}
    assert second.id == "run-002"


def test_elapsed_s_counts_from_the_trials_start_by_the_controllers_clock(local: Bench) -> None:
    command = f"printf 'time,latency\\n%s,1\\n' $(date +%s%3N) > {local.path('now.csv')}"
    wanted = {"name": "lat", "remote_path": str(local.path("now.csv")), "data_schema": SCHEMA}
    record = local.run(local.stage("load", command, outputs=[wanted]))
    (elapsed,) = benchctl.frame(record, "lat")["elapsed_s"]
    assert -0.01 < elapsed < record.trials[0].duration_s


@pytest.mark.parametrize("size", ["same", "another"])
def test_a_file_that_was_changed_after_it_was_collected_is_told_of(local: Bench, size: str) -> None:
    record = local.run(stage(local))
    path = record.path / "source.csv"
    assert "notes" not in benchctl.frame(record, "lat").attrs
    path.touch()
    assert "notes" not in benchctl.frame(record, "lat").attrs
    path.write_text(TEXT.replace("1.5", "3.5" if size == "same" else "3.25"))
    frame = benchctl.frame(record, "lat")
    note = "source.csv of run-001 was changed after it was collected; it is read as it is now"
    assert (frame["latency"].iloc[0], frame.attrs["notes"]) == (3.5 if size == "same" else 3.25, [note])


def test_a_frame_of_what_is_not_there_says_what_there_is(local: Bench, tmp_path: Path) -> None:
    record = local.run(stage(local))
    with pytest.raises(DataError, match=r"run-001 has no output 'lta'. Outputs: lat. Did you mean 'lat'\?"):
        benchctl.frame(record, "lta")


def test_a_run_without_a_data_schema_loads_no_pandas(tmp_path: Path) -> None:
    from test_cli_console import config_in
    from test_package import HEAVY, loaded_by

    config_in(tmp_path)
    loaded = loaded_by("import benchctl\nbenchctl.run(benchctl.load())", directory=tmp_path)
    assert not loaded & (HEAVY & {"pandas", "numpy", "matplotlib", "seaborn"})
