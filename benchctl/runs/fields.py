"""A JSON object as a frozen dataclass: how its keys are read, written, and kept free of secrets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Self

from benchctl.errors import RunUnreadable
from benchctl.runs.files import time_text

Read = Callable[[Any], Any]
Mask = Callable[[str], str]


Plain = bool | tuple[str, ...]  # whether no secret is looked for in a value, or under which of its keys


def key(read: Read, default: Any = None, write: Read = lambda value: value, *, plain: Plain = False) -> Any:
    """A field that is a key of the JSON object; `default` stands for null and for a missing key."""
    return field(default=default, metadata={"read": read, "write": write, "plain": plain})


def named(default: Any = None) -> Any:
    """A name or a state, by which other things are found: no secret is looked for in it."""
    return key(str, default, plain=True)


def json_object(*, plain: Plain = False) -> Any:
    return field(default_factory=dict, metadata={"read": dict, "write": dict, "plain": plain})


def moment(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    if not 1970 <= found.year < 9999:  # further out, a change of the zone overflows
        raise ValueError(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment_text(moment: datetime | None) -> str | None:
    return time_text(moment) if moment else None


TIME: dict[str, Read] = {"read": moment, "write": moment_text}


def finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def texts() -> Any:
    return key(lambda value: tuple(str(item) for item in value), (), list)


def records(kind: type[Record]) -> Any:
    return key(
        lambda value: tuple(kind.from_json(item) for item in value),
        (),
        lambda value: [item.to_json() for item in value],
    )


def records_by_name(kind: type[Record]) -> Any:
    metadata = {
        "read": lambda value: {str(name): kind.from_json(item) for name, item in value.items()},
        "write": lambda value: {name: item.to_json() for name, item in value.items()},
    }
    return field(default_factory=dict, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A JSON object as a value; `extra` holds the keys that this version does not know."""

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises RunUnreadable, naming the key whose value makes no sense."""
        if not isinstance(document, Mapping):
            raise RunUnreadable(f"{str(document)[:80]!r} is no object")
        keys = {one.name: one.metadata["read"] for one in fields(cls) if "read" in one.metadata}
        known = {key: _read(key, document[key], read) for key, read in keys.items() if document.get(key) is not None}
        extra = {key: value for key, value in document.items() if key not in keys}
        return cls(**known, extra=extra)

    def to_json(self) -> dict[str, Any]:
        written = {
            one.name: one.metadata["write"](getattr(self, one.name)) for one in fields(self) if "write" in one.metadata
        }
        return written | dict(self.extra)

    def masked(self, mask: Mask) -> Self:
        """The same with `mask` over every text that a user or a command may have said: all but keys and the plain."""
        plain = {one.name: one.metadata.get("plain", False) for one in fields(self)}
        return replace(self, **{name: _masked(getattr(self, name), mask, plain[name]) for name in plain})


def _masked(value: Any, mask: Mask, plain: Plain = False) -> Any:
    if plain is True:
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Record):
        return value.masked(mask)
    if isinstance(value, Mapping):
        return {key: _masked(inner, mask, plain and key in plain) for key, inner in value.items()}
    return type(value)(_masked(item, mask) for item in value) if isinstance(value, (list, tuple)) else value


def _read(key: str, value: Any, read: Read) -> Any:
    try:
        return read(value)
    except RunUnreadable as error:
        raise RunUnreadable(f"{key}: {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RunUnreadable(f"{key} is {str(value)[:80]!r}") from error
