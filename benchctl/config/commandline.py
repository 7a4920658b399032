"""A command with its args: they are the last words of what it says, or it is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What a shell's text consists of, as far as it matters where it ends.
_PIECES = re.compile(
    r"""(?P<comment>(?:(?<=[\s;&|()])|\A)\#[^\n]*) | (?P<end>[;&|]) | \\. | '[^']*' | "(?:[^"\\]|\\.)*" | \s+ | .""",
    re.VERBOSE | re.DOTALL,
)
_HERE_DOCUMENT = re.compile(r"<<-?\s*(?P<quote>['\"\\]?)(?P<word>\w+)")


def with_args(command: str, args: Iterable[str]) -> str:
    """The command with the args, quoted already, on its last line."""
    words = " ".join(args)
    if not words:
        return command
    text = re.sub(r"\n\s*\Z", "", command)
    goes_on = (len(text) - len(text.rstrip("\\"))) % 2  # by a backslash at the end of its last line
    return f"{text}\n{words}" if goes_on else f"{text} {words}"


def args_flaw(command: str) -> str | None:
    """Why args can't be the last words of a command, or None."""
    text = command.strip()
    last = next((piece for piece in reversed(list(_PIECES.finditer(text))) if piece[0].strip()), None)
    if last is None:
        return None
    if last["comment"]:
        return "the command ends in a comment, which would swallow them; put the comment on a line above"
    if last["end"]:
        return f"the command ends in '{last[0]}', so they would be a command of their own; remove it"
    if any(match["word"] == text.rpartition("\n")[2].strip() for match in _HERE_DOCUMENT.finditer(text)):
        return "the command ends in a here-document, which would swallow them; write them into the command"
    return None
