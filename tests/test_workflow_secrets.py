"""A password in the config reaches no file, no line and no process list, whatever the commands do with it."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import threading
from pathlib import Path

import pytest
import sshd as bed
from test_cli_console import benchctl_in
from workflow_bed import Bench, error_of, journal, on_host, running

import benchctl

CANARY = f"{secrets.token_hex(8)}'\"$x y"  # its first ten characters are this session's alone: hits are never another's


def hits(secret: str, *places: Path) -> list[str]:
    """Files below the places that hold the secret, in part or in whole."""
    part = secret[:10].encode()
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()]
    return [str(file) for file in files if part in file.read_bytes()]


@pytest.fixture
def canary_bench(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys) -> Bench:
    """The host's entry holds a password that is not needed: the key comes first."""
    path = tmp_path / "config"
    path.mkdir(mode=0o700)
    return Bench(path, "box", {"box": sshd.as_host(keys.plain, password=CANARY)}, sshd)


def test_a_password_is_masked_wherever_commands_put_it(canary_bench: Bench) -> None:
    bench = canary_bench
    half, rest = CANARY[:7], CANARY[7:]
    (bench.directory / "secret").write_text(CANARY)
    split = f"printf %s {half!r}; sleep 0.3; printf '%s\\n' \"$REST\""
    stages = [
        bench.stage("both streams", 'echo "$S"; echo "$S" >&2', env={"S": CANARY}),
        bench.stage("split", split, env={"REST": rest}),
        bench.stage("argument", "echo", args=[CANARY]),
        bench.stage("missed", "true", outputs=[{"name": "x", "remote_path": f"/none/{CANARY}/x", "optional": True}]),
        bench.stage("daemon", 'setsid sh -c \'sleep 1; : "$S"\' x "$S" >/dev/null 2>&1 &', env={"S": CANARY}),
        bench.stage("fails", f"echo {shlex.quote(CANARY)} >&2; exit 3", cwd="/"),
    ]
    with running(bench.write(*stages), bench.results, "--verbose") as run:
        assert run.end() == 1
    record = run.record()
    shown = run.said()
    assert record.error is not None
    assert record.error.stage == "fails"
    assert hits(CANARY, record.path) == []
    assert CANARY[:10] not in shown
    assert CANARY[:10] not in repr(record)
    for name in ("both-streams", "split"):
        assert (record.path / f"logs/{name}.box.out").read_text() == "***\n"
    assert (record.path / "logs/both-streams.box.err").read_text() == "***\n"


def test_a_password_is_masked_in_what_the_api_returns_and_tells(canary_bench: Bench, tmp_path: Path) -> None:
    record = canary_bench.run(canary_bench.stage("fails", f"echo {shlex.quote(CANARY)}; exit 3"))
    assert CANARY not in repr(record)
    assert CANARY not in repr(canary_bench.events)
    assert CANARY not in str(record.to_json())


def test_a_password_reaches_no_process_list(canary_bench: Bench) -> None:
    """Looks at every process, again and again, while stages use the secret in each way there is."""
    bench, seen, over = canary_bench, set[str](), threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
            seen.update(line for line in listing.splitlines() if CANARY[:10] in line and "ps -eo" not in line)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        bench.run(
            bench.stage("env", 'x="$S"; sleep 0.5', env={"S": CANARY}),
            bench.stage("text", f": {shlex.quote(CANARY)}; sleep 0.5"),
        )
    finally:
        over.set()
        looking.join()
    assert seen == set()


