"""Where time is counted from: when its trial began, or a first row where timestamps are of another time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from benchctl.units import format_duration

if TYPE_CHECKING:
    from benchctl.analysis.frames import Source

_NEAR_S = 86_400.0  # timestamps further than a day from their trial are taken for counted from something else
_ODD_S = 60.0  # so much before its trial began, or after it ended, is asked about
_SAME_S = 1.0  # files of one clock begin no further apart than their trial lasted, and so much


class Clock(NamedTuple):
    """The timestamps of a source: its first and last row and when its trial began, all in ns; seconds it is ahead."""

    source: Source
    first: int
    last: int
    began: int
    ahead_s: float

    @property
    def trial(self) -> tuple[str, str]:
        return self.source.run.uid, self.source.trial.directory

    @property
    def is_of_trial(self) -> bool:
        return abs(self.first - self.began) / 1e9 <= _NEAR_S + (self.source.trial.duration_s or 0.0)

    @property
    def first_ns(self) -> int:
        """The first row by the controller's clock."""
        return self.first - (round(self.ahead_s * 1e9) if self.is_of_trial else 0)


class Zero(NamedTuple):
    """What is taken off a timestamp: nanoseconds, and then seconds."""

    begin_ns: int = 0
    ahead_s: float = 0.0

    def elapsed_s(self, nanoseconds: Any) -> Any:
        return (nanoseconds - self.begin_ns) / 1e9 - self.ahead_s


class Counted(NamedTuple):
    """Where the time of each source is counted from, what all of them are counted from, and what must be said of it."""

    zeros: list[Zero]
    since_trial: bool
    notes: tuple[str, ...]


def counted_from(found: Sequence[Source], ends: Sequence[tuple[int, int] | None]) -> Counted:
    """ends: the first and the last timestamp of each source, in nanoseconds; None of one without rows.

    It is when the trial began, by the controller's clock: the host's measured offset is taken off. It is the first
    row of the trial where the timestamps of any source are of another time than its trial; or the first row of each
    source, where those of one trial are by clocks that have nothing to do with each other.
    """
    clocks = [_clock(source, *pair) if pair else None for source, pair in zip(found, ends, strict=True)]
    known = [clock for clock in clocks if clock]
    if all(clock.is_of_trial for clock in known):
        zeros = [Zero(clock.began, clock.ahead_s) if clock else Zero() for clock in clocks]
        return Counted(zeros, since_trial=True, notes=tuple(note for clock in known if (note := _oddity(clock))))
    trials: dict[tuple[str, str], list[Clock]] = {}
    for clock in known:
        trials.setdefault(clock.trial, []).append(clock)
    apart = {key: its for key, its in trials.items() if _are_apart(its)}
    zeros = [
        _first_row(clock, [clock] if clock.trial in apart else trials[clock.trial]) if clock else Zero()
        for clock in clocks
    ]
    names = dict.fromkeys(its[0].source.run.id for its in apart.values())
    notes = [f"the files of {name} are by clocks of their own: each counts from its own first row" for name in names]
    return Counted(zeros, since_trial=False, notes=tuple(notes))


def _first_row(clock: Clock, among: Sequence[Clock]) -> Zero:
    """The first row of some sources, as one of them counts it."""
    return Zero(min(each.first_ns for each in among), clock.ahead_s if clock.is_of_trial else 0.0)


def _clock(source: Source, first: int, last: int) -> Clock:
    began = _nanoseconds(source.trial.started or source.run.started or datetime.now(UTC))
    host = source.run.hosts.get(source.host)
    offset = host.facts.get("clock_offset_s") if host else None
    return Clock(source, first, last, began, offset if isinstance(offset, (int, float)) else 0.0)


def _nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def _are_apart(clocks: Sequence[Clock]) -> bool:
    """Whether some files of one trial begin further apart than it lasted."""
    firsts = [clock.first_ns for clock in clocks]
    lasted_s = clocks[0].source.trial.duration_s
    return (max(firsts) - min(firsts)) / 1e9 > (_NEAR_S if lasted_s is None else lasted_s + _SAME_S)


def _oddity(clock: Clock) -> str | None:
    """What to ask about rows that were long before or after their trial."""
    lasted_s = clock.source.trial.duration_s
    early_s = (clock.began - clock.first) / 1e9 + clock.ahead_s
    late_s = -1.0 if lasted_s is None else (clock.last - clock.began) / 1e9 - clock.ahead_s - lasted_s
    if max(early_s, late_s) < _ODD_S:
        return None
    far = format_duration(float(round(max(early_s, late_s))))
    what = f"{far} before its trial began" if early_s > late_s else f"{far} after its trial ended"
    return (
        f"rows of {clock.source.run.id} on {clock.source.host} are from up to {what}; is their clock or zone another?"
    )
