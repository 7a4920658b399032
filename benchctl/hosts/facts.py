"""What kind of machine a host is: asked once, when a run connects to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchctl.hosts.shell import Answer

CLOCK_ROUNDS = 7

QUESTIONS = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
say home "$HOME"
say directory "$(pwd)"
say name "$(uname -n)"
say kernel "$(uname -r)"
say machine "$(uname -m)"
say os "$( [ -r /etc/os-release ] && . /etc/os-release && printf %s "$PRETTY_NAME" )"
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
say setsid "$(command -v setsid)"
"""


def machine_facts(answer: Answer) -> dict[str, str]:
    """The answers to QUESTIONS by name; what a machine could not say is missing."""
    pairs = (line.partition("=") for line in answer.text.splitlines())
    return {name: value for name, equals, value in pairs if equals and value}


def as_recorded(facts: dict[str, str]) -> dict[str, Any]:
    """The facts worth keeping with a run, numbers as numbers."""
    numbers = {"cores": facts.get("cores"), "memory_kib": facts.get("memory_kib")}
    cores, memory_kib = (int(value) if value and value.isdigit() else None for value in numbers.values())
    kept = {name: facts.get(name) for name in ("name", "os", "kernel", "machine", "cpu_model")}
    return {**kept, "cores": cores, "memory_bytes": memory_kib * 1024 if memory_kib else None}


def clock_offset(ask: Callable[[str], Answer]) -> tuple[float, float] | None:
    """How far a host's clock is ahead of ours and the uncertainty of that, in seconds.

    Cristian's method: of several round trips the shortest; the offset is against its middle, the
    uncertainty half its length. None when the host's `date` gives no fractions of a second.
    """
    best: tuple[float, float] | None = None
    for _ in range(CLOCK_ROUNDS):
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
