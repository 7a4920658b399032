"""What the names in a config stand for, and the variables of its commands."""

from __future__ import annotations

import json
from pathlib import Path

import benchctl
from benchctl.config.model import Case
from benchctl.names import Circumstances, known_names

CONFIG = {
    "benchmark": {"name": "x"},
    "hosts": {
        "db-1": {"ip": "10.0.0.5", "port": 2201, "username": "bench", "address": "192.168.9.5"},
        "app": {"ip": "10.0.0.6", "username": "bench"},
    },
    "vars": {"size": "10"},
    "stages": [{"name": "one", "host": "db-1", "command": "true", "env": {"TO": "{{hosts.app}}", "GIVEN": "config"}}],
}


def circumstances(directory: Path, environment: dict[str, str] | None = None) -> Circumstances:
    path = directory / "config.yaml"
    path.write_text(json.dumps(CONFIG))
    return Circumstances(
        benchctl.load(path), "run-001", "uid-1", directory / "run-001", Case("wal", {}), "3", environment or {}
    )


def test_a_host_is_known_by_its_address_and_its_parts(tmp_path: Path) -> None:
    names = known_names(circumstances(tmp_path).benchmark)
    assert {name: value for name, value in names.items() if "db-1" in name or name.startswith("vars")} == {
        "hosts.db-1": "192.168.9.5",
        "hosts.db-1.ip": "10.0.0.5",
        "hosts.db-1.username": "bench",
        "hosts.db-1.port": "2201",
        "hosts.db-1.name": "db-1",
        "vars.size": "10",
    }
    assert names["hosts.app"] == "10.0.0.6"
    assert names["hosts.app.port"] == "22"


def test_a_stage_knows_its_run_its_trial_and_its_host(tmp_path: Path) -> None:
    around = circumstances(tmp_path)
    names = around.values("db-1")
    assert {name: names[name] for name in ("run.id", "run.dir", "case", "trial", "stage.host")} == {
        "run.id": "run-001",
        "run.dir": str(tmp_path / "run-001"),
        "case": "wal",
        "trial": "3",
        "stage.host": "db-1",
    }


def test_given_variables_win_over_the_config_and_ours_over_all(tmp_path: Path) -> None:
    around = circumstances(tmp_path, {"GIVEN": "{{hosts.app}}", "BENCHCTL_TRIAL": "given"})
    (stage,) = around.benchmark.stages
    variables = around.environment_of(stage, "db-1")
    assert variables == {
        "BENCHCTL_RUN_ID": "run-001",
        "BENCHCTL_RUN_UID": "uid-1",
        "BENCHCTL_RUN_DIR": str(tmp_path / "run-001"),
        "BENCHCTL_STAGE": "one",
        "BENCHCTL_HOST": "db-1",
        "BENCHCTL_CASE": "wal",
        "BENCHCTL_TRIAL": "3",
        "BENCHCTL_HOST_DB_1": "192.168.9.5",
        "BENCHCTL_HOST_APP": "10.0.0.6",
        "BENCHCTL_HOST_LOCAL": "127.0.0.1",
        "TO": "10.0.0.6",
        "GIVEN": "{{hosts.app}}",
    }
