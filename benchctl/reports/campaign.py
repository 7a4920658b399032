"""How far a run of many trials has come, in few words."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from benchctl import events
from benchctl.events import Event
from benchctl.reports.text import clean, duration

MANY_TRIALS = 10  # so many are told stage by stage; of more, a trial is a line
_ROUTINE = frozenset(
    {
        events.STAGE_STARTED,
        events.STAGE_READY,
        events.STAGE_FINISHED,
        events.BACKGROUND_ENDED,
        events.OUTPUT_COLLECTED,
        events.PLOT_DRAWN,
    }
)


class Campaign:
    """Follows the trials of a run."""

    def __init__(self) -> None:
        self.count = 0
        self._index = 0
        self._name = ""
        self._began: datetime | None = None
        self._ended: datetime | None = None  # the newest trial that is over
        self._ends: Counter[str] = Counter()

    def note(self, event: Event) -> None:
        if event.kind == events.TRIAL_STARTED:
            self.count, self._index = _number(event, "count"), _number(event, "index")
            self._name, self._began = trial_name(event), self._began or event.at
        elif event.kind == events.TRIAL_FINISHED:
            self._ends[str(event.data.get("status") or "")] += 1
            self._ended = event.at

    @property
    def is_many(self) -> bool:
        return self.count > MANY_TRIALS

    def leaves_out(self, event: Event) -> bool:
        """Whether an event is routine of one trial among many."""
        return self.is_many and event.kind in _ROUTINE

    def position(self) -> str:
        """`trial 3/20 wal-02`, where there are several."""
        return f"trial {self._index}/{self.count} {self._name}".strip() if self.count > 1 else ""

    def status(self, at: datetime) -> str:
        """The same with how the others went, and how long those to come may take."""
        if self.count <= 1:
            return ""
        bad = sum(number for status, number in self._ends.items() if status not in ("succeeded", "incomplete"))
        failed = [f"{bad} failed"] if bad else []
        left_s = self._left_s(at)
        rest = [f"about {duration(left_s)} left"] if left_s else []
        return ", ".join([self.position(), *failed, *rest])

    def _left_s(self, at: datetime) -> float:
        """As long as the trials so far took on average, less what the one that goes on has taken; 0 where unknown."""
        done = sum(self._ends.values())
        if not (done and self._began and self._ended):
            return 0.0
        each_s = (self._ended - self._began).total_seconds() / done
        return max(0.0, each_s * (self.count - done) - (at - self._ended).total_seconds())


def trial_name(event: Event) -> str:
    """A trial as its directory is called: `wal-02`, `w01` of a warm-up without a case."""
    number = f"{'w' if event.data.get('warmup') else ''}{_number(event, 'trial'):02d}"
    case = event.data.get("case")
    return clean(f"{case}-{number}" if case else number)


def _number(event: Event, key: str) -> int:
    value = event.data.get(key)
    return value if isinstance(value, int) else 0


def trials_text(finished: Event) -> str:
    """How the trials of a run went, at its end: `18 of 20 trials succeeded, 1 failed`; nothing where all went well."""
    counts, planned = _counts(finished), _number(finished, "planned")
    good = counts.pop("succeeded", 0) + counts.pop("warmup", 0)
    if planned <= 1 or good == planned:
        return ""
    others = [f"{number} {clean(status)}" for status, number in counts.items()]
    return ", ".join([f"{good} of {planned} trials succeeded", *others])


def misses_trials(finished: Event) -> bool:
    """Whether a run of several trials ended before each was over."""
    counts, planned = _counts(finished), _number(finished, "planned")
    over = sum(number for status, number in counts.items() if status != "interrupted")
    return planned > 1 and over < planned


def _counts(finished: Event) -> dict[str, int]:
    counts = finished.data.get("counts")
    pairs = counts.items() if isinstance(counts, dict) else ()
    return {str(status): number for status, number in pairs if isinstance(number, int)}
