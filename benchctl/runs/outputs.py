"""What a run brought home, and what a check found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchctl.runs.fields import Read, Record, finite, json_object, key, named, records, records_by_name, texts


@dataclass(frozen=True, kw_only=True)
class FileRecord(Record):
    """One file of an output that is a folder; `path` is in that folder."""

    path: str = key(str, "")
    bytes: int | None = key(int)
    sha256: str | None = key(str)
    modified_s: float | None = key(finite)  # since the epoch, by the host's clock


@dataclass(frozen=True, kw_only=True)
class ColumnRecord(Record):
    """A declared column: its type, its unit, and of its good rows the count and the `summary`: min and max, and of a
    number also mean, std and p50 to p99, in the column's unit.
    """

    type: str = named("")
    unit: str | None = key(str)
    count: int = key(int, 0)
    summary: Mapping[str, Any] = json_object(plain=True)


@dataclass(frozen=True, kw_only=True)
class DataRecord(Record):
    """What a check found in an output with a data_schema: good | flagged | failed, and why.

    rows: the good ones. problems: the first of what is wrong, each with its file and line. remarks: what is odd only.
    """

    status: str = named("good")
    reason: str | None = key(str)
    rows: int = key(int, 0)
    bad_rows: int = key(int, 0)
    delimiter: str = named(",")
    problems: tuple[str, ...] = texts()
    remarks: tuple[str, ...] = texts()
    columns: Mapping[str, ColumnRecord] = records_by_name(ColumnRecord)


_DATA: dict[str, Read] = {"read": DataRecord.from_json, "write": lambda data: data and data.to_json()}


@dataclass(frozen=True, kw_only=True)
class OutputRecord(Record):
    """A file or folder brought home, or missed: collected | missing | failed. `path` is in the trial's.

    files: of a folder; `bytes` is their sum then, and `sha256` that of their sorted lines as `sha256sum` prints them.
    retries: how often its transfer was cut and taken up again.
    """

    name: str = named("")
    remote_path: str = key(str, "")
    path: str | None = named()  # a file that is there by that name
    bytes: int | None = key(int)
    sha256: str | None = named()
    modified_s: float | None = key(finite)  # of a single file; since the epoch, by the host's clock
    files: tuple[FileRecord, ...] = records(FileRecord)
    retries: int = key(int, 0)
    status: str = named("")
    reason: str | None = key(str)
    duration_s: float | None = key(finite)
    data: DataRecord | None = field(default=None, metadata=_DATA)

    @property
    def file_count(self) -> int:
        """How many files a folder has; 0 for a single file. A journal keeps only their number, as `file_count`."""
        counted = self.extra.get("file_count")
        return counted if isinstance(counted, int) else len(self.files)
