"""What the metrics are called that every trial has without being declared. A declared name holds no dot."""

from __future__ import annotations

import re

AGGREGATES = ("avg", "median", "p99")  # of every number column


def of_column(output: str, column: str, aggregate: str) -> str:
    """`latency.latency_ms.p99`."""
    return f"{_part(output)}.{_part(column)}.{aggregate}"


def beginning_of(output: str) -> str:
    """What those of an output begin with: `latency.`"""
    return f"{_part(output)}."


def rate_of(output: str) -> str:
    """`latency.rate`: rows per second, of an output with a timestamp."""
    return f"{_part(output)}.rate"


def duration_of(stage: str) -> str:
    """`load.duration`, of a stage that is waited for."""
    return f"{_part(stage)}.duration"


def ready_of(stage: str) -> str:
    """`start-db.ready`: from a stage's start until its health check passed."""
    return f"{_part(stage)}.ready"


def _part(name: str) -> str:
    """A name between dots: one that holds some itself is put in brackets, so that no two make the same."""
    return f"[{name}]" if re.search(r"[.\[\]]", name) else name
