"""A config file as a whole: what comes out of it, what is kept secret, and that nothing breaks it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchctl.config.loader import load
from benchctl.config.model import Column, Copy, DataSchema, HealthCheck, HostConfig, Output, Plot, Secret, Stage
from benchctl.errors import ConfigError

EXAMPLE = """\
benchmark:
  name: latency
  output_dir: results
hosts:
  db: {ip: 10.0.0.5, username: bench, key_file: /home/bench/.ssh/id, key_password: phrase-1, password: hunter22}
  local:
stages:
  - name: load
    host: db
    command: "./load --password hunter22"
    health_check: {type: port, target: "8080", timeout: 30s, retries: 0}
    outputs:
      - name: latency
        remote_path: /tmp/lat.csv
        local_path: lat.csv
        data_schema:
          format: csv
          time: [{type: timestamp}, {unit: ms}]
          latency: {type: float, unit: ms}
  - name: my script
    script: load.sh
    args: "{{hosts.db | quote}}"
    env: {K: v}
    background: true
plots:
  - {name: lat, title: Latency, source: latency, type: time_series, x: time, y: [latency],
     aggregation: avg, format: png, export_path: plots/lat.png}
  - {name: box, source: latency, type: boxplot, y: latency, export_path: box.svg}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in the current directory, for its owner's eyes alone."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(EXAMPLE)
    path.chmod(0o600)
    (tmp_path / "load.sh").write_text("#!/bin/sh\n")
    return path


