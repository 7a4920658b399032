"""The list of runs, as a page and as JSON; and what differs between those that are listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from benchctl.dashboard.catalogue import Listing
from benchctl.dashboard.differences import differing
from benchctl.dashboard.finding import compared, state
from benchctl.dashboard.guard import refusal
from benchctl.dashboard.rows import Row
from benchctl.dashboard.sifting import BadFilter, Filter, Page, page_of

MOST_COLUMNS = 4  # of metrics
SPARK = 20  # runs of the same benchmark in a spark line

pages = Blueprint("runs", __name__)


@pages.get("/")
def index() -> Any:
    try:
        wanted, listing, page = _page()
    except BadFilter as error:
        return refusal(400, "A filter makes no sense", str(error))
    units = {value.name: value.unit for row in page.rows for value in row.metrics}
    metrics = dict(list(units.items())[:MOST_COLUMNS])
    return render_template(
        "runs.html",
        wanted=wanted,
        listing=listing,
        page=page,
        metrics=metrics,
        choices=listing.choices,
        sparks={row.id: spark(row, listing.rows) for row in page.rows},
        address=lambda **other: "/?" + urlencode({**wanted.query, **other}),
    )


@pages.get("/api/runs")
def api_runs() -> Any:
    try:
        _, listing, page = _page()
    except BadFilter as error:
        return refusal(400, "A filter makes no sense", str(error))
    rows = [{key: value for key, value in row.to_json().items() if key != "stamp"} for row in page.rows]
    about = {"found": page.found, "page": page.number, "pages": page.pages, "unread": listing.unread}
    return {"schema": "benchctl/runs@1", **about, "runs": rows}


@pages.get("/metadata")
def metadata() -> Any:
    names, rows = _differences()
    return render_template("metadata.html", names=names, rows=rows)


@pages.get("/api/metadata")
def api_metadata() -> Any:
    names, rows = _differences()
    return {"schema": "benchctl/metadata@1", "runs": names, "differing": dict(rows)}


def _differences() -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Those of the runs that are named, else of the newest."""
    given = request.args.getlist("run")
    names = given or [row.id for row in state().catalogue.listing().rows if row.status != "unreadable"][:8]
    records = compared(names)
    return [record.id for record in records], differing(records)


def _page() -> tuple[Filter, Listing, Page]:
    wanted, catalogue = Filter.of(request.args), state().catalogue
    listing = catalogue.listing()
    page = page_of(listing.rows, wanted)
    return wanted, listing, Page(catalogue.current(page.rows), page.number, page.pages, page.found)


def spark(row: Row, rows: Sequence[Row]) -> list[tuple[float, float]]:
    """The first metric of the last runs of the same benchmark, up to this one, as points in 60 by 16.

    Nothing of fewer than three.
    """
    first = row.first
    if first is None:
        return []
    values: list[float] = []
    for other in rows[max(_place(rows, row), 0) :]:
        if other.benchmark == row.benchmark and other.first and other.first.name == first.name:
            values.append(other.first.low or 0.0)
        if len(values) == SPARK:
            break
    if len(values) < 3:
        return []
    low, high = min(values), max(values)
    points = enumerate(reversed(values))
    return [(2 + 56 * at / (len(values) - 1), 14 - 12 * (v - low) / ((high - low) or 1)) for at, v in points]


def _place(rows: Sequence[Row], row: Row) -> int:
    """Where a row is in the list, which goes from the highest number down."""
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if rows[middle].number > row.number else (low, middle)
    return low
