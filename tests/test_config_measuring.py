"""What a metric may be made of: every mistake is told at load, with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchctl.config.draft import draft
from benchctl.config.findings import References
from benchctl.config.loader import load
from benchctl.config.measuring import check_precision
from benchctl.config.model import Metric, OfJson, OfLog, OfRows
from benchctl.config.precision import Precision, parse
from benchctl.config.schema import LISTS
from benchctl.config.yaml_file import read
from benchctl.errors import ConfigError
from benchctl.expression import Name, Number, Operation

SCHEMA = {
    "t": {"type": "timestamp", "unit": "ms"},
    "latency": {"type": "float", "unit": "us"},
    "n": {"type": "integer"},
    "op": {"type": "string", "unit": "kind"},
    "load": {"type": "float", "unit": "ops"},
}
CONFIG: dict[str, Any] = {
    "benchmark": {"name": "x"},
    "hosts": {"a": {"ip": "10.0.0.1"}, "b": {"ip": "10.0.0.2"}},
    "stages": [
        {
            "name": "load",
            "command": "x",
            "outputs": [
                {"name": "latency", "remote_path": "l.csv", "data_schema": SCHEMA},
                {"name": "names", "remote_path": "n.csv", "data_schema": {"op": {"type": "string"}}},
                {"name": "report", "remote_path": "r.json"},
                {"name": "parts", "remote_path": "p/*.json"},
            ],
        },
        {
            "name": "both",
            "hosts": ["a", "b"],
            "command": "x",
            "outputs": [{"name": "theirs", "remote_path": "t.json"}],
            "health_check": {"type": "port", "target": "80"},
        },
        {"name": "carry", "copy": {"from": "a:/x", "to": "b:/y"}},
    ],
}
GOOD = {"name": "p99", "source": "latency", "column": "latency", "aggregate": "p99"}


def written(directory: Path, *metrics: dict[str, Any]) -> Path:
    path = directory / "config.yaml"
    path.write_text(json.dumps({**CONFIG, "metrics": list(metrics)}))
    return path


def complaints(directory: Path, *metrics: dict[str, Any]) -> list[str]:
    """What is said of a config with these metrics, without its file and line."""
    try:
        load(written(directory, *metrics))
    except ConfigError as error:
        return [str(problem).split(": ", 1)[1] for problem in error.problems]
    return []


def test_metrics_of_every_kind_are_read(tmp_path: Path) -> None:
    metrics = load(
        written(
            tmp_path,
            GOOD | {"unit": "ms", "better": "lower", "margin": "1.5%"},
            {"name": "rows", "source": "latency", "aggregate": "count", "unit": "ops"},
            {"name": "rate", "source": "latency", "column": "t", "aggregate": "rate", "unit": "ops/s"},
            {"name": "tail", "source": "latency", "column": "n", "aggregate": "p99.99"},
            {"name": "iops", "source": "report", "json": "$.jobs[0].iops", "unit": "1/s"},
            {"name": "all", "source": "theirs", "json": "$.x", "aggregate": "sum"},
            {"name": "tps", "stage": "both", "regex": "tps = ([0-9.]+)", "aggregate": "avg"},
            {"name": "eff", "value": "tps / 2"},
            {"name": "cost", "value": 'eff + load.duration + both.ready + latency.rate + "latency.latency.p99"'},
        )
    ).metrics
    assert metrics[:-1] == (
        Metric("p99", OfRows("load", "latency", "p99", "latency"), better="lower", unit="ms", line=1),
        Metric("rows", OfRows("load", "latency", "count"), unit="ops", line=1),
        Metric("rate", OfRows("load", "latency", "rate", "t"), unit="ops/s", line=1),
        Metric("tail", OfRows("load", "latency", "p99.99", "n"), line=1),
        Metric("iops", OfJson("load", "report", ("jobs", 0, "iops")), unit="1/s", line=1),
        Metric("all", OfJson("both", "theirs", ("x",), "sum"), line=1),
        Metric("tps", OfLog("both", "tps = ([0-9.]+)", "avg"), line=1),
        Metric("eff", Operation("/", (Name("tps"), Number(2.0)), "tps / 2"), line=1),
    )


def test_a_problem_has_its_file_line_and_path(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "benchmark: {name: x}\n"
        "stages: [{name: a, command: x}]\n"
        "metrics:\n"
        "  - name: tps\n"
        "    stage: b\n"
        "    regex: tps = ([0-9]+)\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:5: metrics[0].stage: no stage is called 'b'. Stages: a"


COLUMNS = "Columns: t, latency, n, op, load"
NUMBERS = "columns with numbers: latency, n, load"
RATE = "a rate is of rows per time, as 1/s, ops/s or ops/min are"
AGGREGATES = (
    "must be avg, median, min, max, sum, count, rate, std or a percentile above p0 and below p100, such as p99.9, not"
)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "p 99"}, ".name: 'p 99' is not a metric's name; use up to 100 letters, digits and _, beginning with "
         "a letter, as in p99_read"),
        ({"source": "latenci"}, ".source: no output is called 'latenci'. Outputs: latency, names, report, parts, "
         "theirs. Did you mean 'latency'?"),
        ({"source": "report"}, ".source: output 'report' has no data_schema, so nothing is known of its columns; add "
         "one there, or give json"),
        ({"column": "latenci"}, f".column: output 'latency' has no column 'latenci'. {COLUMNS}. Did you mean "
         "'latency'?"),
        ({"column": "op"}, f".column: column 'op' is a string, and p99 is of numbers; {NUMBERS}"),
        ({"column": "t", "aggregate": "max"}, f".column: column 't' is a timestamp, and max is of numbers; {NUMBERS}"),
        ({"source": "names", "column": "op"}, ".column: column 'op' is a string, and p99 is of numbers; there is no "
         "column with numbers"),
        ({"column": None}, ".column: 'column' has no value; give it one or remove the key"),
        ({"aggregate": "p100"}, f".aggregate: {AGGREGATES} 'p100'"),
        ({"aggregate": "p0.0"}, f".aggregate: {AGGREGATES} 'p0.0'"),
        ({"aggregate": "mediam"}, f".aggregate: {AGGREGATES} 'mediam'. Did you mean 'median'?"),
        ({"source": "names", "column": "op", "aggregate": "rate"}, ".aggregate: a rate needs a timestamp, and output "
         "'names' has no column of that type"),
        ({"unit": "MB"}, ".unit: column 'latency' is in us: us can't be converted to MB: us measures time, MB measures "
         "data"),
        ({"unit": "msec"}, ".unit: column 'latency' is in us: us can't be converted to msec: us measures time, 'msec' "
         "is a label. Did you mean 'ms'?"),
        ({"column": "load", "unit": "gizmos"}, ".unit: column 'load' is in ops: ops can't be converted to gizmos: ops "
         "measures operations, 'gizmos' is a label"),
        ({"aggregate": "rate", "unit": "ms"}, f".unit: {RATE}; 'ms' is not"),
        ({"aggregate": "rate", "unit": "MB/s"}, f".unit: {RATE}; 'MB/s' is not"),
        ({"aggregate": "rate", "unit": "ops"}, f".unit: {RATE}; 'ops' is not"),
        ({"aggregate": "count", "unit": "ms"}, ".unit: count is a number of rows, and ms measures time; remove it, or "
         "name a row"),
        ({"aggregate": "count", "unit": "ops/s"}, ".unit: count is a number of rows, and ops/s measures operations per "
         "time; remove it, or name a row"),
        ({"margin": "3"}, ".margin: must be a share above 0% and below 100%, such as 3%, not '3'"),
        ({"margin": "100%"}, ".margin: must be a share above 0% and below 100%, such as 3%, not '100%'"),
        ({"better": "less"}, ".better: must be lower or higher, not 'less'"),
        ({"stage": "load"}, ".stage: 'stage' means nothing for a metric of a column; remove it"),
        ({"json": "$.a"}, ".column: 'column' means nothing beside json; remove it"),
    ],
)  # fmt: skip
def test_a_metric_of_a_column_that_makes_no_sense_is_told(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    assert complaints(tmp_path, GOOD | keys)[0] == f"metrics[0]{message}"


HOSTS = "stage 'both' runs on 2 hosts; say what makes one number of theirs by aggregate: sum, avg, median, min or max"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, ": nothing says where its number comes from; give it source, column and aggregate, or source and json, or "
         "stage and regex, or value"),
        ({"source": "latency", "aggregate": "avg"}, ": avg is of a column; name it as 'column'"),
        ({"source": "latency", "column": "n"}, ": a metric of a column needs 'aggregate'"),
        ({"value": "1", "regex": "(a)"}, ".value: a metric is one number; keep one of regex and value"),
        ({"json": "$.a"}, ": a metric with json needs 'source'"),
        ({"source": "latency", "json": "$.a"}, ".json: output 'latency' has a data_schema, so it is no JSON; give "
         "column and aggregate"),
        ({"source": "parts", "json": "$.a"}, ".source: output 'parts' stands for several files; json needs one"),
        ({"source": "report", "json": "a.b"}, ".json: must begin with $, the whole document, as in "
         "$.jobs[0].read.iops"),
        ({"source": "theirs", "json": "$.a"}, f": {HOSTS}"),
        ({"source": "report", "json": "$.a", "aggregate": "p99"}, ".aggregate: each host has one number; what makes one"
         " of all is avg, median, min, max or sum, not p99"),
        ({"regex": "(a)"}, ": a metric with regex needs 'stage'"),
        ({"stage": "lod", "regex": "(a)"}, ".stage: no stage is called 'lod'. Stages: load, both, carry. Did you mean "
         "'load'?"),
        ({"stage": "carry", "regex": "(a)"}, ".stage: stage 'carry' is a copy, which has no log"),
        ({"stage": "both", "regex": "(a)"}, f": {HOSTS}"),
        ({"stage": "load", "regex": "a"}, ".regex: must have one group, around the number, and has none; put the number"
         " in ( and )"),
        ({"stage": "load", "regex": "(a)(b)"}, ".regex: must have one group, around the number, and has 2; write the "
         "others as (?:...)"),
        ({"stage": "load", "regex": "(a"}, ".regex: 'regex' is not a regular expression: missing ), unterminated "
         "subpattern at position 0"),
        ({"value": "a +"}, ".value: can't be read as arithmetic; something is missing at its end"),
        ({"value": "x * 2"}, ".value: the metric is made of itself (x -> x); it must be of others"),
        ({"value": "1", "source": "report"}, ".source: 'source' means nothing beside value; remove it"),
    ],
)  # fmt: skip
def test_a_metric_that_makes_no_sense_is_told(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    assert complaints(tmp_path, {"name": "x", **keys}) == [f"metrics[0]{message}"]


def test_a_unit_in_another_spelling_is_a_label_and_that_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, {"name": "x", "stage": "load", "regex": "(1)", "unit": "msec"})
    warning = f"{path}:1: metrics[0].unit: unit 'msec' is a label, and not a known unit. Did you mean 'ms'?"
    assert warning in load(path).warnings


ONCE = """\
benchmark: {name: b}
trials: {repeat: REPEAT}
stages:
  - {name: build, command: make, scope: run, outputs: [{name: sizes, remote_path: /tmp/sizes.json}]}
  - {name: load, command: ./load}