def refusal(text: str, **overrides: str) -> str:
    Path("config.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load(overrides=overrides)
    return str(error.value)


def test_example_loads_as_written(config: Path) -> None:
    benchmark = load()
    columns = (Column("time", "timestamp", "ms"), Column("latency", "float", "ms"))
    output = Output("latency", "/tmp/lat.csv", "lat.csv", DataSchema("csv", columns), line=13)
    check = HealthCheck("port", "8080", timeout_s=30.0, retries=0, line=11)
    assert (benchmark.name, benchmark.output_dir, benchmark.shell) == ("latency", "results", "sh -c")
    assert (benchmark.path, benchmark.directory, benchmark.warnings) == (config, config.parent, ())
    assert benchmark.hosts == {
        "db": HostConfig(
            "db",
            ip="10.0.0.5",
            username="bench",
            key_file="/home/bench/.ssh/id",
            key_password=Secret("phrase-1"),
            password=Secret("hunter22"),
            line=5,
        ),
        "local": HostConfig("local", line=6),
    }
    assert benchmark.stages == (
        Stage(
            "load",
            "load",
            hosts=("db",),
            command="./load --password hunter22",
            health_check=check,
            outputs=(output,),
            line=8,
        ),
        Stage(
            "my script",
            "my-script",
            script="load.sh",
            args=("{{hosts.db | quote}}",),
            env={"K": "v"},
            background=True,
            line=20,
        ),
    )
    lat = Plot("lat", "latency", "time_series", "Latency", x=("time",), y=("latency",), aggregation="avg", line=26)
    assert benchmark.plots[0].export_path == "plots/lat.png"
    assert lat.kept_as == benchmark.plots[0].kept_as
    assert benchmark.plots[1] == Plot(
        "box", "latency", "boxplot", y=("latency",), format="svg", export_path="box.svg", line=28
    )


def test_no_secret_is_in_what_is_kept_or_shown(config: Path) -> None:
    benchmark = load(config)
    assert benchmark.secrets == {"hunter22", "phrase-1"}
    for shown in (
        benchmark.text,
        repr(benchmark.document),
        repr(benchmark.hosts),
        repr(benchmark.secrets),
        repr(benchmark),
    ):
        assert "hunter22" not in shown
        assert "phrase-1" not in shown
    assert "key_password: '***', password: '***'}" in benchmark.text
    assert 'command: "./load --password ***"' in benchmark.text


def test_password_from_the_environment_is_resolved_and_its_reference_kept(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_PASSWORD", "from-outside")
    config.write_text(EXAMPLE.replace("password: hunter22", "password: '${BENCH_PASSWORD}'"))
    benchmark = load()
    assert benchmark.hosts["db"].password == "from-outside"
    assert benchmark.secrets == {"from-outside", "phrase-1"}
    assert "password: '${BENCH_PASSWORD}'" in benchmark.text


def test_password_that_others_can_read_brings_a_warning(config: Path) -> None:
    config.chmod(0o644)
    cure = "take it from the environment with ${NAME}, or chmod 600 config.yaml"
    assert load().warnings == (
        f"config.yaml:5: hosts.db.password: others can read this file; {cure}",
        f"config.yaml:5: hosts.db.key_password: others can read this file; {cure}",
    )


@pytest.mark.usefixtures("config")
def test_problem_never_shows_a_secret() -> None:
    message = refusal(EXAMPLE.replace("host: db", "host: hunter22"))
    assert message == "config.yaml:9: stages[0].host: no host is called '***'. Hosts: db, local"


@pytest.mark.usefixtures("config")
def test_every_problem_is_told_in_the_order_of_the_lines() -> None:
    text = EXAMPLE.replace("host: db", "host: dv").replace("y: [latency]", "y: [latncy]").replace("30s", "30")
    assert refusal(text) == (
        "config.yaml:9: stages[0].host: no host is called 'dv'. Hosts: db, local. Did you mean 'db'?\n"
        "config.yaml:11: stages[0].health_check.timeout: '30' has no unit;"
        " write 30s for seconds or 30ms for milliseconds\n"
        "config.yaml:26: plots[0].y: output 'latency' has no column 'latncy'. Columns: time, latency."
        " Did you mean 'latency'?"
    )


def test_variables_are_overridden_by_name(config: Path) -> None:
    config.write_text("benchmark: {name: x}\nvars: {duration: 60s}\nstages: [{name: a, command: x}]\n")
    assert load(overrides={"duration": "5s"}).vars == {"duration": "5s"}
    assert refusal(config.read_text(), duratoin="5s") == (
        "config.yaml:2: --set duratoin: no variable is called 'duratoin'. Variables: duration. Did you mean 'duration'?"
    )
    assert refusal(EXAMPLE, x="1") == (
        "config.yaml: --set x: no variable is called 'x'. The config declares none under vars:"
    )


def test_benchmark_yaml_is_taken_when_there_is_no_config_yaml(config: Path) -> None:
    config.rename("benchmark.yaml")
    assert load().path.name == "benchmark.yaml"
    Path("benchmark.yaml").rename("other.yaml")
    with pytest.raises(ConfigError) as error:
        load()
    assert str(error.value) == (
        "config.yaml: there is no such file here, and no benchmark.yaml; name a file. YAML files there: other.yaml."
    )


def test_local_is_always_a_host_and_copies_are_split(config: Path) -> None:
    config.write_text(
        "benchmark: {name: x}\nhosts: {db: {ip: x, key_file: id}}\n"
        'stages: [{name: a, copy: {from: "db:/tmp/a:b", to: "local:/tmp/"}}]\n'
    )
    benchmark = load()
    assert list(benchmark.hosts) == ["db", "local"]
    assert benchmark.hosts["db"].key_file == str(config.parent / "id")
    assert benchmark.stages[0].copy == Copy("db", "/tmp/a:b", "local", "/tmp/")


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("path", ["nothere.yaml", "load.sh", ".", "/dev/null", "a\0b", "x" * 5000, "no/such/dir"])
def test_path_that_is_no_config_is_refused_in_a_sentence(path: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(path)
    assert len(error.value.problems) == 1


BITS = (
    *"{}[]:,#~'\"|>%@`?&*!-\n\t \\",
    *("- ", "&a ", "*a", "<<: *a\n", "{{hosts.db}}", "{{", "}}", "!!python/x ", "null", "---\n", "${HOME}", "${NO}"),
    *("\x00", "\ufeff", "\u2028", "é", "0", "-1", "local", "x: y\n", '"\\ud800"', '"\\0"', "{a: b}", "[a, b]", "hosts"),
)


def mangled(text: str, chance: random.Random) -> str:
    """The text with a few bits put in, taken out or repeated."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randrange(12))
        lines = text.split("\n")
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
        edits = (text[:start] + text[end:], text[:start] + chance.choice(BITS) + text[end:], "\n".join(lines))
        text = chance.choice(edits)
    return text


def test_mangled_configs_end_in_problems_and_never_in_a_traceback(config: Path) -> None:
    chance = random.Random(20)
    refused = 0
    for _ in range(400):
        config.write_text(mangled(EXAMPLE, chance), encoding="utf-8", errors="surrogatepass")
        refused += not _loads()
    assert refused > 200


def test_any_value_may_be_of_any_kind(config: Path) -> None:
    lines = EXAMPLE.split("\n")
    for number, line in enumerate(lines):
        key, colon, _ = line.partition(": ")
        for value in ("[a]", "{a: b}", "[[a]]", "[{a: b}]", "", "''", "{a: {b: [c]}}", "[null]"):
            if colon and not key.lstrip().startswith("- {"):
                config.write_text("\n".join([*lines[:number], f"{key}: {value}", *lines[number + 1 :]]))
                _loads()
    for section in ("benchmark", "hosts", "vars", "stages", "plots"):
        for value in ("[a]", "{a: b}", "[[a]]", "[{a: b}]", "x", "[null]", "{a: null}", "{a: [b]}"):
            config.write_text(f"{section}: {value}\n")
            _loads()


def _loads() -> bool:
    """Whether the config loads; anything but a ConfigError is a bug, and raised."""
    try:
        load()
    except ConfigError:
        return False
    return True


def test_hostile_sizes_are_refused_or_loaded_without_blowing_up(config: Path) -> None:
    deep = "a/" * 200_000
    stages = (
        "benchmark: {name: x}\nstages: [{name: a, command: x, timeout: %s, outputs: [{name: o, remote_path: %s}]}]\n"
    )
    for timeout, path in (("1" * 400_000, "x"), ("1s", deep + "b"), ("1s", f"x, local_path: {deep}b")):
        config.write_text(stages % (timeout, path))
        _loads()


def test_loading_imports_nothing_heavy() -> None:
    program = "import sys, benchctl.config.loader; print({'fabric', 'paramiko', 'pandas', 'flask'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "set()\n"
