"""What has to hold before a run is taken up again, and what changed since it began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchctl.runs.record import HostRecord

_SAME_MACHINE = {"boot_id": "was booted again", "kernel": "has another kernel", "cpu_model": "has another CPU"}


def changes_of_hosts(before: Mapping[str, HostRecord], now: Mapping[str, HostRecord]) -> Iterator[str]:
    """A sentence for each way in which a host is not the machine any more that the run began on."""
    for alias, host in now.items():
        known = before[alias].facts if alias in before else {}
        for fact, sentence in _SAME_MACHINE.items():
            if known.get(fact) and host.facts.get(fact) and known[fact] != host.facts[fact]:
                change = "" if fact == "boot_id" else f": {host.facts[fact]}, before {known[fact]}"
                yield f"{alias} {sentence} since the run began{change}"
