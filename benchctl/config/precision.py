"""How exactly a metric is to be known: `p99 +-5%`, or `p99 ±0.2ms` in a unit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchctl.units import factor

_PRECISION = re.compile(
    r"""\s*(?P<metric>\S(?:.*?\S)?)\s*(?:\+-|\+/-|±)\s*(?P<width>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(?P<unit>\S*)\s*"""
)


@dataclass(frozen=True)
class Precision:
    """A metric, and how wide its 95 % confidence interval may be to either side: in `unit` (its own where that is
    None), or as a share of its mean (0.05 for 5 %).
    """

    metric: str
    width: float
    is_relative: bool = False
    unit: str | None = None

    def allowed(self, mean: float, unit: str | None) -> float:
        """The widest half of an interval around a mean, both in `unit`. Raises ValueError for another kind."""
        if self.is_relative:
            return self.width * abs(mean)
        if self.unit is None:
            return self.width
        try:
            return self.width * float(factor(self.unit, unit or ""))
        except ValueError as error:
            raise ValueError(f"{self.metric} is in {unit or 'no unit'}, not in {self.unit}") from error

    def __str__(self) -> str:
        width = self.width * 100 if self.is_relative else self.width
        return f"{self.metric} +-{width:.12g}{'%' if self.is_relative else self.unit or ''}"


def parse(text: str) -> Precision:
    """Raises ValueError, which says how it is written."""
    match = _PRECISION.fullmatch(text)
    if not match:
        raise ValueError("must be a metric and how exactly it is to be known, such as p99 +-5% or p99 +-0.2ms")
    width, unit = float(match["width"]), match["unit"]
    if width == 0 or (unit == "%" and width >= 100):
        raise ValueError(f"must be more than 0 and less than 100%, not {match['width']}{unit}")
    if unit == "%":
        return Precision(match["metric"], width / 100, is_relative=True)
    return Precision(match["metric"], width, unit=unit or None)
