"""What was different about two runs besides their numbers, most suspicious first.

What nobody changes on purpose comes first: another CPU is a likelier cause of another number than the config says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchctl.analysis.findings import Difference
from benchctl.reports.text import clean, cut, size, table
from benchctl.runs.record import HostRecord, RunRecord

FACTS = {  # of a host, in the order of suspicion
    "cpu_model": "CPU model",
    "kernel": "kernel",
    "governor": "CPU governor",
    "memory_bytes": "memory",
    "cores": "cores",
    "machine": "architecture",
    "os": "operating system",
    "name": "machine's name",
}
CLOCK = ("clock_offset_s", "clock_uncertainty_s")
LEAST_CLOCK_S = 0.001  # the offsets of clocks that are synchronised wander by less
VALUE_WIDTH = 60
UNCOMMITTED = "not committed"
MOST_SHOWN = 20  # the rest of two runs that have little in common says nothing
NOTHING = "nothing else that is recorded of the two differs"


def differences(base: RunRecord, candidate: RunRecord) -> tuple[Difference, ...]:
    """All that is recorded of two runs and differs, most suspicious first; times, ids, notes and tags aside.

    A fact that only one of them knows is no difference: an older benchctl may not have asked for it.
    """
    return (
        *_differing("benchmark", {"name": base.benchmark}, {"name": candidate.benchmark}),
        *_of_hosts(base.hosts, candidate.hosts),
        *_differing("versions", base.versions, candidate.versions),
        *_of_git(base.git or {}, candidate.git or {}),
        *_differing("config", flat(base.config.get("document")), flat(candidate.config.get("document"))),
        *_differing("options", flat(base.options), flat(candidate.options)),
    )


def differences_text(found: tuple[Difference, ...], base: str, candidate: str) -> str:
    """A line for each of the most suspicious, under the names of the two runs."""
    if not found:
        return NOTHING
    rows = [(clean(one.what), shown(one.base), shown(one.candidate)) for one in found[:MOST_SHOWN]]
    return "\n".join([*table(("DIFFERS", clean(base), clean(candidate)), rows), *not_shown(found)])


def not_shown(found: tuple[Difference, ...]) -> list[str]:
    """A line about those that are too many; none where all are shown."""
    left_out = len(found) - MOST_SHOWN
    return [f"... and {left_out} more, less suspicious (--json has all)"] if left_out > 0 else []


def case_differences(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Of the params of two cases."""
    return tuple(_differing("params", base, candidate))


def _of_hosts(base: Mapping[str, HostRecord], candidate: Mapping[str, HostRecord]) -> Iterator[Difference]:
    """Fact by fact, so that the CPU of any host stands before the kernel of another."""
    both = [alias for alias in base if alias in candidate]
    for alias in (*base, *(alias for alias in candidate if alias not in base)):
        if alias not in both:
            sides = ("used" if alias in base else None, "used" if alias in candidate else None)
            yield Difference("host", f"host {alias}", *sides)
    for fact in _facts(base, candidate, both):
        for alias in both:
            yield from _of_fact(alias, fact, base[alias].facts, candidate[alias].facts)
    for alias in both:
        yield from _of_clock(alias, base[alias].facts, candidate[alias].facts)
    for alias in both:
        yield from _of_address(alias, base[alias], candidate[alias])


def _facts(base: Mapping[str, HostRecord], candidate: Mapping[str, HostRecord], both: list[str]) -> list[str]:
    """The names of all facts, those that we know first."""
    others = {fact for hosts in (base, candidate) for alias in both for fact in hosts[alias].facts}
    return [*FACTS, *sorted(others - FACTS.keys() - set(CLOCK))]


def _of_fact(alias: str, fact: str, base: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[Difference]:
    before, after = base.get(fact), candidate.get(fact)
    if before is not None and after is not None and before != after:
        texts = [_text(before), _text(after)]
        if fact == "memory_bytes" and _are_numbers(before, after) and size(before) != size(after):
            texts = [size(before), size(after)]
        yield Difference("host", f"{FACTS.get(fact, fact)} of {alias}", *texts)


def _of_clock(alias: str, base: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[Difference]:
    """Offsets are measured: they differ where they do by more than both measurements are unsure of."""
    offsets: list[Any] = [facts.get(CLOCK[0]) for facts in (base, candidate)]
    doubts: list[Any] = [facts.get(CLOCK[1]) for facts in (base, candidate)]
    if not _are_numbers(*offsets):
        return
    doubt = sum(doubt for doubt in doubts if _are_numbers(doubt))
    if abs(offsets[1] - offsets[0]) > max(doubt, LEAST_CLOCK_S):
        texts = [f"{1000 * offset:+,.1f} ms" for offset in offsets]
        yield Difference("host", f"clock of {alias}, against ours", *texts)


def _of_address(alias: str, base: HostRecord, candidate: HostRecord) -> Iterator[Difference]:
    for what in ("ip", "port", "username", "address", "host_key"):
        before, after = getattr(base, what), getattr(candidate, what)
        if before != after:
            yield Difference("host", f"{what.replace('_', ' ')} of {alias}", _text(before), _text(after))


def _of_git(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[Difference]:
    """Changes that were not committed on both sides may have been the same or not: that is said as well."""
    yield from _differing("git", _of_keys(base, "commit", "branch"), _of_keys(candidate, "commit", "branch"))
    if base.get("dirty") and candidate.get("dirty"):
        yield Difference("git", "git changes", UNCOMMITTED, f"{UNCOMMITTED}, the same or others")
    elif base.get("dirty") or candidate.get("dirty"):
        texts = (UNCOMMITTED if git.get("dirty") else "none" if git else None for git in (base, candidate))
        yield Difference("git", "git changes", *texts)


def _of_keys(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: values.get(key) for key in keys}


def _differing(kind: str, base: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[Difference]:
    """Key by key, in the order of the base."""
    for key in (*base, *(key for key in candidate if key not in base)):
        before, after = _text(base.get(key)), _text(candidate.get(key))
        if before != after:
            yield Difference(kind, f"{kind} {key}", before, after)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a document by their paths; entries of a list by their name where they have one: `stages.load`."""
    if isinstance(value, Mapping):
        inner = {str(key): item for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        inner = {_entry(item, i): item for i, item in enumerate(value)}
    else:
        return {path: value} if path else {}
    prefix = f"{path}." if path else ""
    return {name: leaf for key, item in inner.items() for name, leaf in flat(item, f"{prefix}{key}").items()}


def _entry(item: Any, index: int) -> str:
    return str(item["name"]) if isinstance(item, Mapping) and item.get("name") else str(index)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def shown(value: str | None) -> str:
    """On one line, and not too long; `-` for what is not there."""
    return "-" if value is None else cut(clean(value), VALUE_WIDTH)
