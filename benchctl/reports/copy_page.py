"""A copy between two hosts, as `benchctl copy` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchctl.reports.text import clean, count, duration, size


def copy_text(copied: Mapping[str, Any]) -> str:
    """One line. What was not taken has been said as a warning."""
    files = "" if copied["files"] is None else f"{count(copied['files'], 'file')}, "
    checked = "same SHA-256" if copied["is_verified"] else "same size; there is no sha256sum to compare the content"
    what = f"{files}{size(copied['bytes'])} in {duration(copied['duration_s'])}, {checked} on both sides"
    return f"copied {clean(copied['source'])} to {clean(copied['target'])}: {what}"


def copy_json(copied: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": "benchctl/copy@1", **copied, "left_out": list(copied["left_out"])}
