"""What a run keeps: its logs, and its files as a preview and to download."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, render_template, request

from benchctl.dashboard import files
from benchctl.dashboard.finding import directory_of, record_of
from benchctl.dashboard.guard import OF_FILES, refusal
from benchctl.dashboard.inside import NotThere, open_inside
from benchctl.dashboard.peeking import peek
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import RunRecord

LONGEST_SEARCH = 200
MOST_LOGS = 12
TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".pdf": "application/pdf", ".csv": "text/csv; charset=utf-8"}
TYPES |= {".json": "application/json", ".txt": "text/plain; charset=utf-8", ".out": "text/plain; charset=utf-8"}
DELIMITERS = {".csv": ",", ".tsv": "\t"}
PACKED = (".gz", ".zst")
ABSENT = "This run has no such file, or it is a folder or a link."

pages = Blueprint("files", __name__)


@pages.get("/runs/<name>/logs")
def logs(name: str) -> Any:
    search, trial, stage = (request.args.get(key, "") for key in ("q", "trial", "stage"))
    if len(search) > LONGEST_SEARCH:
        return refusal(400, "Too long", f"At most {LONGEST_SEARCH} characters are looked for.")
    record = record_of(name, trial)
    known = list(files.logs(record))
    wanted = [log for log in known if (not stage or log.stage == stage) and (not trial or log.trial == trial)]
    shown = [(log, files.lines_of(record.path, log.path, search)) for log in wanted[:MOST_LOGS]]
    given = {"q": search, "stage": stage, "trial": trial, "left_out": len(wanted) - len(shown)}
    return render_template("logs.html", run=record, shown=shown, known=known, **given)


@pages.get("/runs/<name>/logs.json")
def api_logs(name: str) -> Any:
    """The logs that there are, to be had each as a file."""
    found = [{**vars(log), "file": f"/runs/{name}/files/{log.path}"} for log in files.logs(record_of(name))]
    return {"schema": "benchctl/logs@1", "run": name, "logs": found}


@pages.get("/runs/<name>/preview/<path:path>")
def preview(name: str, path: str) -> Any:
    record = record_of(name, PurePosixPath(path).parent.name)
    output = _output(record, path)
    try:
        seen = peek(record.path, path)
    except NotThere:
        return refusal(404, "Not there", ABSENT)
    delimiter = _delimiter(path, output)
    first, last = seen.rows(delimiter) if delimiter and not seen.is_binary else ([], [])
    return render_template("preview.html", run=record, path=path, output=output, seen=seen, first=first, last=last)


@pages.get("/runs/<name>/files/<path:path>")
def download(name: str, path: str) -> Any:
    """A file of a run as it is; nothing in it is run, also where a browser would show it."""
    directory = directory_of(name)
    try:
        file = open_inside(directory.path, path)
    except NotThere:
        return refusal(404, "Not there", ABSENT)
    size = file.seek(0, 2)
    file.seek(0)
    kind = TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")
    answer = Response(iter(lambda: file.read(1 << 16), b""), content_type=kind, headers=OF_FILES)
    answer.call_on_close(file.close)
    answer.headers["Content-Length"] = str(size)
    answer.headers.set("Content-Disposition", "attachment", filename=PurePosixPath(path).name)
    return answer


def _output(record: RunRecord, path: str) -> OutputRecord | None:
    """The output that a file is, if it is one."""
    for trial in record.trials:
        for output in trial.outputs:
            if str(PurePosixPath(trial.directory, output.path or "")) == path:
                return output
    return None


def _delimiter(path: str, output: OutputRecord | None) -> str:
    """Of a table, by its schema or its name; empty for what is none."""
    if output and output.data:
        return output.data.delimiter
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes if suffix.lower() not in PACKED]
    return DELIMITERS.get(suffixes[-1], "") if suffixes else ""
