"""How exactly a case is known that is repeated until a metric is, and why it is repeated no further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchctl.errors import RunUnreadable
from benchctl.reports.metrics import number
from benchctl.reports.text import clean, count
from benchctl.runs.repetition import Repetition

_ENDS = {
    "": "it is to go on",
    "max": "as many trials as are allowed",
    "budget": "the budget has no room for another",
    "no_value": "there is nothing to go by",
}


def repetition_of(document: Mapping[str, Any]) -> Repetition:
    """As an event has it; what makes no sense is left out."""
    try:
        return Repetition.from_json(document)
    except RunUnreadable:
        return Repetition(case=str(document.get("case") or "") or None)


def repetition_text(one: Repetition) -> str:
    """`case wal: p99 is 4.12 ms +-0.18 (4.4%) after 8 trials: as exact as asked for (p99 +-5%)`."""
    case = f"case {one.case}: " if one.case else ""
    without = f" ({one.count} with a value)" if one.mean is not None and one.count < one.trials else ""
    return clean(f"{case}{_known(one)} after {count(one.trials, 'trial')}{without}: {_end(one)}")


def _known(one: Repetition) -> str:
    if one.mean is None:
        return f"{one.metric} has no value"
    half = one.half_width
    share = f" ({half / abs(one.mean):.1%})" if half is not None and one.mean else ""
    width = f" +-{number(half)}{share}" if half is not None else ""
    return " ".join(filter(None, (one.metric, "is", number(one.mean), one.unit))) + width


def _end(one: Repetition) -> str:
    if one.ended == "precise":
        return f"as exact as asked for ({one.until})"
    more = f"; about {count(one.more, 'more trial')} would do for {one.until}" if one.more else ""
    return _ENDS.get(one.ended, one.ended) + more
