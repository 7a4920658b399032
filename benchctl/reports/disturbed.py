"""How tables mark trials during which something else used the machine: by one word, told once under a table."""

from __future__ import annotations

from collections.abc import Iterable

from benchctl.runs.record import TrialRecord

WORD = "disturbed"
TOLD = "disturbed: something else used the machine during the trial (docs/noise.md)"


def disturbed(trials: Iterable[TrialRecord]) -> int:
    """How many of them were."""
    return sum(bool(trial.disturbances) for trial in trials)


def told(trials: Iterable[TrialRecord], *, indent: str = "    ") -> list[str]:
    """The line under a table; none where there is nothing to tell."""
    return [indent + TOLD] if disturbed(trials) else []
