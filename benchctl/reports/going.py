"""What is going on between two events, in short: stages on their hosts, and files on their way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from benchctl.reports.text import duration, size


@dataclass
class Going:
    """A stage that is going on on one host."""

    stage: str
    host: str
    started: datetime
    place: str = ""  # `3/5`
    output_bytes: int = 0
    waiting: str = ""  # what its health check saw last


@dataclass
class Transfer:
    """A file or folder on its way home, or to another host."""

    output: str
    host: str
    started: datetime
    verb: str = "collecting"
    done_bytes: int = 0
    total_bytes: int | None = None


def going_text(going: Going, at: datetime) -> str:
    """`load on db, running for 1m00s, 0.7 MB of output`."""
    parts = [f"{going.stage} on {going.host}", f"running for {duration((at - going.started).total_seconds())}"]
    if going.output_bytes:
        parts.append(f"{size(going.output_bytes)} of output")
    return ", ".join([*parts, going.waiting] if going.waiting else parts)


def going_in_short(going: Going, at: datetime) -> str:
    """`2/5 load on db, running for 1m00s`, or what it waits for."""
    return f"{going.place} {going.waiting or going_text(going, at)}".strip()


def going_together(going: Iterable[Going], at: datetime) -> list[str]:
    """The same, with one text for all hosts of a stage: `2/5 load on 12 hosts, running for 1m00s`."""
    by_stage: dict[str, list[Going]] = {}
    for one in going:
        by_stage.setdefault(one.stage, []).append(one)
    return [_going_on_all(of_stage, at) for of_stage in by_stage.values()]


def _going_on_all(of_stage: list[Going], at: datetime) -> str:
    if len(of_stage) == 1:
        return going_in_short(of_stage[0], at)
    together = _as_one(of_stage)
    return f"{together.place} {going_text(together, at)}".strip()


def _as_one(of_stage: list[Going]) -> Going:
    """A stage on all its hosts as if they were one, which waits for what one of them waits for."""
    first = of_stage[0]
    started, output_bytes = min(one.started for one in of_stage), sum(one.output_bytes for one in of_stage)
    waiting = next((one.waiting for one in of_stage if one.waiting), "")
    return Going(first.stage, f"{len(of_stage)} hosts", started, first.place, output_bytes, waiting)


def transfer_text(transfer: Transfer, at: datetime) -> str:
    """`collecting latency from db: 38.2 MB of 62.6 MB, 54.0 MB/s`."""
    seconds = (at - transfer.started).total_seconds()
    total = f" of {size(transfer.total_bytes)}" if transfer.total_bytes else ""
    rate = f", {size(transfer.done_bytes / seconds)}/s" if seconds > 0.2 else ""
    return f"{transfer.verb} {transfer.output} from {transfer.host}: {size(transfer.done_bytes)}{total}{rate}"
