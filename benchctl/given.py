"""What a run is given by a caller or a command line, checked: one kind of error, whoever gives it.

`what` is how the caller calls it, for messages.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from benchctl.errors import UsageError
from benchctl.names import VARIABLE_NAME, VARIABLE_RULE


def variables(given: Any, what: str = "env") -> dict[str, str]:
    """Environment variables for every command. Raises UsageError."""
    found = texts_by_name(given, what)
    for name in found:
        if not re.fullmatch(VARIABLE_NAME, name):
            raise UsageError(f"{what}: {name!r} {VARIABLE_RULE}")
    return found


def texts_by_name(given: Any, what: str) -> dict[str, str]:
    """A mapping from texts to texts. Raises UsageError."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{what} must be a mapping of names and texts, not {given!r}")
    for name, value in given.items():
        if not isinstance(name, str):
            raise UsageError(f"{what}: {name!r} is no name; write it as a text")
        if not isinstance(value, str):
            raise UsageError(f"{what}: the value of {name!r} must be a text such as {str(value)!r}, not {value!r}")
        if "\0" in value:
            raise UsageError(f"{what}: the value of {name!r} holds a NUL character; remove it")
    return dict(given)


def texts(given: Any, what: str) -> tuple[str, ...]:
    """Several texts. Raises UsageError, also for a single one: each of its letters would be taken for one."""
    if isinstance(given, str):
        raise UsageError(f"{what} must be a list such as [{given!r}], not the text {given!r}")
    found = _listed(given, what)
    for item in found:
        if not isinstance(item, str):
            raise UsageError(f"{what}: {item!r} is no text; write it as {str(item)!r}")
    return found


def texts_by_key(given: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Values of a config: texts and lists of them, numbers as texts; None is left out. Raises UsageError."""
    found: dict[str, str | list[str]] = {}
    for key, value in given.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            found[key] = str(value)
        elif value is not None:
            found[key] = list(texts(value, key))
    return found


def text(given: Any, what: str) -> str:
    if not isinstance(given, str):
        raise UsageError(f"{what} must be a text, not {given!r}")
    return given


def whole_number(given: Any, what: str) -> int | None:
    """How many of something, at least one; None for what the config says. Raises UsageError."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        raise UsageError(f"{what} must be a whole number above 0, not {given!r}")
    return given


def seconds(given: Any, what: str) -> float | None:
    """A length of time, or None for no limit. Raises UsageError."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, (int, float)) or not given > 0):
        raise UsageError(f"{what} must be a number of seconds above 0, not {given!r}")
    return None if given is None else float(given)


def margins(given: Any) -> tuple[float | None, dict[str, float]]:
    """A share for all metrics, or one for each of some by name. Raises UsageError."""
    of_each = dict(given) if isinstance(given, Mapping) else {}
    of_all = None if isinstance(given, Mapping) else given
    for share in (*of_each.values(), *([] if of_all is None else [of_all])):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
            raise UsageError(f"margin must be a share above 0 and below 1, such as 0.03 for 3 %, not {share!r}")
    return of_all, of_each


def encodable(text: str) -> None:
    """Raise UsageError when the text can't be part of a file name here: Python has the locale's encoding then."""
    encoding = sys.getfilesystemencoding()
    try:
        text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the config holds {text[error.start]!a}, which the locale's encoding ({encoding}) does not have",
            hint="set LC_ALL=C.UTF-8, or PYTHONUTF8=1",
        ) from error


def listeners(given: Any) -> tuple[Any, ...]:
    """What can be called with an event. Raises UsageError."""
    found = _listed(given, "listeners")
    for item in found:
        if not callable(item):
            raise UsageError(f"listeners: {item!r} can't be called; give functions that take an event")
    return found


def _listed(given: Any, what: str) -> tuple[Any, ...]:
    if not isinstance(given, Iterable):
        raise UsageError(f"{what} must be a list, not {given!r}")
    return tuple(given)
