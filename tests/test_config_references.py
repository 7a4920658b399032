"""What the parts of a config say about each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchctl.config.loader import load
from benchctl.errors import ConfigError

HEAD = """\
benchmark: {name: x}
hosts: {db: {ip: 10.0.0.5}, app: {ip: 10.0.0.6}}
vars: {d: 5s, port: "80"}
stages:
"""
HOSTS = "Hosts: db, app, local"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A config's directory with a few scripts."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "load.sh").write_text("#!/bin/sh\n")
    (tmp_path / "scripts" / "plain.sh").write_text("echo\n")
    (tmp_path / "scripts" / "crlf.sh").write_bytes(b"#!/bin/sh\r\n")
    return tmp_path


def complaints(directory: Path, text: str) -> list[str]:
    """What is said of a config, without its file and line."""
    path = directory / "config.yaml"
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        return [str(problem).split(": ", 1)[1] for problem in error.problems]
    return []


def stage(**keys: Any) -> str:
    return f"{HEAD}  - {json.dumps({'name': 'a', **keys})}\n"


def command(text: str, **keys: Any) -> str:
    return stage(command=text, **keys)


@pytest.mark.parametrize(
    ("gateway", "message"),
    [
        ("dv", "no host is called 'dv'. Hosts: app. Did you mean 'db'?"),
        ("local", "local can't be a gateway; it is this machine. Remove the key for a direct connection"),
        ("db", "the gateways go round in a circle (db -> db); one of them must be reached directly"),
    ],
)
def test_gateway_must_be_another_host(directory: Path, gateway: str, message: str) -> None:
    text = HEAD.replace("10.0.0.5", f"10.0.0.5, gateway: {gateway}") + "  - {name: a, command: x}\n"
    expected = message.replace("Hosts: app. Did you mean 'db'?", "Hosts: app")
    assert complaints(directory, text) == [f"hosts.db.gateway: {expected}"]


def test_gateways_in_a_circle_are_told_on_each_of_them(directory: Path) -> None:
    hosts = "hosts: {a: {ip: x, gateway: b}, b: {ip: x, gateway: a}, c: {ip: x, gateway: b}}\n"
    text = f"benchmark: {{name: x}}\n{hosts}stages: [{{name: a, command: x}}]\n"
    assert complaints(directory, text) == [
        "hosts.a.gateway: the gateways go round in a circle (a -> b -> a); one of them must be reached directly",
        "hosts.b.gateway: the gateways go round in a circle (b -> a -> b); one of them must be reached directly",
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, ": the stage does nothing; give it one of command, script, copy or task"),
        ({"command": "x", "task": "t"}, ".task: a stage does one thing; keep one of command and task"),
        ({"command": "x", "host": "dv"}, f".host: no host is called 'dv'. {HOSTS}. Did you mean 'db'?"),
        ({"command": "x", "host": "elsewhere"}, f".host: no host is called 'elsewhere'. {HOSTS}"),
        ({"command": "x", "may_exit": "yes"}, ".may_exit: may_exit is for a stage that goes on in the background;"
         " add background: true or a health_check, or remove it"),
        ({"task": "t", "background": "yes"},
         ".background: only a command or script can go on in the background; remove it"),
        ({"script": "scripts/laod.sh"}, ".script: there is no file 'scripts/laod.sh' beside the config."
         " Did you mean 'load.sh'?"),
        ({"script": "scripts"}, ".script: 'scripts' is a directory; name the script in it"),
        ({"script": "scripts/plain.sh"}, ".script: 'scripts/plain.sh' has no #! line;"
         " begin it with the interpreter to use, such as #!/bin/sh"),
        ({"script": "scripts/crlf.sh"}, ".script: 'scripts/crlf.sh' has Windows line ends,"
         " which its interpreter won't take; save it with LF"),
        ({"copy": {"from": "/tmp/a", "to": "app:/tmp/"}},
         ".copy.from: must be HOST:PATH, such as db:/tmp/a, not '/tmp/a'"),
        ({"copy": {"from": "db:/tmp/a", "to": "ap:/tmp/"}},
         f".copy.to: no host is called 'ap'. {HOSTS}. Did you mean 'app'?"),
    ],
)  # fmt: skip
def test_stage_that_makes_no_sense_is_told(directory: Path, keys: dict[str, Any], message: str) -> None:
    assert complaints(directory, stage(**keys)) == [f"stages[0]{message}"]


def test_copy_takes_nothing_that_belongs_to_a_command(directory: Path) -> None:
    check = {"type": "file", "target": "x"}
    copy = {"from": "db:/a", "to": "app:/b"}
    text = stage(copy=copy, host="db", health_check=check, env={"A": "b"}, cwd="/", outputs=[], args="x")
    assert complaints(directory, text) == [
        "stages[0].args: a copy runs no command that could take args; remove them",
        "stages[0].health_check: a copy is complete when it has ended; remove the health_check",
        "stages[0].host: a copy names its hosts itself, as in from: db:/tmp/a; remove host",
        "stages[0].env: a copy runs no command that could see env; remove it",
        "stages[0].cwd: a copy has no working directory; write full paths, and remove cwd",
        "stages[0].outputs: a copy brings nothing home; put outputs on a stage of the host that has them",
    ]


def test_stage_names_that_share_files_are_told(directory: Path) -> None:
    names = ["a b", "a-b", "A_B", "a b", "ж", "x" * 101]
    text = HEAD + "".join(f"  - {{name: {name}, command: x}}\n" for name in names)
    assert complaints(directory, text) == [
        "stages[1].name: stages 'a b' and 'a-b' would share their file names; rename one",
        "stages[2].name: stages 'a b' and 'A_B' would share their file names; rename one",
        "stages[3].name: stage 'a b' is there already, on line 5; rename one",
        "stages[4].name: no file name can be made from 'ж'; use a letter from A to Z or a digit",
        "stages[5].name: the name is longer than 100 characters; shorten it",
    ]


PORT = "must be a port from 1 to 65535 or host:port, such as 5432 or 10.0.0.5:5432"
HTTP = "must be a port, a /path or a URL such as http://127.0.0.1:8080/health"


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        ("port", "5432", None),
        ("port", "db:5432", None),
        ("port", "[::1]:5432", None),
        ("port", "{{hosts.db}}:{{vars.port}}", None),
        ("port", "0", f"{PORT}, not '0'"),
        ("port", "65536", f"{PORT}, not '65536'"),
        ("port", "{{vars.d}}", f"{PORT}, not '{{{{vars.d}}}}'"),
        ("http", "8080", None),
        ("http", "/health", None),
        ("http", "http://{{hosts.db}}:80/x", None),
        ("http", "localhost:80/x", f"{HTTP}, not 'localhost:80/x'"),
        ("http", "ftp://x", f"{HTTP}, not 'ftp://x'"),
        ("file", "a\nb", "must be on one line"),
        ("command", "test -f a &&\ntest -f b", None),
    ],
)
def test_target_must_suit_its_type(directory: Path, kind: str, target: str, message: str | None) -> None:
    text = command("x", health_check={"type": kind, "target": target})
    assert complaints(directory, text) == ([f"stages[0].health_check.target: {message}"] if message else [])


def test_keys_of_another_type_of_health_check_are_told(directory: Path) -> None:
    check = {"type": "command", "target": "x", "status": "200", "must_start": "true"}
    assert complaints(directory, command("x", health_check=check)) == [
        "stages[0].health_check.status: status goes with an http check, not with command; remove it",
        "stages[0].health_check.must_start: a command check is not tried before its stage; remove must_start",
    ]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"remote_path": "/tmp/.."}, "remote_path: '/tmp/..' has no name of its own; add a local_path to keep it as"),
        ({"local_path": "../x"},
         "local_path: '../x' leads out of the run's directory; remove '..' or write an absolute path"),
        ({"local_path": "logs/x"},
         "local_path: 'logs' is a folder that benchctl itself writes into the run; choose another local_path"),
        ({"remote_path": "/x/metadata.json"},
         "remote_path: 'metadata.json' is a file that benchctl itself writes into the run; add a local_path"),
        ({"local_path": "-x"}, "local_path: '-x' can't be a file name: it begins with '-'; choose another local_path"),
        ({"local_path": "x/"}, "local_path: 'x/' is a directory; write the file's name as well"),
        ({"remote_path": "con"},
         "remote_path: 'con' can't be a file name: Windows keeps that name for itself; add a local_path"),
        ({"local_path": "FIRST.csv"}, "local_path: it would be kept as 'FIRST.csv', where 'first' of line 5 is kept;"
         " choose another local_path"),
        ({"remote_path": "/else/first.csv"}, "remote_path: it would be kept as 'first.csv', where 'first' of line 5"
         " is kept; add a local_path"),
        ({"local_path": "first.csv/x"}, "local_path: it would be kept as 'first.csv/x', where 'first' of line 5 is"
         " kept; choose another local_path"),
    ],
)  # fmt: skip
def test_output_must_have_a_place_of_its_own(directory: Path, paths: dict[str, str], message: str) -> None:
    first = {"name": "first", "remote_path": "/tmp/first.csv"}
    text = command("x", outputs=[first, {"name": "second", "remote_path": "/tmp/second.csv", **paths}])
    assert complaints(directory, text) == [f"stages[0].outputs[1].{message}"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("{{vars.x}}", "../x", "'../x' leads out of the run's directory; remove '..' or write an absolute path"),
        ("{{vars.x}}/y", "logs",
         "'logs' is a folder that benchctl itself writes into the run; choose another local_path"),
        ("{{vars.x}}", "first.csv",
         "it would be kept as 'first.csv', where 'first' of line 5 is kept; choose another local_path"),
        ("{{ vars.x | quote }}", "first.csv",
         "it would be kept as 'first.csv', where 'first' of line 5 is kept; choose another local_path"),
        ("{{vars.x}}", "", "'' is a directory; write the file's name as well"),
        ("{{run.dir}}/x", "", "remove {{run.dir}}: without it the path is in the trial's directory there"),
    ],
)  # fmt: skip
def test_a_path_is_checked_with_its_variables_filled_in(directory: Path, path: str, value: str, message: str) -> None:
    first = {"name": "first", "remote_path": "/tmp/first.csv"}
    second = {"name": "second", "remote_path": "/tmp/second.csv", "local_path": path}
    text = command("x", outputs=[first, second]).replace("{d: 5s", f"{{x: '{value}', d: 5s")
    assert complaints(directory, text) == [f"stages[0].outputs[1].local_path: {message}"]


def test_an_absolute_path_from_a_variable_is_one(directory: Path) -> None:
    outputs = [
        {"name": "a", "remote_path": "/tmp/{{vars.file}}", "local_path": "{{vars.dir}}/a-{{run.id}}.csv"},
    ]
    text = command("x", outputs=outputs).replace("{d: 5s", "{dir: /var/tmp, file: x/y.csv, d: 5s")
    assert complaints(directory, text) == []
    (a,) = load(directory / "config.yaml").stages[0].outputs
    assert (a.is_copied, a.local_path, a.kept_as) == (True, "/var/tmp/a-{{run.id}}.csv", "a-{{run.id}}.csv")


def test_absolute_paths_are_kept_under_their_last_name_and_templates_stay(directory: Path) -> None:
    outputs = [
        {"name": "a", "remote_path": "/tmp/a", "local_path": "/var/tmp/a.csv"},
        {"name": "e", "remote_path": "~/e-{{run.id}}.csv"},
    ]
    assert complaints(directory, command("x", outputs=outputs)) == []
    kept = [output.kept_as for output in load(directory / "config.yaml").stages[0].outputs]
    assert kept == ["a.csv", "e-{{run.id}}.csv"]


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ({"remote_path": "/tmp/all/"}, "all"),
        ({"remote_path": "/tmp/all/", "local_path": "data/"}, "data"),
        ({"remote_path": "/tmp/all", "local_path": "data"}, "data"),
        ({"remote_path": "/tmp/*.csv"}, "a-b"),
        ({"remote_path": "run-?/lat[12].csv", "local_path": "x/y/"}, "x/y"),
        ({"remote_path": "{{run.id}}/*", "local_path": "/srv/kept/"}, "kept"),
    ],
)
def test_folders_and_patterns_are_kept_under_a_name(directory: Path, paths: dict[str, str], kept: str) -> None:
    assert complaints(directory, command("x", outputs=[{"name": "a b", **paths}])) == []
    assert load(directory / "config.yaml").stages[0].outputs[0].kept_as == kept


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"remote_path": "/tmp/**/x"}, "remote_path: '/tmp/**/x' holds **, which is not known here; name the folder to "
         "take all of it, or write one * per level"),
        ({"remote_path": "/tmp/[[:digit:]]"}, "remote_path: '/tmp/[[:digit:]]' holds a class of characters such as "
         "[:digit:], which is not known here; write [0-9]"),
        ({"remote_path": "/tmp/run-*/"}, "remote_path: '/tmp/run-*/' is a pattern, and those are for files; add a /* "
         "to it, or remove the slash at its end"),
        ({"remote_path": "/tmp/../*"}, "remote_path: '/tmp/../*' is a pattern that holds '..'; write the path without"),
        ({"remote_path": "~/"}, "remote_path: '~/' has no name of its own; add a local_path to keep it as"),
        ({"remote_path": "/tmp/logs/"}, "remote_path: 'logs' is a folder that benchctl itself writes into the run; "
         "add a local_path"),
        ({"name": "plots", "remote_path": "/tmp/*"}, "remote_path: 'plots' is a folder that benchctl itself writes "
         "into the run; add a local_path"),
        ({"remote_path": "/tmp/*", "local_path": "scripts/"}, "local_path: 'scripts' is a folder that benchctl itself "
         "writes into the run; choose another local_path"),
        ({"remote_path": "/tmp/*", "local_path": "../x/"}, "local_path: '../x' leads out of the run's directory; "
         "remove '..' or write an absolute path"),
        ({"remote_path": "/else/first/"}, "remote_path: it would be kept as 'first', where 'one' of line 5 is kept; "
         "add a local_path"),
        ({"name": "FIRST", "remote_path": "/tmp/*"}, "remote_path: it would be kept as 'FIRST', where 'one' of line 5 "
         "is kept; add a local_path"),
        ({"remote_path": "/tmp/*", "local_path": "first/x/"}, "local_path: it would be kept as 'first/x', where 'one' "
         "of line 5 is kept; choose another local_path"),
    ],
)  # fmt: skip
def test_folder_or_pattern_must_have_a_place_of_its_own(directory: Path, paths: dict[str, str], message: str) -> None:
    outputs = [{"name": "one", "remote_path": "/tmp/first/"}, {"name": "second", **paths}]
    assert complaints(directory, command("x", outputs=outputs)) == [f"stages[0].outputs[1].{message}"]


COLUMNS = {"t": {"type": "timestamp"}, "op": {"type": "string"}, "v": {"type": "float"}, "n": {"type": "integer"}}
NUMBERS = "columns of type integer or float: v, n"


PALETTES = (
    "colorblind, deep, muted, bright, dark, pastel, tab10, tab20, Set1, Set2, Dark2, Paired, viridis, cividis, plasma,"
    " rocket, mako or husl"
)


def plots(*given: dict[str, Any]) -> str:
    outputs = [
        {"name": "lat", "remote_path": "lat.csv", "data_schema": COLUMNS},
        {"name": "log", "remote_path": "x.log"},
    ]
    return command("x", outputs=outputs) + "plots:\n" + "".join(f"  - {json.dumps(plot)}\n" for plot in given)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"source": "latt"}, ".source: no output is called 'latt'. Outputs: lat, log. Did you mean 'lat'?"),
        ({"source": "log"},
         ".source: output 'log' has no data_schema, so nothing is known of its columns; add one there"),
        ({"y": "nn"}, ".y: output 'lat' has no column 'nn'. Columns: t, op, v, n. Did you mean 'n'?"),
        ({"y": ["v", "v"]}, ".y: column 'v' is named twice; keep one"),
        ({"y": "op"}, f".y: column 'op' is a string, but values to draw are numbers; {NUMBERS}"),
        ({"y": "t"}, f".y: column 't' is a timestamp, but values to draw are numbers; {NUMBERS}"),
        ({"type": "time_series"},
         ": a time_series needs exactly one timestamp as its x; columns of type timestamp: t"),
        ({"type": "time_series", "x": "n"},
         ".x: a time_series needs exactly one timestamp as its x; columns of type timestamp: t"),
        ({"type": "time_series", "x": "t", "y": []}, f".y: a time_series needs at least one y; {NUMBERS}"),
        ({"type": "boxplot", "x": "op", "y": []}, f".y: a boxplot needs at least one y; {NUMBERS}"),
        ({"x": "op", "y": []}, f".x: a histogram needs a number on x or y; {NUMBERS}"),
        ({"type": "ecdf", "x": "op", "y": []}, f".x: an ecdf needs a number on x or y; {NUMBERS}"),
        ({"type": "timeseries"},
         ".type: must be time_series, histogram, boxplot, ecdf or percentiles, not 'timeseries'."
         " Did you mean 'time_series'?"),
        ({"aggregation": "rate"},
         ".aggregation: rate is of rows in a window of time, and a histogram has none"),
        ({"type": "ecdf", "aggregation": "p99"},
         ".aggregation: 'aggregation' means nothing for ecdf, which shows all of them; remove it"),
        ({"window": "5s"},
         ".window: 'window' means nothing without a timestamp on x of a time_series or boxplot"),
        ({"window": "5"}, ".window: '5' has no unit; write 5s for seconds or 5ms for milliseconds"),
        ({"dpi": "20"}, ".dpi: must be a whole number from 50 to 600, not '20'"),
        ({"style": "papr"}, ".style: must be screen, paper or slides, not 'papr'. Did you mean 'paper'?"),
        ({"palette": "colourblind"}, f".palette: must be {PALETTES}, not 'colourblind'. Did you mean 'colorblind'?"),
        ({"width": "3.5"}, ".width: '3.5' has no unit; write 3.5in, 3.5cm or 3.5mm"),
        ({"width": "colum"}, ".width: must be a length such as 3.5in, column or page, not 'colum'."
                             " Did you mean 'column'?"),
        ({"height": "column"}, ".height: must be a length such as 3.5in, 88mm or 9cm, not 'column'"),
        ({"height": "300in"}, ".height: must be from 1.5in to 20in (38.1mm to 508mm), not 300in"),
        ({"width": "9px"}, ".width: must be a length such as 3.5in, 88mm or 9cm, not '9px'"),
        ({"scale": "logarithmic"}, ".scale: must be auto, linear or log, not 'logarithmic'"),
        ({"time_axis": "clock"}, ".time_axis: 'time_axis' means nothing for a histogram; remove it"),
        ({"group_by": "opp"}, ".group_by: output 'lat' has no column 'opp'. Groups: op, host, case, run."
                              " Did you mean 'op'?"),
        ({"group_by": ["op", "op"]}, ".group_by: 'op' is named twice; keep one"),
        ({"group_by": "v"}, ".group_by: column 'v' is a float; group by a string or by ours: op, host, case, run"),
        ({"export_path": "a.svg", "format": "png"},
         ".export_path: 'a.svg' ends in .svg, but the plot's format is png; change one"),
        ({"export_path": "lat.csv/a.png"},
         ".export_path: it would be kept as 'lat.csv/a.png', where 'lat' of line 5 is kept;"
         " choose another export_path"),
        ({"export_path": "{{stage.host}}.png"},
         ".export_path: {{stage.host}}: a plot belongs to no stage; write the host out"),
    ],
)  # fmt: skip
def test_plot_that_can_not_be_drawn_is_told(directory: Path, keys: dict[str, Any], message: str) -> None:
    plot = {"name": "p", "source": "lat", "type": "histogram", "y": "v", **keys}
    assert complaints(directory, plots(plot)) == [f"plots[0]{message}"]


def test_plots_of_every_type_are_accepted_with_a_warning_for_a_spare_x(directory: Path) -> None:
    text = plots(
        {"name": "a", "source": "lat", "type": "time_series", "x": "t", "y": ["v", "n"], "aggregation": "p99"},
        {"name": "b", "source": "lat", "type": "histogram", "x": "v"},
        {"name": "c", "source": "lat", "type": "boxplot", "x": ["op", "n"], "y": "v", "export_path": "/tmp/c.svg"},
    )
    assert complaints(directory, text) == []
    benchmark = load(directory / "config.yaml")
    assert [plot.kept_as for plot in benchmark.plots] == ["plots/a.png", "plots/b.png", "plots/c.svg"]
    place = f"{directory}/config.yaml:9: plots[2].x"
    assert benchmark.warnings == (f"{place}: column 'n' is not used by a boxplot",)


def test_a_unit_in_another_spelling_is_a_label_and_that_is_said(directory: Path) -> None:
    schema = {
        "t": {"type": "timestamp", "unit": "ms"},
        "v": {"type": "float", "unit": "msec"},
        "w": {"type": "float", "unit": "mb/s"},
        "x": {"type": "integer", "unit": "apples"},
    }
    stage = {"name": "a", "command": "true", "outputs": [{"name": "o", "remote_path": "o.csv", "data_schema": schema}]}
    (directory / "config.yaml").write_text(json.dumps({"benchmark": {"name": "b"}, "stages": [stage]}))
    place, kept = "config.yaml:1: stages[0].outputs[0].data_schema", "is kept as a label, not as a known unit."
    assert load(directory / "config.yaml").warnings == (
        f"{directory}/{place}.v.unit: unit 'msec' {kept} Did you mean 'ms'?",
        f"{directory}/{place}.w.unit: unit 'mb/s' {kept} Did you mean 'MB/s' or 'Mb/s'?",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{hosts.bd}}", f"no host is called 'bd'. {HOSTS}. Did you mean 'db'?"),
        ("{{hosts.db.prot}}", "a host has no 'prot'. Parts: ip, username, port, name. Did you mean 'port'?"),
        ("{{hosts}}", "write it as {{hosts.ALIAS}}"),
        ("{{vars.port2}}", "no variable is called 'port2'. Variables: d, port. Did you mean 'port'?"),
        ("{{params.x}}", "params come with cases, and there are none"),
        ("{{run}}", "there is no such name. Names: run.id, run.dir"),
        ("{{stage.hots}}", "there is no such name. Names: stage.host"),
        ("{{case.x}}", "case has no parts; write {{case}}"),
        ("{{hosts.local.port}}", "local is not reached over SSH and has no port"),
    ],
)
def test_unknown_name_is_told(directory: Path, text: str, message: str) -> None:
    assert complaints(directory, command(f"run {text}")) == [f"stages[0].command: {text}: {message}"]


def test_names_are_looked_up_wherever_they_are_filled_in(directory: Path) -> None:
    name = "{{vars.no}}"
    output = {"name": "o", "remote_path": f"/tmp/{name}", "local_path": f"{name}.csv"}
    check = {"type": "file", "target": name}
    text = command("x", args=["y", name], env={"K": name}, cwd=name, outputs=[output], health_check=check)
    places = ["health_check.target", "outputs[0].remote_path", "outputs[0].local_path", "args[1]", "env.K", "cwd"]
    message = f"{name}: no variable is called 'no'. Variables: d, port"
    assert sorted(complaints(directory, text)) == sorted(f"stages[0].{place}: {message}" for place in places)


def test_name_where_none_is_filled_in_is_told(directory: Path) -> None:
    text = HEAD.replace("name: x", "name: '{{vars.d}}'") + "  - {name: a, command: x}\n"
    where = "only in command, args, env, cwd, paths and targets"
    assert complaints(directory, text) == [f"benchmark.name: {{{{vars.d}}}}: names are not filled in here, {where}"]


def test_this_machine_needs_an_address_for_other_hosts(directory: Path) -> None:
    text = command("x {{hosts.local}}", host="db")
    cure = "give it one under hosts, as in local: {address: 192.168.9.5}"
    expected = f"stages[0].command: {{{{hosts.local}}}}: db needs an address to reach this machine by; {cure}"
    assert complaints(directory, text) == [expected]
    assert complaints(directory, text.replace("hosts: {", "hosts: {local: {address: 192.168.9.5}, ")) == []
    assert complaints(directory, command("x {{hosts.local}} {{hosts.local.name}}")) == []


def test_name_in_a_long_command_is_told_with_its_own_line(directory: Path) -> None:
    path = directory / "config.yaml"
    path.write_text(HEAD + "  - name: a\n    command: |\n      one\n      two {{hosts.bd}}\n      three {{host.db}}\n")
    with pytest.raises(ConfigError) as error:
        load(path)
    assert [(problem.line, problem.text) for problem in error.value.problems] == [
        (8, f"{{{{hosts.bd}}}}: no host is called 'bd'. {HOSTS}. Did you mean 'db'?"),
        (9, "{{host.db}} is not a name of ours. Did you mean {{hosts.db}}?"),
    ]


MANY = "benchmark: {name: x}\nhosts: {a: {ip: 10.0.0.1}, b: {ip: 10.0.0.2}}\nstages:\n"


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        ("{name: s, hosts: [a, c], command: x}", "stages[0].hosts[1]: no host is called 'c'. Hosts: a, b, local"),
        ("{name: s, hosts: [a, a], command: x}", "stages[0].hosts[1]: 'a' is there already; name each host once"),
        ("{name: s, hosts: [], command: x}", "stages[0].hosts: there is no host in the list; name some, or write all"),
        (
            "{name: s, hosts: [all, a], command: x}",
            "stages[0].hosts: all stands for every declared host; write it alone, or name the hosts",
        ),
        ("{name: s, host: a, hosts: b, command: x}", "stages[0].host: a stage has host or hosts; keep one of them"),
        (
            "{name: s, command: x, background: true, timeout: 2s}",
            "stages[0].timeout: a stage in the background is not waited for; remove timeout, or add a health_check "
            "that it is to pass in time",
        ),
        (
            "{name: s, command: x, backoff: 2s}",
            "stages[0].backoff: backoff is the wait before a retry; add retries, or remove it",
        ),
        (
            "{name: s, command: x, always: true, background: true}",
            "stages[0].always: an always stage runs at the end and is waited for; remove background",
        ),
        (
            "{name: s, hosts: all, command: x, outputs: [{name: o, remote_path: o, local_path: /data/o}]}",
            "stages[0].outputs[0].local_path: '/data/o' would be written by every host; put {{stage.host}} into it",
        ),
        (
            "{name: s, hosts: all, command: 'echo {{hosts.local}}'}",
            "stages[0].command: {{hosts.local}}: a needs an address to reach this machine by; give it one under hosts, "
            "as in local: {address: 192.168.9.5}",
        ),
    ],
)
def test_what_makes_no_sense_for_several_hosts_is_told(tmp_path: Path, stage: str, problem: str) -> None:
    assert complaints(tmp_path, f"{MANY}  - {stage}\n") == [problem]


def test_what_is_done_once_comes_before_the_trials(tmp_path: Path) -> None:
    stages = "  - {name: load, command: x}\n  - {name: build, command: x, scope: run}\n"
    assert complaints(tmp_path, MANY + stages) == [
        "stages[1].scope: runs once, before all trials; move the stage above 'load'"
    ]
