"""Whose rows of an output there are in some runs, and whose should be there and are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchctl.analysis.frames import Source, outputs_of, sources
from benchctl.runs.record import RunRecord


class WantedSources(NamedTuple):
    """Those that can be read, and a sentence for each of the others."""

    sources: list[Source]
    missing: list[str]


def wanted_of(records: Sequence[RunRecord], output: str) -> WantedSources:
    """An output in the trials that count. Raises DataError where none of the runs has rows of it."""
    found: list[Source] = []
    missing: list[str] = []
    for record in records:
        named = [source for source in outputs_of(record, record.counting) if source.output.name == output]
        reasons = [(source, _lack(source)) for source in named]
        found += [source for source, reason in reasons if reason is None]
        missing += [f"{source.named} {reason}" for source, reason in reasons if reason]
        missing += [f"{record.id} has none of its rows"] * (not named)
    if not found:
        sources(records[0], output)  # says why not
    return WantedSources(found, missing)


def _lack(source: Source) -> str | None:
    """Why the rows of a source can't be had."""
    output, data = source.output, source.output.data
    if output.status != "collected":
        return f"was not collected: {output.reason or output.status}"
    if data is None:
        return "has no data_schema"
    if data.status == "failed" and not data.rows:
        return f"could not be read: {data.reason or 'for no known reason'}"
    return None
