"""What is odd about an output that came home: empty, old, changing, or not all that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchctl.hosts.files.collecting import Collected
from benchctl.hosts.files.listing import in_a_few_words

if TYPE_CHECKING:
    from benchctl.workflow.outputs import Wanted

STALE_MARGIN_S = 1.0  # coarse file times, and a file begun just before


def oddities(wanted: Wanted, found: Collected, stale: Sequence[str] = ()) -> Iterator[str]:
    """A sentence for each. stale: the files of a folder that an earlier trial already left."""
    name = f"output '{wanted.output.name}' of {wanted.host.place}"
    yield from _empty(name, found)
    if found.changed:
        which = f": {in_a_few_words(found.changed)}" if found.is_folder else ""
        yield f"{name} changed while it was collected{which or ': is something still writing it?'}"
    if stale:
        yield f"{name}: {_some(stale, found)} what an earlier trial already left: {in_a_few_words(stale)}"
    yield from _old(name, wanted, found)
    if found.left_out:
        yield f"{name}: not taken: {in_a_few_words(found.left_out)}"


def _empty(name: str, found: Collected) -> Iterator[str]:
    empty = [file.name for file in found.files if file.bytes == 0]
    if not found.is_folder and empty:
        yield f"{name} is empty: {found.path.name} has 0 bytes"
    elif empty:
        yield f"{name}: {_some(empty, found)} empty: {in_a_few_words(empty)}"


def _old(name: str, wanted: Wanted, found: Collected) -> Iterator[str]:
    """The whole when its newest file is too old, else those files of a folder that are."""
    age_s = age_of(wanted, found.modified_s)
    old = [file.name for file in found.files if age_of(wanted, file.modified_s) > STALE_MARGIN_S]
    if age_s > STALE_MARGIN_S:
        yield f"{name} is older than its stage: last written {age_s:.0f} s before '{wanted.stage.name}' began"
    elif old:
        yield f"{name}: {_some(old, found)} older than its stage: {in_a_few_words(old)}"


def _some(names: Sequence[str], found: Collected) -> str:
    return f"{len(names)} of {len(found.files)} files {'is' if len(names) == 1 else 'are'}"


def age_of(wanted: Wanted, modified_s: float) -> float:
    """For how long a file was surely there before its stage began, both by the host's clock."""
    host = wanted.host
    uncertainty_s = STALE_MARGIN_S if host.clock_uncertainty_s is None else host.clock_uncertainty_s
    return wanted.began + host.clock_offset_s - uncertainty_s - modified_s
