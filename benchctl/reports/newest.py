"""The output lines that fit between two redraws of a terminal: the newest ones, and a word on the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from benchctl.reports.text import clean, count

LINES_PER_REDRAW = 8


@dataclass(frozen=True)
class Source:
    """Who writes lines, and the command that prints all of them."""

    name: str
    logs_command: str


class NewestLines:
    """Takes lines from all sources, and gives the newest ones: at least one of each source."""

    def __init__(self) -> None:
        self._kept: list[tuple[Source, str]] = []
        self._left_out: Counter[Source] = Counter()
        self._last_left_out: dict[Source, str] = {}

    def add(self, source: Source, line: str) -> None:
        self._kept.append((source, line))
        if len(self._kept) > LINES_PER_REDRAW:
            self._leave_one_out()

    def leave_out(self, source: Source, number: int) -> None:
        """Count lines that nobody here has seen."""
        self._left_out[source] += number

    def take(self, width: int) -> list[str]:
        """What is to be shown now. Of a long line only its beginning is made harmless, as far as it can be seen."""
        lines = [self._word_on(source, number, width) for source, number in self._left_out.items()]
        lines += [_shown(source, line, width) for source, line in self._kept]
        self._kept.clear()
        self._left_out.clear()
        self._last_left_out.clear()
        return lines

    def _leave_one_out(self) -> None:
        """The oldest of those that are not the only one of their source."""
        numbers = Counter(source for source, _ in self._kept)
        oldest = next((i for i, (source, _) in enumerate(self._kept) if numbers[source] > 1), None)
        if oldest is not None:
            source, line = self._kept.pop(oldest)
            self._left_out[source] += 1
            self._last_left_out[source] = line

    def _word_on(self, source: Source, number: int, width: int) -> str:
        """A single line takes no more room than the word that it is missing."""
        if number == 1 and source in self._last_left_out:
            return _shown(source, self._last_left_out[source], width)
        return not_shown(source, number)


def not_shown(source: Source, number: int) -> str:
    return f"{source.name} | ... {count(number, 'line')} not shown: {source.logs_command}"


def _shown(source: Source, line: str, width: int) -> str:
    return f"{source.name} | {clean(line)[: 8 * width]}"
