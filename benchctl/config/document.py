"""A document: its values, the line of each of them, and what is wrong with it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from benchctl.errors import ConfigError, Problem
from benchctl.redact import Redactor

Value = str | None | list[Any] | dict[str, Any]
Place = tuple[str | int, ...]

MAX_PROBLEMS = 200


class Mark(NamedTuple):
    """Where a value is: the line to name, and the characters of its text when it is a scalar."""

    line: int
    start: int
    end: int


@dataclass
class Document:
    """A file that was read: its root value, and where each value stands.

    `problems` holds what is wrong without keeping the rest from being read, such as repeated keys.
    """

    file: str  # as the user named it
    text: str
    sha256: str
    root: Value = None
    marks: dict[Place, Mark] = field(default_factory=dict)
    moved: dict[Place, Place] = field(default_factory=dict)
    mode: int = 0  # the file's permission bits
    problems: list[Problem] = field(default_factory=list)
    bad: set[Place] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)  # what no message may show

    def problem(self, place: Place, sentence: str, *, needle: str = "", line: int = 0) -> None:
        """Note what is wrong at a place; a second sentence about a value that is broken already is dropped.

        needle: the part of a long text that is meant; line: where it is, when the place doesn't tell.
        """
        found = Problem(self.file, line or self.line(place, needle), path_text(place), sentence)
        if line or needle or place not in self.bad:
            self.problems.append(found)
        self.bad.add(place)
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems.append(Problem(self.file, found.line, "", "there may be more; mend these first"))
            self.raise_problems()

    def missing(self, place: Place, sentence: str) -> None:
        """Note that a value is not there; the sentence is about what should hold it."""
        holder = place[:-1]
        self.problem(holder, sentence, line=self.line(holder))
        self.bad.discard(holder)
        self.bad.add(place)

    def is_bad(self, *places: Place) -> bool:
        """Whether any of these values has a problem of its own."""
        return any(place in self.bad for place in places)

    def line(self, place: Place, needle: str = "") -> int:
        """The line of a value, or of the nearest thing around it; of `needle` inside it, if that is found."""
        mark = self.mark(place)
        if needle and (found := self.text.find(needle, mark.start, mark.end)) >= 0:
            return self.line_at(found)
        return mark.line

    def mark(self, place: Place) -> Mark:
        real = self.real(place)
        nearest = (real[:length] for length in range(len(real), -1, -1))
        return next((self.marks[around] for around in nearest if around in self.marks), Mark(1, 0, 0))

    def real(self, place: Place) -> Place:
        """Where a value stands in the file, when it was reached by another spelling's path."""
        real: Place = ()
        for part in place:
            real = self.moved.get((*real, part), (*real, part))
        return real

    def line_at(self, offset: int) -> int:
        return bisect_right(self._line_ends, offset - 1) + 1

    @cached_property
    def _line_ends(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    def refuse(self, sentence: str, line: int = 0) -> NoReturn:
        """Give up: what is wrong keeps the rest from being read."""
        self.problems.append(Problem(self.file, line, "", sentence))
        self.raise_problems()

    def raise_problems(self) -> NoReturn:
        """Raise ConfigError with the problems in the order of their lines, each once, secrets masked."""
        found = dict.fromkeys((problem.line, problem.path, problem.text) for problem in self.problems)
        ordered = sorted(found, key=lambda problem: problem[0])
        mask = Redactor(self.secrets).text
        raise ConfigError([Problem(self.file, line, path, mask(text)) for line, path, text in ordered])


def path_text(place: Sequence[str | int]) -> str:
    """A place as people write it: `stages[2].host`; odd keys are quoted and cut."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_key_text(part)}" for part in place]
    return "".join(parts).removeprefix(".")


def _key_text(key: str) -> str:
    return key if re.fullmatch(r"[\w -]{1,60}", key) and key.isprintable() else shown(key)


def shown(value: str) -> str:
    """A value in quotes for a message: on one line, and cut when it is long."""
    return repr(value if len(value) <= 60 else value[:60] + "...")
