"""When a trial counts as disturbed: thresholds over what its record keeps of each host. docs/noise.md gives reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STEAL_SHARE = 0.01  # of all CPU time: a third of the 3 % by which two sides may differ and count as equal
STEAL_S = 0.05  # five ticks of the kernel's clock; less may be a matter of rounding
QUOTA_SHARE = 0.01  # of the trial's duration
SWAPPED_IN_PAGES = 256  # 1 MiB of 4 KiB pages: a daemon that wakes up brings in fewer
LOAD_PER_CORE = 0.2  # before the first trial
TOLD = 5


def disturbances(found: Mapping[str, Any], duration_s: float) -> Iterator[str]:
    """What disturbed a trial on one host, each in a few words."""
    steal, swapped = _number(found, "cpu_steal_share"), _number(found, "swapped_in_pages")
    if steal > STEAL_SHARE and _number(found, "cpu_steal_s") > STEAL_S:
        yield f"{steal:.1%} of the CPU time was stolen by the hypervisor"
    if swapped > SWAPPED_IN_PAGES:
        yield f"{swapped:,.0f} pages were swapped in"
    throttled = max(_number(found, "throttled_core"), _number(found, "throttled_package"))
    if throttled:
        yield f"the CPU was throttled for its heat ({throttled:,.0f} times)"
    quota = _number(found, "quota_throttled_s")
    if quota > QUOTA_SHARE * duration_s:
        yield f"a CPU quota held processes back for {quota:.3g} s"
    if killed := _number(found, "oom_kills"):
        yield f"the kernel killed for want of memory ({killed:,.0f} times)"


def load_before(found: Mapping[str, Any], cores: object) -> str | None:
    """What was to be heard of others before the first trial: later ones follow on load of the benchmark's own."""
    before = found.get("before")
    load = _number(before, "load_1min") if isinstance(before, Mapping) else 0.0
    if not isinstance(cores, int) or not cores or load <= LOAD_PER_CORE * cores:
        return None
    return f"the load was {load:.2f} on {cores} {'core' if cores == 1 else 'cores'} before it began"


def remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said of a host's settings, once in a run."""
    settings = found.get("settings")
    governors = settings.get("governors") if isinstance(settings, Mapping) else None
    if governors and governors != ["performance"]:
        yield f"the CPU frequency governor is {' and '.join(governors)}, not performance: frequencies follow the load"


def told_of_run(disturbed: Mapping[str, Sequence[str]], trials: int) -> str | None:
    """One sentence for a whole run. disturbed: by name those trials that were, and what by."""
    if not disturbed:
        return None
    listed = [f"{name} ({'; '.join(texts)})" if name else "; ".join(texts) for name, texts in disturbed.items()]
    more = f" and {len(listed) - TOLD} more" if len(listed) > TOLD else ""
    of = (
        "the trial was"
        if trials == 1
        else f"{len(disturbed)} of {trials} trials {'was' if len(disturbed) == 1 else 'were'}"
    )
    return f"{of} disturbed: {', '.join(listed[:TOLD])}{more}"


def _number(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    return value if isinstance(value, (int, float)) else 0.0
