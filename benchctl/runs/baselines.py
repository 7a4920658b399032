"""Baselines: what was measured in a run, under a name, in one file that outlives the run.

root/baselines/NAME.json holds the record with the metrics of every trial, without stages, files and logs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchctl.errors import UsageError
from benchctl.runs.files import Folder, make_directory, not_written, time_text
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.runs.store import Store

FOLDER = "baselines"
SCHEMA = "benchctl/baseline@1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RUN = re.compile(r"(run-)?[0-9]+|latest|[0-9]{8}T[0-9.Za-f-]*")


def save(store: Store, name: str, run: RunRecord) -> Path:
    """Keep a run, or one case of it, as a baseline; one of the same name is replaced. Its file.

    Raises UsageError for a name that can't be one, NotWritten.
    """
    check_name(name)
    folder = store.root / FOLDER
    try:
        make_directory(folder)
    except OSError as error:
        raise not_written(folder, error) from error
    document = replace(run, around=None).to_json()
    document["trials"] = [_without_stages(trial) for trial in run.trials]
    saved = {"schema": SCHEMA, "name": name, "saved": time_text(datetime.now(UTC)), "run": document}
    return Folder(folder).write_json(f"{name}.json", saved)


def _without_stages(trial: TrialRecord) -> dict[str, Any]:
    document = replace(trial, stages=(), earlier=()).to_json()
    return {key: value for key, value in document.items() if key not in ("format", "stages", "earlier")}


def check_name(name: str) -> None:
    """Raises UsageError for a name that can't be a file's, or that a run may have."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"a baseline can't be called {name!r}: letters, digits, '.', '_' and '-', such as v1.2")
    if _RUN.fullmatch(name):
        raise UsageError(f"a baseline can't be called {name!r}, which names a run; take a word, such as v1.2")


def load(store: Store, name: str) -> RunRecord | None:
    """The run that a baseline was made of; None where there is no such baseline. Raises RunUnreadable."""
    folder = Folder(store.root / FOLDER)
    if not _NAME.fullmatch(name) or not (folder.path / f"{name}.json").is_file():
        return None
    document = folder.read_json(f"{name}.json").get("run")
    return RunRecord.from_json(document if isinstance(document, dict) else {})


def names(store: Store) -> Sequence[str]:
    """All baselines, by name."""
    return sorted(path.stem for path in (store.root / FOLDER).glob("*.json"))
