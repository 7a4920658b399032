"""Which stages a metric is made of."""

from __future__ import annotations

from benchctl.config import undeclared
from benchctl.config.model import Benchmark, OfJson, OfLog, OfRows, Output
from benchctl.expression import names_in


def stages_needed(benchmark: Benchmark, name: str) -> frozenset[str]:
    """The stages without which a metric, declared or not, has no value."""
    metric = next((metric for metric in benchmark.metrics if metric.name == name), None)
    if metric is None:
        return frozenset(stage.name for stage in benchmark.stages if _is_of(name, stage.name, stage.outputs))
    if isinstance(metric.made_of, (OfRows, OfJson, OfLog)):
        return frozenset([metric.made_of.stage])
    return frozenset().union(*(stages_needed(benchmark, other) for other in names_in(metric.made_of)))


def _is_of(name: str, stage: str, outputs: tuple[Output, ...]) -> bool:
    of_stage = (undeclared.duration_of(stage), undeclared.ready_of(stage))
    return name in of_stage or any(name.startswith(undeclared.beginning_of(output.name)) for output in outputs)
