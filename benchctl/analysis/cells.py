"""What a cell must be to be a value of its column: strictly, and in the same way for one cell as for a million.

Times are whole nanoseconds since the epoch in UTC, from 1677 to 2262.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from benchctl.config.model import Column

NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_LARGEST = 2**63 - 1
_EXACT = 2**53  # up to here a float holds every whole number
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_LONGEST_INTEGER = 100  # characters, zeros in front of it included
_FLOAT = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
_COMMA = re.compile(r"\s*[+-]?[0-9][0-9.,]*,[0-9.,]*[0-9]\s*", re.ASCII)
_PLAIN_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_ISO_CURES = {  # of what is often written instead
    re.compile(r"(?:19|20)[0-9]{6}"): "write a date as 2025-11-23",
    _FLOAT: "give the column its unit",
    re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{4}\b.*"): "write the year first, as in 2025-11-23T12:13:20Z",
    re.compile(r"T?[0-9]{1,2}:[0-9]{2}.*"): "it lacks a date",
    re.compile(r".*:[0-9]{2}:60(?![0-9]).*"): "write a leap second as the first one of the next minute",
    re.compile(r".*[T ]24:00.*"): "write midnight as 00:00 of the next day",
    re.compile(r".*:[0-9]{2},[0-9]+.*"): "write its fraction after a point",
    re.compile(r".*[0-9] ?[A-Z]{3,5}"): "write its zone as Z or as +01:00",
}
_LONGEST_NS = 366 * 86_400 * NS["s"]  # from the first to the last time of a file, before that is asked about
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    last = _LARGEST // factor
    if values.dtype.kind == "i":
        if len(values) and max(abs(int(values.min())), abs(int(values.max()))) > last:
            raise NotAllFit
        return values * factor
    if values.dtype.kind != "f" or factor == 1 or not (np.abs(values) <= min(last, _EXACT)).all():
        raise NotAllFit
    return _to_microseconds(values, factor)


def _to_microseconds(values: Any, factor: int) -> Any:
    """Floats of `factor` nanoseconds as nanoseconds: of today's time they hold a microsecond, and beyond it noise."""
    whole = np.floor(values)
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
        cure = "; is its column a float?" if _FLOAT.fullmatch(cell) else _comma_cure(cell)
        raise ValueError(f"{shown(cell)} is not an integer{cure}")
    if len(cell) > _LONGEST_INTEGER or not -_LARGEST - 1 <= int(cell) <= _LARGEST:
        raise ValueError(f"{shown(cell)} is an integer of more than 64 bits")
    return int(cell)


def _float(cell: str, _: Column) -> float:
    if not _FLOAT.fullmatch(cell):
        what = "a finite number" if cell.strip().lower().lstrip("+-") in ("nan", "inf", "infinity") else "a float"
        raise ValueError(f"{shown(cell)} is not {what}{_comma_cure(cell)}")
    if not math.isfinite(float(cell)):
        raise ValueError(f"{shown(cell)} is not a finite number")
    return float(cell)


def _comma_cure(cell: str) -> str:
    return "; a comma in a number is not read" if len(cell) <= SHOWN_CELL and _COMMA.fullmatch(cell) else ""


def _string(cell: str, _: Column) -> str:
    if "\0" in cell:
        raise ValueError(f"{shown(cell)} holds a NUL byte")
    return cell


def _time(cell: str, column: Column) -> int:
    if column.unit is None:
        return _iso_cell(cell)
    if not _FLOAT.fullmatch(cell):
        cure = "; leave the unit out for ISO 8601 times" if _PLAIN_ISO.fullmatch(cell) else _comma_cure(cell)
        raise ValueError(f"{shown(cell)} is not a timestamp in {column.unit}{cure}")
    factor = NS[column.unit]
    value = int(cell) if _INTEGER.fullmatch(cell) and len(cell) < _LONGEST_INTEGER else float(cell)
    if not abs(value) <= _LARGEST // factor:
        beyond = "beyond the year 2262" if value > 0 else "before the year 1677"
        raise ValueError(f"{shown(cell)} in {column.unit} is {beyond}{_likely_unit(value)}")
    if isinstance(value, float) and factor > 1 and abs(value) <= _EXACT:
        return int(_to_microseconds(np.float64(value), factor))
    return round(Decimal(cell.strip()) * factor)


def _likely_unit(value: float) -> str:
    fits = next((unit for unit, factor in NS.items() if _is_of_today(value * factor)), None)
    return f"; is its unit {fits}?" if fits else ""


def _is_of_today(nanoseconds: float) -> bool:
    """Whether a benchmark may have run then: from 2001 to 2096."""
    return 10**18 < nanoseconds < 4 * 10**18


def doubt_of_times(column: Column, first: int, last: int) -> str | None:
    """What to ask about a timestamp column that reaches from one time to another, in nanoseconds; None for most.

    Times of 1970 alone may be right: they are counted from the start of a machine or a benchmark.
    """
    if last - first > _LONGEST_NS:
        reaches = f"column {column.name!r} reaches from {_date(first)} to {_date(last)}"
        return f"{reaches}; are some of its times missing, or in another unit?"
    for unit, factor in NS.items() if column.unit and not _is_of_today(last) else ():
        low, high = (time // NS[column.unit or unit] * factor for time in (first, last))
        if _is_of_today(low) and _is_of_today(high):
            begins = f"read in {column.unit} column {column.name!r} begins on {_date(first)}, in {unit} on {_date(low)}"
            return f"{begins}; is its unit {unit}?"
    return None


def _date(nanoseconds: int) -> date:
    return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).date()


def _iso_cell(cell: str) -> int:
    plain = _PLAIN_ISO.fullmatch(cell)
    nanoseconds = _plain_iso(*plain.groups()) if plain else _any_iso(cell)
    if nanoseconds is None:
        raise ValueError(f"{shown(cell)} is not an ISO 8601 time{_iso_cure(cell.strip())}")
    if abs(nanoseconds) > _LARGEST:
        raise ValueError(f"{shown(cell)} is not from the years 1677 to 2262")
    return nanoseconds


def _iso_cure(cell: str) -> str:
    if len(cell) > SHOWN_CELL:
        return ""
    return next((f"; {cure}" for pattern, cure in _ISO_CURES.items() if pattern.fullmatch(cell)), "")


def _plain_iso(moment: str, fraction: str | None, zone: str | None) -> int | None:
    """Nanoseconds of the usual spelling, a hundred times faster than pandas."""
    try:
        since = datetime.fromisoformat(moment + (zone or "Z")) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return (since.days * 86_400 + since.seconds) * NS["s"] + int((fraction or "").ljust(9, "0"))


def _any_iso(cell: str) -> int | None:
    """Nanoseconds of any spelling that pandas knows."""
    moment = pd.to_datetime(pd.Series([cell]), format="ISO8601", utc=True, errors="coerce").iloc[0]
    if len(cell) < len("2025-11-23") or pd.isna(moment):
        return None
    return int((moment - pd.Timestamp(_EPOCH)) // pd.Timedelta(1, "us")) * 1000 + int(moment.nanosecond)


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
