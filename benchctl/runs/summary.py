"""metadata.json: first what is known of the run, then a line for each of its trials.

A list of runs reads the first part alone, and while a run goes on the lines are not made again for each writing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchctl.errors import RunUnreadable
from benchctl.runs.files import json_text, open_file
from benchctl.runs.store import METADATA, RunDirectory

GROWTH = 16  # while it grows, it is written again when it has a sixteenth more trials...
WAIT_S = 5.0  # ...or after so long: what it costs stays the same for each trial, however many there are
# JSON has no line ends in its texts: such lines are that key and nothing else. As only this module writes them.
_TRIALS = b'\n  "trials": [\n    {"'
_END = b"\n  ]\n}\n"
_CHUNK = 1 << 16


class Summary:
    """The metadata.json of a run that goes on."""

    def __init__(self, directory: RunDirectory, trials: Sequence[Mapping[str, Any]] = ()) -> None:
        self._directory = directory
        self._lines = [json_text(trial) for trial in trials]
        self._written = 0
        self._written_at = 0.0

    def put(self, position: int, trial: Mapping[str, Any]) -> None:
        """A trial in its place, or in place of what was said of it before."""
        self._lines[position : position + 1] = [json_text(trial)]

    @property
    def is_due(self) -> bool:
        """Whether enough has come since it was written."""
        news = len(self._lines) - self._written
        return news * GROWTH >= len(self._lines) or time.monotonic() - self._written_at >= WAIT_S

    def write(self, head: Mapping[str, Any]) -> None:
        """Replace the file. head: the run without its trials."""
        self._directory.save_text(METADATA, _whole_text(head, self._lines))
        self._written, self._written_at = len(self._lines), time.monotonic()


def write_summary(directory: RunDirectory, document: Mapping[str, Any]) -> None:
    """A whole metadata.json at once."""
    Summary(directory, document.get("trials") or ()).write(document)


def read_head(directory: RunDirectory) -> dict[str, Any]:
    """What metadata.json says but for its trials, as `trials: []`; all of it where they can't be left out unread.

    Raises RunUnreadable.
    """
    head = _head(directory)
    return directory.read_metadata() if head is None else head


def _whole_text(head: Mapping[str, Any], lines: Sequence[str]) -> str:
    first = json_text({key: value for key, value in head.items() if key != "trials"}, indent=2)
    trials = "".join(f"\n    {line}," for line in lines).rstrip(",") + "\n  " * bool(lines)
    return f'{first[:-2]},\n  "trials": [{trials}]\n}}\n'


def _head(directory: RunDirectory) -> dict[str, Any] | None:
    try:
        with open_file(directory.inside(METADATA), follows=False) as file:
            content = b""
            while (at := content.find(_TRIALS)) < 0:
                more = file.read(_CHUNK)
                if not more:
                    return None
                content += more
            file.seek(-len(_END), 2)
            if file.read() != _END:
                return None
        found = json.loads(content[:at].rstrip(b",") + b"\n}")
    except (OSError, ValueError, RecursionError, RunUnreadable):
        return None
    return found if isinstance(found, dict) else None
