"""Whether a collected output holds what its data_schema says, and what is in it in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchctl.analysis.cache import Cache
from benchctl.analysis.columns import Collecting
from benchctl.analysis.summary import Summaries
from benchctl.analysis.table import MOST_PROBLEMS, Layout, read_table
from benchctl.config.model import Column, DataSchema, Output
from benchctl.errors import DataError
from benchctl.runs.outputs import DataRecord, OutputRecord


def files_of(record: OutputRecord, folder: Path) -> list[Path]:
    """The files of a collected output; `folder` is the trial's."""
    path = folder / (record.path or "")
    return [path / file.path for file in record.files] or [path]


def check(output: Output, record: OutputRecord, folder: Path) -> DataRecord:
    """What was found in a collected output, all its files together; a verdict is in there, nothing is raised."""
    schema = output.data_schema
    assert schema is not None
    layout, files = Layout(schema.columns, output.delimiter), files_of(record, folder)
    cache = Cache(folder, record.path or "", files, layout)
    summaries, collected = Summaries(schema.columns), Collecting(schema.columns, cache.new_folder())
    found = _read(files, layout, summaries, collected)
    if found.broken:
        cache.discard(collected)
    else:
        cache.keep(collected, has_undeclared=found.has_undeclared)
    rows = collected.rows
    few = f"there {'is' if rows == 1 else 'are'} {_rows(rows, 'row')}; min_rows is {output.min_rows}"
    too_few = [few] if not found.broken and rows < output.min_rows else []
    return DataRecord(
        delimiter=output.delimiter,
        rows=rows,
        bad_rows=found.bad_rows,
        problems=(*found.broken, *found.problems[: MOST_PROBLEMS - len(found.broken)], *too_few),
        remarks=(*found.remarks, *(f"output {output.name!r}: {doubt}" for doubt in _doubts(found, summaries))),
        status=_status(output, bad_rows=found.bad_rows, is_broken=bool(found.broken or too_few)),
        reason="; ".join(_reasons(rows, found) + too_few) or None,
        columns=summaries.records(collected.columns()),
    )


@dataclass
class _Found:
    """What is wrong or odd about some files."""

    bad_rows: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # a sentence for each file that is no such table
    has_undeclared: bool = False
    zoneless: set[str] = field(default_factory=set)


def _read(files: Sequence[Path], layout: Layout, summaries: Summaries, collected: Collecting) -> _Found:
    """Put the good rows of all files where they are wanted."""
    found = _Found()
    for path in files:
        table = None
        try:
            with read_table(path, layout) as table:
                for block in table.blocks:
                    summaries.add(block.values, block.rows)
                    collected.add(block.values, block.rows)
        except DataError as error:
            found.broken.append(error.message)
        if table:
            found.has_undeclared = found.has_undeclared or table.header.has_undeclared
            found.bad_rows += table.bad_rows
            found.problems += table.problems
            found.remarks += table.remarks
            found.zoneless |= table.zoneless
    return found


def _doubts(found: _Found, summaries: Summaries) -> list[str]:
    cure = "are read as UTC; write them with Z or their offset, as in 2025-11-23T12:13:20+01:00"
    zoneless = [f"times without a zone in column {name!r} {cure}" for name in sorted(found.zoneless)]
    return [*zoneless, *summaries.doubts()]


def _status(output: Output, *, bad_rows: int, is_broken: bool) -> str:
    if not is_broken and (not bad_rows or output.on_bad_rows == "ignore"):
        return "good"
    return "failed" if output.on_bad_rows == "fail" else "flagged"


def _reasons(rows: int, found: _Found) -> list[str]:
    """The sentence that says it all, with the first thing that is wrong; none where nothing is."""
    bad_rows = found.bad_rows
    if found.broken or not bad_rows:
        return found.broken[:1]
    of = f"{bad_rows:,} of {_rows(rows + bad_rows, 'row')} {'is' if bad_rows == 1 else 'are'} left out"
    return [f"{of}: {found.problems[0]}" + (", ..." if bad_rows > 1 else "")]


def _rows(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def schema_of(data: DataRecord) -> DataSchema:
    """The data_schema that a kept output was checked by."""
    columns = [Column(name, column.type, column.unit) for name, column in data.columns.items()]  # type: ignore[arg-type]
    return DataSchema("csv", tuple(columns))
