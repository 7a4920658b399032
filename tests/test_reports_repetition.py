"""How exactly a case is known, in a line."""

from __future__ import annotations

from typing import Any

import pytest

from benchctl.analysis.adaptive import decide
from benchctl.config.model import Until
from benchctl.config.precision import parse
from benchctl.reports.repetition import repetition_of, repetition_text
from benchctl.runs.record import MetricRecord, TrialRecord
from benchctl.runs.repetition import Repetition


def trials(*values: float | None) -> list[TrialRecord]:
    return [
        TrialRecord(trial=n, status="succeeded", duration_s=1.0, metrics={"p99": MetricRecord(value=value, unit="ms")})
        for n, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    ("values", "limits", "left_s", "text"),
    [
        ([4.0, 4.02, 3.98, 4.0, 4.0], {}, None,
         "p99 is 4 ms +-0.01756 (0.4%) after 5 trials: as exact as asked for (p99 +-5%)"),
        ([4.0, 5.0, 3.0], {"min": 2, "max": 3}, None,
         "p99 is 4 ms +-2.484 (62.1%) after 3 trials: as many trials as are allowed; about 98 more trials would do for"
         " p99 +-5%"),
        ([4.0], {}, 9.0, "p99 is 4 ms after 1 trial: it is to go on"),
        ([None] * 5, {}, None, "p99 has no value after 5 trials: there is nothing to go by"),
        ([4.0, None, 5.0], {}, 1.0,
         "p99 is 4.5 ms +-6.353 (141.2%) after 3 trials (2 with a value): the budget has no room for another; about 41"
         " more trials would do for p99 +-5%"),
    ],
)  # fmt: skip
def test_how_exactly_a_case_is_known_is_told_in_a_line(
    values: list[float | None], limits: dict[str, Any], left_s: float | None, text: str
) -> None:
    one = decide(Until(parse("p99 +-5%"), **limits), "wal", trials(*values), left_s)
    assert repetition_text(one) == f"case wal: {text}"
    assert repetition_of(one.to_json()) == one


def test_a_failed_trial_is_one_that_was_made_without_a_value() -> None:
    failed = TrialRecord(status="failed", metrics={"p99": MetricRecord(value=9.0)})
    one = decide(Until(parse("p99 +-5%"), max=2), None, [*trials(4.0), failed])
    assert (one.ended, one.trials, one.count, one.mean) == ("max", 2, 1, 4.0)


def test_an_event_that_makes_no_sense_is_told_as_far_as_it_does() -> None:
    assert repetition_of({"case": "wal", "trials": "many"}) == Repetition(case="wal")
