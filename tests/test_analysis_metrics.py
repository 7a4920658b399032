"""The metrics of a trial: of real runs, and of outputs as several hosts would have brought them home."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import few
from workflow_bed import Bench

import benchctl
from benchctl.analysis.checking import check
from benchctl.analysis.found import number
from benchctl.analysis.metrics import measure
from benchctl.config.model import Column, DataSchema, Metric, OfJson, OfLog, OfRows, Output
from benchctl.expression import parse
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import MetricRecord, RunRecord, StageOnHost, StageRecord, TrialRecord

SCHEMA = {
    "t": {"type": "timestamp", "unit": "ms"},
    "latency": {"type": "float", "unit": "us"},
    "n": {"type": "integer"},
}
COLUMNS = (Column("t", "timestamp", "ms"), Column("latency", "float", "us"), Column("n", "integer"))


def csv(rows: Sequence[tuple[Any, ...]]) -> str:
    return "t,latency,n\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def brought_home(
    folder: Path, texts: Mapping[str, str | bytes], *, columns: Sequence[Column] = COLUMNS, **stage: Any
) -> TrialRecord:
    """A trial whose stage `load` ran on some hosts and left output `latency` on each, checked as after a run."""
    output = Output("latency", "l.csv", data_schema=DataSchema("csv", tuple(columns)), min_rows=0)
    places = {}
    for host, text in texts.items():
        (folder / host).mkdir(parents=True, exist_ok=True)
        (folder / host / "l.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        record = OutputRecord(name="latency", path=f"{host}/l.csv", status="collected")
        checked = OutputRecord(**{**vars(record), "data": check(output, record, folder)})
        places[host] = StageOnHost(status="succeeded", outputs=(checked,), duration_s=1.5)
    return TrialRecord(
        status="succeeded", stages=(StageRecord(**{"name": "load", "status": "succeeded", "hosts": places, **stage}),)
    )


def of_rows(aggregate: str, column: str | None = None, unit: str | None = None) -> Metric:
    return Metric(aggregate, OfRows("load", "latency", aggregate, column), unit=unit)


def measured(folder: Path, trial: TrialRecord, metric: Metric) -> MetricRecord:
    """A declared metric of a trial; what the record holds of it is what comes back from its JSON."""
    found = measure([metric], RunRecord(path=folder), trial)[metric.name]
    assert MetricRecord.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    return found


AGGREGATES = ("avg", "median", "min", "max", "sum", "std", "p50", "p90", "p95", "p99", "p99.9", "p12.5")


def by_numpy(values: Any, how: str) -> float:
    values = np.asarray(values, dtype=np.float64)
    plain: dict[str, Any] = {"avg": np.mean, "median": np.median, "min": np.min, "max": np.max, "sum": np.sum}
    if how == "std":
        return float(np.std(values, ddof=1))
    return float(plain[how](values)) if how in plain else float(np.percentile(values, float(how[1:])))


rows = st.lists(
    st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6, width=32), st.integers(-(2**31), 2**31)),
    min_size=2,
    max_size=30,
)


@settings(few, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, min_size=1, max_size=3), st.sampled_from(["latency", "n"]))
def test_every_aggregate_pools_the_rows_of_all_hosts_as_numpy_does(
    tmp_path: Path, hosts: list[list[tuple[int, float, int]]], column: str
) -> None:
    trial = brought_home(tmp_path, {f"host{n}": csv(rows) for n, rows in enumerate(hosts)})
    position = {"latency": 1, "n": 2}[column]
    values = [row[position] for rows in hosts for row in rows]
    for how in AGGREGATES:
        found = measured(tmp_path, trial, of_rows(how, column))
        assert found.value == pytest.approx(by_numpy(values, how), rel=1e-12, abs=1e-6), how
        assert (found.count, found.unit, found.reason) == (len(values), {"latency": "us", "n": None}[column], None)
    assert measured(tmp_path, trial, of_rows("count")).value == len(values)


@pytest.mark.parametrize(
    ("how", "rows", "remark"),
    [
        ("p99", 99, "p99 of 99 rows; it needs 100"),
        ("p99", 100, None),
        ("p99.9", 999, "p99.9 of 999 rows; it needs 1,000"),
        ("p99.9", 1000, None),
        ("p1", 99, "p1 of 99 rows; it needs 100"),
        ("p1", 100, None),
        ("p95", 19, "p95 of 19 rows; it needs 20"),
        ("p95", 20, None),
        ("median", 1, None),
        ("max", 1, None),
    ],
)
def test_a_percentile_of_too_few_rows_is_marked(tmp_path: Path, how: str, rows: int, remark: str | None) -> None:
    trial = brought_home(tmp_path, {"a": csv([(n, n, n) for n in range(rows)])})
    assert measured(tmp_path, trial, of_rows(how, "latency")).remark == remark


@pytest.mark.parametrize(
    ("hosts", "rate"),
    [
        ({"a": [0, 500, 1000]}, 2.0),
        ({"a": [1000, 0, 500]}, 2.0),
        ({"a": [0, 500, 1000], "b": [7000, 7250]}, 2.0 + 4.0),
        ({"a": [1763900000000 + n for n in range(1001)]}, 1000.0),
    ],
)
def test_a_rate_is_the_sum_of_the_hosts_rows_after_the_first_over_their_time(
    tmp_path: Path, hosts: dict[str, list[int]], rate: float
) -> None:
    trial = brought_home(tmp_path, {host: csv([(t, 1, 1) for t in times]) for host, times in hosts.items()})
    found = measured(tmp_path, trial, of_rows("rate"))
    assert (found.value, found.unit, found.count) == (rate, "1/s", sum(map(len, hosts.values())))


@pytest.mark.parametrize(("times", "has"), [([], "no rows"), ([1], "one row"), ([5, 5, 5], "3 rows of one moment")])
def test_a_rate_needs_two_moments_on_every_host(tmp_path: Path, times: list[int], has: str) -> None:
    trial = brought_home(tmp_path, {"a": csv([(0, 1, 1), (1, 1, 1)]), "b": csv([(t, 1, 1) for t in times])})
    found = measured(tmp_path, trial, of_rows("rate"))
    assert (found.value, found.reason) == (None, f"a rate needs rows of two moments, and b has {has}")


def test_a_short_rate_is_exact_to_the_nanosecond(tmp_path: Path) -> None:
    columns = (Column("t", "timestamp", "ns"), *COLUMNS[1:])
    trial = brought_home(tmp_path, {"a": csv([(1001, 1, 1), (1501, 1, 1), (1999, 1, 1)])}, columns=columns)
    assert measured(tmp_path, trial, of_rows("rate")).value == 2e9 / 998


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("avg", "there are no rows"),
        ("p99", "there are no rows"),
        ("std", "there are no rows"),
        ("sum", "there are no rows"),
        ("count", None),
    ],
)
def test_no_rows_have_a_count_and_nothing_else(tmp_path: Path, how: str, reason: str | None) -> None:
    trial = brought_home(tmp_path, {"a": csv([])})
    found = measured(tmp_path, trial, of_rows(how, "latency"))
    assert (found.value, found.reason) == (0.0 if how == "count" else None, reason)


def test_one_row_has_no_std(tmp_path: Path) -> None:
    found = measured(tmp_path, brought_home(tmp_path, {"a": csv([(1, 2, 3)])}), of_rows("std", "n"))
    assert (found.value, found.reason) == (None, "std is of two rows or more; there is one")


@pytest.mark.parametrize(
    ("how", "column", "unit", "value"),
    [
        ("max", "latency", "ms", 1.5),
        ("max", "latency", "s", 0.0015),
        ("max", "latency", "ns", 1_500_000.0),
        ("sum", "latency", "ms", 2.5),
        ("max", "n", "ops", 7.0),
        ("count", None, "ops", 2.0),
        ("count", None, "things", 2.0),
        ("count", None, "kops", 0.002),
        ("rate", None, "ops/s", 1.0),
        ("rate", None, "Hz", 1.0),
        ("rate", None, "things/min", 60.0),
        ("rate", None, "kops/min", 0.06),
    ],
)
def test_a_metric_is_told_in_the_unit_asked_for(
    tmp_path: Path, how: str, column: str | None, unit: str, value: float
) -> None:
    trial = brought_home(tmp_path, {"a": csv([(0, 1500, 7), (1000, 1000, 3)])})
    found = measured(tmp_path, trial, of_rows(how, column, unit))
    assert (found.value, found.unit) == (value, unit)


def test_of_a_file_that_is_damaged_no_number_is_made(tmp_path: Path) -> None:
    whole = gzip.compress(csv([(n, n, n) for n in range(5000)]).encode())
    trial = brought_home(tmp_path, {"a": whole[: len(whole) // 2]})
    found = measured(tmp_path, trial, of_rows("max", "latency"))
    assert found.value is None
    assert str(found.reason).startswith("l.csv: its gzip data ends in the middle; was it still being written?")
    assert list(measure([], RunRecord(path=tmp_path), trial)) == ["load.duration"]


def test_bad_rows_are_left_out(tmp_path: Path) -> None:
    trial = brought_home(tmp_path, {"a": csv([(0, 1, 1), (1, "oops", 1), (2, 3, 1)])})
    found = measured(tmp_path, trial, of_rows("avg", "latency"))
    assert (found.value, found.count) == (2.0, 2)


def test_an_output_that_a_host_lacks_makes_no_number(tmp_path: Path) -> None:
    trial = brought_home(tmp_path, {"a": csv([(0, 1, 1)])})
    (stage,) = trial.stages
    missing = OutputRecord(name="latency", status="missing", reason="there is no l.csv on b")
    other = {"b": StageOnHost(status="succeeded", outputs=(missing,)), "c": StageOnHost(status="succeeded")}
    for host, reason in (
        ("b", "output 'latency' was not collected from b: there is no l.csv on b"),
        ("c", "output 'latency' was not brought home from c"),
    ):
        hosts = {**stage.hosts, host: other[host]}
        both = TrialRecord(stages=(StageRecord(name="load", status="succeeded", hosts=hosts),))
        found = measured(tmp_path, both, of_rows("max", "latency"))
        assert (found.value, found.reason) == (None, reason)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("skipped", "stage 'load' was skipped"),
        ("failed", "stage 'load' failed"),
        ("timeout", "stage 'load' ran out of time"),
        ("not_started", "stage 'load' did not run"),
    ],
)
def test_a_stage_that_did_not_succeed_has_no_metrics(tmp_path: Path, status: str, reason: str) -> None:
    trial = brought_home(tmp_path, {"a": csv([(0, 1, 1)])}, status=status)
    for made_of in (OfRows("load", "latency", "count"), OfJson("load", "latency", ()), OfLog("load", "(1)")):
        assert measured(tmp_path, trial, Metric("x", made_of)) == MetricRecord(reason=reason)
    assert measure([], RunRecord(path=tmp_path), trial) == {}


def test_a_stage_without_hosts_has_no_metrics(tmp_path: Path) -> None:
    trial = TrialRecord(stages=(StageRecord(name="load", status="succeeded"),))
    for made_of in (OfRows("load", "latency", "max", "n"), OfJson("load", "latency", ()), OfLog("load", "(1)")):
        assert measured(tmp_path, trial, Metric("x", made_of)) == MetricRecord(reason="stage 'load' ran on no host")
    assert measure([], RunRecord(path=tmp_path), trial) == {}


def test_metrics_that_nobody_declared_come_after_the_others_and_say_so(tmp_path: Path) -> None:
    rows = {"a": [(0, 1, 1), (1000, 3, 2)], "b": [(0, 8, 9)]}
    trial = brought_home(tmp_path, {host: csv(of) for host, of in rows.items()})
    found = measure([of_rows("max", "latency")], RunRecord(path=tmp_path), trial)
    assert [(name, metric.value, metric.unit, metric.declared) for name, metric in found.items()] == [
        ("max", 8.0, "us", True),
        ("latency.latency.avg", 4.0, "us", False),
        ("latency.latency.median", 3.0, "us", False),
        ("latency.latency.p99", pytest.approx(7.9), "us", False),
        ("latency.n.avg", 4.0, None, False),
        ("latency.n.median", 2.0, None, False),
        ("latency.n.p99", pytest.approx(8.86), None, False),
        ("load.duration", 1.5, "s", False),  # and no rate, which b lacks
    ]


def in_files(folder: Path, texts: Mapping[str, str | bytes]) -> TrialRecord:
    """A trial whose stage `load` left `report` on each host."""
    places = {}
    for host, text in texts.items():
        (folder / f"{host}.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        output = OutputRecord(name="report", path=f"{host}.json", status="collected")
        places[host] = StageOnHost(status="succeeded", outputs=(output,))
    return TrialRecord(stages=(StageRecord(name="load", status="succeeded", hosts=places),))


def of_json(*path: str | int, of_hosts: str | None = None) -> Metric:
    return Metric("x", OfJson("load", "report", path, of_hosts), unit="ops", better="higher")


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": [1, {"b": 12.5}]}', 12.5), ('{"a": [1, {"b": "1,234.5"}]}', 1234.5), ('{"a": [1, {"b": -0}]}', 0.0)],
)
def test_a_number_is_read_from_json_by_its_path(tmp_path: Path, text: str, value: float) -> None:
    for data in (text, b"\xef\xbb\xbf" + text.encode(), gzip.compress(text.encode())):
        found = measured(tmp_path, in_files(tmp_path, {"a": data}), of_json("a", 1, "b"))
        assert found == MetricRecord(value=value, unit="ops", better="higher")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"b": 1}', "a.json: $ has no key 'a'. Keys: b"),
        ('{"a": true}', "a.json: $.a is true, not a number"),
        ('{"a": null}', "a.json: $.a is null, not a number"),
        ('{"a": {}}', "a.json: $.a is an object, not a number"),
        ('{"a": "12 ms"}', "a.json: $.a is the text '12 ms', not a number"),
        ('{"a": NaN}', "a.json: $.a is nan, not a finite number"),
        ('{"a": 1e999}', "a.json: $.a is inf, not a finite number"),
        ('{"a": 1' + "0" * 400 + "}", "a.json: $.a is too large a number"),
        ('{"a": ', "a.json: it is not JSON: Expecting value: line 1 column 7 (char 6)"),
        ("", "a.json: it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"a": "\\ud800"}', "a.json: $.a is the text '\\ud800', not a number"),
        (b'{"a": "\xff"}', "a.json: it is not JSON: 'utf-8' codec can't decode byte 0xff in position 7: "
         "invalid start byte"),
    ],
)  # fmt: skip
def test_json_without_such_a_number_says_what_is_there(tmp_path: Path, text: str | bytes, reason: str) -> None:
    found = measured(tmp_path, in_files(tmp_path, {"a": text}), of_json("a"))
    assert found == MetricRecord(unit="ops", better="higher", reason=reason)


@pytest.mark.parametrize(
    ("of_hosts", "value"), [("sum", 9.0), ("avg", 3.0), ("median", 2.0), ("min", 1.0), ("max", 6.0)]
)
def test_the_numbers_of_several_hosts_become_one_as_declared(tmp_path: Path, of_hosts: str, value: float) -> None:
    trial = in_files(tmp_path, {"a": "1", "b": "6", "c": "2"})
    assert measured(tmp_path, trial, of_json(of_hosts=of_hosts)).value == value
    trial = in_files(tmp_path, {"a": "1", "b": "[]", "c": "2"})
    assert measured(tmp_path, trial, of_json(of_hosts=of_hosts)).reason == "b.json: $ is a list, not a number"


def with_logs(folder: Path, **streams: str | bytes) -> TrialRecord:
    for stream, text in streams.items():
        (folder / f"load.{stream}").write_bytes(text if isinstance(text, bytes) else text.encode())
    place = StageOnHost(status="succeeded", logs={stream: f"load.{stream}" for stream in ("out", "err")})
    return TrialRecord(stages=(StageRecord(name="load", status="succeeded", hosts={"a": place}),))


@pytest.mark.parametrize(
    ("out", "err", "value"),
    [
        ("tps = 10\ntps = 20.5\nend\n", "tps = 99\n", 20.5),  # the last line that matches
        ("tps = 1\rtps = 2\rtps = 3", "", 3.0),  # the last match on it
        ("nothing\n", "tps = 1,234.5\n", 1234.5),  # stderr only where stdout has none
        ("tps = 1e6\r\n", "", 1e6),
        (b"\xff\xfe tps = 7 \xff\n", "", 7.0),
        ("tps = -0.5", "", -0.5),
        ("x" * (1 << 21) + "\ntps = 8\n", "", 8.0),
    ],
)
def test_the_last_match_in_a_log_is_the_number(tmp_path: Path, out: str | bytes, err: str, value: float) -> None:
    metric = Metric("tps", OfLog("load", "tps = ([-0-9.,e]+)"))
    assert measured(tmp_path, with_logs(tmp_path, out=out, err=err), metric).value == value


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("", "no line matches in the log of a (load.out, load.err)"),
        ("tps\n= 5\n", "no line matches in the log of a (load.out, load.err)"),
        ("tps = 5\ntps = 1.234,5\n", "the last match in the log of a: '1.234,5' is not a number"),
        ("tps = -\n", "the last match in the log of a: '-' is not a number"),
        ("tps = 1e999\n", "the last match in the log of a: '1e999' is too large a number"),
    ],
)
def test_a_log_without_a_number_has_no_value_and_never_zero(tmp_path: Path, out: str, reason: str) -> None:
    found = measured(tmp_path, with_logs(tmp_path, out=out, err=""), Metric("tps", OfLog("load", "tps = (\\S+)")))
    assert (found.value, found.reason) == (None, reason)


def test_a_log_that_is_gone_says_so(tmp_path: Path) -> None:
    found = measured(tmp_path, with_logs(tmp_path), Metric("tps", OfLog("load", "(1)")))
    assert found.reason == "the log load.out can't be read: No such file or directory"


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12.0), (" +1.5 ", 1.5), (".5", 0.5), ("5.", 5.0), ("1,234", 1234.0), ("12,345,678.9e-2", 123456.789)],
)
def test_numbers_are_read_as_programs_print_them(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", ".", "e5", "1,23", "1,2345", ",123", "1_000", "0x10", "nan", "inf", "12ms", "१२"])
def test_what_is_no_number_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(text)


def test_metrics_are_made_of_each_other_in_any_order(tmp_path: Path) -> None:
    trial = brought_home(tmp_path, {"a": csv([(0, 1500, 7), (1000, 1000, 3)])})
    metrics = [
        Metric("cost", parse("eff * 10"), unit="EUR", better="lower"),
        Metric("eff", parse("rows / load.duration")),
        Metric("rows", OfRows("load", "latency", "count")),
        Metric("gone", parse("cost / tps")),
        Metric("tps", OfLog("other", "(1)")),
        Metric("never", parse("rows / (rows - 2)")),
        Metric("absent", parse("load.ready")),
    ]
    found = measure(metrics, RunRecord(path=tmp_path), trial)
    assert list(found)[:7] == ["cost", "eff", "rows", "gone", "tps", "never", "absent"]
    assert found["cost"] == MetricRecord(value=2 / 1.5 * 10, unit="EUR", better="lower")
    assert [found[name].reason for name in ("gone", "tps", "never", "absent")] == [
        "tps has no value: stage 'other' is not part of this trial",
        "stage 'other' is not part of this trial",
        "rows / (rows - 2) divides by zero",
        "load.ready has no value in this trial",
    ]


# Real runs


def test_a_run_has_its_metrics_in_the_record(bench: Bench) -> None:
    bench.path("l.csv").write_text(csv([(n * 10, n * 1000, n) for n in range(1, 201)]))
    bench.path("r.json").write_text('{"jobs": [{"iops": 12.5}]}')
    outputs = [
        {"name": "latency", "remote_path": str(bench.path("l.csv")), "data_schema": SCHEMA},
        {"name": "report", "remote_path": str(bench.path("r.json"))},
    ]
    metrics = [
        {"name": "p99", "source": "latency", "column": "latency", "aggregate": "p99", "unit": "ms", "better": "lower"},
        {"name": "iops", "source": "report", "json": "$.jobs[0].iops"},
        {"name": "tps", "stage": "load", "regex": "tps = ([0-9.]+)"},
        {"name": "left_out", "stage": "later", "regex": "(1)"},
        {"name": "eff", "value": "tps / iops"},
    ]
    record = bench.run(
        bench.stage("load", "echo tps = 50 >&2", outputs=outputs),
        bench.stage("db", "sleep 60", background=True, health_check={"type": "command", "target": "true"}),
        bench.stage("later", "true", skip=True),
        config={"metrics": metrics},
    )
    assert record.status == "succeeded"
    found = record.trials[0].metrics
    assert {name: metric for name, metric in found.items() if metric.declared} == {
        "p99": MetricRecord(
            value=pytest.approx(198.01),  # type: ignore[arg-type]
            unit="ms",
            better="lower",
            count=200,
        ),
        "iops": MetricRecord(value=12.5),
        "tps": MetricRecord(value=50.0),
        "left_out": MetricRecord(reason="stage 'later' was skipped"),
        "eff": MetricRecord(value=4.0),
    }
    assert [name for name, metric in found.items() if not metric.declared] == [
        *("latency.latency.avg", "latency.latency.median", "latency.latency.p99"),
        *("latency.n.avg", "latency.n.median", "latency.n.p99", "latency.rate", "load.duration", "db.ready"),
    ]
    assert found["latency.rate"].value == 100.0
    assert benchctl.find("1", results=bench.results).trials[0].metrics == found


def test_a_run_without_tables_loads_no_pandas_for_its_metrics(local: Bench) -> None:
    path = local.write(
        local.stage("load", "echo tps = 50"), metrics=[{"name": "tps", "stage": "load", "regex": "tps = ([0-9]+)"}]
    )
    code = (
        "import sys, benchctl\n"
        "record = benchctl.run(benchctl.load(sys.argv[1]), results=sys.argv[2])\n"
        "print(record.trials[0].metrics['tps'].value, {'numpy', 'pandas', 'scipy'} & set(sys.modules))"
    )
    arguments = [sys.executable, "-c", code, str(path), str(local.results)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout == "50.0 set()\n"
