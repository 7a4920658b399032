"""Plots of a config without `plots:`: chosen by what the outputs hold, and drawn like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plots_bed import pictures, rows, run, with_trials
from workflow_bed import Bench

import benchctl
from benchctl.plots.choosing import as_config, chosen
from benchctl.runs.outputs import ColumnRecord, DataRecord, OutputRecord
from benchctl.runs.record import RunRecord, StageOnHost, StageRecord, TrialRecord

FILES = {"plots/lat-over-time.png", "plots/lat-distribution.png"}


def column(kind: str, low: Any = 0, high: Any = 9, unit: str | None = None) -> ColumnRecord:
    return ColumnRecord(type=kind, unit=unit, count=100, summary={"min": low, "max": high})


def record(*outputs: dict[str, ColumnRecord], count: int = 100) -> RunRecord:
    """A run of one trial whose outputs `o0`, `o1` .. have these columns."""
    kept = [
        OutputRecord(name=f"o{at}", status="collected", data=DataRecord(rows=count, columns=columns))
        for at, columns in enumerate(outputs)
    ]
    stage = StageRecord(name="s", hosts={"local": StageOnHost(outputs=tuple(kept))})
    return RunRecord(id="run-001", trials=(TrialRecord(stages=(stage,)),))


def test_each_output_has_its_numbers_over_time_and_their_distribution() -> None:
    columns = {"t": column("timestamp", "a", "b"), "v": column("float", unit="ms"), "op": column("string")}
    assert [as_config(plot) for plot in chosen(record(columns))] == [
        {"name": "o0-over-time", "source": "o0", "type": "time_series", "aggregation": "avg", "x": ["t"], "y": ["v"]},
        {"name": "o0-distribution", "source": "o0", "type": "histogram", "aggregation": "median", "y": ["v"]},
    ]


@pytest.mark.parametrize(
    ("name", "kind", "more", "is_drawn"),
    [
        ("latency", "float", {}, True),
        ("threads", "integer", {"low": 1, "high": 64}, True),
        ("latency", "float", {"low": 5, "high": 5}, False),  # constant
        ("row", "integer", {"low": 0, "high": 99}, False),  # numbers the rows
        ("n", "integer", {"low": 0, "high": 99}, False),  # as many values as rows
        ("n", "integer", {"low": 0, "high": 99, "unit": "B"}, True),
        ("request_id", "integer", {"low": 7, "high": 9000}, False),
        ("requestId", "integer", {"low": 7, "high": 9000}, False),
        ("id", "float", {}, True),
        ("grid", "integer", {}, True),
        ("op", "string", {}, False),
    ],
)
def test_columns_that_are_constant_or_number_things_are_left_out(
    name: str, kind: str, more: dict[str, Any], is_drawn: bool
) -> None:
    assert bool(chosen(record({name: column(kind, **more)}))) is is_drawn


def test_columns_with_a_unit_come_first_and_all_is_bounded() -> None:
    columns = {
        "n": column("integer", 0, 5),
        "f": column("float"),
        **{f"u{at}": column("float", unit=("ms", "B", "MB/s", "%")[at % 4]) for at in range(9)},
    }
    plots = chosen(record(*[columns] * 9))
    assert [plot.y for plot in plots[:2]] == [("u0", "u1", "u2"), ("u0", "u1", "u2")]
    assert len(plots) == 6


def test_an_output_of_one_row_or_without_a_schema_has_none() -> None:
    columns = {"v": column("float")}
    assert chosen(record(columns, count=1)) == []
    assert chosen(RunRecord()) == []


def test_a_run_without_plots_in_its_config_draws_them_at_its_end(local: Bench) -> None:
    made = run(local, rows(200), None)
    assert (made.status, made.exit_code) == ("succeeded", 0)
    assert {plot.path for plot in made.plots} == FILES
    assert set(pictures(made.path)) == FILES | {f"{name}.json" for name in FILES}


def test_no_plots_leaves_them_out_and_plot_draws_them_later(local: Bench) -> None:
    made = run(local, rows(200), None, draws=False)
    assert made.plots == ()
    drawn = benchctl.plot(made, style="paper", format="svg")
    assert {Path(str(one.path)).name for one in drawn} == {"lat-over-time.svg", "lat-distribution.svg"}


def test_one_that_fails_leaves_the_run_as_it_is(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchctl.plots.time_series.MOST_LINES", 0)
    made = run(local, rows(200), None)
    assert (made.status, made.flags) == ("succeeded", ())
    assert [plot.status for plot in made.plots] == ["left_out", "drawn"]
    assert made.plots[0].reason == " would make 1 lines; at most 0 are drawn"


def test_all_trials_of_a_run_are_in_one_picture(local: Bench) -> None:
    made = with_trials(run(local, rows(200), None, draws=False), cases=["wal", "off"], trials=2)
    assert {one.path for one in benchctl.plot(made)} == {str(made.path / name) for name in FILES}
