"""Pictures of real runs: that they are drawn, of what, and always the same."""

from __future__ import annotations

import os
import re
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from plots_bed import SCHEMA, about, pictures, rows, run, with_trials
from workflow_bed import Bench

import benchctl
from benchctl.reports.run_page import run_text
from benchctl.runs.record import PlotRecord

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

AGGREGATIONS = ("avg", "median", "p95", "p99", "min", "max", "count", "rate")


@pytest.mark.parametrize("number", [1, 2, 10, 3000])
def test_a_run_draws_every_plot_of_its_config(local: Bench, number: int) -> None:
    record = run(local, rows(number), PLOTS)
    assert (record.status, record.trials[0].flags) == ("succeeded", ())
    found = pictures(record.path)
    assert set(found) == FILES | {f"{name}.json" for name in FILES}
    assert found["plots/over-time.png"].startswith(b"\x89PNG")
    assert found["plots/spread-by-op.pdf"].startswith(b"%PDF")
    assert b"<svg" in found["plots/by-op.svg"]
    assert {plot.path for plot in record.plots} == FILES
    assert [told["status"] for told in local.told("plot_drawn")] == ["drawn"] * 10


@pytest.mark.parametrize("number", [2, 300])
def test_every_aggregation_is_drawn_over_time(local: Bench, number: int) -> None:
    plots = [
        {"name": how, "type": "time_series", "x": ["time", "op"], "y": ["latency", "size"], "aggregation": how}
        for how in AGGREGATIONS
    ]
    run(local, rows(number), plots)
    assert {told["name"]: told["reason"] for told in local.told("plot_drawn")} == dict.fromkeys(AGGREGATIONS)


def test_long_numbers_below_an_axis_are_fewer(local: Bench) -> None:
    plot = {"name": "t", "type": "ecdf", "y": "latency", "format": "svg", "style": "paper"}
    text = "time,latency,size,op\n" + "".join(f"{i},{1763900000000 + i},1,a\n" for i in range(30))
    record = run(local, text, [plot])
    picture = (record.path / "plots/t.svg").read_text()
    assert re.findall("<!-- (1\\.[0-9]{5,}) -->", picture) == ["1.76390000000", "1.76390000002"]


