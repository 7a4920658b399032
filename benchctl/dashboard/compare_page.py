"""Runs, or cases of them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request

from benchctl.dashboard.differences import differing
from benchctl.dashboard.finding import compared
from benchctl.dashboard.guard import refusal
from benchctl.dashboard.plot_page import form
from benchctl.reports.metrics import Together, together
from benchctl.runs.record import RunRecord

pages = Blueprint("compare", __name__)


@pages.get("/compare")
def compare() -> Any:
    records = compared(request.args.getlist("run"))
    if len(records) < 2:
        return refusal(400, "Two are needed", "Choose two or more runs in the list: /compare?run=run-001&run=run-002")
    return render_template(
        "compare.html",
        runs=records,
        sides=request.args.getlist("run"),
        metrics=metrics_of(records),
        differences=differing(records),
        **form(records),
    )


@pages.get("/api/compare")
def api_compare() -> Any:
    records = compared(request.args.getlist("run"))
    told = [{"case": c, "metric": m, "means": [s.estimate and s.estimate.mean if s else None for s in sides]}
            for c, m, sides in metrics_of(records)]  # fmt: skip
    runs = [record.id for record in records]
    return {"schema": "benchctl/compare@1", "runs": runs, "metrics": told, "differing": dict(differing(records))}


def metrics_of(records: Sequence[RunRecord]) -> list[tuple[str, str, list[Together | None]]]:
    """Case, metric, and what each run says of it. This is the place of a verdict, once there is one to be had."""
    sides = [{((one.case or ""), one.name): one for one in together(record.trials)} for record in records]
    declared = {key for side in sides for key, one in side.items() if one.metric.declared}
    keys = dict.fromkeys(key for side in sides for key in side if key in declared or not declared)
    return [(case, name, [side.get((case, name)) for side in sides]) for case, name in keys]
