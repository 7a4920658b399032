"""What a cell must be to be a value of its column: strictly, and in the same way for one cell as for a million.

Times are whole nanoseconds since the epoch in UTC, from 1677 to 2262.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from benchctl.config.model import Column

NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_LARGEST = 2**63 - 1
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_FLOAT = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
SHOWN_CELL = 60


class NotAllFit(Exception):
    """Some cell of a whole column is no value of it; which one is to be looked for."""


def convert(series: pd.Series[Any], column: Column) -> Any:
    """A column as pandas inferred it, converted: int64 (times in ns), float64 or a categorical. Raises NotAllFit."""
    return _COLUMNS[column.type](series, column)


def _integers(series: pd.Series[Any], _: Column) -> Any:
    if series.dtype != np.int64:
        raise NotAllFit
    return series.to_numpy()


def _floats(series: pd.Series[Any], _: Column) -> Any:
    if series.dtype.kind not in "iuf":
        raise NotAllFit
    values = series.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise NotAllFit
    return values


def _strings(series: pd.Series[Any], _: Column) -> Any:
    return series.array if series.dtype == "category" else pd.Categorical(series)


def _times(series: pd.Series[Any], column: Column) -> Any:
    if column.unit is None:
        return _iso(series)
    values, factor = series.to_numpy(), NS[column.unit]
    if values.dtype.kind == "i":
        if len(values) and max(abs(int(values.min())), abs(int(values.max()))) > _LARGEST // factor:
            raise NotAllFit
        return values * factor
    if values.dtype.kind != "f" or factor == 1 or not (np.abs(values) < _LARGEST // factor).all():
        raise NotAllFit
    whole = np.floor(values)  # a float holds the time to about a microsecond: what is beyond it is noise
    return whole.astype(np.int64) * factor + np.round((values - whole) * (factor // 1000)).astype(np.int64) * 1000


def _iso(series: pd.Series[Any]) -> Any:
    if series.dtype.kind in "iufb" or (series.str.len() < len("2025-11-23")).any():
        raise NotAllFit
    moments = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce").dt.as_unit("ns")
    if moments.isna().any():
        raise NotAllFit
    return moments.astype(np.int64).to_numpy()


_COLUMNS: dict[str, Callable[[pd.Series[Any], Column], Any]] = {
    "integer": _integers,
    "float": _floats,
    "string": _strings,
    "timestamp": _times,
}


def parse(cell: str, column: Column) -> Any:
    """One cell's value. Raises ValueError with what it is not: `'NaN ms' is not a float`."""
    if not cell.isascii() and any("\ud800" <= c <= "\udfff" for c in cell):
        raise ValueError(f"{shown(cell)} is not UTF-8")
    return _CELLS[column.type](cell, column)


def _integer(cell: str, _: Column) -> int:
    if not _INTEGER.fullmatch(cell):
        raise ValueError(f"{shown(cell)} is not an integer")
    if not -_LARGEST - 1 <= int(cell) <= _LARGEST:
        raise ValueError(f"{shown(cell)} is an integer of more than 64 bits")
    return int(cell)


def _float(cell: str, _: Column) -> float:
    if not _FLOAT.fullmatch(cell):
        what = "a finite number" if cell.strip().lower().lstrip("+-") in ("nan", "inf", "infinity") else "a float"
        raise ValueError(f"{shown(cell)} is not {what}")
    if not math.isfinite(float(cell)):
        raise ValueError(f"{shown(cell)} is not a finite number")
    return float(cell)


def _string(cell: str, _: Column) -> str:
    if "\0" in cell:
        raise ValueError(f"{shown(cell)} holds a NUL byte")
    return cell


def _time(cell: str, column: Column) -> int:
    if column.unit is None:
        return _iso_cell(cell)
    if not _FLOAT.fullmatch(cell):
        raise ValueError(f"{shown(cell)} is not a timestamp in {column.unit}")
    nanoseconds = Decimal(cell.strip()) * NS[column.unit]
    if abs(nanoseconds) > _LARGEST:
        raise ValueError(f"{shown(cell)} in {column.unit} is beyond the year 2262{_likely_unit(nanoseconds, column)}")
    is_whole = nanoseconds % NS[column.unit] == 0
    return int(nanoseconds) if is_whole else round(nanoseconds / 1000) * 1000


def _likely_unit(nanoseconds: Decimal, column: Column) -> str:
    plain = nanoseconds / NS[column.unit or "ns"]
    fits = [unit for unit, factor in NS.items() if 10**18 < abs(plain * factor) < 4 * 10**18]
    return f"; is its unit {fits[0]}?" if fits else ""


def _iso_cell(cell: str) -> int:
    moment = pd.to_datetime(pd.Series([cell]), format="ISO8601", utc=True, errors="coerce").iloc[0]
    if len(cell) < len("2025-11-23") or pd.isna(moment):
        hint = "; give the column its unit" if _FLOAT.fullmatch(cell) else ""
        raise ValueError(f"{shown(cell)} is not an ISO 8601 time{hint}")
    return int(moment.as_unit("ns").value)


_CELLS: dict[str, Callable[[str, Column], Any]] = {
    "integer": _integer,
    "float": _float,
    "string": _string,
    "timestamp": _time,
}


def shown(cell: str) -> str:
    """A cell as a message quotes it, on one line and not too long."""
    text = cell if len(cell) <= SHOWN_CELL else cell[:SHOWN_CELL] + "..."
    return repr(text.encode("utf-8", "replace").decode())
