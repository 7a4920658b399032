"""A plot: as a page with a form, as a picture in four formats, and as what can be read off it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from benchctl.config.picture import LEAST_IN, MOST_IN
from benchctl.dashboard.catalogue import stamp_of
from benchctl.dashboard.finding import MOST_COMPARED, compared, directory_of, state
from benchctl.dashboard.guard import OF_FILES, refusal
from benchctl.dashboard.run_page import plots_of
from benchctl.dashboard.wish import Drawn, Wish
from benchctl.runs.outputs import ColumnRecord
from benchctl.runs.record import RunRecord

TYPES = ("time_series", "histogram", "boxplot", "ecdf", "percentiles")
AGGREGATIONS = ("avg", "median", "p95", "p99", "min", "max", "count", "rate")
THEMES = ("light", "dark")
TEXTS = ("source", "type", "aggregation", "window", "scale", "time_axis")
LISTS = ("x", "y", "group_by")
KINDS = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}
PACKED = ("svg", "csv")
LONGEST = 300

pages = Blueprint("plot", __name__)


class BadWish(Exception):
    """What is asked for makes no picture."""


@pages.get("/plot")
def plot() -> Any:
    records = compared(request.args.getlist("run")[: MOST_COMPARED + 1])
    if not records:
        return refusal(400, "No run", "Name one: /plot?run=run-001")
    return render_template("plot.html", runs=records, **form(records))


def form(records: list[RunRecord], drawn: Sequence[str] | None = None) -> dict[str, Any]:
    """What a page with a picture needs: its query, and what may be chosen.

    drawn: which of the address's runs have data to draw; without it, all.
    """
    outputs = {o.name: o.data.columns for r in records for t in r.trials for o in t.outputs if o.data}
    given = {name: request.args.get(name, "") for name in (*TEXTS, "name", "range")}
    lists = {name: [v for v in request.args.getlist(name) if v] for name in LISTS}
    names = plots_of(records[0]) if records else []
    if not given["name"] and not any(given[k] for k in ("source", "type")) and not any(lists.values()) and names:
        given["name"] = names[0]
    pairs = [("run", name) for name in (request.args.getlist("run") if drawn is None else drawn)]
    pairs += [(k, v) for k, v in given.items() if v] + [(k, v) for k, values in lists.items() for v in values]
    return {
        "query": urlencode(pairs),
        "given": given,
        "lists": lists,
        "outputs": outputs,
        "names": names,
        "choices": choices(outputs),
        "run_names": request.args.getlist("run"),
    }


def choices(outputs: Mapping[str, Mapping[str, ColumnRecord]]) -> dict[str, Sequence[str]]:
    """What may be chosen for a plot of one's own. outputs: their columns, by name."""
    columns = [pair for of_output in outputs.values() for pair in of_output.items()]
    texts = [name for name, column in columns if column.type == "string"]
    return {
        "types": TYPES,
        "aggregations": AGGREGATIONS,
        "numbers": list(dict.fromkeys(name for name, column in columns if column.type in ("integer", "float"))),
        "groups": list(dict.fromkeys([*texts, "host", "case", "run"])),
    }


@pages.get("/plot.<kind>")
def picture(kind: str) -> Any:
    if kind not in KINDS:
        return refusal(404, "Not there", f"A plot is to be had as {', '.join(KINDS)}.")
    drawn = _drawn(kind if kind in ("png", "pdf") else "svg")
    if not isinstance(drawn, Drawn):
        return drawn
    content = drawn.table.encode() if kind == "csv" else drawn.content
    answer = _packed(content, kind)
    answer.add_etag()
    if request.args.get("download"):
        answer.headers.set("Content-Disposition", "attachment", filename=f"{drawn.seen['name'][:80]}.{kind}")
    return answer.make_conditional(request)


def _packed(content: bytes, kind: str) -> Response:
    """The file, small on its way where it is text and the browser can unpack it."""
    answer = Response(content, content_type=KINDS[kind], headers=OF_FILES)
    if kind in PACKED:
        answer.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"]:
            answer.set_data(gzip.compress(content, 5, mtime=0))
            answer.content_encoding = "gzip"
    return answer


@pages.get("/api/plot")
def api_plot() -> Any:
    drawn = _drawn("svg")
    return {"schema": "benchctl/seen@1", **drawn.seen} if isinstance(drawn, Drawn) else drawn


def _drawn(kind: str) -> Any:
    """The picture, or an answer that says why there is none."""
    try:
        wish = _wish(kind)
    except BadWish as error:
        return refusal(400, "That makes no picture", str(error))
    states = tuple(stamp_of(directory_of(name.partition(":")[0]).path) for name in wish.runs)
    drawn = state().painter.draw(wish, states)
    if drawn is None:
        text = "Too many pictures are being drawn; try again in a moment."
        return (*refusal(503, "Not yet drawn", text), {"Retry-After": "2"})
    return refusal(422, "Not drawn", drawn.error) if drawn.error else drawn


def _wish(kind: str) -> Wish:
    runs = request.args.getlist("run")
    if not 1 <= len(runs) <= MOST_COMPARED:
        raise BadWish(f"run: from one to {MOST_COMPARED} of them")
    texts = {name: request.args.get(name, "") for name in (*TEXTS, "name", "width", "height", "range", "theme")}
    lists = {name: tuple(value for value in request.args.getlist(name) if value) for name in LISTS}
    too_long = [k for k, v in [*texts.items(), *((k, v) for k, vs in lists.items() for v in vs)] if len(v) > LONGEST]
    if too_long or any(len(values) > 12 for values in lists.values()):
        raise BadWish(f"{', '.join(too_long) or 'y'}: too long, or too many")
    keys: dict[str, Any] = {name: texts[name] for name in TEXTS if texts[name]}
    keys |= {name: list(values) for name, values in lists.items() if values}
    keys |= {name: _length(name, texts[name]) for name in ("width", "height") if texts[name]}
    if texts["theme"] not in ("", *THEMES):
        raise BadWish(f"theme: {' or '.join(THEMES)}")
    pairs = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in keys.items())
    return Wish(
        state().root, tuple(runs), texts["name"], pairs, _limits(texts["range"]), kind, texts["theme"] or THEMES[0]
    )


def _length(name: str, text: str) -> str:
    """Pixels of a page, of which it has 96 in an inch, as a length."""
    pixels = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not LEAST_IN <= pixels / 96 <= MOST_IN:
        raise BadWish(f"{name}: from {LEAST_IN * 96:.0f} to {MOST_IN * 96:.0f} pixels")
    return f"{pixels / 96:.2f}in"


def _limits(text: str) -> tuple[float, float, int] | None:
    """`10,20`, of the first panel, or `10,20,1`, of the second."""
    if not text:
        return None
    edges, panel = (text.split(",")[:2], text.split(",")[2:])
    try:
        low, high = (float(edge) for edge in edges)
        (number,) = (int(part) for part in panel or ["0"])
    except ValueError as error:
        raise BadWish("range: two numbers with a comma, such as 10,20") from error
    if not -1e15 < low < high < 1e15:
        raise BadWish("range: the smaller number first")
    return low, high, number
