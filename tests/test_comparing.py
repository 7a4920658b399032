"""`benchctl.compare`: which trials of which runs stand against each other, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import benchctl
from benchctl.analysis import wording
from benchctl.analysis.findings import Comparison, Difference, Row
from benchctl.errors import RunNotFound, UsageError
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord
from benchctl.runs.repetition import Repetition

START = datetime(2026, 11, 24, 13, 2, 11, tzinfo=UTC)
STEADY = (4.01, 4.13, 3.98, 4.07, 4.02, 4.11, 3.95, 4.05)
SLOWER = tuple(round(value * 1.2 + way, 4) for value, way in zip(STEADY, (0, 0.01, -0.02, 0.01) * 2, strict=True))


def trials(case: str | None, values: Sequence[float | None], *, name: str = "p99", **metric: Any) -> list[TrialRecord]:
    """A trial for each value, a minute after the one before."""
    options: dict[str, Any] = {"unit": "ms", "better": "lower"} | metric
    return [
        TrialRecord(
            case=case,
            trial=number,
            status="succeeded",
            directory=f"trials/{case or ''}{number:02d}",
            started=START + timedelta(minutes=number),
            metrics={name: MetricRecord(value=value, **options)},
        )
        for number, value in enumerate(values, start=1)
    ]


def run(number: int, *trials: Sequence[TrialRecord], order: str = "interleaved", **fields: Any) -> RunRecord:
    made = tuple(trial for part in trials for trial in part)
    cases = {trial.case: {"journal": trial.case} for trial in made if trial.case}
    known: dict[str, Any] = {"benchmark": "b", "status": "succeeded", "cases": cases} | fields
    return RunRecord(id=f"run-{number:03d}", uid=f"u{number}", planned={"order": order}, trials=made, **known)


def one(found: Sequence[Comparison]) -> tuple[Comparison, Row]:
    (comparison,) = found
    (row,) = comparison.rows
    return comparison, row


TURNS = run(1, trials("wal", STEADY), trials("delete", SLOWER))


def test_cases_of_one_run_that_took_turns_are_paired_by_round_and_compared_with_the_first() -> None:
    comparison, row = one(benchctl.compare(TURNS))
    assert (comparison.base, comparison.candidate, comparison.is_paired) == ("run-001:wal", "run-001:delete", True)
    assert (row.test and row.test.name, row.verdict, row.base.n) == ("paired t", "worse", 8)
    assert comparison.warnings == ()
    assert comparison.differences == (Difference("params", "params journal", "wal", "delete"),)


def test_drift_is_no_threat_to_trials_that_were_made_in_one_random_order() -> None:
    drifting = [10.001 + 0.1 * i for i in range(10)]
    for order, is_warned in (("random", False), ("sequential", True)):
        _, row = one(benchctl.compare(run(1, trials("a", drifting), trials("b", drifting), order=order)))
        assert any("resembles the one before it" in text for text in row.warnings) == is_warned


@pytest.mark.parametrize(("ended", "is_told"), [("precise", True), ("max", False), ("budget", False)])
def test_trials_that_ended_early_are_said_to_have_too_narrow_an_interval(ended: str, is_told: bool) -> None:
    known = Repetition(case="wal", metric="p99", until="p99 +-5%", ended=ended)
    early = replace(run(1, trials("wal", STEADY)), repetition=(known, replace(known, case="delete", ended="precise")))
    comparison, _ = one(benchctl.compare(early, run(2, trials("wal", SLOWER))))
    found = [text for text in comparison.warnings if "narrow" in text]
    assert found == ([wording.stopped_early("run-001:wal", "p99 +-5%")] if is_told else [])


@pytest.mark.parametrize(("order", "word"), [("random", wording.IN_RANDOM_ORDER), ("sequential", wording.IN_SEQUENCE)])
def test_cases_that_did_not_take_turns_are_not_paired_and_that_is_said(order: str, word: str) -> None:
    comparison, row = one(benchctl.compare(replace(TURNS, planned={"order": order})))
    assert (comparison.is_paired, row.test and row.test.name) == (False, "Welch's t")
    assert comparison.warnings == (word,)


def test_cases_of_two_runs_pair_by_name_and_what_one_run_alone_has_is_told() -> None:
    other = run(2, trials("delete", SLOWER), trials("off", STEADY), trials("wal", STEADY))
    (comparison,) = benchctl.compare(TURNS, other)
    assert [(row.case, row.verdict) for row in comparison.rows] == [("wal", "equivalent"), ("delete", "equivalent")]
    assert comparison.warnings == (wording.APART, "run-002 alone has off, which is not compared")


def test_holms_correction_is_made_for_each_case_by_itself() -> None:
    (comparison,) = benchctl.compare(TURNS, run(2, trials("wal", SLOWER), trials("delete", STEADY)))
    assert [row.p_adjusted for row in comparison.rows] == [row.test and row.test.p for row in comparison.rows]


def test_the_only_cases_of_two_runs_are_compared_whatever_their_names_and_that_is_said() -> None:
    (comparison,) = benchctl.compare(run(1, trials("wal", STEADY)), run(2, trials("off", STEADY)))
    assert comparison.warnings == (wording.APART, "case wal is compared with case off: each run has no other")
    assert Difference("params", "params journal", "wal", "off") in comparison.differences


def test_runs_without_a_case_in_common_are_refused() -> None:
    other = run(2, trials("a", STEADY), trials("b", STEADY))
    with pytest.raises(UsageError) as refused:
        benchctl.compare(TURNS, other)
    assert refused.value.message == "no case of one is in the other: run-001 has wal, delete and run-002 has a, b"
    assert refused.value.hint == "two cases are compared as RUN:CASE RUN:CASE"


def test_same_run_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^run-001 and run-001 are the same trials; name two cases, or two runs$"):
        benchctl.compare(TURNS, TURNS)


def test_a_run_of_one_case_alone_is_answered_with_the_cure() -> None:
    with pytest.raises(UsageError, match=r"^run-001 has one case, and nothing to compare it with$") as refused:
        benchctl.compare(run(1, trials(None, STEADY)))
    assert refused.value.hint == "name what to compare it with: benchctl compare run-001 RUN"


def test_a_run_that_still_goes_on_is_refused() -> None:
    going = replace(TURNS, status="running", planned={"order": "interleaved", "trials": 20})
    with pytest.raises(UsageError) as refused:
        benchctl.compare(going)
    assert refused.value.message == "run-001 still goes on, with trial 16 of 20; it can be compared once it is over"


def test_a_run_recorded_before_there_were_metrics_is_named() -> None:
    old = run(1, [replace(trial, metrics={}) for trial in trials(None, STEADY)])
    with pytest.raises(UsageError, match=r"^run-001 has nothing to compare$") as refused:
        benchctl.compare(old, run(2, trials(None, STEADY)))
    assert refused.value.hint.startswith("its trials have no metrics in their records")


def test_a_run_without_a_trial_that_counts_is_named() -> None:
    failed = run(1, [replace(trial, status="failed") for trial in trials(None, STEADY)])
    with pytest.raises(
        UsageError, match=r"^run-001 has no trial that was measured to its end; benchctl show tells why$"
    ):
        benchctl.compare(failed, run(2, trials(None, STEADY)))


def test_case_that_failed_keeps_no_other_from_being_compared() -> None:
    broken = [replace(trial, status="failed") for trial in trials("off", STEADY[:2])]
    found = benchctl.compare(run(1, trials("wal", STEADY), broken, trials("delete", SLOWER)))
    assert [(one.candidate, one.rows[0].verdict) for one in found] == [
        ("run-001:off", None),
        ("run-001:delete", "worse"),
    ]
    assert found[0].rows[0].sentence == "nothing to compare: no trial of the candidate that counts has a value"
    assert found[0].warnings == ("run-001:off: of 2 trials, 2 failed and left out",)


def test_warm_ups_and_failed_trials_are_never_taken_in() -> None:
    made = trials("wal", (*STEADY, 999.0, 999.0))
    made[8], made[9] = replace(made[8], status="failed"), replace(made[9], warmup=True)
    comparison, row = one(benchctl.compare(run(1, made), run(2, trials("wal", STEADY))))
    assert (row.base.n, row.ratio and row.ratio.value) == (8, 1.0)
    assert comparison.warnings == (wording.APART, "run-001:wal: of 9 trials, 1 failed and left out")


def test_an_interrupted_trial_takes_its_round_away_and_shifts_no_other() -> None:
    wal, delete = trials("wal", STEADY), trials("delete", [value * 1.1 for value in STEADY])
    wal[2] = replace(wal[2], status="interrupted")
    comparison, row = one(benchctl.compare(run(1, wal, delete)))
    assert (row.base.n, row.candidate.n) == (7, 7)
    assert row.ratio
    assert math.isclose(row.ratio.value, 1.1)
    assert row.warnings == ("1 trial of the candidate has no partner in its round, and is left out",)
    assert comparison.warnings == ("run-001:wal: of 8 trials, 1 interrupted and left out",)


def test_a_run_that_ended_early_is_told_once() -> None:
    early = run(1, trials("wal", STEADY), trials("delete", SLOWER))
    early = replace(early, status="interrupted", planned={"order": "interleaved", "trials": 20})
    comparison, _ = one(benchctl.compare(early))
    assert comparison.warnings == ("run-001 is interrupted: 4 trials of 20 not made (benchctl resume run-001)",)


def test_a_round_of_which_a_resume_made_half_is_no_round() -> None:
    wal, delete = trials("wal", STEADY), trials("delete", [value * 1.1 for value in STEADY])
    delete[4:] = [replace(trial, started=trial.started + timedelta(days=1)) for trial in delete[4:] if trial.started]
    wal[5:] = [replace(trial, started=trial.started + timedelta(days=1)) for trial in wal[5:] if trial.started]
    resumed = ({"at": "2026-11-25T13:00:00.000000Z"},)
    _, row = one(benchctl.compare(run(1, wal, delete, resumed=resumed)))
    assert (row.base.n, row.candidate.n) == (7, 7)
    assert row.warnings == (
        "1 trial of the base has no partner in its round, and is left out",
        "1 trial of the candidate has no partner in its round, and is left out",
    )


def test_one_trial_a_side_has_its_numbers_and_no_verdict() -> None:
    _, row = one(benchctl.compare(run(1, trials(None, [4.0])), run(2, trials(None, [4.4]))))
    assert (row.base.value, row.candidate.value, row.verdict) == (4.0, 4.4, None)
    assert row.sentence == (
        "no verdict: 10.0 % higher, but one trial says nothing about chance. Repeat it: trials: {repeat: 10}"
    )


def test_a_trial_without_a_value_is_left_out_with_the_reason() -> None:
    base = trials("wal", (*STEADY[:7], None), reason="no line matches")
    _, row = one(benchctl.compare(run(1, base), run(2, trials("wal", STEADY))))
    assert row.base.n == 7
    assert row.warnings == ("1 of 8 trials of the base have no value", "no line matches")


def test_metrics_that_a_run_has_alone_are_shown_without_a_verdict() -> None:
    _, row = one(
        benchctl.compare(run(1, trials(None, STEADY)), run(2, trials(None, STEADY, name="tps")), metrics="p99")
    )
    assert row.sentence == "nothing to compare: no trial of the candidate that counts has a value"


def test_numbers_of_another_unit_are_converted_and_that_is_said() -> None:
    micro = run(2, trials(None, [1000 * value for value in STEADY], unit="us"))
    _, row = one(benchctl.compare(run(1, trials(None, STEADY)), micro))
    assert (row.unit, row.ratio and row.ratio.value) == ("ms", 1.0)
    assert row.warnings == ("the candidate has it in us; it was converted to ms",)


@pytest.mark.parametrize(("unit", "told"), [("req/s", "req/s"), (None, "no unit")])
def test_units_of_different_things_are_refused(unit: str | None, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        benchctl.compare(run(1, trials(None, STEADY)), run(2, trials(None, STEADY, unit=unit)))
    assert refused.value.message == (
        f"p99 is in ms in run-001 and in {told} in run-002, and nothing converts one to the other"
    )


def test_a_metric_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^no metric is called 'p9'\. Metrics: p99\. Did you mean 'p99'\?$"):
        benchctl.compare(TURNS, metrics="p9")
    with pytest.raises(UsageError, match=r"^no metric is called 'tps'\. Metrics: p99\.$"):
        benchctl.compare(TURNS, margin={"tps": 0.1})


def test_undeclared_metrics_have_no_verdict_until_one_asks_for_them() -> None:
    made = run(1, trials("a", STEADY, declared=False), trials("b", SLOWER, declared=False))
    comparison, row = one(benchctl.compare(made))
    assert row.verdict is None
    assert comparison.warnings == (
        "no metric is declared, so nothing gets a verdict: name those that matter with --metric",
    )
    assert one(benchctl.compare(made, metrics=["p99"]))[1].verdict == "worse"


@pytest.mark.parametrize(
    ("margin", "verdict"), [(None, "worse"), (0.5, "equivalent"), ({"p99": 0.5}, "equivalent"), (0.01, "worse")]
)
def test_margin_is_the_callers(margin: Any, verdict: str) -> None:
    assert one(benchctl.compare(TURNS, margin=margin))[1].verdict == verdict


def test_margin_of_the_config_holds_unless_the_caller_has_another() -> None:
    document = {"metrics": [{"name": "p99", "source": "lat", "aggregate": "p99", "margin": "50%"}]}
    made = replace(TURNS, config={"document": document})
    assert [one(benchctl.compare(made, margin=margin))[1].margin for margin in (None, 0.01, {"p99": 0.02})] == [
        0.5,
        0.01,
        0.02,
    ]


@pytest.mark.parametrize("margin", [0, 1, 3, True, "3%", {"p99": 5}])
def test_margins_that_make_no_sense_are_refused(margin: Any) -> None:
    with pytest.raises(UsageError, match=r"^margin must be a share above 0 and below 1, such as 0.03 for 3 %, not "):
        benchctl.compare(TURNS, margin=margin)


def test_a_metric_made_of_other_things_in_the_two_runs_is_warned_about() -> None:
    def config(how: str) -> dict[str, Any]:
        return {"document": {"metrics": [{"name": "p99", "source": "lat", "aggregate": how, "better": "lower"}]}}

    before, after = (run(n, trials(None, STEADY), config=config(how)) for n, how in ((1, "p99"), (2, "max")))
    _, row = one(benchctl.compare(before, after))
    assert row.warnings == ("the two runs make it of different things: aggregate p99 and max",)


def test_what_is_better_is_not_guessed_where_the_runs_contradict_each_other() -> None:
    _, row = one(benchctl.compare(run(1, trials(None, STEADY)), run(2, trials(None, SLOWER, better="higher"))))
    assert (row.better, row.verdict) == (None, "changed")
    assert "one of the runs says that lower is better, the other that higher is" in row.warnings


@pytest.mark.parametrize("value", [1e200, -1e200])
def test_numbers_too_large_to_square_are_refused_without_a_traceback(value: float) -> None:
    with pytest.raises(UsageError, match=re.escape(f"p99 of the base: value 1 is {value}, which can't be compared")):
        benchctl.compare(run(1, trials(None, [value, 1.0])), run(2, trials(None, STEADY)))


def test_zero_and_negative_values_are_compared_by_their_difference() -> None:
    _, row = one(benchctl.compare(run(1, trials(None, [0.0, -1.25, 0.5])), run(2, trials(None, [2.25, 3.5, 1.75]))))
    assert row.ratio is None
    assert row.difference
    assert math.isclose(row.difference.value, 2.75)


def test_flags_and_remarks_of_trials_are_told() -> None:
    base = trials(None, STEADY, remark="of 50 rows: little more than their largest")
    base[0] = replace(base[0], flags=("the clock jumped",))
    comparison, row = one(benchctl.compare(run(1, base), run(2, trials(None, STEADY))))
    assert row.warnings == ("of 50 rows: little more than their largest",)
    assert comparison.warnings[1:] == ("run-001: 1 trial of 8 with a flag, such as: the clock jumped",)


def test_several_candidates_are_each_compared_with_the_base() -> None:
    others = [run(n, trials("wal", STEADY), trials("delete", SLOWER)) for n in (2, 3)]
    found = benchctl.compare(TURNS, others)
    assert [(one.base, one.candidate) for one in found] == [("run-001", "run-002"), ("run-001", "run-003")]


def test_records_without_a_uid_are_told_apart_by_their_directories() -> None:
    base, other = (replace(run(n, trials("a", STEADY)), uid="", path=Path(f"run-00{n}")) for n in (1, 2))
    comparison, _ = one(benchctl.compare(base, other))
    assert (comparison.is_paired, comparison.warnings) == (False, (wording.APART,))


def test_runs_of_one_number_from_two_directories_are_called_by_their_paths() -> None:
    base, other = (
        replace(run(1, trials("a", STEADY)), uid=name, path=Path(name) / "run-001") for name in ("mine", "theirs")
    )
    comparison, _ = one(benchctl.compare(base, other))
    assert (comparison.base, comparison.candidate) == ("mine/run-001", "theirs/run-001")


def test_what_is_no_run_is_refused_in_words() -> None:
    wrong: Any = 12
    with pytest.raises(UsageError, match=r"^a run is named by a text such as 'run-012', or is a record, not 12$"):
        benchctl.compare(wrong)


def test_seven_metrics_of_two_thousand_trials_are_corrected_together() -> None:
    shuffler = Random(7)
    made = [[shuffler.gauss(100, 2) for _ in range(1000)] for _ in range(14)]
    sides = []
    for case, columns in (("a", made[:7]), ("b", made[7:])):
        records = [
            {f"m{i}": MetricRecord(value=c[n], better="lower") for i, c in enumerate(columns)} for n in range(1000)
        ]
        sides.append([replace(t, metrics=m) for t, m in zip(trials(case, made[0]), records, strict=True)])
    (comparison,) = benchctl.compare(run(1, *sides))
    assert [row.verdict for row in comparison.rows] == ["equivalent"] * 7
    raw = sorted(row.test.p for row in comparison.rows if row.test)
    assert min(row.p_adjusted or 0.0 for row in comparison.rows) == pytest.approx(min(7 * raw[0], 1.0))


def test_a_run_that_is_nowhere_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match=r"^No run '7'\. There are no runs in "):
        benchctl.compare("7", "8", results=tmp_path)
