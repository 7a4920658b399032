"""Keys and values of a config: which are accepted, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchctl.config.loader import load
from benchctl.errors import ConfigError


def complaints(directory: Path, text: str) -> list[str]:
    """What is said of a config, without its file and line."""
    path = directory / "config.yaml"
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        return [str(problem).split(": ", 1)[1] for problem in error.problems]
    return []


def with_stage(**keys: Any) -> str:
    return f"benchmark: {{name: x}}\nstages:\n  - {json.dumps({'name': 'a', 'command': 'x', **keys})}\n"


def with_host(**keys: Any) -> str:
    return with_stage() + f"hosts:\n  db: {json.dumps({'ip': '10.0.0.5', **keys})}\n"


def with_schema(data_schema: Any) -> str:
    return with_stage(outputs=[{"name": "o", "remote_path": "o.csv", "data_schema": data_schema}])


STAGE_KEYS = (
    "Keys: name, host, hosts, command, script, copy, task, args, env, cwd, timeout, background, may_exit, retries,"
    " backoff, always, continue_on_error, scope, skip, health_check, outputs, only, when"
)


@pytest.mark.parametrize(("key", "meant"), [("bugdet", "budget"), ("untill", "until")])
def test_a_misspelled_key_of_trials_is_told_with_what_was_meant(tmp_path: Path, key: str, meant: str) -> None:
    keys = "Keys: repeat, warmup, order, seed, until, min, max, budget"
    assert complaints(tmp_path, with_stage() + f"trials: {{{key}: 1}}\n") == [
        f"trials.{key}: {key!r} is not a key of trials. Did you mean {meant!r}? {keys}"
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"command": None}, "command: 'command' has no value; give it one"),
        ({"command": " "}, "command: 'command' is empty; give it a value"),
        ({"health_check": {"type": "port", "target": ""}},
         "health_check.target: 'target' is empty; give it a value"),
    ],
)  # fmt: skip
def test_what_must_say_something_is_told_so(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    assert complaints(tmp_path, with_stage(**keys)) == [f"stages[0].{message}"]


def test_a_single_output_stage_or_plot_stands_for_a_list_of_one(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = """\
benchmark: {name: x}
stages:
  name: a
  command: echo {{stage.host}}
  outputs: {name: o, remote_path: o.csv, data_schema: {v: {type: float}}}
