"""The way to one value in a JSON document: `$.a.b[0]["key with dots"]`, and `[-1]` for a list's last entry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from benchctl.template import did_you_mean

Path = tuple[str | int, ...]

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]"'\s]+)"""
    r"""|\[\s*(?P<index>-?[0-9]{1,9})\s*\]"""
    r"""|\[\s*(?P<quoted>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')\s*\]"""
)
_SHOWN = 10


class NoSuchValue(LookupError):
    """A document in which a path ends early; says where, and what is there instead."""


def parse(text: str) -> Path:
    """The steps of a path, names and numbers. Raises ValueError, which says from where on it can't be read."""
    if not text.startswith("$"):
        raise ValueError("must begin with $, the whole document, as in $.jobs[0].read.iops")
    steps, at = [], 1
    while at < len(text):
        match = _STEP.match(text, at)
        if not match:
            raise ValueError(f'can\'t be read from {text[at:][:20]!r} on; steps are .name, [0] and ["key with dots"]')
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> str | int:
    if match["index"]:
        return int(match["index"])
    if match["quoted"]:
        return _unquoted(match["quoted"])
    return match["name"]


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise ValueError(f"{text} is no text in JSON's quotes") from error


def path_text(path: Iterable[str | int]) -> str:
    """The path as it is written."""
    return "$" + "".join(_step_text(step) for step in path)


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if re.fullmatch(r"[^.\[\]\"'\s]+", step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def find(document: object, path: Path) -> object:
    """What is there at a path. Raises NoSuchValue."""
    for number, step in enumerate(path):
        document = _inside(document, step, path_text(path[:number]))
    return document


def _inside(value: object, step: str | int, here: str) -> object:
    if isinstance(step, str) and isinstance(value, dict):
        if step in value:
            return value[step]
        raise NoSuchValue(
            f"{here} has no key {step!r}. {_keys(value)}{did_you_mean(step, map(str, value))}".rstrip(".")
        )
    if isinstance(step, int) and isinstance(value, list):
        if -len(value) <= step < len(value):
            return value[step]
        entries = f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
        raise NoSuchValue(f"{here} has {entries}, and no [{step}]")
    raise NoSuchValue(f"{here} is {kind_of(value)}, so there is no {_step_text(step)} in it")


def _keys(value: dict[str, object]) -> str:
    first = ", ".join(list(value)[:_SHOWN])
    more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
    return f"Keys: {first}{more}." if value else "It is empty."


def kind_of(value: object) -> str:
    """A JSON value in a message: what it is, and which one where it is short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"the text {value if len(value) <= 40 else value[:40] + '...'!r}"
    return json.dumps(value)