def test_a_password_from_the_environment_is_masked_too(
    tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", CANARY)
    bench = Bench(tmp_path, "box", {"box": sshd.as_host(keys.plain, password="${DB_PASSWORD}")}, sshd)
    (tmp_path / "secret").write_text(CANARY)
    record = bench.run(bench.stage("leak", f"cat {tmp_path}/secret"), env={"TOKEN": "a"})
    assert record.error is None
    assert (record.path / "logs/leak.box.out").read_text() == "***"
    assert hits(CANARY, record.path) == []


def test_the_record_names_the_given_variables_and_not_their_values(local: Bench) -> None:
    record = local.run(local.stage("one", "true"), env={"TOKEN": "value-of-the-token"})
    assert record.options["env"] == ["TOKEN"]
    assert hits("value-of-the-token", record.path) == []


def test_a_wrong_password_is_in_no_message(tmp_path: Path, sshd: bed.Sshd) -> None:
    entry = {**sshd.as_host(), "username": "nobody-of-that-name", "password": CANARY}
    bench = Bench(tmp_path, "box", {"box": entry}, sshd)
    record = bench.run(bench.stage("one", "true"))
    assert record.exit_code == 4
    assert CANARY not in repr(record)
    assert hits(CANARY, record.path) == []
    assert journal(record.path)[-1]["event"] == "run_finished"
    assert benchctl.find("latest", results=bench.results).status == "failed"
    assert os.path.exists(record.path / "config.yaml")


@pytest.mark.parametrize("word", ["bench", "succeeded", "status", "failed", "local", "trials", "event", "greet"])
def test_a_password_that_is_an_ordinary_word_leaves_the_record_as_it_is(tmp_path: Path, word: str) -> None:
    hosts = {"vm": {"ip": "10.0.0.5", "username": "bench", "password": word}}
    bench = Bench(tmp_path, "local", hosts)
    stage = bench.stage("greet", f"echo {word}", outputs=[{"name": "status", "remote_path": "failed"}])
    (tmp_path / "failed").write_text("x")
    with running(bench.write(stage), bench.results) as run:
        assert run.end() == 0
    metadata = json.loads((bench.results / "run-001/metadata.json").read_text())
    assert list(metadata)[:4] == ["format", "id", "uid", "benchmark"]
    assert (metadata["status"], metadata["benchmark"]) == ("succeeded", "bench")
    assert metadata["versions"]["benchctl"] == benchctl.__version__
    (trial,) = metadata["trials"]
    assert trial["status"] == "succeeded"
    record = run.record()
    assert (record.status, record.exit_code) == ("succeeded", 0)
    assert on_host(record, "greet").command == "echo ***"
    assert on_host(record, "greet").outputs[0].path == "failed"
    assert {event["event"] for event in journal(record.path)} >= {"run_started", "stage_finished", "run_finished"}
    assert journal(record.path)[-1]["status"] == "succeeded"
    row = benchctl_in(tmp_path, "list", "--results", str(bench.results)).out.splitlines()[1]
    assert row.split()[:3] == ["run-001", "succeeded", "bench"]
    assert benchctl_in(tmp_path, "validate", str(record.path / "config.yaml")).code == 0


def test_a_failed_run_with_an_ordinary_word_as_password_keeps_its_exit_code(tmp_path: Path) -> None:
    hosts = {"vm": {"ip": "10.0.0.5", "username": "bench", "password": "command-failed"}}
    bench = Bench(tmp_path, "local", hosts)
    record = bench.run(bench.stage("fails", "echo command-failed >&2; exit 3"))
    assert (record.status, record.exit_code, error_of(record).code) == ("failed", 1, "command-failed")
    assert error_of(record).stderr == ("***",)


def test_what_is_noted_with_a_run_is_masked_and_named_options_are_not(tmp_path: Path) -> None:
    hosts = {"vm": {"ip": "10.0.0.5", "username": "bench", "password": "canary-1"}}
    bench = Bench(tmp_path, "local", hosts)
    config = bench.write(bench.stage("path", "echo {{vars.path}}"), vars={"path": "x"})
    overrides = {"path": "a canary-1"}
    benchmark = benchctl.load(config, overrides=overrides)
    note = {"note": "canary-1", "tags": ["canary-1"], "overrides": overrides, "env": {"CANARY": "canary-1"}}
    record = benchctl.run(benchmark, results=bench.results, **note)  # type: ignore[arg-type]
    assert (record.note, record.tags, record.options["set"]) == ("***", ("***",), {"path": "a ***"})
    assert record.options["env"] == ["CANARY"]
    assert hits("canary-1", bench.results) == []
    assert "canary-1" not in repr(record)
