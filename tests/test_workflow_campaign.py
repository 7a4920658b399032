"""Many trials in one run: their order, their files, their failures, and the stages around them."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from workflow_bed import Bench, bench, error_of, is_gone, local, pid_in, wait_until_gone

import benchctl
from benchctl.errors import UsageError
from benchctl.reports.failure import failure_text
from benchctl.reports.logs import Wanting, log_lines
from benchctl.runs.loading import glance
from benchctl.runs.record import RunRecord
from benchctl.runs.store import RunDirectory

__all__ = ["bench", "local"]

CASES = [{"name": "wal", "params": {"mode": "w a l"}}, {"name": "del", "params": {"mode": "d"}}]


def made(record: RunRecord) -> list[str]:
    return [trial.directory for trial in record.trials]


def ran(bench: Bench) -> list[str]:
    """The lines that the trials' commands added to a file of theirs."""
    path = bench.path("ran")
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_each_trial_has_its_directory_its_parameters_and_its_names(bench: Bench) -> None:
    show = "echo '{{case}} {{trial}}' {{params.mode | quote}} \"$mode\" $BENCHCTL_CASE $BENCHCTL_TRIAL > " + str(
        bench.path("out.txt")
    )
    output = {"name": "out", "remote_path": str(bench.path("out.txt"))}
    stage = bench.stage("one", show, outputs=[output])
    record = bench.run(stage, config={"cases": CASES, "trials": {"repeat": 2, "warmup": 1, "order": "sequential"}})
    assert record.status == "succeeded"
    assert made(record) == [f"trials/{case}-{number}" for case in ("wal", "del") for number in ("w01", "01", "02")]
    told = {name: (record.path / name / "out.txt").read_text() for name in made(record)}
    assert told["trials/wal-02"] == "wal 2 w a l w a l wal 2\n"
    assert told["trials/del-w01"] == "del w1 d d del w1\n"
    assert [(trial.warmup, trial.counts) for trial in record.trials][:2] == [(True, False), (False, True)]
    assert record.counts == {"succeeded": 4, "warmup": 2}
    assert record.cases == {"wal": {"mode": "w a l"}, "del": {"mode": "d"}}
    assert benchctl.find("run-001", results=bench.results) == record


def test_a_case_of_a_run_is_found_by_its_name(local: Bench) -> None:
    local.run(local.stage("one", "true"), config={"cases": CASES})
    assert made(benchctl.find("latest:del", results=local.results)) == ["trials/del-01"]
    with pytest.raises(UsageError) as raised:
        benchctl.find("1:dle", results=local.results)
    assert raised.value.message == "run-001 has no case 'dle'. Cases: wal, del. Did you mean 'del'?"


def test_repeats_without_cases_are_numbered_alone(local: Bench) -> None:
    record = local.run(local.stage("one", "true"), repeat=3)
    assert made(record) == ["trials/01", "trials/02", "trials/03"]
    assert not (record.path / "trial.json").exists()


def test_a_stage_is_left_out_in_other_cases_than_its_own(local: Bench) -> None:
    stages = local.stage("all", "true"), local.stage("some", "true", when={"mode": "d"})
    record = local.run(*stages, config={"cases": CASES, "trials": {"order": "sequential"}})
    assert [[stage.status for stage in trial.stages] for trial in record.trials] == [
        ["succeeded", "skipped"],
        ["succeeded", "succeeded"],
    ]


def test_the_first_failure_ends_the_run_and_what_was_made_is_kept(local: Bench) -> None:
    stage = local.stage("one", f"echo {{{{trial}}}} >> {local.path('ran')}; test {{{{trial}}}} != 2")
    record = local.run(stage, repeat=4)
    assert (record.status, ran(local)) == ("failed", ["1", "2"])
    assert (error_of(record).stage, error_of(record).trial) == ("one", "02")
    assert failure_text(error_of(record), run_id=record.id, kept=record.path).endswith(" one --trial 02)")
    assert record.counts == {"succeeded": 1, "failed": 1}
    assert record.exit_code == 1


def test_the_other_trials_are_made_when_a_run_keeps_going(local: Bench) -> None:
    stage = local.stage("one", f"echo {{{{trial}}}} >> {local.path('ran')}; test {{{{trial}}}} != 2")
    record = local.run(stage, repeat=4, keeps_going=True)
    assert (record.status, ran(local)) == ("failed", ["1", "2", "3", "4"])
    assert record.counts == {"succeeded": 3, "failed": 1}
    assert record.exit_code == 1


def test_stages_with_scope_run_are_done_once_around_all_trials(bench: Bench) -> None:
    note = f"echo %s >> {bench.path('ran')}"
    stages = (
        bench.stage("before", note % "before", scope="run"),
        bench.stage("server", f"echo $$ > {bench.path('pid')}; exec sleep 300", background=True, scope="run"),
        bench.stage("each", f"kill -0 $(cat {bench.path('pid')}) && {note % '{{trial}}'}"),
        bench.stage("after", note % "after", scope="run", always=True),
    )
    record = bench.run(*stages, repeat=3)
    assert record.status == "succeeded", record.error
    assert ran(bench) == ["before", "1", "2", "3", "after"]
    assert is_gone(pid_in(bench.path("pid")))
    assert record.around is not None
    assert {stage.name: stage.status for stage in record.around.stages} == dict.fromkeys(
        ("before", "server", "after"), "succeeded"
    )
    assert [[stage.name for stage in trial.stages] for trial in record.trials] == [["each"]] * 3
    assert (record.path / f"logs/before.{bench.alias}.out").exists()
    assert json.loads((record.path / "trial.json").read_text())["trial"] == 0
    with pytest.raises(UsageError) as raised:
        list(log_lines(RunDirectory(record.path), Wanting("before", trial="1")))
    assert raised.value.message == "stage 'before' of run-001 is done once around all trials; name no trial"


