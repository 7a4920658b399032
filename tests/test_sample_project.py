"""Whole benchmarks: the sample project here and over SSH, and hosts reached in four ways."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sshd as bed
from test_cli_console import benchctl_in, config_in

SAMPLE = Path(__file__).parents[1] / "sample_project"
MakeSshd = Callable[..., bed.Sshd]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample project, without runs that somebody kept there."""
    return shutil.copytree(SAMPLE, tmp_path / "sample_project", ignore=shutil.ignore_patterns("results", "__pycache__"))


def trial(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "trial.json").read_text())
    return document


def outputs(run: Path) -> dict[str, dict[str, Any]]:
    return {
        output["name"]: output
        for stage in trial(run)["stages"]
        for host in stage["hosts"].values()
        for output in host["outputs"]
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def settings(journal: str = "wal") -> list[str]:
    chosen = {"commits": "50", "journal": journal, "port": str(bed.free_port())}
    return [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("name", ["config.yaml", "config-ssh.yaml"])
def test_the_sample_configs_are_valid(sample: Path, name: str) -> None:
    env = {"BENCH_DB_IP": "10.0.0.5", "BENCH_LOAD_IP": "10.0.0.6", "BENCH_DB_PORT": "22", "BENCH_LOAD_PORT": "22"}
    ended = benchctl_in(sample, "validate", name, env={**env, "BENCH_USER": "bench", "BENCH_KEY": "~/.ssh/id"})
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_the_sample_project_measures_commits_here(sample: Path, journal: str) -> None:
    ended = benchctl_in(sample, "run", "config.yaml", *settings(journal))
    assert ended.code == 0, ended.err
    run = sample / "results/run-001"
    measured = rows(run / "latency.csv")
    assert len(measured) == 50
    assert {row["journal"] for row in measured} == {journal}
    assert outputs(run)["latency"]["data"]["rows"] == 50
    drawn = {"plots/over-time.png", "plots/distribution.png", "plots/by-operation.png", "plots/tail.pdf"}
    assert {plot["path"] for plot in trial(run)["plots"] if plot["status"] == "drawn"} == drawn
    assert outputs(run)["latency"]["sha256"] == sha256(run / "latency.csv")
    assert {stage["name"]: stage["status"] for stage in trial(run)["stages"]} == dict.fromkeys(
        ("setup-db", "start-app", "load", "tidy-up"), "succeeded"
    )


def test_the_sample_project_measures_commits_over_two_machines(
    sample: Path, make_sshd: MakeSshd, keys: bed.Keys
) -> None:
    db, load = make_sshd(address="127.0.0.2"), make_sshd(address="127.0.0.3")
    env = {
        "BENCH_DB_IP": db.address,
        "BENCH_DB_PORT": str(db.port),
        "BENCH_LOAD_IP": load.address,
        "BENCH_LOAD_PORT": str(load.port),
        "BENCH_USER": db.username,
        "BENCH_KEY": str(keys.plain.path),
    }
    ended = benchctl_in(sample, "run", "config-ssh.yaml", *settings(), env=env)
    assert ended.code == 0, ended.err
    run = sample / "results/run-001"
    assert len(rows(run / "latency.csv")) == 50
    assert outputs(run)["latency"]["sha256"] == sha256(run / "latency.csv")
    hosts = json.loads((run / "metadata.json").read_text())["hosts"]
    assert {alias: (host["ip"], host["port"]) for alias, host in hosts.items()} == {
        "db": (db.address, db.port),
        "load": (load.address, load.port),
    }


def test_the_sample_projects_own_tasks_compare_the_journals(sample: Path) -> None:
    port = str(bed.free_port())
    for journal in ("delete", "wal"):
        options = ["--set", f"journal={journal}", "--set", "commits=50", "--set", f"port={port}"]
        done = subprocess.run(
            [sys.executable, "-m", "invoke", "bench.run", *options],
            cwd=sample,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "medians"], cwd=sample, capture_output=True, text=True, timeout=60
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["delete", "wal"]


WRITE = "head -c 300000 /dev/urandom > %s && printf '\\n\\0 \\377' >> %s && sha256sum < %s"
FOUR = """\
benchmark: {name: four-ways}
hosts:
%s
stages:
%s
"""


def stage(alias: str, path: Path) -> str:
    command = json.dumps(WRITE % (path, path, path))
    output = f"{{name: {alias}, remote_path: {path}, local_path: {alias}.bin}}"
    return f"  - {{name: write-{alias}, host: {alias}, command: {command}, outputs: [{output}]}}"


def test_hosts_by_key_by_encrypted_key_by_password_and_behind_a_gateway_give_their_files_byte_by_byte(
    tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys, password_user: bed.PasswordUser
) -> None:
    first, second, inner = (make_sshd(address=f"127.0.0.{number}") for number in (2, 3, 4))
    hosts = {
        "key": first.as_host(keys.plain),
        "locked": second.as_host(keys.encrypted),
        "word": {**first.as_host(), "username": password_user.name, "password": "${BENCH_WORD}"},
        "inner": inner.as_host(keys.plain, gateway="key"),
    }
    # Files go where both root and the user with a password may write.
    paths = {alias: first.home / f"{alias}.bin" for alias in hosts}
    listed = "\n".join(f"  {alias}: {json.dumps(host)}" for alias, host in hosts.items())
    config = config_in(tmp_path, FOUR % (listed, "\n".join(stage(alias, path) for alias, path in paths.items())))
    config.chmod(0o600)
    ended = benchctl_in(tmp_path, "run", env={"BENCH_WORD": password_user.password})
    assert ended.code == 0, ended.err
    run = tmp_path / "results/run-001"
    for alias, path in paths.items():
        source = sha256(path)
        assert sha256(run / f"{alias}.bin") == source
        assert outputs(run)[alias]["sha256"] == source
        assert outputs(run)[alias]["bytes"] == path.stat().st_size
        assert (run / f"logs/write-{alias}.{alias}.out").read_text().split()[0] == source
    kept = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file() and path.suffix != ".bin")
    assert password_user.password.encode() not in kept + ended.err.encode()
    assert b"correct horse" not in kept
