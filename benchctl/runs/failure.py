"""Why a stage, a trial or a run failed, as its record keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchctl.runs.fields import Read, Record, json_object, key, named, texts
from benchctl.runs.store import TRIAL

COMMAND_KEPT = 4000
TEXT_KEPT = 300  # of a message or flag of one trial of many


@dataclass(frozen=True, kw_only=True)
class Failure(Record):
    """Why a stage, a trial or a run failed; `stderr` holds the command's last lines, `others` the stage's status
    on its other hosts. trial: of a run with several, the one that failed, as its directory is called.
    """

    code: str = named("")
    message: str = key(str, "")
    trial: str | None = named()
    stage: str | None = named()
    host: str | None = named()
    hint: str = key(str, "")
    command: str | None = key(str)
    exit_code: int | None = key(int)
    signal: str | None = named()
    stderr: tuple[str, ...] = texts()
    others: Mapping[str, Any] = json_object(plain=True)

    def in_short(self) -> Failure:
        """The same without what was run and what it said."""
        return replace(self, message=cut(self.message), hint="", command=None, stderr=(), others={})


def cut(text: str) -> str:
    """A text as metadata.json keeps it of one trial of many."""
    return text if len(text) <= TEXT_KEPT else f"{text[:TEXT_KEPT]}..."


def shortened(command: str) -> str:
    """A command as an error names it: a very long one is cut, with a word on where it stands in full."""
    if len(command) <= COMMAND_KEPT:
        return command
    left_out = f"\n[{len(command)} characters in all; the stage in {TRIAL} has them]"
    return command[: COMMAND_KEPT - len(left_out)] + left_out


def _written(failure: Failure | None) -> dict[str, Any] | None:
    """By now no secret is left in it, so that cutting its command can't cut one in two."""
    if failure is None:
        return None
    return replace(failure, command=failure.command and shortened(failure.command)).to_json()


FAILURE: dict[str, Read] = {"read": Failure.from_json, "write": _written}
