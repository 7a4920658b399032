"""The metrics of all trials that count: a line for each, and one for each case, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchctl.exports.cases import OF_CASE, by_case
from benchctl.exports.placing import Delivery
from benchctl.runs.files import json_text
from benchctl.runs.record import RunRecord

METRICS = ("metrics.csv", "metrics_by_case.csv", "metrics.json")
PARAM = "params."  # begins the column of a case's parameter
OF_METRIC = ("value", "unit", "better", "count", "declared", "reason", "remark")
OF_TRIAL = ("disturbed", "disturbances")
COLUMNS = ("run", "uid", "benchmark", "case", "trial", "metric", *OF_METRIC, *OF_TRIAL)


def write_metrics(records: Sequence[RunRecord], made: Delivery) -> None:
    """The files of METRICS. Raises UsageError, OutputError."""
    for name, content in metrics_files(records).items():
        with made.file(name) as file:
            file.write(content)


def metrics_files(records: Sequence[RunRecord]) -> dict[str, bytes]:
    """All by name. A value is in `unit`; without one, `reason` says why. disturbed: nothing where nobody looked."""
    lines, cases = list(_lines(records)), [line for record in records for line in by_case(record)]
    params = sorted({name for line in lines for name in line["params"]})
    flat = [{**_flat(line), "disturbances": "; ".join(line["disturbances"])} for line in lines]
    names = [PARAM + name for name in params]
    document = {"schema": "benchctl/metrics@1", "metrics": lines, "cases": cases}
    tables = _csv(flat, [*COLUMNS, *names]), _csv(map(_flat, cases), [*OF_CASE, *names])
    contents = [*tables, json_text(document, indent=2) + "\n"]
    return {name: content.encode() for name, content in zip(METRICS, contents, strict=True)}


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    """With a column for each parameter of its case."""
    params = {PARAM + name: value for name, value in line["params"].items()}
    return {**{key: value for key, value in line.items() if key != "params"}, **params}


def _csv(lines: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _lines(records: Sequence[RunRecord]) -> Iterator[dict[str, Any]]:
    for record in records:
        run = {"run": record.id, "uid": record.uid, "benchmark": record.benchmark}
        for trial in record.counting:
            case = {"case": trial.case, "params": dict(trial.params)}
            for name, metric in trial.metrics.items():
                told = {key: getattr(metric, key) for key in OF_METRIC}
                told |= {"disturbed": trial.is_disturbed, "disturbances": list(trial.disturbances)}
                yield {**run, **case, "trial": trial.trial, "metric": name, **told}
