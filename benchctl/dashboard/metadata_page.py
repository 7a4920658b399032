"""What differs between the metadata of some runs: as a page, as JSON and as CSV."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from benchctl.dashboard.csv_text import csv_answer
from benchctl.dashboard.differences import differing
from benchctl.dashboard.finding import compared, state

NEWEST = 8

pages = Blueprint("metadata", __name__)


@pages.get("/metadata")
def metadata() -> Any:
    names, rows = _differences()
    return render_template("metadata.html", names=names, rows=rows, query=_query(names))


@pages.get("/metadata.json")
@pages.get("/api/metadata")
def api_metadata() -> Any:
    names, rows = _differences()
    return {"schema": "benchctl/metadata@1", "runs": names, "differing": dict(rows)}


@pages.get("/metadata.csv")
def csv_metadata() -> Any:
    names, rows = _differences()
    return csv_answer("metadata.csv", ["key", *names], ([key, *values] for key, values in rows))


def _differences() -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Those of the runs that are named, else of the newest."""
    newest = (row.id for row in state().catalogue.listing().rows if row.status != "unreadable")
    records = compared(request.args.getlist("run") or [name for name, _ in zip(newest, range(NEWEST), strict=False)])
    return [record.id for record in records], differing(records)


def _query(names: list[str]) -> str:
    return "&".join(f"run={name}" for name in names)