plots: {name: p, source: o, type: histogram, y: v}
"""
    path.write_text(text)
    benchmark = load(path)
    assert [stage.name for stage in benchmark.stages] == ["a"]
    assert [output.name for output in benchmark.stages[0].outputs] == ["o"]
    assert [plot.name for plot in benchmark.plots] == ["p"]
    path.write_text(text.replace("o.csv", "o.csv, local_pth: x").replace("type: histogram", "type: pie"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (5, "stages[0].outputs[0].local_pth"),
        (6, "plots[0].type"),
    ]


@pytest.mark.parametrize("key", ["on_bad_rows", "delimiter", "min_rows"])
def test_key_about_rows_needs_a_data_schema(tmp_path: Path, key: str) -> None:
    value = {"on_bad_rows": "fail", "delimiter": ";", "min_rows": "5"}[key]
    output = {"name": "o", "remote_path": "o.csv", key: value}
    expected = [f"stages[0].outputs[0].{key}: '{key}' means nothing without a data_schema; add one"]
    assert complaints(tmp_path, with_stage(outputs=[output])) == expected


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("on_bad_rows", "skip", "must be flag, fail or ignore, not 'skip'"),
        ("delimiter", "ab", 'must be one character such as ",", ";" or "|", or tab, not \'ab\''),
        ("min_rows", "-1", "must be a whole number from 0 to 1000000000000000, not '-1'"),
    ],
)
def test_wrong_key_about_rows_is_told(tmp_path: Path, key: str, value: str, message: str) -> None:
    output = {"name": "o", "remote_path": "o.csv", "data_schema": {"v": {"type": "float"}}, key: value}
    assert complaints(tmp_path, with_stage(outputs=[output])) == [f"stages[0].outputs[0].{key}: {message}"]


def test_delimiter_may_be_called_tab(tmp_path: Path) -> None:
    output = {"name": "o", "remote_path": "o.csv", "data_schema": {"v": {"type": "float"}}, "delimiter": "tab"}
    (tmp_path / "config.yaml").write_text(with_stage(outputs=[output]))
    assert load(tmp_path / "config.yaml").stages[0].outputs[0].delimiter == "\t"


def test_misspelled_key_is_told_with_the_right_one_and_nothing_else(tmp_path: Path) -> None:
    text = "benchmark: {name: x}\nstages:\n  - {naem: a, comand: x}\n"
    assert complaints(tmp_path, text) == [
        f"stages[0].naem: 'naem' is not a key of a stage. Did you mean 'name'? {STAGE_KEYS}",
        f"stages[0].comand: 'comand' is not a key of a stage. Did you mean 'command'? {STAGE_KEYS}",
    ]


def test_all_missing_keys_are_told(tmp_path: Path) -> None:
    assert complaints(tmp_path, "vars: {}\n") == ["a config needs 'benchmark'", "a config needs 'stages'"]
    assert complaints(tmp_path, "benchmark:\nstages:\n") == [
        "benchmark: benchmark needs 'name'",
        "stages: there is no stage; a benchmark needs at least one",
    ]


def test_wrong_kinds_are_told_in_one_go(tmp_path: Path) -> None:
    assert complaints(tmp_path, "benchmark: x\nhosts: [a]\nvars: x\nstages: s\nplots: p\n") == [
        "benchmark: must be a mapping of keys and values, not 'x'",
        "hosts: must be a mapping of keys and values, not a list",
        "vars: must be a mapping of keys and values, not 'x'",
        "stages: must be a list, each item after '- ', not 's'",
        "plots: must be a list, each item after '- ', not 'p'",
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"timeout": "30"}, "timeout: '30' has no unit; write 30s for seconds or 30ms for milliseconds"),
        ({"timeout": "0s"}, "timeout: must be longer than 0s"),
        ({"skip": "maybe"}, "skip: must be true or false, not 'maybe'"),
        ({"cwd": None}, "cwd: 'cwd' has no value; give it one or remove the key"),
        ({"cwd": " "}, "cwd: 'cwd' is empty; give it a value or remove the key"),
        ({"cwd": "a\nb"}, "cwd: must be on one line"),
        ({"env": {"1A": "x"}}, "env.1A: '1A' can't be set; use letters, digits and _, not beginning with a digit or"
         " with BENCHCTL_, which is ours"),
        ({"env": {"A": ["x"]}}, "env.A: must be a single text, not a list"),
        ({"health_check": {"type": "tcp", "target": "1"}},
         "health_check.type: must be port, http, file, process or command, not 'tcp'"),
        ({"health_check": {"type": "htpp", "target": "1"}},
         "health_check.type: must be port, http, file, process or command, not 'htpp'. Did you mean 'http'?"),
        ({"health_check": "port"}, "health_check: must be a mapping of keys and values, not 'port'"),
    ],
)  # fmt: skip
def test_wrong_value_is_told_with_what_is_expected(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    assert complaints(tmp_path, with_stage(**keys)) == [f"stages[0].{message}"]


def test_every_bad_item_of_a_list_is_told(tmp_path: Path) -> None:
    assert complaints(tmp_path, with_stage(args=["a", ["b"], {"c": "d"}])) == [
        "stages[0].args[1]: must be a single text, not a list",
        "stages[0].args[2]: must be a single text, not a mapping",
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"port": "22:22"}, "port: must be a whole number from 1 to 65535, not '22:22'"),
        ({"port": "022"}, "port: must be a whole number from 1 to 65535, not '022'"),
        ({"ip": "bench@db"},
         "ip: 'bench@db' holds a user; write the user as username: and only the address here"),
        ({"ip": "10.0.0.5:22"}, "ip: '10.0.0.5:22' holds a port; write the port as port: and only the address here"),
        ({"ip": "a b"}, "ip: 'a b' is not an IP address or host name, such as 10.0.0.5 or db.example.org"),
        ({"ip": "db:ssh"}, "ip: 'db:ssh' is not an IP address or host name, such as 10.0.0.5 or db.example.org"),
        ({"ip": ":22"}, "ip: ':22' is not an IP address or host name, such as 10.0.0.5 or db.example.org"),
        ({"ip": "10.0.0.5:"}, "ip: '10.0.0.5:' is not an IP address or host name, such as 10.0.0.5 or db.example.org"),
        ({"ip": "1:2:3"}, "ip: '1:2:3' is not an IP address or host name, such as 10.0.0.5 or db.example.org"),
        ({"host_key": "strct"}, "host_key: must be accept-new, strict, off or a fingerprint SHA256:..., not 'strct'."
         " Did you mean 'strict'?"),
        ({"host_key": "SHA256:x"},
         "host_key: must be SHA256: and 43 characters, as `ssh-keygen -lf` prints a fingerprint"),
        ({"password": "${BENCHCTL_TEST_UNSET}"},
         "password: ${BENCHCTL_TEST_UNSET} is not set in the environment; set it before starting benchctl"),
    ],
)  # fmt: skip
def test_wrong_value_of_a_host_is_told(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    assert complaints(tmp_path, with_host(**keys)) == [f"hosts.db.{message}"]


def test_aliases_that_would_be_ambiguous_are_refused(tmp_path: Path) -> None:
    text = with_stage() + "hosts:\n  a.b: {ip: x}\n  all: {ip: x}\n  c-d: {ip: x}\n  c_d: {ip: x}\n"
    rule = "use up to 100 letters, digits, - and _, beginning with a letter or digit"
    assert complaints(tmp_path, text) == [
        f"hosts.'a.b': 'a.b' is not a host's alias; {rule}",
        "hosts.all: 'all' can't be an alias; it stands for every host",
        "hosts.c_d: hosts 'c-d' and 'c_d' would share their environment variable; rename one",
    ]


def test_local_takes_an_address_and_nothing_else(tmp_path: Path) -> None:
    meaning = "means nothing for local, which is this machine and not reached over SSH; only address does"
    text = with_stage() + "hosts: {local: {ip: x, addres: y}}\n"
    assert complaints(tmp_path, text) == [
        f"hosts.local.ip: 'ip' {meaning}",
        "hosts.local.addres: 'addres' is not a key of the host local. Did you mean 'address'? Keys: address",
    ]


COLUMNS = "declares no columns; add one, such as latency: {type: float, unit: ms}"


@pytest.mark.parametrize(
    ("data_schema", "messages"),
    [
        ("csv", [": must be a mapping or a list of one-key mappings, not 'csv'"]),
        ({}, [f": {COLUMNS}"]),
        ({"format": "json", "x": {"type": "float"}}, [".format: must be csv, not 'json'"]),
        ({"format": {"type": "float"}},
         [".format: is the file's format, such as csv; a column called format goes under columns:"]),
        ({"x": "float"}, [".x: must be a mapping such as {type: float, unit: ms}"]),
        ({"x": {"type": "int"}},
         [".x.type: must be timestamp, integer, float or string, not 'int'. Did you mean 'integer'?"]),
        ({"x": [{"type": "float"}, {"unti": "ms"}]},
         [".x.unti: 'unti' is not a key of a column. Did you mean 'unit'? Keys: type, unit"]),
        ({"x": [{"type": "float"}, {"type": "float"}]}, [".x[1].type: 'type' is given twice; keep one"]),
        ({"columns": {"x": {"type": "float"}}, "y": {"type": "float"}},
         [".y: 'y' must go under columns:, beside the other columns"]),
        ({"t": {"type": "timestamp", "unit": "msec"}},
         [".t.unit: 'msec' is not a unit of a timestamp; use s, ms, us or ns. Did you mean 'ms'?"]),
    ],
)  # fmt: skip
def test_wrong_data_schema_is_told(tmp_path: Path, data_schema: Any, messages: list[str]) -> None:
    expected = [f"stages[0].outputs[0].data_schema{message}" for message in messages]
    assert complaints(tmp_path, with_schema(data_schema)) == expected


@pytest.mark.parametrize(
    "data_schema",
    [
        {"format": "csv", "time": {"type": "timestamp", "unit": "ms"}, "v": {"type": "float", "unit": "msec"}},
        {"time": [{"type": "timestamp"}, {"unit": "ms"}], "v": [{"type": "float"}, {"unit": "msec"}]},
        {"columns": {"time": {"type": "timestamp", "unit": "ms"}, "v": {"type": "float", "unit": "msec"}}},
        [
            {"format": "csv"},
            {"time": [{"type": "timestamp"}, {"unit": "ms"}]},
            {"v": {"type": "float", "unit": "msec"}},
        ],
        {"columns": [{"time": {"type": "timestamp", "unit": "ms"}}, {"v": {"type": "float", "unit": "msec"}}]},
    ],
)
def test_data_schemas_of_every_spelling_are_the_same(tmp_path: Path, data_schema: Any) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(with_schema(data_schema))
    found = load(path).stages[0].outputs[0].data_schema
    assert found is not None
    columns = [(column.name, column.type, column.unit) for column in found.columns]
    assert columns == [("time", "timestamp", "ms"), ("v", "float", "msec")]


def test_columns_may_be_called_format_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for data_schema in ({"columns": {"format": {"type": "string"}}}, {"columns": {"type": "string"}}):
        path.write_text(with_schema(data_schema))
        found = load(path).stages[0].outputs[0].data_schema
        assert found is not None
        assert [column.name for column in found.columns] in (["format"], ["columns"])
