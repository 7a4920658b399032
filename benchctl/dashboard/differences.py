"""In what some runs differ: their records as flat keys, of which only those that are not alike are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchctl.reports.differences import flat
from benchctl.runs.record import RunRecord

MOST_KEYS, LONGEST = 400, 500


def differing(records: Sequence[RunRecord]) -> list[tuple[str, list[str]]]:
    """Each key that is not the same in all of them, with what each has there."""
    known = [_texts(_about(record)) for record in records]
    keys = list(dict.fromkeys(key for one in known for key in one))
    rows = [(key, [one.get(key, "") for one in known]) for key in keys]
    return [row for row in rows if len(set(row[1])) > 1][:MOST_KEYS]


def _about(record: RunRecord) -> dict[str, Any]:
    hosts = {name: host.to_json() for name, host in record.hosts.items()}
    config = {key: value for key, value in record.config.items() if key != "path"}
    parts = {"note": record.note, "tags": " ".join(record.tags), "config": config, "options": record.options}
    return parts | {"cases": record.cases, "hosts": hosts, "git": record.git, "versions": record.versions}


def _texts(about: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value)[:LONGEST] for key, value in flat(about).items() if value not in (None, "")}
