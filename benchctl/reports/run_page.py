"""One page about one run: what, where, how long, and what failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchctl.reports import metrics, text
from benchctl.reports.failure import failure_text, show_command
from benchctl.reports.repetition import repetition_text
from benchctl.reports.text import clean, count, duration, pairs, size, table
from benchctl.reports.trials_table import trials_table
from benchctl.runs.failure import Failure
from benchctl.runs.outputs import ColumnRecord, OutputRecord
from benchctl.runs.record import HostRecord, RunRecord, StageOnHost, StageRecord, TrialRecord

SHOWN_DIGITS = 12
SHOWN_SUMMARY = ("min", "mean", "std", "p50", "p90", "p95", "p99", "max")
FAILURES_SHOWN = 5


def run_text(record: RunRecord) -> str:
    """The page of a run as text; why it failed comes last."""
    trial = _telling_trial(record)
    parts = [
        [_headline(record), *pairs(_about(record))],
        _section("Hosts", [_host_line(name, host) for name, host in record.hosts.items()]),
        _section("Trials", trials_table(record)),
        _section("Metrics", metrics.lines(record.trials)),
        _section("Precision", [f"    {repetition_text(one)}" for one in record.repetition]),
        *(_trial_parts(record, trial) if trial else []),
        _section("Plots", [f"    {clean(plot.path)}" for plot in record.plots if plot.path]),
        _section("Warnings", [f"    {clean(flag)}" for flag in record.flags]),
    ]
    parts += _reasons(record, trial) if trial else []
    if record.error:
        parts.append([failure_text(record.error, run_id=record.id, kept=record.path)])
    return "\n\n".join("\n".join(part) for part in parts if part)


def run_json(record: RunRecord) -> dict[str, Any]:
    """The same for programs: metadata.json, with the stages and the noise of every trial and the path."""
    trials = [trial.summary() | _details(trial) for trial in record.trials]
    document = record.to_json() | {"trials": trials, "path": str(record.path)}
    return {"schema": "benchctl/run@1"} | document | {"metrics": metrics.as_json(record.trials)}


def _details(trial: TrialRecord) -> dict[str, Any]:
    whole = trial.to_json()
    return {key: whole[key] for key in ("stages", "noise", "disturbances")}


def _headline(record: RunRecord) -> str:
    took = f" after {duration(record.duration_s)}" if record.duration_s is not None else ""
    return f"{record.id}  {clean(record.benchmark) or '?'}  {clean(record.status)}{took}"


def _about(record: RunRecord) -> list[tuple[str, str]]:
    return [
        ("about", clean(record.description)),
        ("started", _started(record)),
        ("resumed", "\n".join(map(_resumed, record.resumed))),
        ("tags", clean(" ".join(record.tags))),
        ("note", clean(record.note)),
        ("config", _config(record.config)),
        ("options", _options(record.options)),
        ("git", _git(record.git)),
        ("versions", clean(", ".join(f"{k} {v}" for k, v in record.versions.items()))),
        ("uid", clean(record.uid)),
        ("kept", clean(record.path)),
    ]


def _started(record: RunRecord) -> str:
    local = record.started and record.started.astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S %z") if local else ""


def _resumed(one: Any) -> str:
    """`2026-11-24 03:30:12Z by bench on vm, 12 trials`."""
    if not isinstance(one, Mapping):
        return clean(one)
    given = one.get("writer")
    writer = given if isinstance(given, Mapping) else {}
    at = str(one.get("at") or "").replace("T", " ").partition(".")[0]
    who = " on ".join(str(part) for part in (writer.get("user"), writer.get("host")) if part)
    trials = f", {count(one['trials'], 'trial')}" if isinstance(one.get("trials"), int) else ""
    return clean(f"{at} UTC by {who or '?'}{trials}")


def _config(config: Mapping[str, Any]) -> str:
    digest = str(config.get("sha256") or "")[:SHOWN_DIGITS]
    path = clean(config.get("path") or "")
    return f"{path} (sha256 {clean(digest)})" if path and digest else path


def _options(options: Mapping[str, Any]) -> str:
    given = {key: value for key, value in options.items() if value not in (None, False, "", [], {})}
    return clean(", ".join(f"{key} {_option(value)}" for key, value in given.items()))


def _option(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={item}" for key, item in value.items())
    return " ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _git(git: Mapping[str, Any] | None) -> str:
    if not git:
        return ""
    branch = f" on {git['branch']}" if git.get("branch") else ""
    dirty = ", with changes that are not committed" if git.get("dirty") else ""
    return clean(f"{str(git.get('commit'))[:SHOWN_DIGITS]}{branch}{dirty}")


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *lines] if lines else []


def _host_line(name: str, host: HostRecord) -> str:
    user = f"{host.username}@" if host.username else ""
    place = f"{user}{host.ip or host.address or ''}{f':{host.port}' if host.port else ''}"
    facts = [fact for fact in _facts(host.facts) if fact]
    return clean("  ".join(part for part in (f"    {name}", place, ", ".join(facts)) if part))


def _facts(facts: Mapping[str, Any]) -> list[str]:
    cores, model = facts.get("cores"), facts.get("cpu_model")
    return [
        str(facts.get("os") or ""),
        f"kernel {facts['kernel']}" if facts.get("kernel") else "",
        str(facts.get("machine") or ""),
        f"{cores} x {model}" if cores and model else f"{cores} cores" if cores else str(model or ""),
        size(_number(facts.get("memory_bytes"))),
        _clock(facts),
    ]


def _clock(facts: Mapping[str, Any]) -> str:
    offset = _number(facts.get("clock_offset_s"))
    uncertainty = _number(facts.get("clock_uncertainty_s"))
    if offset is None:
        return ""
    margin = "" if uncertainty is None else f" +-{uncertainty * 1000:.1f}"
    return f"clock {offset * 1000:+.1f}{margin} ms"


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) else None


def _telling_trial(record: RunRecord) -> TrialRecord | None:
    """What is around all trials where that went wrong, else the first trial that did not succeed, else the last."""
    parts = [*([record.around] if record.around else []), *record.trials]
    odd = [part for part in parts if part.status != "succeeded"]
    return odd[0] if odd else parts[-1] if parts else None


def _trial_parts(record: RunRecord, trial: TrialRecord) -> list[list[str]]:
    warmup = "warm-up" if trial.warmup else "trial"
    of = f" of {warmup} {trial.trial}" if len(record.trials) > 1 else ""
    of += f" of case {clean(trial.case)}" if trial.case else ""
    of = " around all trials" if trial.is_around else of
    parts = [_section(f"Stages{of}", _stages(trial)), _section(f"Outputs{of}", _outputs(trial))]
    parts.append(_section(f"Columns{of}", _columns(trial)))
    if not record.error and trial.error:
        parts.append(failure_text(trial.error).split("\n"))
    return parts


def _reasons(record: RunRecord, trial: TrialRecord) -> Iterator[list[str]]:
    """Why the trial is incomplete, then the failures that did not end it."""
    title = "Incomplete because" if trial.status == "incomplete" else "Incomplete as well"
    yield _section(title, [f"    {clean(flag)}" for flag in trial.flags])
    passed = _passed_failures(trial)
    for error in passed[:FAILURES_SHOWN]:
        yield [failure_text(error, run_id=record.id, kept=record.path)]
    if len(passed) > FAILURES_SHOWN:
        left_out = count(len(passed) - FAILURES_SHOWN, "failure")
        yield [f"... and {left_out} more ({show_command(record.id, record.path)} --json)"]


def _passed_failures(trial: TrialRecord) -> list[Failure]:
    """Those of stages that the trial went on past; the one that ended it is told by itself."""
    ended_by = trial.error.stage if trial.error else None
    places = [place for stage in trial.stages if stage.name != ended_by for place in stage.hosts.values()]
    return [place.error for place in places if place.error]


def _stages(trial: TrialRecord) -> list[str]:
    head = ("stage", "host", "status", "took", "ended with", "ready after")
    rows = []
    for stage in trial.stages:
        if not stage.hosts:
            rows.append((clean(stage.name), "", clean(stage.status), "", "", ""))
        for host, place in stage.hosts.items():
            rows.append((clean(stage.name), clean(host), *_stage_cells(place)))
    remarks = [remark for stage in trial.stages for remark in _remarks(stage)]
    return [*table(head, rows, indent="    "), *remarks] if rows else []


def _remarks(stage: StageRecord) -> Iterator[str]:
    """What holds for a stage on all its hosts."""
    if stage.attempt > 1:
        yield f"    {clean(stage.name)}: attempt {stage.attempt}; the logs of the earlier ones are kept as well"
    if stage.start_skew_s is not None:
        yield f"    {clean(stage.name)}: began on {len(stage.hosts)} hosts within {duration(stage.start_skew_s)}"


def _stage_cells(place: StageOnHost) -> tuple[str, str, str, str]:
    background = " (background)" if place.background else ""
    return (
        clean(place.status) + background,
        duration(place.duration_s),
        text.ending(place.exit_code, place.signal),
        _ready(place.health_check),
    )


def _ready(check: Mapping[str, Any] | None) -> str:
    if not check:
        return ""
    what = text.check(check)
    if not check.get("ready"):
        return f"never ({what}: {clean(check['last'])})" if check.get("last") else f"never ({what})"
    return f"{duration(_number(check.get('first_passed_s')))} ({what})".strip()


def _outputs(trial: TrialRecord) -> list[str]:
    rows = [
        (
            clean(output.name),
            clean(host),
            clean(output.path or output.remote_path) + ("/" if output.file_count else ""),
            _output_size(output),
            f"{output.data.rows:,}" if output.data else "",
            clean(output.sha256 or "")[:SHOWN_DIGITS],
            "" if output.status == "collected" else clean(": ".join(filter(None, (output.status, output.reason)))),
        )
        for stage in trial.stages
        for host, place in stage.hosts.items()
        for output in place.outputs
    ]
    head = ("output", "host", "file", "size", "rows", "sha256", "")
    return table(head, rows, indent="    ") if rows else []


def _columns(trial: TrialRecord) -> list[str]:
    """The numbers of every output with a data_schema."""
    rows = [
        (*map(clean, (output.name, host, name)), *_numbers(column), clean(column.unit or ""))
        for stage in trial.stages
        for host, place in stage.hosts.items()
        for output in place.outputs
        for name, column in (output.data.columns if output.data else {}).items()
        if column.type in ("integer", "float") and column.count
    ]
    return table(("output", "host", "column", *SHOWN_SUMMARY, "unit"), rows, indent="    ") if rows else []


def _numbers(column: ColumnRecord) -> list[str]:
    return [_short(column.summary.get(key)) for key in SHOWN_SUMMARY]


def _short(value: object) -> str:
    number = _number(value)
    return "" if number is None else f"{number:.4g}" if abs(number) < 1e6 else f"{number:.3e}"


def _output_size(output: OutputRecord) -> str:
    files = [count(output.file_count, "file")] if output.file_count else []
    return ", ".join([*files, size(output.bytes)])
