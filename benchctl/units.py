"""Durations as Go writes them, and the units a column may be declared in.

Units are never guessed: a label that is not in `UNITS` stays a label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_PART = re.compile(rf"({_NUMBER})({'|'.join(sorted(_NANOSECONDS, key=len, reverse=True))})")
_LONGEST_NS = 2**63 - 1  # about 292 years, Go's own limit
_LONGEST_TEXT = 60
_CURE = "write it with units, such as 30s, 100ms or 1m30s (ns, us, ms, s, m, h)"


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `100ms`, `1m30s` or `1.5h`.

    Raises ValueError, with a sentence that names the cure, for a bare number and anything else.
    """
    text = text.strip()
    if re.fullmatch(rf"[+-]?(?:{_NUMBER})", text) and len(text) < _LONGEST_TEXT:
        raise ValueError(f"{text!r} has no unit; write {text}s for seconds or {text}ms for milliseconds")
    if text.startswith("-"):
        raise ValueError(f"a duration can't be negative, as {_short(text)} is; {_CURE}")
    parts = list(_PART.finditer(text)) if len(text) <= _LONGEST_TEXT else []
    if "".join(part[0] for part in parts) != text.removeprefix("+") or not parts:
        raise ValueError(f"{_short(text)} is not a duration; {_CURE}")
    nanoseconds = sum(float(part[1]) * _NANOSECONDS[part[2]] for part in parts)
    if nanoseconds > _LONGEST_NS:
        raise ValueError(f"{_short(text)} is longer than 292 years; give a shorter duration")
    return nanoseconds / 1e9


def format_duration(seconds: float) -> str:
    """A duration that `parse_duration` reads back, to the nanosecond: `90.0` gives `1m30s`.

    Under a second the largest fitting unit is used (`100ms`); negative ones get a minus sign.
    """
    nanoseconds = round(abs(seconds) * 1e9)
    sign = "-" if seconds < 0 and nanoseconds else ""
    if nanoseconds < _NANOSECONDS["s"]:
        return sign + _below_a_second(nanoseconds)
    minutes, rest = divmod(nanoseconds, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    parts.append(f"{_decimal(rest, _NANOSECONDS['s'])}s" if rest else "")
    return sign + "".join(parts)


def _below_a_second(nanoseconds: int) -> str:
    for unit in ("ms", "us"):
        if nanoseconds >= _NANOSECONDS[unit]:
            return f"{_decimal(nanoseconds, _NANOSECONDS[unit])}{unit}"
    return f"{nanoseconds}ns" if nanoseconds else "0s"


def _decimal(amount: int, of: int) -> str:
    """`amount / of` without rounding; `of` is a power of ten."""
    whole, rest = divmod(amount, of)
    return f"{whole}.{rest:0{len(str(of)) - 1}d}".rstrip("0").rstrip(".")


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "...")


@dataclass(frozen=True)
class Unit:
    """What a known column unit measures, and how many seconds, bytes or bits one of it is."""

    dimension: Literal["time", "bytes", "bits"]
    factor: float


def _sizes(letter: str, dimension: Literal["bytes", "bits"]) -> dict[str, Unit]:
    """Every multiple of a byte or bit; k and K are both 1000."""
    decimal = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
    binary = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5}
    sizes = {f"{prefix}{letter}": Unit(dimension, 1000.0**power) for prefix, power in decimal.items()}
    return sizes | {f"{prefix}{letter}": Unit(dimension, 1024.0**power) for prefix, power in binary.items()}


UNITS: dict[str, Unit] = {
    **{name: Unit("time", factor / 1e9) for name, factor in _NANOSECONDS.items() if name not in "mh"},
    **_sizes("B", "bytes"),
    **_sizes("b", "bits"),
}

TIMESTAMP_UNITS = ("s", "ms", "us", "ns")
_MEANT = {
    "s": {"s", "sec", "secs", "second", "seconds", "epoch", "unix"},
    "ms": {"ms", "msec", "msecs", "milli", "millis", "millisec", "millisecond", "milliseconds"},
    "us": {"us", "µs", "μs", "usec", "usecs", "micro", "micros", "microsec", "microsecond", "microseconds"},
    "ns": {"ns", "nsec", "nsecs", "nano", "nanos", "nanosec", "nanosecond", "nanoseconds"},
}


def check_timestamp_unit(label: str) -> str:
    """The unit of a timestamp column, as given: s, ms, us or ns.

    Raises ValueError for any other label, naming the right spelling of a near miss.
    """
    if label in TIMESTAMP_UNITS:
        return label
    meant = next((unit for unit, names in _MEANT.items() if label.lower() in names), None)
    cure = f". Did you mean {meant!r}?" if meant else ""
    raise ValueError(f"{_short(label)} is not a unit of a timestamp; use s, ms, us or ns{cure}")
