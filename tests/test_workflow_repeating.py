"""Cases that are repeated until a metric is known exactly enough: real runs of commands whose noise is known."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from scipy import stats
from test_cli_console import benchctl_in
from workflow_bed import DEADLINE_S, Bench, local, running

import benchctl
from benchctl.errors import UsageError
from benchctl.reports.estimate import estimate_of
from benchctl.reports.run_page import run_text
from benchctl.runs.record import RunRecord
from benchctl.runs.repetition import Repetition
from benchctl.runs.store import Store
from benchctl.schedule import make_schedule

__all__ = ["local"]

UNTIL = {"until": "tps +-5%", "min": 5, "max": 40, "seed": 7}
CALM, NOISY, WILD = 0.01, 0.06, 0.6  # standard deviation of a trial over its mean


def tps(noise: float, many: int = 40) -> list[float]:
    """What the trials of a command measure whose noise is known."""
    draw = random.Random(int(noise * 1000))
    return [round(100 * (1 + draw.gauss(0, noise)), 3) for _ in range(many)]


def campaign(
    bench: Bench, values: Mapping[str, Sequence[float]], command: str = "", **trials: object
) -> dict[str, Any]:
    """A config in which the trials of each case measure these values, one after the other."""
    stage = bench.stage("load", f"{command}set -- $values; n={{{{trial}}}}; shift $((${{n#w}} - 1)); echo tps = $1")
    metric = {"name": "tps", "stage": "load", "regex": "tps = ([-0-9.]+)", "unit": "1/s"}
    cases = [{"name": name, "params": {"values": " ".join(map(str, of_case))}} for name, of_case in values.items()]
    config = {"cases": cases, "metrics": [metric], "trials": UNTIL | trials}
    bench.write(stage, **config)
    return {"config": config, "stage": stage}


def ran(bench: Bench, values: Mapping[str, Sequence[float]], command: str = "", **trials: object) -> RunRecord:
    given = campaign(bench, values, command, **trials)
    return bench.run(given["stage"], config=given["config"])


def ends(record: RunRecord) -> dict[str | None, tuple[str, int]]:
    return {one.case: (one.ended, one.trials) for one in record.repetition}


def half_width(values: Sequence[float]) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.tstd(values) / math.sqrt(len(values)))


def test_little_noise_stops_early_some_goes_on_and_much_goes_to_the_max(local: Bench) -> None:
    known = {"calm": tps(CALM), "noisy": tps(NOISY), "wild": tps(WILD)}
    record = ran(local, known)
    calm, noisy, wild = record.repetition
    assert (record.status, record.exit_code) == ("succeeded", 0)
    assert (calm.ended, calm.trials, calm.more) == ("precise", 5, 0)
    assert (noisy.ended, noisy.more) == ("precise", 0)
    assert 5 < noisy.trials < 40
    assert (wild.ended, wild.trials) == ("max", 40)
    for one in record.repetition:
        values = known[str(one.case)][: one.trials]
        assert [t.metrics["tps"].value for t in record.trials if t.case == one.case] == values
        assert one.mean == pytest.approx(sum(values) / len(values))
        assert one.half_width == pytest.approx(half_width(values))
        assert one.half_width is not None
        assert one.mean is not None
        assert (one.half_width <= 0.05 * one.mean) is (one.ended == "precise")
    std, mean = stats.tstd(known["wild"]), sum(known["wild"]) / 40
    needed = next(n for n in range(2, 10_000) if stats.t.ppf(0.975, n - 1) * std / math.sqrt(n) <= 0.05 * mean)
    assert wild.more == needed + 2 - 40  # and narrow after two more


def test_what_was_said_to_be_missing_is_about_what_it_takes(local: Bench) -> None:
    values = tps(0.15, 200)
    (first,) = ran(local, {"a": values}, max=10).repetition
    assert first.more is not None
    (second,) = ran(local, {"a": values}, max=200).repetition
    assert second.ended == "precise"
    assert second.trials == pytest.approx(10 + first.more, rel=0.5)


def test_rounds_go_on_in_the_order_of_the_seed_with_the_cases_that_are_left(local: Bench) -> None:
    record = ran(local, {"calm": tps(CALM), "wild": tps(WILD), "noisy": tps(NOISY)}, max=12, warmup=1)
    often = {one.case: one.trials for one in record.repetition}
    benchmark = benchctl.load(local.directory / "config.yaml")
    order = make_schedule(benchmark).order
    assert [trial.place for trial in record.trials] == [
        one.key for one in order if one.is_warmup or one.number <= often[one.case_name]
    ]
    rounds = [[trial.case for trial in record.trials if trial.trial == n and not trial.warmup] for n in range(1, 6)]
    assert len({tuple(one) for one in rounds}) > 1
    assert [trial.warmup for trial in record.trials[:4]] == [True, True, True, False]


def test_one_case_after_the_other_has_its_trials_in_a_row(local: Bench) -> None:
    record = ran(local, {"wild": tps(WILD), "calm": tps(CALM)}, order="sequential", max=6)
    assert [trial.case for trial in record.trials] == ["wild"] * 6 + ["calm"] * 5


@pytest.mark.parametrize("order", ["interleaved", "sequential"])
def test_a_budget_ends_what_is_not_known_yet_and_leaves_each_case_some(local: Bench, order: str) -> None:
    values = {"a": tps(WILD, 1000), "b": tps(WILD, 1000)}
    record = ran(local, values, "sleep 0.05; ", order=order, max=1000, budget="1s")
    for one in record.repetition:
        assert (one.ended, one.until) == ("budget", "tps +-5%")
        assert 1 <= one.trials < 1000
        assert one.more is None or one.more > 100
    assert sum(trial.duration_s or 0.0 for trial in record.trials[:-1]) < 1.0
    assert (record.status, record.planned["trials"]) == ("succeeded", len(record.trials))


def test_a_budget_that_the_warm_ups_use_up_leaves_nothing_to_measure(local: Bench) -> None:
    record = ran(local, {"a": tps(WILD), "b": tps(WILD)}, "sleep 0.3; ", warmup=20, budget="1s")
    assert ends(record) == {"a": ("budget", 0), "b": ("budget", 0)}
    assert {trial.warmup for trial in record.trials} == {True}
    assert len(record.trials) <= 4
    assert record.planned["trials"] == len(record.trials)
    assert (record.status, record.flags[0]) == ("incomplete", "case a: tps has no value, so tps +-5% says nothing")


def test_why_each_case_ended_is_told_once_and_kept(local: Bench) -> None:
    record = ran(local, {"calm": tps(CALM), "wild": tps(WILD)}, max=6)
    assert [Repetition.from_json(one) for one in local.told("case_ended")] == list(record.repetition)
    assert {key: record.planned[key] for key in ("trials", "repeat", "until", "min", "max", "budget_s")} == {
        "trials": 11,
        "repeat": None,
        "until": "tps +-5%",
        "min": 5,
        "max": 6,
        "budget_s": None,
    }
    assert [(one["index"], one["count"]) for one in local.told("trial_started")] == [(n, None) for n in range(1, 12)]
    most = [one["most"] for one in local.told("trial_started")]
    assert (most[0], most[-1]) == (12, 11)
    (record.path / "metadata.json").unlink()
    rebuilt = benchctl.find("run-001", results=local.results)
    assert (rebuilt.repetition, rebuilt.planned) == (record.repetition, record.planned)


def test_trials_that_failed_were_made_and_have_no_value(local: Bench) -> None:
    given = campaign(local, {"a": tps(CALM)}, "test {{trial}} != 2 || exit 1; ", max=8)
    record = local.run(given["stage"], config=given["config"], keeps_going=True)
    (one,) = record.repetition
    assert (one.ended, one.trials, one.count) == ("precise", 6, 5)
    assert record.counts == {"succeeded": 5, "failed": 1}


def test_a_metric_that_never_has_a_value_ends_its_case_and_leaves_the_run_incomplete(local: Bench) -> None:
    record = ran(local, {"a": [math.nan] * 40, "b": tps(CALM)})
    flag = "metric 'tps' has no value: no line matches in the log of local (logs/load.local.out, logs/load.local.err)"
    assert {trial.flags for trial in record.trials if trial.case == "a"} == {(flag,)}
    assert ends(record) == {"a": ("no_value", 5), "b": ("precise", 5)}
    assert (record.status, record.exit_code) == ("incomplete", 3)
    assert record.flags == ("case a: tps has no value, so tps +-5% says nothing",)


def test_a_given_number_of_trials_takes_the_place_of_until(local: Bench) -> None:
    given = campaign(local, {"a": tps(WILD)})
    record = local.run(given["stage"], config=given["config"], repeat=3)
    assert (len(record.trials), record.repetition) == (3, ())
    assert (record.planned["repeat"], record.planned["trials"]) == (3, 3)
    assert "until" not in record.planned


@pytest.mark.parametrize("until", ["tps +-5%", "load.duration +-5%", "both +-5%", "rows.ms.p99 +-5%"])
def test_without_the_stage_of_the_metric_each_case_has_one_trial(local: Bench, until: str) -> None:
    rows = {"name": "rows", "remote_path": "rows.csv", "data_schema": {"ms": {"type": "float"}}}
    tps_of_load = {"name": "tps", "stage": "load", "regex": "tps = ([0-9.]+)"}
    record = local.run(
        local.stage("prepare", "true"),
        local.stage("load", "echo tps = 5", outputs=[rows]),
        config={
            "cases": [{"name": "a"}, {"name": "b"}],
            "metrics": [tps_of_load, {"name": "both", "value": "tps * prepare.duration"}],
            "trials": {"until": until},
        },
        only=["prepare"],
    )
    assert (record.status, len(record.trials), record.repetition) == ("succeeded", 2, ())


@pytest.mark.parametrize("after", [3, 8, 13])
def test_a_run_that_was_killed_goes_on_to_the_same_end(local: Bench, after: int) -> None:
    values = {"calm": tps(CALM), "noisy": tps(NOISY)}
    whole = ran(local, values)
    campaign(local, values, "sleep 0.03; ")
    with running(local.directory / "config.yaml", local.directory / "killed", "-q") as run:
        run.wait_for("trial_started", index=after)
        run.process.kill()
        run.process.wait(DEADLINE_S)
    begun = benchctl.find("run-001", results=local.directory / "killed")
    assert begun.planned["trials"] is None
    done = {trial.place for trial in begun.trials if trial.is_over}
    local.events.clear()
    record = benchctl.resume("run-001", results=local.directory / "killed", listeners=[local.events.append])
    assert record.repetition == whole.repetition
    assert [trial.place for trial in record.trials] == [trial.place for trial in whole.trials]
    assert not {(one["case"], one["trial"], one["warmup"]) for one in local.told("trial_started")} & done
    with pytest.raises(UsageError, match="misses nothing"):
        benchctl.resume("run-001", results=local.directory / "killed")


def test_a_run_that_was_killed_after_its_last_trial_knows_how_many_there_are(local: Bench) -> None:
    whole = ran(local, {"calm": tps(CALM)})
    journal = [line for line in (whole.path / "events.ndjson").read_text().splitlines() if '"run_finished"' not in line]
    (whole.path / "events.ndjson").write_text("\n".join([*journal, ""]))
    document = json.loads((whole.path / "metadata.json").read_text())
    document |= {"status": "running", "planned": document["planned"] | {"trials": None}}
    document["writer"]["boot_id"] = "another"
    (whole.path / "metadata.json").write_text(json.dumps(document))
    record = benchctl.resume(str(whole.path))
    assert (record.status, record.planned["trials"]) == ("succeeded", len(whole.trials))
    assert "not made" not in run_text(record)


def test_a_run_that_was_cut_off_says_that_it_is_not_known_yet(local: Bench) -> None:
    campaign(local, {"wild": tps(WILD)}, "test {{trial}} != 4 || exit 1; ")
    ended = benchctl_in(local.directory, "run")
    assert ended.code == 1
    assert "run-001 failed after" in ended.err
    assert "(3 trials succeeded, 1 failed)" in ended.err
    assert ended.err.endswith("    next  benchctl resume run-001\n")
    page = benchctl_in(local.directory, "show").out
    assert "    further trials of wild not made (benchctl resume run-001)\n" in page
    assert "after 4 trials (3 with a value): it is to go on; about " in page
    assert " 3/?  " in benchctl_in(local.directory, "list").out
    shown = json.loads(benchctl_in(local.directory, "show", "--json").out)
    assert (shown["repetition"][0]["ended"], shown["planned"]["trials"]) == ("", None)


def test_a_plan_is_judged_by_how_many_trials_it_took_before(local: Bench) -> None:
    campaign(local, {"calm": tps(CALM), "wild": tps(WILD)}, max=10)
    plan = benchctl.compile_plan(benchctl.load(local.directory / "config.yaml"))
    assert (len(plan.schedule.sure), len(plan.schedule.order)) == (10, 20)
    ran(local, {"calm": tps(CALM), "wild": tps(WILD)}, max=10)
    record = benchctl.find("run-001", results=local.results)
    judged = estimate_of(Store(local.results), plan)
    assert judged is not None
    assert (judged.runs, judged.most_s) == (("run-001",), None)
    assert judged.duration_s == pytest.approx(record.duration_s, rel=0.5)
    campaign(local, {"calm": tps(CALM), "wild": tps(WILD)}, max=10, until="tps +-6%")
    other = estimate_of(Store(local.results), benchctl.compile_plan(benchctl.load(local.directory / "config.yaml")))
    assert other is not None
    assert other.most_s is not None
    assert other.most_s > other.duration_s


def test_failed_trials_are_made_again_and_their_case_goes_on_if_it_must(local: Bench) -> None:
    values = {"a": [100.0, 100.5, 120.0, 100.2, 99.8, 100.1, *tps(CALM)], "b": tps(CALM)}
    fails = f"test $BENCHCTL_CASE-{{{{trial}}}} != a-3 -o -e {local.path('mended')} || exit 1; "
    given = campaign(local, values, fails, max=30)
    first = local.run(given["stage"], config=given["config"], keeps_going=True)
    assert ends(first) == {"a": ("precise", 6), "b": ("precise", 5)}
    assert (first.status, first.counts) == ("failed", {"succeeded": 10, "failed": 1})
    local.path("mended").touch()
    record = benchctl.resume("run-001", results=local.results, failed=True)
    (a, b) = record.repetition
    assert (record.status, b) == ("succeeded", first.repetition[1])
    assert (a.ended, a.trials, a.count) == ("precise", a.trials, a.trials)
    assert a.trials > 6  # with the one that is far off it takes more
    assert [trial.place for trial in record.trials if trial.attempt > 1] == [("a", 3, False)]
    assert record.planned["trials"] == len(record.trials)
    with pytest.raises(UsageError, match="run-001 misses nothing"):
        benchctl.resume("run-001", results=local.results, failed=True)


def test_a_budget_that_was_changed_since_is_refused_with_what_changed(local: Bench) -> None:
    ran(local, {"a": tps(WILD)}, max=5)
    campaign(local, {"a": tps(WILD)}, max=5, budget="10m")
    with pytest.raises(UsageError) as raised:
        benchctl.resume("run-001", results=local.results)
    assert raised.value.message.endswith("\n    trials.budget: '10m', before not there")
