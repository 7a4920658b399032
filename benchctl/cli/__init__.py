"""The console script `benchctl`. Each command loads only what it needs, when it runs."""

from __future__ import annotations

from benchctl.cli import beginning, calibrating, comparing, exporting, looking, moving, running, serving
from benchctl.cli.command_line import main
from benchctl.cli.group import cli

__all__ = [
    "beginning",
    "calibrating",
    "cli",
    "comparing",
    "exporting",
    "looking",
    "main",
    "moving",
    "running",
    "serving",
]
