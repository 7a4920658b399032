"""Rows as a Parquet data set: DuckDB, Spark, Dask, Polars and pyarrow read its folders as columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchctl.errors import UsageError
from benchctl.exports.describing import Written, write_description
from benchctl.exports.placing import Delivery

if TYPE_CHECKING:
    from benchctl.analysis.exporting import ExportTable, Part

ROWS_PER_GROUP = 1 << 18
_NO_TEXT = re.compile(r"[-+.]*\d[-+.:\deE T]*|nan|[-+]?inf(inity)?|true|false", re.IGNORECASE)
NOTHING = "-"  # where there is no case: readers can't type a column of which all folders are Hive's null


def check_installed() -> None:
    """Raise UsageError without pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow", hint="pip install 'benchctl[parquet]'") from error


def write_parquet(table: ExportTable, name: str, made: Delivery) -> Written:
    """The folder and the file beside it. Raises UsageError, OutputError, DataError."""
    schema = _schema(table)
    with made.data_set(name) as folder:
        rows = [(part, _write_part(part, folder.joinpath(*_folders(part)), schema)) for part in table.parts]
    write_description(table, rows, f"{name}.parquet.json", made)
    return rows


def _folders(part: Part) -> list[str]:
    """`run=run-001`, `case=wal`, `trial=1`, `host=db`."""
    return [f"{name}={_escaped(value) if value else NOTHING}" for name, value in part.labels.items()]


def _escaped(value: str) -> str:
    """As readers of such folders decode it. Letters beyond ASCII stay: Spark takes each of their bytes for a letter."""
    return "".join(quote(sign, safe="") if sign.isascii() else sign for sign in value)


def notes_on_folders(table: ExportTable) -> list[str]:
    """Which labels readers may take for something else than the text they are."""
    texts = {(name, part.labels[name]) for part in table.parts for name in ("run", "case", "host")}
    odd = [f"{name} {value!r}" for name, value in sorted(texts) if _NO_TEXT.fullmatch(value)]
    if not odd:
        return []
    return [f"{', '.join(odd)}: readers guess numbers or dates of such folders; docs/export.md tells how to have texts"]


def _schema(table: ExportTable) -> Any:
    import pyarrow as pa

    types = {
        "timestamp": pa.timestamp(table.precision, tz="UTC"),
        "integer": pa.int64(),
        "float": pa.float64(),
        "string": pa.string(),
        "boolean": pa.bool_(),
    }
    return pa.schema(
        [
            pa.field(field.name, types[field.type], metadata={"unit": field.unit} if field.unit else None)
            for field in table.fields
        ]
    )


def _write_part(part: Part, folder: Path, schema: Any) -> int:
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    rows = 0
    with pq.ParquetWriter(folder / "part-0.parquet", schema, compression="zstd") as writer:
        for group in _groups(part, schema):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def _groups(part: Part, schema: Any) -> Iterator[Any]:
    """Blocks put together until they are enough for a row group."""
    import pyarrow as pa

    waiting: list[Any] = []
    for block in part.blocks():
        arrays = [_array(block[field.name], field.type) for field in schema]
        waiting.append(pa.Table.from_arrays(arrays, schema=schema))
        if sum(one.num_rows for one in waiting) >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _array(values: Any, kind: Any) -> Any:
    import pyarrow as pa

    array = pa.array(values)
    if pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp("ns", tz="UTC")).cast(kind)
    return array.cast(kind)
