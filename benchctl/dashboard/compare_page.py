"""Runs, cases of them and baselines side by side: as a page, as JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request

from benchctl.dashboard.csv_text import download
from benchctl.dashboard.differences import differing
from benchctl.dashboard.finding import baseline_names, sides, state
from benchctl.dashboard.guard import refusal
from benchctl.dashboard.plot_page import form
from benchctl.errors import UsageError
from benchctl.reports.metrics import Together, together
from benchctl.runs.record import RunRecord
from benchctl.runs.store import Store, number_of

if TYPE_CHECKING:
    from benchctl.comparing import Given
    from benchctl.dashboard.verdicts import Verdicts

OLDEST = "oldest"  # as the base
MOST_DIFFERENCES = 100

pages = Blueprint("compare", __name__)


@pages.get("/compare")
def compare() -> Any:
    from benchctl.dashboard.verdicts import doubts, lines, verdicts, what_differs
    from benchctl.reports.comparison import comparison_parts

    if request.args.get("base"):
        return redirect(_address_with_base(request.args["base"]))
    found = sides(_names())
    if len(found) < 2:
        return refusal(400, "Two are needed", "Choose two or more runs in the list: /compare?run=run-001&run=run-002")
    known = verdicts(found[0], found[1:], Store(state().root))
    records = [one.chosen for one in found]
    drawn = [one.label for one in found if number_of(one.run.id) and one.label.startswith(one.run.id)]
    return render_template(
        "compare.html",
        sides=found,
        labels=_names(),
        drawn=drawn,
        lines=lines(found, known),
        parts_of=[comparison_parts(one) for one in known.found],
        failures=known.failures,
        means=means(records) if known.failures else [],
        doubts=doubts(records),
        differences=what_differs(found)[:MOST_DIFFERENCES],
        baselines=[name for name in baseline_names() if name not in _names()],
        address=urlencode([("run", name) for name in _names()]),
        **form([one.chosen for one in found if one.label in drawn], drawn),
    )


@pages.get("/compare.json")
@pages.get("/api/compare")
def api_compare() -> Any:
    from benchctl.reports.comparison import comparison_json

    found, known = _judged()
    document = comparison_json(known.found) | {"runs": _names()}
    return document | {"failures": known.failures, "differing": dict(differing([one.chosen for one in found]))}


@pages.get("/compare.csv")
def csv_compare() -> Any:
    from benchctl.reports.comparison import comparison_csv

    return download("compare.csv", comparison_csv(_judged()[1].found))


@pages.get("/compare.md")
def markdown_compare() -> Any:
    from benchctl.reports.comparison import comparison_markdown

    return download("compare.md", comparison_markdown(_judged()[1].found))


def _judged() -> tuple[list[Given], Verdicts]:
    """Raises UsageError where nothing can be compared."""
    from benchctl.dashboard.verdicts import verdicts

    found = sides(_names())
    if len(found) < 2:
        raise UsageError("two runs are needed: run=run-001&run=run-002")
    known = verdicts(found[0], found[1:], Store(state().root))
    if not known.found:
        raise UsageError("; ".join(known.failures.values()))
    return found, known


def _names() -> list[str]:
    return list(dict.fromkeys(name for name in request.args.getlist("run") if name))


def _address_with_base(base: str) -> str:
    """The permanent address of the same comparison: its first run is the base."""
    names = _names()
    by_age = sorted(names, key=lambda name: number_of(name.partition(":")[0]))
    ordered = by_age if base == OLDEST else [base, *(name for name in names if name != base)]
    others = [pair for pair in request.args.items(multi=True) if pair[0] not in ("run", "base")]
    return f"/compare?{urlencode([*(('run', name) for name in ordered), *others])}"


def means(records: Sequence[RunRecord]) -> list[tuple[str, str, list[Together | None]]]:
    """Case, metric, and what each run says of it. What each of them is worth, the verdicts tell."""
    known = [{((one.case or ""), one.name): one for one in together(record.trials)} for record in records]
    declared = {key for side in known for key, one in side.items() if one.metric.declared}
    keys = dict.fromkeys(key for side in known for key in side if key in declared or not declared)
    return [(case, name, [side.get((case, name)) for side in known]) for case, name in keys]
