"""Durations as Go writes them, and the units a column may be declared in.

Units are never guessed: a label that is not in `UNITS` stays a label.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

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
    nanoseconds = sum(Fraction(part[1]) * _NANOSECONDS[part[2]] for part in parts)
    if nanoseconds > _LONGEST_NS:
        raise ValueError(f"{_short(text)} is longer than 292 years; give a shorter duration")
    return float(nanoseconds / 10**9)


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


def parse_share(text: str) -> float:
    """`3%` as 0.03. Raises ValueError, which says how it is written."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*%\s*", text)
    found = float(match[1]) / 100 if match else 0.0
    if not 0 < found < 1:
        raise ValueError(f"must be a share above 0% and below 100%, such as 3%, not {_short(text)}")
    return found


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
    """What a known unit measures, and how many seconds, bytes, things or cycles one of it is."""

    dimension: str
    factor: Fraction


def _sizes(letter: str, bytes_each: Fraction) -> dict[str, Unit]:
    """Every multiple of a byte or bit; k and K are both 1000."""
    decimal = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
    binary = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
    sizes = {f"{prefix}{letter}": Unit("data", bytes_each * 1000**power) for prefix, power in decimal.items()}
    return sizes | {f"{prefix}{letter}": Unit("data", bytes_each * 1024**power) for prefix, power in binary.items()}


def _per_second(unit: Unit) -> Unit:
    return Unit(f"{unit.dimension} per time", unit.factor)


_BIT = Fraction(1, 8)
_TIMES = {
    **{name: Unit("time", Fraction(factor, 10**9)) for name, factor in _NANOSECONDS.items() if name != "m"},
    "min": Unit("time", Fraction(60)),
    "d": Unit("time", Fraction(86_400)),
}
_SIZES = {**_sizes("B", Fraction(1)), **_sizes("b", _BIT), **_sizes("bit", _BIT)}
_COUNTED = {  # what is counted: its spellings. One thing is never converted to another
    "operations": ("op", "ops", "operation", "operations"),
    "I/O operations": ("IO", "IOs"),
    "requests": ("req", "reqs", "request", "requests"),
    "queries": ("query", "queries"),
    "transactions": ("txn", "txns", "transaction", "transactions"),
    "messages": ("msg", "msgs", "message", "messages"),
    "packets": ("pkt", "pkts", "packet", "packets"),
    "events": ("event", "events"),
    "rows": ("row", "rows"),
}
_THOUSANDS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}

UNITS: dict[str, Unit] = {
    **_TIMES,
    **_SIZES,
    **{f"{name}ps": _per_second(unit) for name, unit in _SIZES.items() if name.endswith(("b", "B"))},
    "1": Unit("number", Fraction(1)),
    "%": Unit("number", Fraction(1, 100)),
    **{f"{prefix}Hz": Unit("number per time", Fraction(by)) for prefix, by in _THOUSANDS.items() if prefix != "K"},
    **{name: Unit(thing, Fraction(1)) for thing, names in _COUNTED.items() for name in names},
    **{f"{prefix}ops": Unit("operations", Fraction(by)) for prefix, by in _THOUSANDS.items() if prefix},
    **{f"{prefix}IOPS": Unit("I/O operations per time", Fraction(by)) for prefix, by in _THOUSANDS.items()},
    "qps": Unit("queries per time", Fraction(1)),
}
_SPELLED = {  # as people write them: the unit that is known
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("usec", "usecs", "micros", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("byte", "bytes"), "B"),
    **dict.fromkeys(("bits",), "bit"),
    **{f"{p.lower()}{word}": f"{p}B" for p in "kMGT" for word in ("byte", "bytes")},
    **{f"{p.lower()}bits": f"{p}bit" for p in "kMGT"},
    **dict.fromkeys(("percent", "percentage", "pct"), "%"),
    **dict.fromkeys(("hertz",), "Hz"),
}


def unit_of(label: str) -> Unit | None:
    """The unit that a column's label names, or None for one that is a label only.

    Any label over a unit of time is a rate of what it names: `rows/s`, `MB/min`.
    """
    if label in UNITS:
        return UNITS[label]
    amount, slash, time = label.rpartition("/")
    if not (slash and amount.strip() and time in _TIMES):
        return None
    of = UNITS.get(amount, Unit(amount, Fraction(1)))
    return Unit(f"{of.dimension} per time", of.factor / _TIMES[time].factor)


def dimension(label: str) -> str | None:
    """What a unit measures, such as `time` or `data per time`; None for a label."""
    unit = unit_of(label)
    return unit.dimension if unit else None


