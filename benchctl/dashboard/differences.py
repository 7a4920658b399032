"""In what some runs differ: their records as flat keys, of which only those that are not alike are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchctl.runs.record import RunRecord

MOST_KEYS = 400


def differing(records: Sequence[RunRecord]) -> list[tuple[str, list[str]]]:
    """Each key that is not the same in all of them, with what each has there."""
    flat = [dict(_flat("", _about(record))) for record in records]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    rows = [(key, [one.get(key, "") for one in flat]) for key in keys]
    return [row for row in rows if len(set(row[1])) > 1][:MOST_KEYS]


def _about(record: RunRecord) -> dict[str, Any]:
    hosts = {name: host.to_json() for name, host in record.hosts.items()}
    config = {key: value for key, value in record.config.items() if key != "path"}
    parts = {"note": record.note, "tags": " ".join(record.tags), "config": config, "options": record.options}
    return parts | {"cases": record.cases, "hosts": hosts, "git": record.git, "versions": record.versions}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, (list, tuple)):
        for at, inner in enumerate(value):
            named = isinstance(inner, Mapping) and inner.get("name")
            yield from _flat(f"{prefix}.{named or at}", inner)
    elif value not in (None, ""):
        yield prefix, str(value)[:500]
