"""Which runs, trials and outputs did not come to a good end, so that an export of them can't be whole."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from benchctl.runs.record import RunRecord


def ends(records: Sequence[RunRecord]) -> list[str]:
    """A sentence for each run that is not over or failed, and one for its trials whose rows don't count."""
    return [text for record in records for text in _of_run(record)]


def _of_run(record: RunRecord) -> Iterator[str]:
    if record.status == "running":
        yield f"{record.id} still goes on; this is what it has so far"
    elif record.status in ("failed", "interrupted"):
        yield f"{record.id} {_WAS[record.status]}{f': {record.error.message}' if record.error else ''}"
    counting = {trial.place for trial in record.counting}
    others = [trial for trial in record.trials if not trial.warmup and trial.place not in counting]
    if others:
        names = ", ".join(f"{trial.name} ({trial.status})" for trial in others[:MOST])
        more = f" and {len(others) - MOST} more" if len(others) > MOST else ""
        yield f"{record.id}: of its trials these don't count and are not in rows or metrics: {names}{more}"


def uncollected(records: Sequence[RunRecord], besides: Container[str]) -> list[str]:
    """A sentence for each output of the trials that count that is not there, but for some of these names."""
    return [
        f"{f'{record.id} {trial.name}'.strip()}: output {output.name!r} was not collected: {output.reason}"
        for record in records
        for trial in record.counting
        for output in trial.outputs
        if output.status != "collected" and output.name not in besides
    ]


def without_rows(records: Sequence[RunRecord]) -> list[str]:
    """The outputs that have no data_schema, in order."""
    found = [output for record in records for trial in record.counting for output in trial.outputs]
    return list(dict.fromkeys(one.name for one in found if one.status == "collected" and one.data is None))


MOST = 5  # trials are named
_WAS = {"failed": "failed", "interrupted": "was interrupted"}
