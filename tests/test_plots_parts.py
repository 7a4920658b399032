"""The parts that pictures are made of: windows of trials, stages, names and looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import seaborn as sns

from benchctl.analysis.across import by_window, mean_of
from benchctl.analysis.rows import Rows
from benchctl.analysis.windows import windows
from benchctl.config.model import Plot
from benchctl.config.picture import PALETTES, parse_length
from benchctl.plots.canvas import Job
from benchctl.plots.few import few_rows
from benchctl.plots.names import listed_gaps, natural, shown, wrapped
from benchctl.plots.stages import bounds
from benchctl.plots.style import colours
from benchctl.runs.record import StageOnHost, StageRecord, TrialRecord

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("number", [1, 2, 500])
def test_windows_hold_every_value_once_in_the_order_of_time(number: int) -> None:
    chance = np.random.default_rng(number)
    elapsed, values = chance.uniform(-50, 50, number), chance.normal(size=number)
    found = by_window(elapsed, values, 2.0)
    windows_of = np.floor(elapsed / 2)
    assert [at for at, _ in found] == sorted(set(windows_of.astype(int).tolist()))
    assert [np.sort(part).tolist() for _, part in found] == [sorted(values[windows_of == at]) for at, _ in found]


def test_the_mean_of_trials_counts_each_the_same_and_stops_where_most_have_ended() -> None:
    ends = (4.0, 3.0, 1.0)  # so long each trial was
    trials = [
        windows(np.arange(0, end, 0.5 / (at + 1)), np.full(int(end * 2 * (at + 1)), at + 1.0), "avg", 1.0)
        for at, end in enumerate(ends)
    ]
    found = mean_of(trials, 1.0)
    assert (found.middles.tolist(), found.values.tolist(), found.counts.tolist()) == (
        [0.5, 1.5, 2.5],
        [2.0, 1.5, 1.5],
        [12, 6, 6],
    )


def trial(*spans: tuple[str, float, float], background: str = "") -> TrialRecord:
    stages = [
        StageRecord(
            name=name,
            hosts={
                "db": StageOnHost(
                    started=NOON + timedelta(seconds=begin),
                    finished=NOON + timedelta(seconds=end),
                    background=name == background,
                )
            },
        )
        for name, begin, end in spans
    ]
    return TrialRecord(started=NOON, stages=(*stages, StageRecord(name="skipped", hosts={"db": StageOnHost()})))


def test_stages_are_shown_where_all_trials_agree_on_them() -> None:
    one = trial(("fill", 0, 10), ("app", 0, 99), ("load", 10.5, 100), background="app")
    near, far = trial(("fill", 0, 11), ("load", 11, 101)), trial(("fill", 0, 50), ("load", 50, 140))
    assert bounds([one]) == [("fill", 0, 10), ("load", 10.5, 100)]
    assert bounds([one, near]) == bounds([one])
    assert bounds([one, far]) == bounds([one, trial(("fill", 0, 10))]) == bounds([]) == []


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("run-001", "read"), "run-001, read"),
        (("",), "(empty)"),
        (("_id",), "\u200b_id"),
        (("a\tb\n$c$",), "a b $c$"),
        (("a" * 30 + "b" * 30,), "a" * 24 + "\u2026" + "b" * 15),
    ],
)
def test_names_fit_into_a_legend(parts: tuple[str, ...], text: str) -> None:
    assert shown(*parts) == text


def test_names_are_sorted_with_numbers_by_their_size() -> None:
    names = ["10 threads", "2 threads", "", "b", "a10", "a9", "\u00b2", "9" * 30]
    assert sorted(names, key=natural) == ["", "2 threads", "10 threads", "9" * 30, "a9", "a10", "b", "\u00b2"]


def test_long_texts_are_wrapped_and_gaps_of_the_font_counted() -> None:
    assert wrapped("a note of several words that is long", 2.0, 9) == "a note of several words\nthat is long"
    assert listed_gaps("\u4e2d" * 8) == ", ".join(["U+4E2D"] * 6) + " and 2 more"
    assert [few_rows("p99", 99), few_rows("p95", 20), few_rows("median", 1)] == ["of only 99 rows", "", ""]


@pytest.mark.parametrize("name", PALETTES)
def test_every_palette_is_one_of_seaborn_s_and_begins_again_when_it_is_used_up(name: str) -> None:
    size = PALETTES[name]
    found = colours(name, 23)
    assert len(set(found)) == (min(size, 23) if size else 23)
    assert list(sns.color_palette(name, size or 23))[:23] == found[: size or 23]


@pytest.mark.parametrize(
    ("text", "inches"), [("3.5in", 3.5), ("88mm", 88 / 25.4), ("9 cm", 9 / 2.54), ("20in", 20.0), (".15e", None)]
)
def test_lengths_are_inches(text: str, inches: float | None) -> None:
    if inches is None:
        with pytest.raises(ValueError, match=r"must be a length such as 3.5in, 88mm or 9cm, not '.15e'"):
            parse_length(text)
    else:
        assert parse_length(text) == pytest.approx(inches)


def job(owners: list[tuple[str, str]]) -> Job:
    return Job(Plot("p", "o", "ecdf"), Rows((), (), None), owners=owners)


def told(made: Job, *keys: dict[str, str]) -> list[tuple[str, Any, Any]]:
    return [(name, look.colour, look.dash) for name, look in made.told_apart(keys)]


def test_a_run_has_its_colour_also_where_others_have_no_rows() -> None:
    blue, orange = colours("colorblind", 2)
    made = job([("run-1", ""), ("run-2", "")])
    (one,) = told(made, {"run": "run-2", "case": "", "op": "r"})
    assert one == ("run-2", orange, "-")
    both = told(made, *({"run": run, "case": "", "op": op} for run in ("run-1", "run-2") for op in "rw"))
    assert [name for name, _, _ in both] == ["run-1, r", "run-1, w", "run-2, r", "run-2, w"]
    assert [colour for _, colour, _ in both] == [blue, blue, orange, orange]
    assert both[0][2] == both[2][2] != both[1][2] == both[3][2]


def test_what_there_are_not_dashes_enough_for_is_said() -> None:
    made = job([("run-1", ""), ("run-2", "")])
    keys = [{"run": "run-1", "case": "", "op": op, "host": f"h{at}"} for op in "rw" for at in range(9)]
    assert {name for name, _, _ in told(made, *keys)} == {"run-1, r", "run-1, w"}
    assert made.cautions == ["lines of one look differ in host"]
