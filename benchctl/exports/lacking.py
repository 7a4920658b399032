"""Which outputs of a run are not in its directory, or are not what was collected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import RunRecord


def lacks(record: RunRecord, sums: Mapping[Path, str]) -> Iterator[str]:
    """A sentence for each. sums: the SHA-256 of every file that is there, by its path."""
    for trial in record.trials:
        for output in trial.outputs:
            where = f"{f'{record.id} {trial.name}'.strip()}: output {output.name!r}"
            yield from (f"{where} {text}" for text in _of_output(output, record.path / trial.directory, sums))


def _of_output(output: OutputRecord, folder: Path, sums: Mapping[Path, str]) -> Iterator[str]:
    if output.status != "collected":
        yield f"was not collected: {output.reason or output.status}"
        return
    for path, sha256 in _recorded(output, folder):
        if path not in sums:
            yield f"is not whole: {path.relative_to(folder)} is not there any more"
        elif sha256 and sums[path] != sha256:
            yield f"was changed after it was collected: {path.relative_to(folder)} has another SHA-256"


def _recorded(output: OutputRecord, folder: Path) -> list[tuple[Path, str | None]]:
    path = folder / (output.path or "")
    if output.files:
        return [(path / file.path, file.sha256) for file in output.files]
    return [(path, output.sha256)] if output.path else []