def factor(given: str, wanted: str) -> Fraction:
    """How many of the wanted unit one of the given is, exactly; of the same label one.

    Raises ValueError, which names both and what was probably meant, where they don't measure the same.
    """
    one, other = unit_of(given), unit_of(wanted)
    if given == wanted:
        return Fraction(1)
    if one and other and one.dimension == other.dimension:
        return one.factor / other.factor
    meant = did_you_mean_unit(given) + did_you_mean_unit(wanted)
    kinds = f"{_measured(given)}, {_measured(wanted)}"
    raise ValueError(f"{given} can't be converted to {wanted}: {kinds}{'.' if meant else ''}{meant}")


def _measured(label: str) -> str:
    unit = unit_of(label)
    return f"{label} measures {unit.dimension}" if unit else f"{label!r} is a label"


def convert(values: Any, given: str, wanted: str) -> Any:
    """Values in the wanted unit: one number, a list of them, or an array (of numpy or pandas).

    Integers stay integers where the factor is whole (arrays: as far as 64 bits hold them), and become floats otherwise.
    A float is the one nearest to the exact product; in an array that holds where the factor or its inverse is whole,
    else within two roundings. Raises ValueError as `factor` does.
    """
    by = factor(given, wanted)
    if hasattr(values, "dtype"):
        return _convert_array(values, by)
    return (
        [_convert_one(value, by) for value in values] if isinstance(values, (list, tuple)) else _convert_one(values, by)
    )


def _convert_one(value: float, by: Fraction) -> float:
    if isinstance(value, int) and by.denominator == 1:
        return value * by.numerator
    if not math.isfinite(value):
        return value
    try:
        return float(Fraction(value) * by)
    except OverflowError:
        return math.copysign(math.inf, value)


def _convert_array(values: Any, by: Fraction) -> Any:
    """numpy's own operators, without numpy."""
    if values.dtype.kind in "iu":
        if by.denominator == 1 and _fits(values, by.numerator):
            return values * by.numerator
        values = values.astype("float64")
    if by.denominator > 1:
        values = values * float(by.numerator) if by.numerator > 1 else values
        return values / float(by.denominator)
    return values * float(by.numerator)


def _fits(values: Any, by: int) -> bool:
    return not values.size or max(abs(int(values.min())), abs(int(values.max()))) * by < 2**63


def meant_units(label: str) -> tuple[str, ...]:
    """The known units that a label was probably meant to be; none for a known unit, and for what looks like none.

    That is: another case or a word that people use, never a letter that is merely near.
    """
    if unit_of(label):
        amount, slash, _ = label.rpartition("/")
        return tuple(f"{meant}{label[len(amount) :]}" for meant in meant_units(amount)) if slash else ()
    words = [word.strip() for word in re.split(r"/|\bper\b", label)]
    if len(words) == 2 and all(words):
        times = [time for time in ((words[1],) if words[1] in _TIMES else _alike(words[1])) if time in _TIMES]
        amounts = (words[0],) if words[0] in UNITS else _alike(words[0]) or (words[0],)
        return tuple(f"{amount}/{time}" for time in times for amount in amounts)
    return _alike(label.strip())


def _alike(word: str) -> tuple[str, ...]:
    low = word.lower()
    if low in _SPELLED:
        return (_SPELLED[low],)
    found = [name for name in UNITS if len(word) > 1 and name.lower() == low]
    return tuple({UNITS[name]: name for name in reversed(found)}.values())[::-1]  # kB or KB, not both


def did_you_mean_unit(label: str) -> str:
    """` Did you mean 'ms'?`, or nothing."""
    meant = meant_units(label)
    return f" Did you mean {' or '.join(map(repr, meant))}?" if meant else ""


TIMESTAMP_UNITS = ("s", "ms", "us", "ns")
_TIMESTAMP_WORDS = {"epoch": "s", "unix": "s", "µs": "us", "μs": "us", "milli": "ms", "micro": "us", "nano": "ns"}


def check_timestamp_unit(label: str) -> str:
    """The unit of a timestamp column, as given: s, ms, us or ns.

    Raises ValueError for any other label, naming the right spelling of a near miss.
    """
    if label in TIMESTAMP_UNITS:
        return label
    words = {**{unit: unit for unit in TIMESTAMP_UNITS}, **_SPELLED, **_TIMESTAMP_WORDS}
    meant = words.get(label.lower())
    cure = f". Did you mean {meant!r}?" if meant in TIMESTAMP_UNITS else ""
    raise ValueError(f"{_short(label)} is not a unit of a timestamp; use s, ms, us or ns{cure}")