def test_a_server_around_all_trials_that_dies_ends_them_all(local: Bench) -> None:
    server = local.stage("server", "sleep 0.5; exit 7", background=True, scope="run")
    record = local.run(server, local.stage("each", "sleep 30"), repeat=3, keeps_going=True)
    assert record.status == "failed"
    assert (error_of(record).stage, error_of(record).exit_code) == ("server", 7)
    assert [trial.status for trial in record.trials] == ["failed"]


def test_a_file_that_an_earlier_trial_left_unchanged_is_an_error(bench: Bench) -> None:
    output = {"name": "out", "remote_path": str(bench.path("out.txt"))}
    once = f"test {{{{trial}}}} = 2 || echo {{{{trial}}}} > {bench.path('out.txt')}"
    record = bench.run(bench.stage("one", once, outputs=[output]), repeat=3)
    assert [trial.status for trial in record.trials] == ["succeeded", "failed"]
    assert error_of(record).message == (
        f"output 'out' of stage 'one': {bench.path('out.txt')} on {bench.place} is what an earlier trial already left"
    )


def test_ctrl_c_keeps_the_trials_so_far_and_names_the_command_that_goes_on(local: Bench) -> None:
    with local.running(local.stage("one", "sleep 0.2"), config={"trials": {"repeat": 200}}) as run:
        run.wait_for("trial_finished", trial=2)
        run.send(signal.SIGINT)
        assert run.end() == 130
        record = run.record()
    assert record.status == "interrupted"
    assert [trial.status for trial in record.trials][:2] == ["succeeded", "succeeded"]
    assert record.trials[-1].status in ("interrupted", "succeeded")
    assert "benchctl resume " in run.said()


def test_the_head_of_a_run_counts_its_trials_without_listing_them(local: Bench) -> None:
    record = local.run(local.stage("one", "true"), repeat=40)
    seen = glance(RunDirectory(record.path))
    assert (seen.counts, seen.trials, seen.planned["trials"]) == ({"succeeded": 40}, (), 40)
    document = json.loads((record.path / "metadata.json").read_text())
    assert len(document["trials"]) == 40
    lines = (record.path / "metadata.json").read_text().splitlines()
    assert sum(line.startswith('    {"case": null') for line in lines) == 40


def test_a_trial_keeps_what_was_measured_of_it(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchctl import evaluating
    from benchctl.runs.record import MetricRecord
    from benchctl.workflow.evaluation import Evaluation

    def measured(run: RunRecord, trial: object) -> dict[str, MetricRecord]:
        assert Path(run.path).is_dir()
        return {"p99": MetricRecord(value=4.5, unit="ms", better="lower", count=100)}

    monkeypatch.setattr(evaluating, "evaluation_of", lambda benchmark, draws: Evaluation(measure=measured))
    record = local.run(local.stage("one", "true"), repeat=2)
    expected = {"value": 4.5, "unit": "ms"}
    document = json.loads((record.path / "metadata.json").read_text())
    assert [trial["metrics"] for trial in document["trials"]] == [{"p99": expected}] * 2
    (told, _) = local.told("trial_finished")
    assert told["metrics"]["p99"]["value"] == 4.5


def test_the_second_ctrl_c_ends_a_trial_and_what_is_around_it_at_once(local: Bench) -> None:
    deaf = f"trap '' TERM; echo $$ > {local.path('deaf')}; while :; do sleep 0.1; done"
    server = local.stage("server", f"echo $$ > {local.path('pid')}; exec sleep 300", background=True, scope="run")
    with local.running(server, local.stage("each", deaf), config={"trials": {"repeat": 3}}) as run:
        run.wait_for("stage_started", stage="each")
        pids = [pid_in(local.path("pid")), pid_in(local.path("deaf"))]
        run.send(signal.SIGINT)
        run.wait_for("stopping")
        time.sleep(0.3)
        run.send(signal.SIGINT)
        assert run.end() == 130
        record = run.record()
    wait_until_gone(pids)
    assert record.status == "interrupted"
    assert [trial.status for trial in record.trials] == ["interrupted"]
    assert record.around is not None
    assert record.around.status == "interrupted"


def test_what_goes_on_around_trials_is_stopped_when_one_of_them_can_not_be_kept(local: Bench) -> None:
    server = local.stage("server", f"echo $$ > {local.path('pid')}; exec sleep 300", background=True, scope="run")
    trial = local.stage("each", f"mv {local.results}/run-001 {local.path('moved')}")
    record = local.run(server, trial, repeat=3)
    assert record.status == "failed"
    assert error_of(record).message.endswith("the run's directory was removed or replaced while it went on")
    assert is_gone(pid_in(local.path("pid")))