def test_columns_that_make_too_many_lines_are_refused(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchctl.plots.time_series.MOST_LINES", 5)
    plot = {"name": "all", "type": "time_series", "x": ["time", "op"], "y": ["latency", "again"]}
    columns = {name: SCHEMA[name] for name in ("time", "latency", "op")} | {"again": SCHEMA["latency"]}
    text = "time,latency,again,op\n1,1,1,a\n2,1,1,b\n3,1,1,c\n"
    local.path("lat.csv").write_text(text)
    output = {"name": "lat", "remote_path": str(local.path("lat.csv")), "data_schema": columns}
    local.run(local.stage("load", "true", outputs=[output]), config={"plots": [{"source": "lat", **plot}]})
    assert [told["reason"] for told in local.told("plot_drawn")] == [
        "op and 2 columns would make 6 lines; at most 5 are drawn"
    ]


def test_the_same_input_gives_the_same_bytes(local: Bench) -> None:
    record = run(local, rows(500), PLOTS)
    first = pictures(record.path)
    shutil.rmtree(record.path / "plots")
    assert {one.status for one in benchctl.plot(record)} == {"drawn"}
    assert pictures(record.path) == first


def test_a_picture_of_a_changed_file_is_not_told_to_be_of_what_was_collected(local: Bench) -> None:
    record = run(local, rows(300), PLOTS[:1])
    (record.path / "source.csv").write_text(rows(200))
    benchctl.plot(record)
    told = about(record, "over-time.png")
    assert told["files"] == [{"run": "run-001", "trial": ".", "host": "local", "path": "source.csv"}]
    assert told["notes"][1] == "source.csv of run-001 was changed after it was collected; it is read as it is now"


def test_a_picture_is_told_of_beside_it(local: Bench) -> None:
    record = run(local, rows(300), PLOTS[:1])
    told = about(record, "over-time.png")
    output = record.trials[0].outputs[0]
    assert told["runs"] == [{"id": "run-001", "uid": record.uid}]
    assert told["files"] == [
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
    assert told["settings"] == {"aggregation": "p99", "window_s": 0.5}
    assert told["notes"] == ["p99 per 500ms of 300 rows", "5 of 5 windows hold fewer than 100 rows (hollow)"]


def test_a_picture_is_of_a_size_to_print(local: Bench) -> None:
    record = run(local, rows(30), PLOTS[4:6])
    sizes = {
        name: struct.unpack(">II", data[16:24]) for name, data in pictures(record.path).items() if name[-3:] == "png"
    }
    assert sizes == {"plots/boxes.png": (1200, 1155), "plots/boxes-by-op.png": (1200, 675)}


def test_without_plots_a_run_draws_none(local: Bench) -> None:
    record = run(local, rows(3), PLOTS, draws=False)
    assert (record.status, record.options["no_plots"]) == ("succeeded", True)
    assert pictures(record.path) == {}


def test_a_plot_that_fails_leaves_the_run_incomplete_and_says_why(local: Bench) -> None:
    text = "time,latency,size,op\n" + "".join(f"{i},{i},1,op{i}\n" for i in range(1, 101))
    record = run(local, text, [PLOTS[5], PLOTS[4]])
    assert (record.status, record.exit_code, record.error) == ("incomplete", 3, None)
    reason = "100 boxes would stand side by side; at most 30 are drawn"
    assert record.flags == (f"plot 'boxes-by-op' was not drawn: {reason}",)
    assert [plot.status for plot in record.plots] == ["failed", "drawn"]
    assert benchctl.find("1", results=local.results).plots == record.plots


def test_a_plot_without_rows_is_not_drawn(local: Bench) -> None:
    record = run(local, "time,latency,size,op\n", PLOTS[:1])
    assert record.plots[0].reason == "there are no rows to draw"


def test_a_window_that_makes_too_many_points_is_said(local: Bench) -> None:
    plots: list[dict[str, object]] = [{**PLOTS[0], "window": "1us"}, {**PLOTS[9], "window": "10ms"}]
    record = run(local, rows(100), plots)
    assert [plot.reason for plot in record.plots] == [
        "a window of 1us makes more than 20,000 points; give a longer one",
        "a window of 10ms makes more than 30 boxes; give a longer one",
    ]


def test_a_failed_run_still_draws_what_came_home(local: Bench) -> None:
    local.path("source.csv").write_text(rows(30))
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    stages = [local.stage("load", "true", outputs=[output]), local.stage("after", "exit 7")]
    record = local.run(*stages, config={"plots": [{"source": "lat", **PLOTS[4]}]})
    assert (record.status, [plot.status for plot in record.plots]) == ("failed", ["drawn"])


def test_plots_of_stages_that_were_left_out_are_left_out(local: Bench) -> None:
    output = {"name": "lat", "remote_path": "nowhere.csv", "data_schema": SCHEMA}
    stages = [local.stage("load", "true", outputs=[output]), local.stage("other", "true")]
    record = local.run(*stages, config={"plots": [{"source": "lat", **PLOTS[4]}]}, skip=["load"])
    assert (record.status, record.plots) == ("succeeded", ())


def test_an_absolute_export_path_gets_a_copy(local: Bench) -> None:
    target = local.path("elsewhere") / "{{run.id}}.png"
    record = run(local, rows(30), [{**PLOTS[4], "export_path": str(target)}])
    copy = local.path("elsewhere") / "run-001.png"
    assert copy.read_bytes() == (record.path / "plots/run-001.png").read_bytes()


def test_several_runs_are_drawn_in_one_picture_each(local: Bench) -> None:
    first, second = (run(local, rows(n, seed=n), PLOTS, draws=False) for n in (300, 200))
    drawn = benchctl.plot([first, second], ["spread", "over time"])
    folder = first.path / "plots"
    assert [one.path for one in drawn] == [
        str(folder / "over-time.run-001.run-002.png"),
        str(folder / "spread.run-001.run-002.png"),
    ]
    told = about(first, "spread.run-001.run-002.png")
    assert [one["of"] for one in told["settings"]["values"]] == ["run-001", "run-002"] * 2
    assert [one["rows"] for one in told["files"]] == [300, 200]


def test_runs_of_two_directories_with_one_id_are_told_apart(local: Bench, tmp_path: Path) -> None:
    run(local, rows(30), [], draws=False)
    os.rename(local.results, tmp_path / "old")
    old = benchctl.find("1", results=tmp_path / "old")
    frame = benchctl.frame([old, run(local, rows(30), [], draws=False)], "lat")
    assert list(frame["run"].unique()) == [str(tmp_path / "old/run-001"), str(local.results / "run-001")]


def test_each_trial_is_a_thin_line_and_their_mean_a_thick_one(local: Bench) -> None:
    plot = {"name": "t", "type": "time_series", "x": "time", "y": "latency", "window": "500ms"}
    record = with_trials(run(local, rows(9), [plot]), trials=3)
    assert [(one.status, one.path) for one in benchctl.plot(record)] == [("drawn", str(record.path / "plots/t.png"))]
    assert about(record, "t.png")["notes"] == [
        "avg per 500ms of 900 rows",
        "thick: mean of 3 trials, where half of them have rows; thin: each trial",
    ]
    assert not list(record.path.glob("trials/*/plots"))


def test_plots_of_all_trials_are_told_and_kept_with_the_run(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plots = (
        PlotRecord(name="all", status="drawn", path="plots/all.png"),
        PlotRecord(name="big", status="failed", reason="no room"),
    )

    monkeypatch.setattr("benchctl.evaluating._draws", lambda benchmark: lambda run: iter(plots))
    record = run(local, rows(9), [PLOTS[4]])
    assert (record.status, record.plots, record.exit_code) == ("incomplete", plots, 3)
    assert record.flags == ("plot 'big' was not drawn: no room",)
    assert local.told("run_finished")[0]["flags"] == ["plot 'big' was not drawn: no room"]
    assert benchctl.find("1", results=local.results).plots == plots
    assert "Plots\n    plots/all.png\n" in run_text(record)


def test_timestamps_of_another_day_are_shown_by_their_own_clock(local: Bench) -> None:
    plot = {"name": "t", "type": "time_series", "x": ["op", "time"], "y": "latency", "time_axis": "clock"}
    record = run(local, rows(300), [{**plot, "format": "svg"}])
    assert record.plots[0].reason is None
    picture = (record.path / "plots/t.svg").read_text()
    assert "<!-- UTC, 2025-11-23 12:13 -->" in picture


def test_a_path_that_names_the_trial_makes_a_picture_of_each(local: Bench) -> None:
    plot = {"name": "t", "type": "ecdf", "y": "latency", "export_path": "plots/{{case}}-{{trial}}.svg"}
    record = with_trials(run(local, rows(9), [plot]), cases=["wal", "off"], trials=1)
    drawn = [Path(str(one.path)).relative_to(record.path) for one in benchctl.plot(record)]
    assert [str(path) for path in drawn] == ["trials/wal-01/plots/wal-1.svg", "trials/off-01/plots/off-1.svg"]


KINDS: list[dict[str, object]] = [
    {"type": "time_series", "x": "time", "y": ["latency", "size"], "aggregation": "p95", "time_axis": "clock"},
    {"type": "time_series", "x": "time", "y": "latency", "aggregation": "rate", "group_by": ["op", "host"]},
    {"type": "histogram", "y": "latency", "scale": "linear", "aggregation": "p99"},
    {"type": "boxplot", "y": "latency", "group_by": ["host", "op"]},
    {"type": "boxplot", "x": ["time", "op"], "y": "latency"},
    {"type": "ecdf", "y": "latency", "group_by": "host", "scale": "log"},
    {"type": "percentiles", "y": "latency", "group_by": "case"},
]


@pytest.mark.parametrize("style", ["screen", "paper", "slides"])
def test_every_type_is_drawn_of_cases_trials_hosts_and_groups_in_every_style(local: Bench, style: str) -> None:
    plots = [{"name": f"p{at}", "style": style, **kind} for at, kind in enumerate(KINDS)]
    record = with_trials(run(local, rows(9), plots, draws=False), cases=["wal", "off"], trials=2, hosts=["a", "b"])
    record = replace(record, trials=record.trials[:2]) if style == "slides" else record
    assert [(one.name, one.reason) for one in benchctl.plot(record)] == [(plot["name"], None) for plot in plots]


def test_sizes_are_as_asked_for(local: Bench) -> None:
    kinds: list[dict[str, object]] = [
        {"style": "paper"},
        {"style": "paper", "width": "page", "height": "50.8mm"},
        {"width": "10cm", "height": "2in", "dpi": 100},
        {"style": "slides"},
    ]
    plots = [{"name": f"p{at}", "type": "ecdf", "y": "latency", **kind} for at, kind in enumerate(kinds)]
    found = pictures(run(local, rows(30), plots).path)
    sizes = [struct.unpack(">II", found[f"plots/p{at}.png"][16:24]) for at in range(4)]
    assert sizes == [(1050, 690), (2148, 600), (393, 200), (1500, 843)]


def test_a_picture_without_room_for_its_texts_or_of_too_many_points_is_not_drawn(local: Bench) -> None:
    plots: list[dict[str, object]] = [
        {"name": "a", "type": "ecdf", "y": "latency", "group_by": "op", "width": "1.5in", "height": "1.5in"},
        {"name": "b", "type": "ecdf", "y": "latency", "width": "20in", "height": "20in", "dpi": 600},
    ]
    record = run(local, rows(30), plots)
    assert [plot.reason for plot in record.plots] == [
        "1.5 by 1.5 inches leave no room beside the texts; give more width or height, style: paper or shorter names",
        "20 by 20 inches of 600 dpi make more than 50 million pixels; give a smaller dpi, width or height",
    ]


def test_what_the_font_can_not_draw_is_said(local: Bench) -> None:
    plot = {"name": "p", "type": "ecdf", "y": "latency", "group_by": "op", "title": "\u4e2d\u6587"}
    record = run(local, rows(30, ops=["read", "\u5199", "\u0416"]), [plot])
    assert about(record, "p.png")["notes"] == ["30 rows", "the font has no U+4E2D, U+5199, U+6587, drawn as boxes"]


def test_a_percentile_of_few_rows_is_marked(local: Bench) -> None:
    plots: list[dict[str, object]] = [
        {"name": "h", "type": "histogram", "y": "latency", "aggregation": "p99", "format": "svg"},
        {"name": "b", "type": "boxplot", "x": "op", "y": "latency", "aggregation": "p95"},
    ]
    record = run(local, rows(59), plots)
    assert about(record, "b.png")["notes"][-1] == "p95 of 1 of the 3 boxes is of fewer than 20 rows"
    assert about(record, "h.svg")["settings"]["aggregation"] == "p99"


def test_a_log_scale_of_values_that_are_not_above_0_is_linear_and_says_so(local: Bench) -> None:
    text = "time,latency,size,op\n1,0,1,a\n2,5,1,a\n3,7,1,a\n"
    plots = [{"name": kind, "type": kind, "y": "latency", "scale": "log"} for kind in ("ecdf", "boxplot", "histogram")]
    record = run(local, text, plots)
    said = [about(record, f"{plot['name']}.png")["notes"][-1] for plot in plots]
    assert said == [
        "not on a log scale, as there are values of 0 or below",
        "not on a log scale, as there are values of 0 or below",
        "not on a log scale, as there are values of 0 or below, or only one",
    ]


def test_columns_that_are_called_like_ours_are_the_file_s_own(local: Bench) -> None:
    schema = {"time": {"type": "timestamp", "unit": "s"}, "run": {"type": "float"}, "host": {"type": "string"}}
    local.path("s.csv").write_text("time,run,host\n1,1.5,x\n2,2.5,y\n3,0.5,x\n")
    output = {"name": "o", "remote_path": str(local.path("s.csv")), "data_schema": schema}
    plots = [
        {"name": "a", "source": "o", "type": "histogram", "y": "run", "group_by": "host", "aggregation": "max"},
        {"name": "b", "source": "o", "type": "boxplot", "y": "run", "x": "host"},
    ]
    record = local.run(local.stage("s", "true", outputs=[output]), config={"plots": plots})
    assert [plot.reason for plot in record.plots] == [None, None]
    values = about(record, "a.png")["settings"]["values"]
    assert values == [{"column": "run", "of": "x", "max": 1.5}, {"column": "run", "of": "y", "max": 2.5}]


def test_too_many_groups_are_said(local: Bench) -> None:
    plots = [{"name": "h", "type": "histogram", "y": "latency", "group_by": "op"}]
    record = run(local, rows(60, ops=[f"o{i}" for i in range(30)]), plots)
    assert record.plots[0].reason == "op would make 30 series; at most 10 are drawn"


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
