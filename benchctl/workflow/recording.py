"""What the record of a run says at its beginning, and what its trials make of it at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchctl.config.model import Stage
from benchctl.plan import Plan
from benchctl.runs import facts
from benchctl.runs.record import RunRecord
from benchctl.runs.store import RunDirectory
from benchctl.schedule import Schedule
from benchctl.workflow.options import RunOptions

TASKS = "tasks.py"


def first_record(plan: Plan, directory: RunDirectory, options: RunOptions, code: Mapping[str, Any]) -> RunRecord:
    """The record of a run that begins; secrets are still in it. code: as `facts.code` gives it."""
    benchmark, schedule = plan.benchmark, plan.schedule
    return RunRecord(
        id=directory.id,
        uid=facts.new_uid(),
        benchmark=benchmark.name,
        description=benchmark.description,
        tags=(*benchmark.tags, *options.tags),
        note=options.note,
        status="running",
        started=datetime.now(UTC),
        writer=facts.writer(),
        config={
            "path": str(benchmark.path),
            "sha256": benchmark.sha256,
            "document": dict(benchmark.document),
            "files": files_used(plan),
        },
        options=options.recorded,
        git=code["git"],
        versions=code["versions"],
        cases={case.name: dict(case.params) for case in schedule.cases},
        planned=_planned(schedule),
        path=directory.path,
    )


def _planned(schedule: Schedule) -> dict[str, Any]:
    """With `until`, how many trials there are is known once each case has ended."""
    trials, until = schedule.trials, schedule.trials.until
    common = {"warmup": trials.warmup, "order": trials.order, "seed": trials.seed}
    if until is None:
        return {"trials": len(schedule.order), "repeat": trials.repeat, **common}
    limits = {"min": until.min, "max": until.max, "budget_s": until.budget_s}
    return {"trials": None, "repeat": None, **common, "until": str(until.precision), **limits}


def files_used(plan: Plan) -> dict[str, str | None]:
    """The files beside the config that its stages use, by name: each one's SHA-256, None of one that can't be read."""
    names = [name for stage in plan.stages for name in _files_of(stage)]
    return {name: _digest(plan.benchmark.directory / name) for name in dict.fromkeys(names)}


def _files_of(stage: Stage) -> list[str]:
    return [stage.script] if stage.script else [TASKS] if stage.task else []


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def conclusion(record: RunRecord) -> dict[str, Any]:
    """The status and the error that a run has from its trials: those of the first that went wrong."""
    parts = [*([record.around] if record.around else []), *record.trials]
    wrong = next((part for part in parts if part.error), None)
    if wrong and wrong.error:
        trial = None if wrong.directory == "." else wrong.directory.removeprefix("trials/")
        return {"status": wrong.status, "error": replace(wrong.error, trial=trial)}
    cut_off = any(part.status in ("interrupted", "running") for part in parts)
    incomplete = any(part.status == "incomplete" for part in parts)
    incomplete |= any(case.is_unknown for case in record.repetition)
    return {"status": "interrupted" if cut_off else "incomplete" if incomplete else "succeeded", "error": None}
