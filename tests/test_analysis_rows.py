"""The rows of several sources split into series, against pandas on the frame of the same runs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from workflow_bed import Bench

import benchctl
from benchctl.analysis import cache, columns, spool
from benchctl.analysis.aggregate import box, counted, curve, fitting_bins, reduce
from benchctl.analysis.frames import sources
from benchctl.analysis.rows import Rows
from benchctl.errors import DataError, PlotError
from benchctl.runs.record import RunRecord

SCHEMA: dict[str, Any] = {
    "time": {"type": "timestamp", "unit": "ms"},
    "latency": {"type": "float", "unit": "ms"},
    "op": {"type": "string"},
    "host": {"type": "string"},
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CHUNK", 900)
    monkeypatch.setattr(spool, "IN_MEMORY", 1_000)
    monkeypatch.setattr(cache, "SMALLEST_BYTES", 1_000)


def text(seed: int, number: int = 5_000) -> str:
    rng = np.random.default_rng(seed)
    rows = zip(
        1_763_900_000_000 + np.arange(number),
        rng.lognormal(0, 1, number),
        np.array(["write", "read", "scan"])[rng.integers(0, 3, number)],
        np.array(["x", "y"])[rng.integers(0, 2, number)],
        strict=True,
    )
    return "time,latency,op,host\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows)


def run_of(bench: Bench, content: str, schema: Mapping[str, Any] = SCHEMA) -> RunRecord:
    bench.path("lat.csv").write_text(content)
    wanted = {"name": "lat", "remote_path": str(bench.path("lat.csv")), "data_schema": schema}
    return bench.run(bench.stage("load", "true", outputs=[wanted]))


def rows_of(*records: RunRecord) -> Rows:
    found = [source for record in records for source in sources(record, "lat")]
    names = [column.name for column in found[0].schema.columns]
    return Rows(found, [source.reading.columns(names) for source in found], "time")


@pytest.mark.parametrize("dimensions", [["run"], ["op"], ["run", "case", "op"], ["op", "run", "file.host"], ["host"]])
def test_a_split_has_the_rows_that_pandas_groups(local: Bench, dimensions: list[str]) -> None:
    records = [run_of(local, text(seed)) for seed in (1, 2)]
    rows, frame = rows_of(*records), benchctl.frame(records, "lat")
    named = frame.astype(dict.fromkeys(dimensions, str))
    groups = dict(iter(named.groupby(dimensions, observed=True, sort=False)))
    found = rows.split(dimensions)
    assert [one.key for one in found] == list(groups)
    for one in found:
        its = groups[one.key]
        assert one.count == len(its)
        assert np.asarray(one.values("latency")).tolist() == its["latency"].tolist()
        assert np.asarray(one.elapsed_s).tolist() == its["elapsed_s"].tolist()
        assert one.first_moment_s("time") == pytest.approx((its["time"].iloc[0].timestamp(), its["elapsed_s"].iloc[0]))
    assert rows.varying(dimensions) == [name for name in dimensions if frame[name].nunique() > 1]
    assert (rows.count, rows.runs, rows.units) == (10_000, ["run-001", "run-002"], {"latency": "ms"})


def test_what_is_made_of_rows_agrees_with_numpy(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchctl.analysis import aggregate, numbers, ranks

    for module in (aggregate, ranks):
        monkeypatch.setattr(module, "IN_MEMORY", 500)
    monkeypatch.setattr(numbers, "SAMPLE", 300)
    records = [run_of(local, text(seed)) for seed in (1, 2)]
    values = benchctl.frame(records, "lat")["latency"].to_numpy()
    found = rows_of(*records).values("latency")
    assert rows_of(*records).ends("latency") == pytest.approx((values.min(), np.median(values), values.max()))
    for how, at in {"min": 0, "median": 50, "p95": 95, "p99": 99, "max": 100}.items():
        assert reduce(found, how) == pytest.approx(np.percentile(values, at), rel=1e-9)
    assert reduce(found, "avg") == pytest.approx(values.mean(), rel=1e-9)
    line = curve(found)
    assert (line.shares[0], line.shares[-1]) == (0.0, 1.0)
    assert (np.diff(line.shares) > 0).all()
    assert line.values == pytest.approx(np.percentile(values, line.shares * 100), rel=1e-9)
    bins = fitting_bins([found])
    counts, above = counted(found, bins)
    assert counts.tolist() == np.histogram(values, bins.edges)[0].tolist()
    assert above == (values > bins.edges[-1]).sum()
    quartiles, drawn = np.percentile(values, [25, 50, 75]), box(found)
    reach = 1.5 * (quartiles[2] - quartiles[0])
    inside = values[(values >= quartiles[0] - reach) & (values <= quartiles[2] + reach)]
    assert [drawn.first, drawn.median, drawn.third] == pytest.approx(quartiles.tolist(), rel=1e-9)
    assert (drawn.low, drawn.high, drawn.count) == (inside.min(), inside.max(), len(values))
    assert (drawn.beyond, drawn.fliers.max()) == (len(values) - len(inside), values.max())


def test_too_many_series_are_refused_however_many_rows_there_are(local: Bench) -> None:
    content = "time,latency,op,host\n" + "".join(f"{i},1,op{i % 10},h{i % 7}\n" for i in range(700))
    rows = rows_of(run_of(local, content))
    assert len(rows.split(["op", "file.host"], most=70)) == 70
    with pytest.raises(PlotError, match=r"^op and host would make 70 series; at most 60 are drawn$"):
        rows.split(["op", "file.host"])
    with pytest.raises(PlotError, match=r"^op would make 10 series; at most 9 are drawn$"):
        rows.split(["run", "op"], most=9)


def test_rows_from_a_read_only_run_are_the_same(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run_of(local, text(1))
    first = np.asarray(rows_of(record).values("latency")).tolist()
    shutil.rmtree(record.path / ".cache")
    (record.path / ".cache").write_text("")  # no folder can be made there, as none in a run that is read-only
    assert np.asarray(rows_of(record).values("latency")).tolist() == first


MICROSECONDS = {**SCHEMA, "latency": {"type": "integer", "unit": "us"}}
BYTES = {**SCHEMA, "latency": {"type": "float", "unit": "B"}}
NO_UNIT = {**SCHEMA, "latency": {"type": "float"}}
TEXTS = {**SCHEMA, "latency": {"type": "string"}}
LINE = "time,latency,op,host\n1763900000000,{},a,x\n"


def test_a_run_in_another_unit_is_converted_to_the_first_ones_and_that_is_said(local: Bench) -> None:
    first = run_of(local, LINE.format("1.5"))
    second = run_of(local, LINE.format("2500"), MICROSECONDS)
    frame, rows = benchctl.frame([first, second], "lat"), rows_of(first, second)
    assert frame["latency"].tolist() == np.asarray(rows.values("latency")).tolist() == [1.5, 2.5]
    assert frame.attrs["units"] == rows.units == {"latency": "ms"}
    note = "'latency' of run-002 was converted from us to ms"
    assert (frame.attrs["notes"], rows.notes) == ([note], (note,))
    turned = benchctl.frame([second, first], "lat")
    assert (turned["latency"].tolist(), turned.attrs["units"]) == ([2500.0, 1500.0], {"latency": "us"})


def test_whole_numbers_and_fractions_of_several_runs_keep_their_fractions(local: Bench) -> None:
    whole = {**SCHEMA, "latency": {"type": "integer", "unit": "ms"}}
    records = [
        run_of(local, LINE.format("1") + "1763900000000,7,b,x\n", whole),
        run_of(local, LINE.format("2500") + "1763900000000,300,b,x\n", MICROSECONDS),
        run_of(local, LINE.format("0.5")),
    ]
    found = {one.key: np.asarray(one.values("latency")).tolist() for one in rows_of(*records).split(["op"])}
    assert found == {("a",): [1.0, 2.5, 0.5], ("b",): [7.0, 0.3]}
    assert benchctl.frame(records, "lat")["latency"].tolist() == [1.0, 7.0, 2.5, 0.3, 0.5]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (
            BYTES,
            "column 'latency' is in ms in run-001 and in B in run-002: B can't be converted to ms: B measures data, "
            "ms measures time",
        ),
        (TEXTS, "column 'latency' is a float in run-001 and a string in run-002; they can't be read together"),
    ],
)
def test_runs_that_measured_something_else_are_not_read_together(
    local: Bench, schema: Mapping[str, Any], message: str
) -> None:
    first, second = run_of(local, LINE.format("1")), run_of(local, LINE.format("2"), schema)
    for read in (lambda: benchctl.frame([first, second], "lat"), lambda: rows_of(first, second)):
        with pytest.raises(DataError) as caught:
            read()
        assert caught.value.message == message


def test_a_unit_that_one_run_did_not_declare_is_taken_from_the_other_and_that_is_said(local: Bench) -> None:
    first, second = run_of(local, LINE.format("1"), NO_UNIT), run_of(local, LINE.format("2"))
    frame = benchctl.frame([first, second], "lat")
    assert frame.attrs["units"] == {"latency": "ms"}
    assert frame.attrs["notes"] == ["run-001 declared no unit for 'latency'; it is taken to be ms"]


def test_of_runs_without_rows_there_is_nothing_to_split(local: Bench) -> None:
    empty, full = run_of(local, "time,latency,op,host\n"), run_of(local, LINE.format("1"))
    rows = rows_of(empty)
    assert (rows.count, rows.split(["run", "op"]), rows.varying(["run"])) == (0, [], [])
    both = rows_of(empty, full)
    assert (both.count, both.runs, [one.key for one in both.split(["run"])]) == (
        1,
        ["run-001", "run-002"],
        [("run-002",)],
    )
    frame = benchctl.frame([empty, full], "lat")
    assert (len(frame), str(frame["latency"].dtype), str(frame["time"].dtype)) == (1, "float64", "datetime64[ns, UTC]")
