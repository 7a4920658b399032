"""How a run differs from what its config says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunOptions:
    """How this run differs from what the config says, and what is noted with it."""

    env: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""
    timeout_s: float | None = None  # for the whole run
    keeps_going: bool = False  # past a trial that failed
    shows_output: bool = False  # whether listeners want the stages' output lines
    noise: str = "on"  # when hosts are looked at: on, ends (before and after each trial only) or off
    recorded: Mapping[str, Any] = field(default_factory=dict)  # the options as given, for the record
