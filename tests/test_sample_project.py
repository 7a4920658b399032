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


def settings() -> list[str]:
    chosen = {"commits": "50", "port": str(bed.free_port())}
    return [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("name", ["config.yaml", "config-ssh.yaml"])
def test_the_sample_configs_are_valid(sample: Path, name: str) -> None:
    env = {"BENCH_DB_IP": "10.0.0.5", "BENCH_LOAD_IP": "10.0.0.6", "BENCH_DB_PORT": "22", "BENCH_LOAD_PORT": "22"}
    ended = benchctl_in(sample, "validate", name, env={**env, "BENCH_USER": "bench", "BENCH_KEY": "~/.ssh/id"})
    assert (ended.code, ended.err) == (0, "")


def test_the_sample_project_measures_both_journals_here(sample: Path) -> None:
    ended = benchctl_in(sample, "run", "config.yaml", "--repeat", "2", *settings())
    assert ended.code == 0, ended.err
    run = sample / "results/run-001"
    made = [f"trials/{journal}-{number}" for journal in ("delete", "wal") for number in ("01", "02")]
    assert sorted(str(path.relative_to(run)) for path in run.glob("trials/*")) == made
    for name in made:
        measured = rows(run / name / "latency.csv")
        assert {row["journal"] for row in measured} == {trial(run / name)["params"]["journal"]}
        assert outputs(run / name)["latency"]["data"]["rows"] == len(measured) == 50
        assert outputs(run / name)["latency"]["sha256"] == sha256(run / name / "latency.csv")
        assert {stage["name"]: stage["status"] for stage in trial(run / name)["stages"]} == dict.fromkeys(
            ("setup-db", "start-app", "load", "tidy-up"), "succeeded"
        )
    record = json.loads((run / "metadata.json").read_text())
    drawn = {"plots/over-time.png", "plots/distribution.png", "plots/by-operation.png", "plots/tail.pdf"}
    assert {plot["path"] for plot in record["plots"] if plot["status"] == "drawn"} == drawn
    about = json.loads((run / "plots/over-time.png.json").read_text())
    assert sorted(file["trial"] for file in about["files"]) == made


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
    for folder in (run / "trials/wal-01", run / "trials/delete-01"):
        assert len(rows(folder / "latency.csv")) == 50
        assert outputs(folder)["latency"]["sha256"] == sha256(folder / "latency.csv")
    hosts = json.loads((run / "metadata.json").read_text())["hosts"]
    assert {alias: (host["ip"], host["port"]) for alias, host in hosts.items()} == {
        "db": (db.address, db.port),
        "load": (load.address, load.port),
    }


def test_the_sample_projects_tasks_measure_and_compare_the_journals(sample: Path) -> None:
    def inv(*words: str) -> str:
        command = [sys.executable, "-m", "invoke", *words]
        done = subprocess.run(command, cwd=sample, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    inv("bench.run", *settings())
    inv("bench.run", "--case", "wal", "--repeat", "2", *settings())
    lines = [line.split() for line in inv("medians").splitlines()]
    assert [(line[0], line[-2]) for line in lines] == [("delete", "50"), ("wal", "150")]


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
