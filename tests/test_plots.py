"""Pictures of real runs: that they are drawn, of what, and always the same."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli_console import benchctl_in
from workflow_bed import Bench

import benchctl
from benchctl.errors import ConfigError, UsageError
from benchctl.runs.record import RunRecord

SCHEMA = {
    "time": {"type": "timestamp", "unit": "ms"},
    "latency": {"type": "float", "unit": "ms"},
    "size": {"type": "integer", "unit": "B"},
    "op": {"type": "string"},
}
PLOTS: list[dict[str, object]] = [
    {"name": "over time", "type": "time_series", "x": ["time"], "y": ["latency", "size"], "aggregation": "p99"},
    {"name": "by-op", "type": "time_series", "x": ["time", "op"], "y": "latency", "format": "svg"},
    {"name": "spread", "type": "histogram", "y": ["latency", "size"], "aggregation": "median"},
    {"name": "spread-by-op", "type": "histogram", "x": ["op", "latency"], "format": "pdf"},
    {"name": "boxes", "type": "boxplot", "y": ["latency", "size"]},
    {"name": "boxes-by-op", "type": "boxplot", "x": "op", "y": "latency", "aggregation": "avg", "title": "$ and _"},
    {"name": "rate", "type": "time_series", "x": ["time", "op"], "y": "latency", "aggregation": "rate", "window": "1s"},
    {"name": "ecdf", "type": "ecdf", "x": "op", "y": "latency"},
    {"name": "tail", "type": "percentiles", "y": ["latency", "size"], "dpi": 100},
    {"name": "boxes-over-time", "type": "boxplot", "x": "time", "y": "latency", "export_path": "plots/deep/b.png"},
]
FILES = {
    "plots/over-time.png",
    "plots/by-op.svg",
    "plots/spread.png",
    "plots/spread-by-op.pdf",
    "plots/boxes.png",
    "plots/boxes-by-op.png",
    "plots/rate.png",
    "plots/ecdf.png",
    "plots/tail.png",
    "plots/deep/b.png",
}


def rows(number: int, seed: int = 1) -> str:
    rng = np.random.default_rng(seed)
    lines = [
        f"{1763900000000 + i * 7},{rng.lognormal():.4f},{rng.integers(1, 9000)},{('read', '_scan', '$x')[i % 3]}"
        for i in range(number)
    ]
    return "\n".join(["time,latency,size,op", *lines, ""])


def run(local: Bench, text: str, plots: list[dict[str, object]] | None = None, **options: Any) -> RunRecord:
    local.path("source.csv").write_text(text)
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    drawn = [{"source": "lat", **plot} for plot in (PLOTS if plots is None else plots)]
    return local.run(local.stage("load", "true", outputs=[output]), config={"plots": drawn}, **options)


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("plots/**/*") if path.is_file()}


@pytest.mark.parametrize("number", [1, 2, 10, 3000])
def test_a_run_draws_every_plot_of_its_config(local: Bench, number: int) -> None:
    record = run(local, rows(number))
    assert (record.status, record.trials[0].flags) == ("succeeded", ())
    found = pictures(record.path)
    assert set(found) == FILES | {f"{name}.json" for name in FILES}
    assert found["plots/over-time.png"].startswith(b"\x89PNG")
    assert found["plots/spread-by-op.pdf"].startswith(b"%PDF")
    assert b"<svg" in found["plots/by-op.svg"]
    assert {plot.path for plot in record.trials[0].plots} == FILES
    assert [told["status"] for told in local.told("plot_drawn")] == ["drawn"] * 10


def test_the_same_input_gives_the_same_bytes(local: Bench) -> None:
    record = run(local, rows(500))
    first = pictures(record.path)
    shutil.rmtree(record.path / "plots")
    assert {one.status for one in benchctl.plot(record)} == {"drawn"}
    assert pictures(record.path) == first


def test_a_picture_is_told_of_beside_it(local: Bench) -> None:
    record = run(local, rows(300), PLOTS[:1])
    about = json.loads((record.path / "plots/over-time.png.json").read_text())
    output = record.trials[0].outputs[0]
    assert about["runs"] == [{"id": "run-001", "uid": record.uid}]
    assert about["files"] == [
        {
            "run": "run-001",
            "trial": ".",
            "host": "local",
            "path": "source.csv",
            "bytes": output.bytes,
            "sha256": output.sha256,
            "rows": 300,
        }
    ]
    assert about["settings"] == {"aggregation": "p99", "window_s": 0.5}
    assert about["notes"] == ["p99 per 500ms of 300 rows", "5 of 5 windows hold fewer than 100 rows (hollow)"]


def test_a_picture_is_of_a_size_to_print(local: Bench) -> None:
    record = run(local, rows(30), PLOTS[4:6])
    sizes = {
        name: struct.unpack(">II", data[16:24]) for name, data in pictures(record.path).items() if name[-3:] == "png"
    }
    assert sizes == {"plots/boxes.png": (1200, 1155), "plots/boxes-by-op.png": (1200, 675)}


def test_without_plots_a_run_draws_none(local: Bench) -> None:
    record = run(local, rows(3), draws=False)
    assert (record.status, record.options["no_plots"]) == ("succeeded", True)
    assert pictures(record.path) == {}


def test_a_plot_that_fails_leaves_the_run_incomplete_and_says_why(local: Bench) -> None:
    text = "time,latency,size,op\n" + "".join(f"{i},{i},1,op{i}\n" for i in range(1, 101))
    record = run(local, text, [PLOTS[5], PLOTS[4]])
    assert (record.status, record.exit_code, record.error) == ("incomplete", 3, None)
    reason = "100 boxes would stand side by side; at most 30 are drawn"
    assert record.trials[0].flags == (f"plot 'boxes-by-op' was not drawn: {reason}",)
    assert [plot.status for plot in record.trials[0].plots] == ["failed", "drawn"]
    assert benchctl.find("1", results=local.results).trials[0].plots == record.trials[0].plots


def test_a_plot_without_rows_is_not_drawn(local: Bench) -> None:
    record = run(local, "time,latency,size,op\n", PLOTS[:1])
    assert record.trials[0].plots[0].reason == "there are no rows to draw"


def test_a_window_that_makes_too_many_points_is_said(local: Bench) -> None:
    plots: list[dict[str, object]] = [{**PLOTS[0], "window": "1us"}, {**PLOTS[9], "window": "10ms"}]
    record = run(local, rows(100), plots)
    assert [plot.reason for plot in record.trials[0].plots] == [
        "a window of 1us makes more than 20,000 points; give a longer one",
        "a window of 10ms makes more than 30 boxes; give a longer one",
    ]


def test_a_failed_run_still_draws_what_came_home(local: Bench) -> None:
    local.path("source.csv").write_text(rows(30))
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    stages = [local.stage("load", "true", outputs=[output]), local.stage("after", "exit 7")]
    record = local.run(*stages, config={"plots": [{"source": "lat", **PLOTS[4]}]})
    assert (record.status, [plot.status for plot in record.trials[0].plots]) == ("failed", ["drawn"])


def test_plots_of_stages_that_were_left_out_are_left_out(local: Bench) -> None:
    output = {"name": "lat", "remote_path": "nowhere.csv", "data_schema": SCHEMA}
    stages = [local.stage("load", "true", outputs=[output]), local.stage("other", "true")]
    record = local.run(*stages, config={"plots": [{"source": "lat", **PLOTS[4]}]}, skip=["load"])
    assert (record.status, record.trials[0].plots) == ("succeeded", ())


def test_an_absolute_export_path_gets_a_copy(local: Bench) -> None:
    target = local.path("elsewhere") / "{{run.id}}.png"
    record = run(local, rows(30), [{**PLOTS[4], "export_path": str(target)}])
    copy = local.path("elsewhere") / "run-001.png"
    assert copy.read_bytes() == (record.path / "plots/run-001.png").read_bytes()


def test_several_runs_are_drawn_in_one_picture_each(local: Bench) -> None:
    first, second = run(local, rows(300), draws=False), run(local, rows(200, seed=2), draws=False)
    drawn = benchctl.plot([first, second], ["spread", "over time"])
    folder = first.path / "plots"
    assert [one.path for one in drawn] == [
        str(folder / "over-time.run-001.run-002.png"),
        str(folder / "spread.run-001.run-002.png"),
    ]
    about = json.loads((folder / "spread.run-001.run-002.png.json").read_text())
    assert [one["of"] for one in about["settings"]["values"]] == ["run-001", "run-002"] * 2
    assert [one["rows"] for one in about["files"]] == [300, 200]


def test_runs_of_two_directories_with_one_id_are_told_apart(local: Bench, tmp_path: Path) -> None:
    run(local, rows(30), draws=False)
    os.rename(local.results, tmp_path / "old")
    old = benchctl.find("1", results=tmp_path / "old")
    frame = benchctl.frame([old, run(local, rows(30), draws=False)], "lat")
    assert list(frame["run"].unique()) == [str(tmp_path / "old/run-001"), str(local.results / "run-001")]


# the command


def test_plot_draws_later_from_the_kept_files_and_by_another_config(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [PLOTS[4]], draws=False)
    local.path("source.csv").unlink()
    ended = benchctl_in(tmp_path, "plot")
    assert (ended.code, ended.out, ended.err) == (0, "results/run-001/plots/boxes.png\n", "")
    config = json.loads((tmp_path / "config.yaml").read_text())
    config["plots"] = [{"name": "new", "source": "lat", "type": "histogram", "y": "latency"}]
    (tmp_path / "other.yaml").write_text(json.dumps(config))
    ended = benchctl_in(tmp_path, "plot", "1", "--config", "other.yaml", "-o", "pictures", "--json")
    (one,) = ended.json()["plots"]
    assert (ended.json()["schema"], one["name"], one["path"]) == ("benchctl/plots@1", "new", "pictures/new.png")
    assert (tmp_path / "pictures/new.png").exists()
    assert record.id == "run-001"


def test_plot_of_a_damaged_file_says_why_and_ends_with_3(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [PLOTS[4]], draws=False)
    (record.path / "source.csv").unlink()
    ended = benchctl_in(tmp_path, "plot")
    said = "plot 'boxes' was not drawn: source.csv: No such file or directory\n"
    assert (ended.code, ended.out, ended.err) == (3, "", said)


def test_plot_knows_its_names(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(5), [PLOTS[4]], draws=False)
    with pytest.raises(UsageError, match=r"no plot is called 'box'. Plots: boxes. Did you mean 'boxes'\?"):
        benchctl.plot(record, "box")
    (tmp_path / "other.yaml").write_text("plots: {name: a, source: x, type: histogram, y: z}\n")
    with pytest.raises(ConfigError, match=r"other.yaml:1: plots\[0\].source: no output is called 'x'"):
        benchctl.plot(record, config=tmp_path / "other.yaml")


def test_a_config_kept_with_a_secret_and_without_its_script_can_be_drawn(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD_OF_MINE", "hunter22")
    local.path("source.csv").write_text(rows(9))
    (local.directory / "s.sh").write_text("#!/bin/sh\n")
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    stage = {"name": "a", "script": "s.sh", "outputs": [output]}
    hosts = {"hosts": {"db": {"ip": "127.0.0.1", "password": "${WORD_OF_MINE}"}}}
    record = local.run(stage, config={**hosts, "plots": [{"source": "lat", **PLOTS[4]}]}, draws=False)
    monkeypatch.delenv("WORD_OF_MINE")
    (local.directory / "s.sh").unlink()
    assert [one.status for one in benchctl.plot(record)] == ["drawn"]
