"""The metrics of all trials that count: a line for each, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchctl.exports.placing import check_free, new_file
from benchctl.runs.files import json_text
from benchctl.runs.record import RunRecord

OF_METRIC = ("value", "unit", "better", "count", "declared", "reason", "remark")
OF_TRIAL = ("disturbed", "disturbances")
COLUMNS = ("run", "uid", "benchmark", "case", "trial", "metric", *OF_METRIC, *OF_TRIAL)


def write_metrics(records: Sequence[RunRecord], folder: Path, *, force: bool) -> list[Path]:
    """metrics.csv and metrics.json in a folder. Raises UsageError, OutputError."""
    contents = {folder / name: content for name, content in metrics_files(records).items()}
    for path in contents:
        check_free(path, force=force)
    for path, content in contents.items():
        with new_file(path, force=force) as file:
            file.write(content)
    return list(contents)


def metrics_files(records: Sequence[RunRecord]) -> dict[str, bytes]:
    """Both by name. A value is in `unit`; without one, `reason` says why. disturbed: nothing where nobody looked."""
    lines = list(_lines(records))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**line, "disturbances": "; ".join(line["disturbances"])} for line in lines)
    document = {"schema": "benchctl/metrics@1", "metrics": lines}
    return {"metrics.csv": text.getvalue().encode(), "metrics.json": (json_text(document, indent=2) + "\n").encode()}


def _lines(records: Sequence[RunRecord]) -> Iterator[dict[str, Any]]:
    for record in records:
        run = {"run": record.id, "uid": record.uid, "benchmark": record.benchmark}
        for trial in record.counting:
            for name, metric in trial.metrics.items():
                told = {key: getattr(metric, key) for key in OF_METRIC}
                told |= {"disturbed": trial.is_disturbed, "disturbances": list(trial.disturbances)}
                yield {**run, "case": trial.case, "trial": trial.trial, "metric": name, **told}
