"""`--fail-if`: what a condition is, and when a comparison meets it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from benchctl.analysis.findings import Comparison, Interval, Row, SideEstimate, Test
from benchctl.errors import UsageError
from benchctl.reports.thresholds import Condition, condition, outcomes


def row(value: float, low: float, high: float, **options: Any) -> Row:
    fields: dict[str, Any] = {"metric": "p99", "case": None, "unit": "ms", "better": "lower", "margin": 0.03}
    fields |= {"base": SideEstimate(4.0, 3.9, 4.1, 5), "candidate": SideEstimate(4.0 * value, None, None, 5)}
    fields |= {"ratio": Interval(value, low, high), "test": Test("paired t", 1.0, 4, 0.01), "p_adjusted": 0.01}
    return Row(**fields | {"verdict": "worse", "sentence": "as it is"} | options)


def told(text: str, *rows: Row) -> list[tuple[str, bool]]:
    found = outcomes([condition(text)], [Comparison("a", "b", True, rows)])
    return [(one.status, one.is_certain) for one in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("p99 worse by 5%", ("p99", "worse", 0.05)),
        ("  p99 worse by 2.5 %  ", ("p99", "worse", 0.025)),
        ("p99 worse", ("p99", "worse", 0.0)),
        ("time to ready better by 10%", ("time to ready", "better", 0.1)),
        ("any changed by 1%", ("any", "changed", 0.01)),
    ],
)
def test_condition_is_a_metric_a_verdict_and_a_percentage(text: str, wanted: tuple[str, Any, float]) -> None:
    assert condition(text) == Condition(text, *wanted)


ENDLESS = f"p99 worse by {'9' * 400}%"


@pytest.mark.parametrize(
    "text", ["", "p99", "worse by 5%", "p99 worse by 5", "p99 slower by 5%", "p99 worse by 1..3%", ENDLESS]
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    message = (
        f"--fail-if does not understand {text!r}; write METRIC worse|better|changed by N%, "
        'such as "p99 worse by 5%", "any worse" or "rows changed by 1%"'
    )
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        condition(text)


def test_verdict_and_an_estimate_so_far_out_meet_it_and_the_interval_makes_it_certain() -> None:
    assert told("p99 worse by 5%", row(1.09, 1.06, 1.12)) == [("met", True)]
    assert told("p99 worse by 5%", row(1.09, 1.02, 1.12)) == [("met", False)]
    assert told("p99 worse", row(1.09, 1.02, 1.12)) == [("met", True)]


def test_smaller_change_or_the_other_way_does_not_meet_it() -> None:
    assert told("p99 worse by 5%", row(1.04, 1.02, 1.06)) == [("not met", False)]
    assert told("p99 worse by 5%", row(0.9, 0.88, 0.92, verdict="better")) == [("not met", False)]


def test_estimate_without_the_verdict_is_no_failure_but_said() -> None:
    doubtful = row(1.09, 0.99, 1.2, verdict="not enough data")
    assert told("p99 worse by 5%", doubtful) == [("unproven", False)]
    alone = row(1.09, 1, 1, ratio=None, test=None, p_adjusted=None, verdict=None)
    assert told("p99 worse by 5%", alone) == [("unproven", False)]


def test_equivalent_is_never_a_failure() -> None:
    assert told("p99 worse by 1%", row(1.015, 1.01, 1.02, verdict="equivalent")) == [("not met", False)]


def test_higher_may_be_better() -> None:
    down = row(0.9, 0.88, 0.92, better="higher")
    assert told("p99 worse by 5%", down) == [("met", True)]
    assert told("p99 better by 5%", row(1.1, 1.04, 1.2, better="higher", verdict="better")) == [("met", False)]


def test_changed_is_either_way() -> None:
    assert told("p99 changed by 5%", row(0.9, 0.88, 0.92, better=None, verdict="changed")) == [("met", True)]
    assert told("p99 changed by 5%", row(1.1, 1.04, 1.2)) == [("met", False)]


def test_difference_is_a_share_of_the_base_and_any_change_of_nothing_is_beyond_all() -> None:
    difference = {"ratio": None, "difference": Interval(0.4, 0.3, 0.5)}
    assert told("p99 worse by 5%", row(1.1, 1, 1, **difference)) == [("met", True)]
    assert told("p99 worse by 10%", row(1.1, 1, 1, **difference)) == [("met", False)]
    nothing = {"base": SideEstimate(0.0, 0.0, 0.0, 5), "candidate": SideEstimate(0.4, 0.3, 0.5, 5)}
    assert told("p99 worse by 900%", row(1.1, 1, 1, **difference, **nothing)) == [("met", True)]


def test_any_is_each_declared_metric_that_may_be_worse() -> None:
    rows = [
        row(1.09, 1.06, 1.12),
        row(1.09, 1.06, 1.12, metric="rows", better=None, verdict="changed"),
        row(1.09, 1.06, 1.12, metric="extra", p_adjusted=None, verdict=None),
        row(1.0, 0.99, 1.01, metric="p50", verdict="equivalent"),
    ]
    found = outcomes([condition("any worse by 5%")], [Comparison("a", "b", True, tuple(rows))])
    assert [(one.metric, one.status) for one in found] == [("p99", "met"), ("p50", "not met")]


def test_sentences_say_what_was_asked_and_what_was_found() -> None:
    rows = (
        row(1.09, 1.06, 1.12),
        row(1.09, 1.02, 1.12, case="wal"),
        row(1.09, 0.99, 1.2, verdict="not enough data"),
        row(1.01, 1.0, 1.02, verdict="equivalent"),
    )
    found = outcomes([condition("p99 worse by 5%")], [Comparison("a", "b", True, rows)])
    assert [one.sentence for one in found] == [
        "failed (p99 worse by 5%): p99: as it is; all of its interval is beyond 5 %",
        "failed (p99 worse by 5%): p99 of wal: as it is; its interval begins below 5 %",
        "not failed (p99 worse by 5%), for want of proof: p99: as it is",
        "passed (p99 worse by 5%): p99: as it is",
    ]
    (small,) = outcomes([condition("p99 worse by 1%")], [Comparison("a", "b", True, rows[3:])])
    assert small.sentence == (
        "passed (p99 worse by 1%): p99: as it is; a smaller margin of the metric would tell smaller changes"
    )


def test_metric_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError) as caught:
        told("p9 worse", row(1.0, 0.9, 1.1))
    assert str(caught.value) == "--fail-if 'p9 worse': no metric 'p9'. Metrics: p99. Did you mean 'p99'?"


def test_worse_of_a_metric_without_better_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        told("p99 worse", row(1.0, 0.9, 1.1, better=None))
    assert str(caught.value) == (
        "--fail-if 'p99 worse': nothing says whether a lower or a higher p99 is better; "
        "give the metric `better: lower` or `better: higher`, or ask for `changed`"
    )
