"""The kept copy of a config: secrets masked in what a user wrote freely, names and structure as they were.

A password may be an ordinary word that is also a key, an alias or a stage's name. Those stay, so that what is
kept is still YAML and still the same benchmark.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from benchctl.config.document import Document, Place, Value, path_text
from benchctl.config.draft import ENVIRONMENT_NAME
from benchctl.redact import MASK, Redactor
from benchctl.template import NAME_PATTERN

_SECRET_KEYS = ("password", "key_password")
_DATA_SCHEMA = ("stages", "outputs", "data_schema")

_LOOKS = {"window", "group_by", "time_axis", "scale", "style", "palette", "width", "height", "dpi"}

# Values in which no secret is looked for: names by which the parts of a config know each other, numbers, durations and
# words from a list.
_PLAIN = {
    ("benchmark",): {"name"},
    ("hosts",): {"ip", "username", "port", "gateway", "address", "connect_timeout", "host_key"},
    ("stages",): {
        *("name", "host", "hosts", "script", "task", "timeout", "background", "may_exit", "skip"),
        *("retries", "backoff", "always", "continue_on_error", "scope", "only"),
    },
    ("cases",): {"name"},
    ("trials",): {"repeat", "warmup", "order", "seed", "until", "min", "max", "budget"},
    ("stages", "health_check"): {"type", "timeout", "retries", "interval", "status", "must_start"},
    ("stages", "outputs"): {"name", "optional", "collect"},
    ("plots",): {"name", "source", "type", "x", "y", "aggregation", "format"} | _LOOKS,
    ("metrics",): {"name", "source", "column", "aggregate", "json", "stage", "value", "unit", "better", "margin"},
}


def masked(document: Document) -> tuple[str, dict[str, Any]]:
    """The file's text and its document without its secrets."""
    literal = dict(_literal_secrets(document))
    kept = f"{NAME_PATTERN}|{ENVIRONMENT_NAME.pattern}"
    redactor = Redactor(document.secrets | set(literal.values()), keep=kept)
    root: Any = _masked_value(document.root, (), set(literal), redactor)
    return masked_text(document, set(literal), redactor), root


def exposed_passwords(document: Document) -> list[str]:
    """A warning for each password written out in a file that others can read."""
    if not document.mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    cure = f"take it from the environment with ${{NAME}}, or chmod 600 {document.file}"
    return [
        f"{document.file}:{document.line(place)}: {path_text(place)}: others can read this file; {cure}"
        for place, _ in _literal_secrets(document)
    ]


def _literal_secrets(document: Document) -> Iterator[tuple[Place, str]]:
    """Where a password is written out in the file, in whole or in part."""
    hosts = document.root.get("hosts") if isinstance(document.root, dict) else None
    for alias, host in hosts.items() if isinstance(hosts, dict) else ():
        for key in _SECRET_KEYS:
            value = host.get(key) if isinstance(host, dict) else None
            if isinstance(value, str) and not ENVIRONMENT_NAME.fullmatch(value):
                yield ("hosts", alias, key), value


def _is_plain(place: Place) -> bool:
    """Whether it is one of _PLAIN, or part of what says which columns a file has."""
    path = tuple(part for part in place if isinstance(part, str))
    path = (path[0], *path[2:]) if path[:1] == ("hosts",) else path  # any alias
    return path[-1] in _PLAIN.get(path[:-1], ()) or path[: len(_DATA_SCHEMA)] == _DATA_SCHEMA


def _masked_value(value: Value, place: Place, hidden: set[Place], redactor: Redactor) -> Value:
    if place in hidden:
        return MASK
    if isinstance(value, dict):
        return {key: _masked_value(inner, (*place, key), hidden, redactor) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked_value(inner, (*place, number), hidden, redactor) for number, inner in enumerate(value)]
    return _masked_at(place, value, redactor) if isinstance(value, str) else value


def _masked_at(place: Place, value: str, redactor: Redactor) -> str:
    if _is_plain(place):
        return value
    alias, colon, path = value.partition(":") if place[-2:-1] == ("copy",) else ("", "", value)
    return alias + colon + redactor.text(path)


# The text


@dataclass(frozen=True)
class _Piece:
    """A part of the text that may hold a secret: the space between two tokens, with its comments, or a value."""

    start: int
    end: int
    scalar: yaml.ScalarToken | None = None
    node_start: int = 0  # where its anchor begins, if it has one


def masked_text(document: Document, hidden: set[Place], redactor: Redactor) -> str:
    """The file's text with `***` for the values at hidden places, and for every secret in comments and other values."""
    if redactor.is_idle and not hidden:
        return document.text
    places: dict[int, list[Place]] = {}
    for place, mark in document.marks.items():
        places.setdefault(mark.start, []).append(place)
    text, done, at = document.text, [], 0
    for piece in _pieces(text):
        source = text[piece.start : piece.end]
        if piece.scalar is None:
            new = redactor.text(source)
        elif hidden.intersection(places.get(piece.node_start, [])):
            new = f"'{MASK}'{_line_end(source)}"
        else:
            new = _masked_scalar(source, piece.scalar, places.get(piece.node_start, [()]), redactor)
        done += [text[at : piece.start], new]
        at = piece.end
    return "".join(done)


def _pieces(text: str) -> Iterator[_Piece]:
    end, node_start, is_key = 0, None, False
    for token in yaml.scan(text, Loader=yaml.BaseLoader):
        start = token.start_mark.index
        yield _Piece(end, max(start, end))
        end = max(token.end_mark.index, end)
        if isinstance(token, yaml.ScalarToken) and not is_key:
            yield _Piece(start, end, token, start if node_start is None else node_start)
        if isinstance(token, (yaml.AnchorToken, yaml.TagToken)):
            node_start = start if node_start is None else node_start
        else:
            node_start, is_key = None, isinstance(token, yaml.KeyToken)
    yield _Piece(end, len(text))


def _masked_scalar(source: str, scalar: yaml.ScalarToken, places: list[Place], redactor: Redactor) -> str:
    """A value without secrets, as it was written if that still can be read, else in quotes.

    places: all those that it has, by its anchor; where it is plain in one, it is shown anyway.
    """
    wanted = [_masked_at(place, scalar.value, redactor) for place in places]
    if scalar.value in wanted:
        return source
    if scalar.style == "|":
        return redactor.text(source)
    if scalar.plain and source == scalar.value and not wanted[0].startswith("*"):
        return wanted[0]
    return _quoted(wanted[0]) + _line_end(source)


def _line_end(source: str) -> str:
    return "\n" if source.endswith("\n") else ""


def _quoted(text: str) -> str:
    dumped: str = yaml.dump(text, default_style='"', width=math.inf, allow_unicode=True)
    return dumped.rstrip("\n")
