"""What a metric looks at in a trial: stages that succeeded, and what they brought home; or why there is none."""

from __future__ import annotations

from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import StageRecord, TrialRecord

_ENDED = {
    "skipped": "was skipped",
    "not_started": "did not run",
    "failed": "failed",
    "timeout": "ran out of time",
    "lost": "was lost",
    "interrupted": "was interrupted",
    "running": "did not end",
}


class NotMeasured(Exception):
    """A metric without a value; says why."""


class NotThere(NotMeasured):
    """What a metric is of was left out, or is missing, which the trial says by itself."""


def stage_of(trial: TrialRecord, name: str) -> StageRecord:
    """A stage by its name. Raises NotMeasured for one that did not succeed: its numbers would be of something else."""
    stage = next((stage for stage in trial.stages if stage.name == name), None)
    if stage is None:
        raise NotMeasured(f"stage {name!r} is not part of this trial")
    if stage.status != "succeeded":
        raise NotThere(f"stage {name!r} {_ENDED.get(stage.status, stage.status)}")
    if not stage.hosts:
        raise NotMeasured(f"stage {name!r} ran on no host")
    return stage


def outputs_of(trial: TrialRecord, stage: str, name: str) -> dict[str, OutputRecord]:
    """An output by host, collected from all of them. Raises NotMeasured: some are not the whole."""
    found: dict[str, OutputRecord] = {}
    for host, place in stage_of(trial, stage).hosts.items():
        output = next((output for output in place.outputs if output.name == name), None)
        if output is None:
            raise NotThere(f"output {name!r} was not brought home from {host}")
        if output.status != "collected":
            raise NotThere(f"output {name!r} was not collected from {host}: {output.reason or output.status}")
        found[host] = output
    return found
