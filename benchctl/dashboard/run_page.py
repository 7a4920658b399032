"""The page of one run, and how it goes on."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, render_template, request

from benchctl.dashboard import files
from benchctl.dashboard.csv_text import csv_answer
from benchctl.dashboard.error_place import line_of_stage
from benchctl.dashboard.finding import directory_of, record_of, state
from benchctl.dashboard.guard import refusal
from benchctl.dashboard.inside import NotThere
from benchctl.dashboard.previous import before, kept_as
from benchctl.dashboard.reproducing import command
from benchctl.dashboard.timeline import goes_on, timeline
from benchctl.plots.choosing import chosen
from benchctl.reports import text
from benchctl.reports.metrics import Together, together
from benchctl.reports.run_page import run_json
from benchctl.runs.files import time_text
from benchctl.runs.record import RunRecord, TrialRecord

TRIALS_SHOWN = 200
MOST_PLOTS = 20
TAILS, TAIL, LONGEST = 12, 20, 400

pages = Blueprint("run", __name__)


@pages.get("/runs/<name>")
def run(name: str) -> Any:
    record = record_of(name, request.args.get("trial", ""))
    trial = _trial(record, request.args.get("trial", ""))
    config = _config(record)
    when = timeline(trial)
    return render_template(
        "run.html",
        run=record,
        trial=trial,
        trials=record.trials[:TRIALS_SHOWN],
        of_cases=any(one.case for one in record.trials),
        lanes=when.lanes,
        whole_s=when.whole_s,
        tails=_tails(record, trial),
        metrics=_declared(together(record.trials)) if len(record.trials) > 1 else [],
        before=before(record),
        kept_as=kept_as(record),
        plots=plots_of(record),
        config=config.decode("utf-8", "replace").splitlines(),
        at_line=line_of_stage(config, record.error.stage if record.error else None),
        command=command(record),
        live=state().streams.state(record.directory) if record.status == "running" else None,
        expected_s=_expected_s(record),
        path_of=lambda output: str(PurePosixPath(trial.directory if trial else ".", output.path or "")),
        since=_since,
        goes_on=goes_on,
        ending=text.ending,
        ready=_ready,
        clock=_clock,
        load=_load,
    )


@pages.get("/runs/<name>.json")
@pages.get("/api/runs/<name>")
def api_run(name: str) -> Any:
    """As `benchctl show --json` has it, but for where it is on this machine."""
    document = run_json(record_of(name, request.args.get("trial", "")))
    config = document.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("path"), str):
        document["config"] = {**config, "path": PurePosixPath(config["path"]).name}
    return document | {"path": name}


@pages.get("/runs/<name>.csv")
def csv_of_trials(name: str) -> Any:
    """A line for each trial, with its metrics."""
    trials = record_of(name).trials
    units = {metric: one.unit or "" for trial in reversed(trials) for metric, one in trial.metrics.items()}
    head = ["trial", "case", "warmup", "status", "started", "duration_s", "disturbed"]
    named = [f"{metric} ({unit})" if unit else metric for metric, unit in units.items()]
    return csv_answer(f"{name}.csv", [*head, *named], (_line(trial, list(units)) for trial in trials))


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


def plots_of(record: RunRecord) -> list[str]:
    """The names of the config's plots, else of those that its data would have drawn by itself."""
    document = record.config.get("document")
    given = document.get("plots") if isinstance(document, dict) else None
    named = [str(plot["name"]) for plot in given or () if isinstance(plot, dict) and "name" in plot]
    return named[:MOST_PLOTS] if given is not None else [plot.name for plot in chosen(record)]


def _line(trial: TrialRecord, metrics: list[str]) -> list[object]:
    started = time_text(trial.started) if trial.started else None
    values = [one.value if (one := trial.metrics.get(name)) else None for name in metrics]
    about = [trial.name or "1", trial.case, trial.warmup, trial.status, started, trial.duration_s]
    return [*about, trial.is_disturbed, *values]


def _declared(all_of_them: list[Together]) -> list[Together]:
    """Those that the config asks for; all where it asks for none."""
    return [one for one in all_of_them if one.metric.declared] or all_of_them


def _trial(record: RunRecord, name: str) -> TrialRecord | None:
    """The one that is asked for, else the first that did not succeed, else the last."""
    odd = [trial for trial in record.trials if trial.status not in ("succeeded", "running")]
    named = [trial for trial in record.trials if name and trial.name == name]
    return next(iter([*named, *odd[:1], *record.trials[-1:]]), record.around)


def _tails(record: RunRecord, trial: TrialRecord | None) -> Iterator[tuple[files.Log, list[str]]]:
    """The last lines of the logs of a trial, first of the stage that failed."""
    failed = trial.error.stage if trial and trial.error else None
    found = sorted(files.logs_of(trial) if trial else (), key=lambda log: (log.stage != failed, log.stream != "err"))
    for log in found[:TAILS]:
        yield log, files.newest_lines(record.path, log.path, lines=TAIL, longest=LONGEST)


def _config(record: RunRecord) -> bytes:
    try:
        return files.head(record.path, "config.yaml")
    except NotThere:
        return b""


def _since(trial: TrialRecord, moment: datetime | None) -> str:
    """How long after the trial's begin something was."""
    return text.duration((moment - trial.started).total_seconds()) if moment and trial.started else ""


def _ready(check: Mapping[str, Any] | None) -> str:
    """`1.2 s (port 8080)`."""
    if not check:
        return ""
    after = text.duration(_number(check.get("first_passed_s"))) if check.get("ready") else "never"
    last = "" if check.get("ready") or not check.get("last") else f": {text.clean(check['last'])}"
    return f"{after} ({text.check(check)}{last})"


def _clock(facts: Mapping[str, Any]) -> str:
    """How far a host's clock is from ours: `+3.1 ms ± 0.2`."""
    offset, doubt = _number(facts.get("clock_offset_s")), _number(facts.get("clock_uncertainty_s"))
    if offset is None:
        return ""
    return f"{offset * 1000:+.1f} ms" + ("" if doubt is None else f" ± {doubt * 1000:.1f}")


def _load(trial: TrialRecord | None, host: str) -> str:
    """How much went on there before the trial and during it: `0.2 before, CPU 93 % busy`."""
    noise = trial.noise.get(host) if trial else None
    if not isinstance(noise, Mapping):
        return ""
    before_it = noise.get("before")
    load = _number(before_it.get("load_1min")) if isinstance(before_it, Mapping) else None
    busy = _number(noise.get("cpu_busy_share"))
    parts = [f"{load:.1f} before" if load is not None else "", f"CPU {busy:.0%} busy" if busy is not None else ""]
    return ", ".join(filter(None, parts))


def _number(value: object) -> float | None:
    """A value that is a finite number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= sys.float_info.max:
        return None
    return float(value)


def _expected_s(record: RunRecord) -> float | None:
    """How long the last successful runs of the same benchmark took: their median."""
    rows = state().catalogue.listing().rows
    alike = [r.duration_s for r in rows if r.benchmark == record.benchmark and r.status == "succeeded" and r.duration_s]
    return statistics.median(alike[:5]) if alike else None
