"""One trial: a passage through the stages, told and recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from benchctl.runs.record import MetricRecord, StageRecord, TrialRecord
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
    try:
        passage.begin()
    finally:
        if watch:
            watch.stop()
    is_whole = passage.outcome.error is None and not around.stopping.is_asked
    noticed = watch.end() if watch and is_whole else {}
    passage.finish()
    record = replace(recorded(begun, around, passage, time.monotonic() - began), **noticed)
    return with_metrics(record, around.measure(record)).masked(around.redactor.text)


def with_metrics(trial: TrialRecord, metrics: Mapping[str, MetricRecord]) -> TrialRecord:
    """The trial with what was measured; one that counts, and lacks a value that it should have, is incomplete."""
    lacking = [f"metric '{name}' has no value: {one.reason}" for name, one in metrics.items() if one.is_flaw]
    if not (lacking and trial.counts):
        return replace(trial, metrics=metrics)
    return replace(trial, metrics=metrics, status="incomplete", flags=(*trial.flags, *lacking))


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
