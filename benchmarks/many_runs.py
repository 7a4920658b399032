"""A results directory with as many runs as wanted, all made of the records of one real run: for timing the list.

    python benchmarks/many_runs.py RUN_DIRECTORY NEW_RESULTS 10000

Their names, times, statuses, tags, params and metrics vary as those of real runs do; the data of their trials is not
copied. The same arguments make the same runs.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("succeeded",) * 17 + ("failed", "failed", "interrupted")
FAILURE = {"code": "stage-failed", "message": "stage 'load' failed on db (10.0.0.5) after 21 s: exit code 3"}
NAMES = ("sqlite-journal", "ycsb-a-read-mostly-with-a-long-name-as-people-give-them", "kv-load")
TAGS = (
    "nightly",
    "tuned",
    "kernel-6.9",
    "before-the-change",
    "paper-figure-4",
    "a-tag-that-somebody-made-far-too-long",
)


def make(template: Path, results: Path, many: int) -> None:
    document = json.loads((template / "metadata.json").read_text())
    config = (template / "config.yaml").read_text()
    for number in range(1, many + 1):
        run = results / f"run-{number:03d}"
        run.mkdir(parents=True)
        (run / "metadata.json").write_text(json.dumps(varied(document, number)))
        (run / "config.yaml").write_text(config)


def varied(document: dict[str, Any], number: int) -> dict[str, Any]:
    """The record of the run of that number."""
    chance = random.Random(number)
    began = FIRST + timedelta(minutes=40 * number)
    status = chance.choice(STATUSES)
    took_s = chance.uniform(20, 4000)
    cases = {name: {**params, "threads": 2 ** chance.randrange(8)} for name, params in document["cases"].items()}
    factor = chance.lognormvariate(0, 0.1)
    git = {"commit": f"{chance.getrandbits(160):040x}", "branch": "main", "dirty": chance.random() < 0.2}
    return document | {
        "id": f"run-{number:03d}",
        "uid": f"20260101T000000.{number:06d}Z-{chance.getrandbits(32):08x}",
        "benchmark": chance.choice(NAMES),
        "status": status,
        "error": FAILURE if status == "failed" else None,
        "started": _text(began),
        "finished": _text(began + timedelta(seconds=took_s)),
        "duration_s": took_s,
        "tags": chance.sample(TAGS, chance.choice((0, 0, 1, 1, 2, 3))),
        "note": chance.choice(("", "", "", "after raising shared_buffers to 8 GB")),
        "git": git,
        "cases": cases,
        "means": [{**mean, "mean": mean["mean"] * factor} for mean in document["means"]],
        "trials": [_trial(trial, factor) for trial in document["trials"]],
    }


def _trial(trial: dict[str, Any], factor: float) -> dict[str, Any]:
    metrics = {name: {**one, "value": one["value"] * factor} for name, one in trial["metrics"].items()}
    return trial | {"metrics": metrics}


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
