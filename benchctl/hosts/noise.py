"""What else goes on on a host: read from /proc and /sys in one round trip, without root and without an agent.

Most are counters: their differences tell about all that went on between two looks. What a host does not have (no /sys
in a container, another system) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchctl.hosts.processes import Crowd, Process, process_of

_CPU = "/sys/devices/system/cpu"
_SMALL = (
    "/proc/loadavg",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/pressure/io",
    "/sys/fs/cgroup/cpu.stat",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    f"{_CPU}/intel_pstate/no_turbo",
    f"{_CPU}/cpufreq/boost",
    f"{_CPU}/cpufreq/policy*/scaling_governor",
    f"{_CPU}/cpufreq/policy*/scaling_min_freq",
    f"{_CPU}/cpufreq/policy*/scaling_max_freq",
    f"{_CPU}/cpu[0-9]*/thermal_throttle/core_throttle_count",
    f"{_CPU}/cpu[0-9]*/thermal_throttle/package_throttle_count",
)
# One process in all, for its start costs most. Of /proc/stat and /proc/vmstat only these lines match; of the others all
# that are read. scaling_cur_freq is not there: asking for it may wake every idle core.
_LINES = "^(cpu |procs_running |pswpin |pswpout |oom_kill |some |full |throttled_usec |[0-9]|[][a-z_ ]+$)"
_FILES = f"{' '.join(_SMALL)} /proc/stat /proc/vmstat"
QUESTION = f"grep -sHE '{_LINES}' {_FILES}; true"
# The same with a line for each process, and who started the shell that answers.
QUESTION_FOR_PROCESSES = f"echo /proc/asker:$PPID; grep -sHE '{_LINES}' {_FILES} /proc/[0-9]*/stat; true"
_TICKS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # guest time is in user already
_NUMBER = re.compile(r"(policy|cpu)[0-9]+/")
_PROCESS = re.compile(r"/proc/[0-9]+/stat$")
_US = 1_000_000
HZ = 100  # ticks a second in /proc on every Linux that one meets


@dataclass(frozen=True)
class Reading:
    """One look at a host. counters: what only grows, by name; now: what is at this moment; settings: what stays;
    crowd: its processes, where they were asked for.
    """

    counters: Mapping[str, float]
    now: Mapping[str, float]
    settings: Mapping[str, Any]
    crowd: Crowd | None = None


def reading(text: str) -> Reading:
    """What a host answered to QUESTION; lines that make no sense are passed over."""
    counters, now = dict[str, float](), dict[str, float]()
    found: dict[str, list[str]] = {}
    processes = list[Process]()
    for path, line in _lines(text):
        try:
            if _PROCESS.match(path):
                processes.append(process_of(line))
            else:
                _take(path, line, counters, now)
                found.setdefault(_NUMBER.sub(r"\1/", path), []).append(line)
        except (ValueError, IndexError):
            continue
    return Reading(counters | _throttles(found), now, _settings(found), _crowd(processes, found))


def _crowd(processes: list[Process], found: Mapping[str, list[str]]) -> Crowd | None:
    asker = _whole(found.get("/proc/asker", []))
    return Crowd({process.pid: process for process in processes}, asker[0]) if asker and processes else None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        if colon and path.startswith("/"):
            yield path, rest


def _take(path: str, line: str, counters: dict[str, float], now: dict[str, float]) -> None:
    words = line.split()
    if path == "/proc/loadavg":
        now["load_1min"] = float(words[0])
    elif path.startswith("/proc/pressure/"):
        kind = path.rpartition("/")[2]
        counters[f"pressure_{kind}_{words[0]}_s"] = int(words[-1].removeprefix("total=")) / _US
    elif path == "/sys/fs/cgroup/cpu.stat" and words[0] == "throttled_usec":
        counters["quota_throttled_s"] = int(words[1]) / _US
    elif path == "/proc/stat" and words[0] == "cpu":
        counters.update({f"ticks_{name}": int(value) for name, value in zip(_TICKS, words[1:], strict=False)})
    elif path == "/proc/stat":
        now["runnable"] = int(words[1])
    elif path == "/proc/vmstat":
        names = {"pswpin": "swapped_in_pages", "pswpout": "swapped_out_pages", "oom_kill": "oom_kills"}
        counters[names[words[0]]] = int(words[1])


def _throttles(found: Mapping[str, list[str]]) -> dict[str, float]:
    """How often a core was slowed down for its heat, and a package: all its cores tell the same number."""
    place = f"{_CPU}/cpu/thermal_throttle"
    cores, packages = (_whole(found.get(f"{place}/{kind}_throttle_count", [])) for kind in ("core", "package"))
    return {
        **({"throttled_core": sum(cores)} if cores else {}),
        **({"throttled_package": max(packages)} if packages else {}),
    }


def _settings(found: Mapping[str, list[str]]) -> dict[str, Any]:
    """What the kernel was told about frequencies and memory, as far as it says so."""
    policy = f"{_CPU}/cpufreq/policy"
    governors = sorted({line.strip() for line in found.get(f"{policy}/scaling_governor", [])})
    lowest, highest = (_whole(found.get(f"{policy}/scaling_{end}_freq", [])) for end in ("min", "max"))
    huge = re.search(r"\[(\w+)]", "".join(found.get("/sys/kernel/mm/transparent_hugepage/enabled", [])))
    no_turbo, boost = (_whole(found.get(f"{_CPU}/{name}", [])) for name in ("intel_pstate/no_turbo", "cpufreq/boost"))
    turbo = not no_turbo[0] if no_turbo else bool(boost[0]) if boost else None
    told = {
        "governors": governors,
        "frequency_min_khz": min(lowest, default=None),
        "frequency_max_khz": max(highest, default=None),
        "turbo": turbo,
        "transparent_hugepages": huge[1] if huge else None,
    }
    return {name: value for name, value in told.items() if value not in (None, [])}


def _whole(lines: list[str]) -> list[int]:
    return [int(line) for line in lines if line.strip().isdigit()]


def between(before: Reading, after: Reading) -> dict[str, Any]:
    """What a trial's record keeps of a host: shares of all CPU time, counts, and seconds by their names.

    Counters that went back, as after a reboot, are left out.
    """
    grown = _grown(before, after)
    ticks = {name: grown.pop(f"ticks_{name}", None) for name in _TICKS}
    rounded = {name: round(value, 6) for name, value in grown.items()}
    return {"before": dict(before.now), **_shares(ticks), **rounded, "settings": dict(after.settings)}


def cpu_ticks(before: Reading, after: Reading) -> float:
    """All CPU time between two looks, idle or not."""
    grown = _grown(before, after)
    return sum(grown.get(f"ticks_{name}", 0) for name in _TICKS)


def _grown(before: Reading, after: Reading) -> dict[str, float]:
    return {
        name: after.counters[name] - value
        for name, value in before.counters.items()
        if after.counters.get(name, -1) >= value
    }


def _shares(ticks: Mapping[str, float | None]) -> dict[str, float]:
    known = {"iowait": 0.0} | {name: value for name, value in ticks.items() if value is not None}  # it may go back
    total = sum(known.values())
    if len(known) < len(_TICKS) or not total:
        return {}
    idle = known["idle"] + known["iowait"]
    shares = {"cpu_busy_share": total - idle - known["steal"], "cpu_iowait_share": known["iowait"]}
    shares["cpu_steal_share"] = known["steal"]
    return {name: round(part / total, 6) for name, part in shares.items()} | {"cpu_steal_s": known["steal"] / HZ}