metrics:
  - {name: size, source: sizes, json: $.text}
  - {name: built, stage: build, regex: "built ([0-9]+)"}
  - {name: tps, stage: load, regex: "tps ([0-9]+)"}
"""


def test_a_metric_of_what_is_done_once_around_several_trials_is_warned_about(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(ONCE.replace("REPEAT", "3"))
    once = "is done once, around all trials, so no trial has this metric; take scope: trial"
    assert load(path).warnings == (
        f"{path}:7: metrics[0].source: the stage of output 'sizes' {once}",
        f"{path}:8: metrics[1].stage: stage 'build' {once}",
    )
    path.write_text(ONCE.replace("REPEAT", "1"))
    assert load(path).warnings == ()


def test_a_pattern_that_python_may_read_in_another_way_later_is_taken_as_it_is(tmp_path: Path) -> None:
    (metric,) = load(written(tmp_path, {"name": "x", "stage": "load", "regex": "[[a]=([0-9]+)"})).metrics
    assert metric.made_of == OfLog("load", "[[a]=([0-9]+)")


def test_a_single_metric_stands_for_a_list_of_one(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({**CONFIG, "metrics": GOOD}))
    assert [metric.name for metric in load(path).metrics] == ["p99"]


def test_unknown_names_in_an_expression_are_told_with_what_was_meant(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, GOOD, {"name": "eff", "value": "p9 / both.redy"})
    assert complaint.startswith("metrics[1].value: no metric is called 'p9'. Metrics: p99, eff, latency.latency.avg, ")
    assert complaint.endswith("Did you mean 'p99'?")
    (complaint,) = complaints(tmp_path, {"name": "eff", "value": "both.redy"})
    assert complaint.endswith("Did you mean 'both.ready'?")


def test_names_must_differ_and_circles_are_told_where_they_are(tmp_path: Path) -> None:
    assert complaints(tmp_path, GOOD, GOOD) == ["metrics[1].name: metric 'p99' is there already, on line 1; rename one"]
    metrics = [("a", "b + 1"), ("b", "c + 1"), ("c", "b"), ("d", "a")]
    assert complaints(tmp_path, *({"name": name, "value": value} for name, value in metrics)) == [
        "metrics[1].value: the metric is made of itself (b -> c -> b); it must be of others",
        "metrics[2].value: the metric is made of itself (c -> b -> c); it must be of others",
    ]


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("p99 +-5%", Precision("p99", 0.05, is_relative=True)),
        (" p99±5 %", Precision("p99", 0.05, is_relative=True)),
        ("p99 +/- 0.2ms", Precision("p99", 0.2, unit="ms")),
        ("load.duration +-.5 s", Precision("load.duration", 0.5, unit="s")),
        ("tps +-100", Precision("tps", 100.0)),
    ],
)
def test_a_precision_is_a_share_or_a_width(text: str, precision: Precision) -> None:
    assert parse(text) == precision
    assert parse(str(precision)) == precision


@pytest.mark.parametrize("text", ["", "p99", "p99 5%", "+-5%", "p99 +-x", "p99 +--5%"])
def test_a_precision_that_is_none_says_how_it_is_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a metric and how exactly .* such as p99 \+-5% or p99 \+-0\.2ms"):
        parse(text)


@pytest.mark.parametrize("text", ["p99 +-0%", "p99 +-0.0", "p99 +-100%"])
def test_a_precision_of_nothing_or_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be more than 0 and less than 100%"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p99 +-0.2ms", None),
        ("told +-1us", None),
        ("rows +-5%", None),
        ("tps +-10 1/s", None),
        ("load.duration +-10ms", None),
        ("load.duration +-1MB", "load.duration is in s, not in MB"),
        ("p9 +-5%", "no metric is called 'p9'. "),
        ("p99 +-1MB", "p99 is in us, not in MB"),
        ("rows +-1ms", "rows is in no unit, not in ms"),
        ("rate +-1ms", "rate is in 1/s, not in ms"),
    ],
)
def test_a_precision_must_be_of_a_metric_and_in_its_unit(tmp_path: Path, text: str, message: str | None) -> None:
    rows = {"source": "latency", "aggregate": "count"}
    path = written(
        tmp_path,
        GOOD,
        GOOD | {"name": "told", "unit": "ms"},
        {"name": "rows", **rows},
        {"name": "rate", **rows, "aggregate": "rate"},
        {"name": "tps", "stage": "load", "regex": "(1)", "unit": "1/s"},
    )
    document = read(path, "config.yaml", LISTS)
    check_precision(References(document, draft(document), tmp_path), ("trials", "until"), parse(text))
    told = [str(problem) for problem in document.problems]
    assert len(told) == (message is not None)
    assert all(line.startswith(f"config.yaml:1: trials.until: {message}") for line in told)
