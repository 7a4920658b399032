"""When a trial counts as disturbed: thresholds over what its record keeps of each host. docs/noise.md gives reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchctl.runs.record import TrialRecord

STEAL_SHARE = 0.01  # of all CPU time: a third of the 3 % by which two sides may differ and count as equal
STEAL_S = 0.05  # five ticks of the kernel's clock; less may be a matter of rounding
QUOTA_SHARE = 0.01  # of the trial's duration
SWAPPED_IN_PAGES = 256  # 1 MiB of 4 KiB pages: a daemon that wakes up brings in fewer
LOAD_PER_CORE = 0.2  # before the first trial
OTHERS_SHARE = 0.03  # of all CPU time, over the trial: by so much two sides may differ and count as equal
BURST_SHARE = 0.05  # of the CPU time, or of the time, between two looks: the slowest twentieth of it, p95, is theirs
OTHERS_S = 0.25  # of CPU time; daemons that wake up use less
COMMANDS_TOLD = 3
SETTINGS = {  # what each is called
    "governors": "the CPU frequency governor",
    "frequency_min_khz": "the lower limit of the CPU frequency",
    "frequency_max_khz": "the upper limit of the CPU frequency",
    "turbo": "turbo",
    "transparent_hugepages": "transparent huge pages",
}
TOLD = 5


def disturbances(found: Mapping[str, Any], duration_s: float) -> Iterator[str]:
    """What disturbed a trial on one host, each in a few words."""
    yield from _steal(found)
    yield from _others(found)
    swapped = _number(found, "swapped_in_pages")
    if swapped > SWAPPED_IN_PAGES:
        yield f"{swapped:,.0f} pages were swapped in"
    throttled = max(_number(found, "throttled_core"), _number(found, "throttled_package"))
    if throttled:
        yield f"the CPU was throttled for its heat ({throttled:,.0f} times)"
    yield from _quota(found, duration_s)
    if killed := _number(found, "oom_kills"):
        yield f"the kernel killed for want of memory ({killed:,.0f} times)"
    yield from _changes(found)


def _steal(found: Mapping[str, Any]) -> Iterator[str]:
    share, worst = _number(found, "cpu_steal_share"), _worst(found, "cpu_steal_share")
    if share > STEAL_SHARE and _number(found, "cpu_steal_s") > STEAL_S:
        yield f"{share:.1%} of the CPU time was stolen by the hypervisor"
    elif _number(worst, "max") > BURST_SHARE:
        yield f"{_number(worst, 'max'):.1%} of the CPU time was stolen by the hypervisor {_span(worst)}"


def _others(found: Mapping[str, Any]) -> Iterator[str]:
    during, worst = _mapping(found, "during"), _worst(found, "cpu_others_share")
    share = _number(during, "cpu_others_share")
    if share > OTHERS_SHARE and _number(during, "cpu_others_s") > OTHERS_S:
        yield f"other processes used {share:.1%} of the CPU time{_commands(_mapping(during, 'others'))}"
    elif _number(worst, "max") > BURST_SHARE and _number(worst, "cpu_s") > OTHERS_S:
        used = f"other processes used {_number(worst, 'max'):.1%} of the CPU time {_span(worst)}"
        yield used + _commands(_mapping(worst, "commands"))


def _quota(found: Mapping[str, Any], duration_s: float) -> Iterator[str]:
    seconds, worst = _number(found, "quota_throttled_s"), _worst(found, "quota_throttled_share")
    if seconds > QUOTA_SHARE * duration_s:
        yield f"a CPU quota held processes back for {seconds:.3g} s"
    elif _number(worst, "max") > BURST_SHARE:
        yield f"a CPU quota held processes back for {_number(worst, 'max'):.1%} of the time {_span(worst)}"


def _changes(found: Mapping[str, Any]) -> Iterator[str]:
    for name, change in _mapping(found, "settings_changed").items():
        if name in SETTINGS and isinstance(change, (list, tuple)) and len(change) == 2:
            before, after = (_setting(name, value) for value in change)
            yield f"{SETTINGS[name]} changed from {before} to {after}"


def _setting(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)):
        return " and ".join(map(str, value))
    return f"{value / 1000:,.0f} MHz" if isinstance(value, int) and name.endswith("_khz") else str(value)


def _commands(seconds: Mapping[str, Any]) -> str:
    """` (cc1plus 12.1 s, make 0.3 s)`."""
    told = [f"{command} {used:.3g} s" for command, used in list(seconds.items())[:COMMANDS_TOLD]]
    return f" ({', '.join(told)})" if told else ""


def _span(worst: Mapping[str, Any]) -> str:
    return f"between {_number(worst, 'from_s'):.0f} and {_number(worst, 'to_s'):.0f} s"


def _worst(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(_mapping(_mapping(found, "during"), "worst"), name)


def load_before(found: Mapping[str, Any], cores: object) -> str | None:
    """What was to be heard of others before the first trial: later ones follow on load of the benchmark's own."""
    load = _number(_mapping(found, "before"), "load_1min")
    if not isinstance(cores, int) or not cores or load <= LOAD_PER_CORE * cores:
        return None
    return f"the load was {load:.2f} on {cores} {'core' if cores == 1 else 'cores'} before it began"


def remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said of a host's settings, once in a run."""
    governors = _mapping(found, "settings").get("governors")
    if governors and governors != ["performance"]:
        yield f"the CPU frequency governor is {' and '.join(governors)}, not performance: frequencies follow the load"


def told_of_run(trials: Sequence[TrialRecord]) -> str | None:
    """One sentence for a whole run, of the first trials that were disturbed and what by."""
    disturbed = {trial.name: trial.disturbances for trial in trials if trial.disturbances}
    if not disturbed:
        return None
    listed = [f"{name} ({'; '.join(texts)})" if name else "; ".join(texts) for name, texts in disturbed.items()]
    more = f" and {len(listed) - TOLD} more" if len(listed) > TOLD else ""
    of = (
        "the trial was"
        if len(trials) == 1
        else f"{len(disturbed)} of {len(trials)} trials {'was' if len(disturbed) == 1 else 'were'}"
    )
    return f"{of} disturbed: {', '.join(listed[:TOLD])}{more}"


def _mapping(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, Mapping) else {}


def _number(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    return value if isinstance(value, (int, float)) else 0.0
