"""One run: its page, its files and logs, and how it goes on."""

from __future__ import annotations

import re
import statistics
from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, render_template, request

from benchctl.dashboard import files
from benchctl.dashboard.finding import directory_of, record_of, state
from benchctl.dashboard.guard import OF_FILES, refusal
from benchctl.dashboard.inside import NotThere, open_inside
from benchctl.dashboard.timeline import bars
from benchctl.plots.choosing import chosen
from benchctl.reports.metrics import Together, together
from benchctl.reports.run_page import run_json
from benchctl.runs.record import RunRecord, TrialRecord

TRIALS_SHOWN = 200
LONGEST_SEARCH = 200
MOST_PLOTS = 20
TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".pdf": "application/pdf", ".csv": "text/csv; charset=utf-8"}
TYPES |= {".json": "application/json", ".txt": "text/plain; charset=utf-8", ".out": "text/plain; charset=utf-8"}

pages = Blueprint("run", __name__)


@pages.get("/runs/<name>")
def run(name: str) -> Any:
    record = record_of(name, request.args.get("trial", ""))
    trial = _trial(record, request.args.get("trial", ""))
    return render_template(
        "run.html",
        run=record,
        trial=trial,
        trials=record.trials[:TRIALS_SHOWN],
        bars=bars(trial) if trial else [],
        metrics=_declared(together(record.trials)) if len(record.trials) > 1 else [],
        plots=plots_of(record),
        config=_config(record),
        at_line=_error_line(record),
        live=state().streams.state(record.directory) if record.status == "running" else None,
        expected_s=_expected_s(record),
        path_of=lambda output: str(PurePosixPath(trial.directory if trial else ".", output.path or "")),
    )


@pages.get("/api/runs/<name>")
def api_run(name: str) -> Any:
    return run_json(record_of(name, request.args.get("trial", "")))


@pages.get("/runs/<name>/live")
def live(name: str) -> Any:
    """Server-sent events."""
    stream = state().streams.watch(directory_of(name))
    if stream is None:
        return refusal(503, "Too many watch", "As many browsers as can be served watch runs; close one.")
    return Response(stream, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


@pages.get("/api/runs/<name>/live")
def api_live(name: str) -> Any:
    return {"schema": "benchctl/live@1", **state().streams.state(directory_of(name))}


@pages.get("/runs/<name>/logs")
def logs(name: str) -> Any:
    search, trial = request.args.get("q", ""), request.args.get("trial", "")
    if len(search) > LONGEST_SEARCH:
        return refusal(400, "Too long", f"At most {LONGEST_SEARCH} characters are looked for.")
    record = record_of(name, trial)
    stage = request.args.get("stage", "")
    known = list(files.logs(record))
    wanted = [log for log in known if (not stage or log.stage == stage) and (not trial or log.trial == trial)][:12]
    shown = [(log, files.lines_of(record.path, log, search)) for log in wanted]
    return render_template("logs.html", run=record, shown=shown, known=known, q=search, stage=stage, trial=trial)


@pages.get("/runs/<name>/preview/<path:path>")
def preview(name: str, path: str) -> Any:
    record = record_of(name, PurePosixPath(path).parent.name)
    found = [
        (trial, output)
        for trial in record.trials
        for output in trial.outputs
        if str(PurePosixPath(trial.directory, output.path or "")) == path
    ]
    try:
        output = found[0][1] if found else None
        is_table = output is not None and output.data is not None
        delimiter = output.data.delimiter if output and output.data else ","
        rows = files.table(record.path, path, delimiter) if is_table else []
        text = "" if is_table else files.head(record.path, path)[:20_000]
    except NotThere:
        return refusal(404, "Not there", "This run has no such file, or it is a folder or a link.")
    return render_template("preview.html", run=record, path=path, output=output, rows=rows, text=text)


@pages.get("/runs/<name>/files/<path:path>")
def download(name: str, path: str) -> Any:
    """A file of a run as it is; nothing in it is run, also where a browser would show it."""
    directory = directory_of(name)
    try:
        file = open_inside(directory.path, path)
    except NotThere:
        return refusal(404, "Not there", "This run has no such file, or it is a folder or a link.")
    size = file.seek(0, 2)
    file.seek(0)
    kind = TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")
    answer = Response(iter(lambda: file.read(1 << 16), b""), content_type=kind, headers=OF_FILES)
    answer.call_on_close(file.close)
    answer.headers["Content-Length"] = str(size)
    answer.headers.set("Content-Disposition", "attachment", filename=PurePosixPath(path).name)
    return answer


def plots_of(record: RunRecord) -> list[str]:
    """The names of the config's plots, else of those that its data would have drawn by itself."""
    document = record.config.get("document")
    given = document.get("plots") if isinstance(document, dict) else None
    named = [str(plot["name"]) for plot in given or () if isinstance(plot, dict) and "name" in plot]
    return named[:MOST_PLOTS] if given is not None else [plot.name for plot in chosen(record)]


def _declared(all_of_them: list[Together]) -> list[Together]:
    """Those that the config asks for; all where it asks for none."""
    return [one for one in all_of_them if one.metric.declared] or all_of_them


def _trial(record: RunRecord, name: str) -> TrialRecord | None:
    """The one that is asked for, else the first that did not succeed, else the last."""
    odd = [trial for trial in record.trials if trial.status not in ("succeeded", "running")]
    named = [trial for trial in record.trials if name and trial.name == name]
    return next(iter([*named, *odd[:1], *record.trials[-1:]]), record.around)


def _config(record: RunRecord) -> list[str]:
    try:
        return files.head(record.path, "config.yaml").splitlines()
    except NotThere:
        return []


def _error_line(record: RunRecord) -> int:
    """The line of the stage that failed in the config; 0 where there is none."""
    stage = record.error.stage if record.error else None
    if not stage:
        return 0
    named = re.compile(rf"""\bname["']?:\s*["']?{re.escape(stage)}["']?\s*(?:[,}}#].*)?$""")
    return next((at for at, line in enumerate(_config(record), 1) if named.search(line)), 0)


def _expected_s(record: RunRecord) -> float | None:
    """How long the last successful runs of the same benchmark took: their median."""
    rows = state().catalogue.listing().rows
    alike = [r.duration_s for r in rows if r.benchmark == record.benchmark and r.status == "succeeded" and r.duration_s]
    return statistics.median(alike[:5]) if alike else None
