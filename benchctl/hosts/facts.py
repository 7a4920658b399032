"""What kind of machine a host is: asked once, when a run connects to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from benchctl.hosts.commands.shell import Answer

CLOCK_ROUNDS = 7
GOOD_CLOCK_S = 0.001  # an uncertainty that no further round trip could better by much
_CLOCKS_AT_ONCE = threading.Semaphore(2)  # round trips that disturb each other measure little

# Few processes are started for it: a run may begin on a hundred hosts at once.
QUESTIONS = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
tell() { IFS= read -r value <$2 && say $1 "$value"; }
say home "$HOME"
say directory "${PWD:-$(pwd)}"
tell name /proc/sys/kernel/hostname
tell kernel /proc/sys/kernel/osrelease
tell boot_id /proc/sys/kernel/random/boot_id
say machine "$(uname -m)"
while IFS== read -r key value; do
  [ "$key" = PRETTY_NAME ] && eval "say os $value"
done </etc/os-release
while IFS=: read -r key value; do
  case $key in
    processor*) cores=$((cores+1)) ;;
    "model name"*) model=${value# } ;;
  esac
done </proc/cpuinfo
say cpu_model "$model"
say cores "$cores"
while read -r key value unit; do
  [ "$key" = MemTotal: ] && say memory_kib "$value"
done </proc/meminfo
command -v setsid >/dev/null && say setsid yes
"""


def machine_facts(answer: Answer) -> dict[str, str]:
    """The answers to QUESTIONS by name; what a machine could not say is missing."""
    pairs = (line.partition("=") for line in answer.text.splitlines())
    return {name: value for name, equals, value in pairs if equals and value}


def as_recorded(facts: dict[str, str]) -> dict[str, Any]:
    """The facts worth keeping with a run, numbers as numbers."""
    numbers = {"cores": facts.get("cores"), "memory_kib": facts.get("memory_kib")}
    cores, memory_kib = (int(value) if value and value.isdigit() else None for value in numbers.values())
    kept = {name: facts.get(name) for name in ("name", "os", "kernel", "boot_id", "machine", "cpu_model")}
    return {**kept, "cores": cores, "memory_bytes": memory_kib * 1024 if memory_kib else None}


def clock_offset(ask: Callable[[str], Answer]) -> tuple[float, float] | None:
    """How far a host's clock is ahead of ours and the uncertainty of that, in seconds.

    Cristian's method: of several round trips the shortest; the offset is against its middle, the
    uncertainty half its length. None when the host's `date` gives no fractions of a second.
    """
    with _CLOCKS_AT_ONCE:
        return _offset_by_shortest(ask)


def _offset_by_shortest(ask: Callable[[str], Answer]) -> tuple[float, float] | None:
    best: tuple[float, float] | None = None
    for _ in range(CLOCK_ROUNDS):
        if best and best[1] < GOOD_CLOCK_S:
            break
        sent_wall, sent = time.time(), time.monotonic()
        answer = ask("date +%s.%N")
        half_trip = (time.monotonic() - sent) / 2
        try:
            offset = float(answer.text) - (sent_wall + half_trip)
        except ValueError:
            return None
        if best is None or half_trip < best[1]:
            best = offset, half_trip
    return best
