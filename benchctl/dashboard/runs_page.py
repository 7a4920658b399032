"""The list of runs: as a page, as JSON and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from benchctl.dashboard.catalogue import Listing
from benchctl.dashboard.csv_text import csv_answer
from benchctl.dashboard.finding import baseline_names, state
from benchctl.dashboard.guard import refusal
from benchctl.dashboard.rows import Row
from benchctl.dashboard.sifting import BadFilter, Filter, Page, page_of

MOST_COLUMNS = 4  # of metrics
MOST_SUGGESTED = 8
SPARK = 20  # runs of the same benchmark in a spark line
PLAIN = ("id", "uid", "benchmark", "status", "started", "duration_s", "note", "error", "cases", "disturbed", "git")

pages = Blueprint("runs", __name__)


@pages.errorhandler(BadFilter)
def not_sifted(error: BadFilter) -> Any:
    return refusal(400, "A filter makes no sense", str(error))


@pages.get("/")
def index() -> Any:
    asked = Asked(Filter.of(request.args))
    units = {value.name: value.unit for row in asked.page.rows for value in row.metrics}
    return render_template(
        "runs.html",
        wanted=asked.wanted,
        listing=asked.listing,
        page=asked.page,
        metrics=dict(list(units.items())[:MOST_COLUMNS]),
        columns=asked.columns,
        differing=asked.differing,
        baselines=baseline_names(),
        choices=asked.listing.choices,
        sparks={row.id: spark(row, asked.listing.rows) for row in asked.page.rows},
        is_dirty=any(row.commit.endswith("*") for row in asked.page.rows),
        address=asked.address,
        with_column=asked.with_column,
    )


@pages.get("/runs.json")
@pages.get("/api/runs")
def api_runs() -> Any:
    asked = Asked(Filter.of(request.args))
    rows = [{key: value for key, value in row.to_json().items() if key != "stamp"} for row in asked.page.rows]
    about = {"found": asked.page.found, "page": asked.page.number, "pages": asked.page.pages}
    return {"schema": "benchctl/runs@1", **about, "unread": asked.listing.unread, "runs": rows}


@pages.get("/runs.csv")
def csv_runs() -> Any:
    """All runs that are wanted, not a page of them alone."""
    asked = Asked(Filter.of(request.args))
    rows = asked.found
    metrics = list(dict.fromkeys((value.name, value.unit) for row in rows for value in row.metrics))
    params = list(dict.fromkeys(name for row in rows for name in row.params))
    head = [*PLAIN, "tags", "hosts", "trials_succeeded", "trials_made", *(f"param {name}" for name in params)]
    head += [f"{name} {end}{f' ({unit})' if unit else ''}" for name, unit in metrics for end in ("lowest", "highest")]
    return csv_answer("runs.csv", head, (_cells(row, params, metrics) for row in rows))


def _cells(row: Row, params: Sequence[str], metrics: Sequence[tuple[str, str]]) -> list[Any]:
    known = {(value.name, value.unit): (value.low, value.high) for value in row.metrics}
    return [
        *(getattr(row, name) for name in PLAIN),
        " ".join(row.tags),
        " ".join(row.hosts),
        *row.trials[:2],
        *(" ".join(row.params.get(name, ())) for name in params),
        *(end for metric in metrics for end in known.get(metric, (None, None))),
    ]


@dataclass(frozen=True)
class Asked:
    """What an address asks for, and what there is of it."""

    wanted: Filter

    @cached_property
    def listing(self) -> Listing:
        return state().catalogue.listing()

    @cached_property
    def page(self) -> Page:
        page = page_of(self.listing.rows, self.wanted)
        return Page(state().catalogue.current(page.rows), page.number, page.pages, page.found)

    @property
    def found(self) -> list[Row]:
        return self.wanted.sifted(self.listing.rows)

    @property
    def columns(self) -> list[str]:
        """The params that are shown as columns."""
        return [name for name in dict.fromkeys(self.wanted.columns.split(",")) if name][:MOST_SUGGESTED]

    @property
    def differing(self) -> list[str]:
        """Params worth a column: those that have one, and those in which the runs of the page differ."""
        values: dict[str, set[tuple[str, ...]]] = {}
        for row in self.page.rows:
            for name, those in row.params.items():
                values.setdefault(name, set()).add(those)
        found = [name for name, those in values.items() if len(those) > 1 and "," not in name]
        return list(dict.fromkeys([*self.columns, *found]))[:MOST_SUGGESTED]

    def with_column(self, name: str) -> str:
        """The columns with one more, or without it."""
        rest = [column for column in self.columns if column != name]
        return ",".join(rest if name in self.columns else [*rest, name])

    def address(self, path: str = "/", /, **other: Any) -> str:
        query = {name: value for name, value in {**self.wanted.query, **other}.items() if value}
        return f"{path}?{urlencode(query)}" if query else path


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
