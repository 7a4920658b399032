"""How far the trials of a case came towards the precision that its metric was to be known with."""

from __future__ import annotations

from dataclasses import dataclass

from benchctl.runs.fields import Record, finite, key, named


@dataclass(frozen=True, kw_only=True)
class Repetition(Record):
    """Of a case that is repeated until `until`, such as `p99 +-5%`.

    ended: why it is repeated no further: precise | max | budget | no_value; empty while it goes on. trials: how many
    were made, `count` of which have a value. mean, half_width: their mean, and its 95 % interval to either side, in
    `unit`. more: about how many further trials it would take; None where that can't be said.
    """

    case: str | None = named()
    metric: str = named("")
    until: str = named("")
    ended: str = named("")
    trials: int = key(int, 0)
    count: int = key(int, 0)
    mean: float | None = key(finite)
    half_width: float | None = key(finite)
    unit: str | None = key(str)
    more: int | None = key(int)

    @property
    def is_unknown(self) -> bool:
        """Whether it ended without a single value."""
        return bool(self.ended) and not self.count
