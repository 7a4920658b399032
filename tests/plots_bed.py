"""What the tests of plots share: a run with CSV rows, and kept runs with cases, trials and hosts made of one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from workflow_bed import Bench

import benchctl
from benchctl.analysis.checking import check
from benchctl.runs.record import RunRecord, TrialRecord

SCHEMA = {
    "time": {"type": "timestamp", "unit": "ms"},
    "latency": {"type": "float", "unit": "ms"},
    "size": {"type": "integer", "unit": "B"},
    "op": {"type": "string"},
}


def rows(
    number: int, seed: int = 1, begin_ms: int = 1763900000000, ops: Sequence[str] = ("read", "_scan", "$x")
) -> str:
    rng = np.random.default_rng(seed)
    lines = [
        f"{begin_ms + i * 7},{rng.lognormal():.4f},{rng.integers(1, 9000)},{ops[i % len(ops)]}" for i in range(number)
    ]
    return "\n".join(["time,latency,size,op", *lines, ""])


def run(local: Bench, text: str, plots: Sequence[Mapping[str, object]] | None, **options: Any) -> RunRecord:
    """A run that brings home these rows as the output `lat`. plots: None for a config without `plots:`."""
    local.path("source.csv").write_text(text)
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    drawn = {} if plots is None else {"plots": [{"source": "lat", **plot} for plot in plots]}
    return local.run(local.stage("load", "true", outputs=[output]), config=drawn, **options)


def with_trials(
    record: RunRecord, *, cases: Sequence[str | None] = (None,), trials: int = 1, hosts: Sequence[str] = ("local",)
) -> RunRecord:
    """The run as if it had had so many cases, trials and hosts, each of them with rows of its own."""
    made: list[TrialRecord] = []
    for case in cases:
        for number in range(1, trials + 1):
            at = timedelta(seconds=100 * len(made))
            made.append(_trial(record, case, number, at=at, hosts=hosts))
    shutil.rmtree(record.path / "plots", ignore_errors=True)
    kept = replace(record, trials=tuple(made), hosts=dict.fromkeys(hosts, record.hosts["local"]))
    (record.path / "metadata.json").write_text(json.dumps(kept.to_json()))
    return benchctl.find(str(record.path))


def _trial(record: RunRecord, case: str | None, number: int, *, at: timedelta, hosts: Sequence[str]) -> TrialRecord:
    directory = f"trials/{case or ''}-{number:02d}".replace("/-", "/")
    output = benchctl.load(record.path.parents[1] / "config.yaml").stages[0].outputs[0]
    (trial,) = record.trials
    assert trial.started
    began = trial.started + at
    (stage,) = trial.stages
    (place,) = stage.hosts.values()
    places = {}
    for host in hosts:
        path = f"{host}/source.csv"
        folder = record.path / directory
        (folder / host).mkdir(parents=True)
        (folder / path).write_text(rows(300, seed=number, begin_ms=round(began.timestamp() * 1000)))
        kept = replace(place.outputs[0], path=path, bytes=(folder / path).stat().st_size)
        kept = replace(kept, data=check(output, kept, folder))
        places[host] = replace(place, outputs=(kept,), started=began, finished=began + timedelta(seconds=1))
    stages = (replace(stage, hosts=places),)
    made = replace(trial, case=case, trial=number, directory=directory, started=began, stages=stages)
    (record.path / directory / "trial.json").write_text(json.dumps(made.to_json()))
    return made


def about(record: RunRecord, name: str) -> dict[str, Any]:
    """What stands beside a picture."""
    document: dict[str, Any] = json.loads((record.path / "plots" / f"{name}.json").read_text())
    return document


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("plots/**/*") if path.is_file()}
