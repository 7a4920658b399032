"""How far a run of many trials has come, in few words."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from benchctl import events
from benchctl.events import Event
from benchctl.reports.text import clean, count, duration

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
        self.count = 0  # how many trials there will be, or at most
        self._is_open = False
        self._is_many = False
        self._index = 0
        self._name = ""
        self._began: datetime | None = None
        self._ended: datetime | None = None  # the newest trial that is over
        self._ends: Counter[str] = Counter()

    def note(self, event: Event) -> None:
        if event.kind == events.TRIAL_STARTED:
            self._is_open = "most" in event.data
            self.count, self._index = _number(event, "most" if self._is_open else "count"), _number(event, "index")
            self._is_many = self._is_many or self.count > MANY_TRIALS
            self._name, self._began = trial_name(event), self._began or event.at
        elif event.kind == events.TRIAL_FINISHED:
            self._ends[str(event.data.get("status") or "")] += 1
            self._ended = event.at

    @property
    def is_many(self) -> bool:
        return self._is_many

    def leaves_out(self, event: Event) -> bool:
        """Whether an event is routine of one trial among many."""
        return self.is_many and event.kind in _ROUTINE

    def position(self) -> str:
        """`trial 3/20 wal-02`, where there are several; `trial 3 wal-02` where nobody knows yet how many."""
        of = "" if self._is_open else f"/{self.count}"
        return f"trial {self._index}{of} {self._name}".strip() if self.is_several else ""

    @property
    def is_several(self) -> bool:
        return self.count > 1 or self._is_open

    def status(self, at: datetime) -> str:
        """The same with how the others went, and how long those to come may take."""
        if not self.is_several:
            return ""
        bad = sum(number for status, number in self._ends.items() if status not in ("succeeded", "incomplete"))
        failed = [f"{bad} failed"] if bad else []
        left_s = self._left_s(at)
        rest = [f"about {duration(left_s)} left"] if left_s else []
        return ", ".join([self.position(), *failed, *rest])

    def _left_s(self, at: datetime) -> float:
        """As long as the trials so far took on average, less what the one that goes on has taken; 0 where unknown."""
        done = sum(self._ends.values())
        if self._is_open or not (done and self._began and self._ended):
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
    counts, warmups, planned = _counts(finished), _counts(finished, "warmups"), _planned(finished)
    known = "" if planned is None else _known_cases(finished)
    counts.pop("warmup", None)
    good, warm = counts.pop("succeeded", 0), warmups.pop("succeeded", 0)
    if planned is not None and (planned <= 1 or good + warm == planned):
        return known
    others = [f"{number} {clean(status)}" for status, number in counts.items()]
    others += [f"{count(number, 'warm-up')} {clean(status)}" for status, number in warmups.items()]
    head = f"{count(good, 'trial')} succeeded" if planned is None else f"{good + warm} of {planned} trials succeeded"
    return ", ".join(filter(None, [head, *others, known]))


def _known_cases(finished: Event) -> str:
    """`p99 +-5% in 3 of 4 cases`; nothing where all are known as exactly as was asked for, or there is one."""
    given = finished.data.get("repetition")
    cases = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    precise = sum(one.get("ended") == "precise" for one in cases)
    if len(cases) < 2 or precise == len(cases):
        return ""
    return f"{clean(cases[0].get('until'))} in {precise} of {len(cases)} cases"


def planned_trials(started: Event) -> list[str]:
    """How many trials a run begins with, where there are several: `20 trials`, `trials until p99 +-5%`."""
    planned = started.data.get("planned")
    trials, until = (planned.get("trials"), planned.get("until")) if isinstance(planned, dict) else (None, None)
    if until:
        return [f"trials until {clean(until)}"]
    return [count(trials, "trial")] if isinstance(trials, int) and trials > 1 else []


def misses_trials(finished: Event) -> bool:
    """Whether a run of several trials ended before each was over."""
    counts, planned = _counts(finished), _planned(finished)
    if planned is None:
        return True
    over = sum(number for status, number in counts.items() if status != "interrupted")
    return planned > 1 and over < planned


def _planned(finished: Event) -> int | None:
    """None while nobody knows how many there will be: some case is still to be repeated."""
    return None if finished.data.get("planned", 0) is None else _number(finished, "planned")


def _counts(finished: Event, key: str = "counts") -> dict[str, int]:
    counts = finished.data.get(key)
    pairs = counts.items() if isinstance(counts, dict) else ()
    return {str(status): number for status, number in pairs if isinstance(number, int)}
