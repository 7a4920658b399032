"""Runs, or cases of them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request

from benchctl.dashboard.differences import differing
from benchctl.dashboard.finding import compared, state
from benchctl.dashboard.guard import refusal
from benchctl.dashboard.plot_page import form
from benchctl.errors import UsageError
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
        **verdicts(request.args.getlist("run")),
        differences=differing(records),
        **form(records),
    )


def verdicts(names: Sequence[str]) -> dict[str, Any]:
    """The first one compared with each of the others, or why that can't be."""
    import benchctl
    from benchctl.reports.comparison import comparison_parts

    try:
        found = benchctl.compare(names[0], list(dict.fromkeys(names[1:])), results=state().root)
    except UsageError as error:
        return {"comparisons": [], "no_verdict": error.message}
    return {"comparisons": [comparison_parts(one) for one in found], "no_verdict": ""}


@pages.get("/api/compare")
def api_compare() -> Any:
    import benchctl
    from benchctl.reports.comparison import comparison_json

    records = compared(request.args.getlist("run"))
    names = request.args.getlist("run")
    if len(records) < 2:
        raise UsageError("two runs are needed: /api/compare?run=run-001&run=run-002")
    found = benchctl.compare(names[0], list(dict.fromkeys(names[1:])), results=state().root)
    return comparison_json(found) | {"runs": names, "differing": dict(differing(records))}


def metrics_of(records: Sequence[RunRecord]) -> list[tuple[str, str, list[Together | None]]]:
    """Case, metric, and what each run says of it. What each of them is worth, `verdicts` tells."""
    sides = [{((one.case or ""), one.name): one for one in together(record.trials)} for record in records]
    declared = {key for side in sides for key, one in side.items() if one.metric.declared}
    keys = dict.fromkeys(key for side in sides for key in side if key in declared or not declared)
    return [(case, name, [side.get((case, name)) for side in sides]) for case, name in keys]
