"""One trial: a passage through the stages, told and recorded."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from benchctl.runs.record import StageRecord, TrialRecord
from benchctl.workflow.outputs import Collector
from benchctl.workflow.passage import Passage
from benchctl.workflow.surroundings import Surroundings


def run_trial(
    begun: TrialRecord, around: Surroundings, collector: Collector, outer: Passage | None = None
) -> TrialRecord:
    """Make a trial; its record, also when it failed: what was not done is in there. Only a mistake of ours is raised.

    begun: which one it is. outer: the passage around all trials.
    """
    began = time.monotonic()
    passage = Passage(around, collector, outer)
    watch = around.noise.watch(_hosts_of(around), is_busy=outer is not None) if around.noise else None
    passage.begin()
    is_whole = passage.outcome.error is None and not around.stopping.is_asked
    noticed = watch.end(begun.name) if watch and is_whole else {}
    passage.finish()
    record = replace(recorded(begun, around, passage, time.monotonic() - began), **noticed)
    return replace(record, metrics=around.measure(record)).masked(around.redactor.text)


def _hosts_of(around: Surroundings) -> list[str]:
    return [alias for stage in around.stages for alias in stage.hosts]


def recorded(begun: TrialRecord, around: Surroundings, passage: Passage, duration_s: float) -> TrialRecord:
    """What a passage came to, with its stages in the config's order; those left out of it are `skipped`."""
    done, outcome = passage.stage_records(), passage.outcome
    of_others = () if begun.is_around else around.plan.stages_around
    stages = [stage for stage in around.plan.benchmark.stages if stage not in of_others]
    stages = [stage for stage in stages if not begun.is_around or stage.name in done]
    return replace(
        begun,
        status=outcome.status,
        finished=datetime.now(UTC),
        duration_s=duration_s,
        flags=tuple(outcome.flags),
        error=outcome.error,
        stages=tuple(done.get(s.name, StageRecord(name=s.name, kind=s.kind, status="skipped")) for s in stages),
    )
