"""The metrics of all trials that count: a line for each, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from benchctl.exports.placing import Delivery
from benchctl.runs.files import json_text
from benchctl.runs.record import RunRecord

METRICS = ("metrics.csv", "metrics.json")
OF_METRIC = ("value", "unit", "better", "count", "declared", "reason", "remark")
OF_TRIAL = ("disturbed", "disturbances")
COLUMNS = ("run", "uid", "benchmark", "case", "trial", "metric", *OF_METRIC, *OF_TRIAL)


def write_metrics(records: Sequence[RunRecord], made: Delivery) -> None:
    """metrics.csv and metrics.json. Raises UsageError, OutputError."""
    for name, content in metrics_files(records).items():
        with made.file(name) as file:
            file.write(content)


def metrics_files(records: Sequence[RunRecord]) -> dict[str, bytes]:
    """Both by name. A value is in `unit`; without one, `reason` says why. disturbed: nothing where nobody looked."""
    lines = list(_lines(records))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**line, "disturbances": "; ".join(line["disturbances"])} for line in lines)
    document = {"schema": "benchctl/metrics@1", "metrics": lines}
    contents = text.getvalue(), json_text(document, indent=2) + "\n"
    return {name: content.encode() for name, content in zip(METRICS, contents, strict=True)}


def _lines(records: Sequence[RunRecord]) -> Iterator[dict[str, Any]]:
    for record in records:
        run = {"run": record.id, "uid": record.uid, "benchmark": record.benchmark}
        for trial in record.counting:
            for name, metric in trial.metrics.items():
                told = {key: getattr(metric, key) for key in OF_METRIC}
                told |= {"disturbed": trial.is_disturbed, "disturbances": list(trial.disturbances)}
                yield {**run, "case": trial.case, "trial": trial.trial, "metric": name, **told}
