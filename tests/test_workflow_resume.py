"""An interrupted run is taken up again: what it misses is made, once, and nothing else."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections import Counter

import pytest
from test_cli_console import benchctl_in
from workflow_bed import DEADLINE_S, Bench, local, running

import benchctl
from benchctl.errors import UsageError
from benchctl.runs.record import RunRecord
from benchctl.schedule import make_schedule

__all__ = ["local"]

TRIALS = {"cases": [{"name": "a"}, {"name": "b"}], "trials": {"repeat": 10}}


def begun_and_killed(bench: Bench, after: int, delay_s: float = 0.0, command: str = "sleep 0.05") -> RunRecord:
    """A campaign of 20 trials whose benchctl was killed once so many had ended, and a moment later."""
    note = f"echo {{{{case}}}}{{{{trial}}}} >> {bench.path('ran')}"
    stage = bench.stage("one", f"{command}; {note}; echo {{{{case}}}}{{{{trial}}}} > x", cwd=str(bench.directory))
    path = bench.write(stage | {"outputs": [{"name": "x", "remote_path": "x"}]}, **TRIALS)
    with running(path, bench.results, "-q") as run:
        run.wait_for("trial_started", index=after + 1)
        time.sleep(delay_s)
        run.process.kill()
        run.process.wait(DEADLINE_S)
    return run.record()


def resumed(bench: Bench, **options: object) -> RunRecord:
    return benchctl.resume("run-001", results=bench.results, listeners=[bench.events.append], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_after_a_kill_at_any_moment_each_trial_is_made_exactly_once(local: Bench, seed: int) -> None:
    chance = random.Random(seed)
    begun = begun_and_killed(local, chance.randrange(20), chance.random() * 0.08)
    done = {trial.place for trial in begun.trials if trial.is_over}
    record = resumed(local)
    assert record.status == "succeeded", record.error
    assert Counter(trial.place for trial in record.trials) == {
        (case, number, False): 1 for case in "ab" for number in range(1, 11)
    }
    assert {trial.status for trial in record.trials} == {"succeeded"}
    assert record.counts == {"succeeded": 20}
    again = {(one["case"], one["trial"], one["warmup"]) for one in local.told("trial_started")}
    assert not again & done
    for trial in record.trials:
        assert (record.path / trial.directory / "x").read_text() == f"{trial.case}{trial.trial}\n"
    assert benchctl.find("run-001", results=local.results) == record


def test_what_a_trial_that_was_cut_off_left_is_kept_aside(local: Bench) -> None:
    begun_and_killed(local, 3, 0.3, command="echo begun; sleep 0.6")
    record = resumed(local)
    (trial,) = [trial for trial in record.trials if trial.attempt > 1]
    (before,) = trial.earlier
    assert (trial.attempt, before.status, before.attempt) == (2, "interrupted", 1)
    assert before.directory == f"{trial.directory}.attempt-1"
    assert (record.path / before.directory / "logs/one.local.out").read_text() == "begun\n"
    (taken_up,) = record.resumed
    assert taken_up["trials"] == 17
    assert taken_up["writer"]["pid"] == os.getpid()
    assert taken_up["former"]["pid"] != os.getpid()


def test_the_order_of_the_seed_is_gone_on_with(local: Bench) -> None:
    begun_and_killed(local, 5)
    before = list(local.path("ran").read_text().split())
    record = resumed(local)
    benchmark = benchctl.load(local.directory / "config.yaml")
    order = [f"{one.case_name}{one.number}" for one in make_schedule(benchmark, seed=record.planned["seed"]).order]
    made = local.path("ran").read_text().split()
    assert [name for name in made if made.count(name) == 1 or name not in before] == [
        name for name in order if made.count(name) == 1 or name not in before
    ]


def test_a_single_trial_is_made_again_and_what_it_left_is_put_aside(local: Bench) -> None:
    path = local.write(local.stage("one", f"echo line; test -e {local.path('go')} || sleep 300"))
    with running(path, local.results, "-q") as run:
        run.wait_for("stage_started")
        run.process.kill()
        run.process.wait(DEADLINE_S)
    local.path("go").touch()
    record = resumed(local)
    assert record.status == "succeeded"
    assert (record.path / "trial.json").exists()
    assert (record.path / "attempt-1/logs/one.local.out").exists()
    assert [trial.directory for trial in record.trials] == ["."]


def test_failed_trials_are_repeated_when_that_is_asked_for(local: Bench) -> None:
    stage = local.stage("one", f"test {{{{trial}}}} != 2 -o -e {local.path('mended')}")
    assert local.run(stage, repeat=3, keeps_going=True).counts == {"succeeded": 2, "failed": 1}
    with pytest.raises(UsageError) as raised:
        resumed(local)
    assert raised.value.message == "run-001 misses nothing: its 3 trials are over"
    assert raised.value.hint == "--failed repeats the 1 that failed"
    local.path("mended").touch()
    record = resumed(local, failed=True)
    assert (record.status, record.error, record.counts) == ("succeeded", None, {"succeeded": 3})
    assert [(trial.attempt, [one.status for one in trial.earlier]) for trial in record.trials] == [
        (1, []),
        (2, ["failed"]),
        (1, []),
    ]
    again = json.loads((record.path / "metadata.json").read_text())["trials"][1]
    assert again["earlier"][0]["directory"] == "trials/02.attempt-1"


def test_a_config_that_was_changed_since_is_refused_with_what_changed(local: Bench) -> None:
    begun_and_killed(local, 1)
    config = local.directory / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("sleep 0.05", "sleep 0.06").replace('"repeat": 10', '"repeat": 12'))
    with pytest.raises(UsageError) as raised:
        resumed(local)
    first, command, repeat = raised.value.message.split("\n")
    assert first == f"{config} is not what run-001 was begun with any more:"
    assert repeat == "    trials.repeat: '12', before '10'"
    assert command.startswith("    stages[0].command: 'sleep 0.06; echo")
    config.write_text(text + "\n# a comment changes nothing\n")
    assert resumed(local).status == "succeeded"


def test_a_script_that_was_changed_since_is_refused(local: Bench) -> None:
    script = local.path("load.sh")
    script.write_text("#!/bin/sh\nsleep 0.3\n")
    path = local.write(local.stage("one", script="load.sh"), trials={"repeat": 3})
    with running(path, local.results, "-q") as run:
        run.wait_for("trial_started", trial=2)
        run.process.kill()
        run.process.wait(DEADLINE_S)
    script.write_text("#!/bin/sh\nsleep 0.1\n")
    with pytest.raises(UsageError, match=r"load\.sh has another content"):
        resumed(local)


def test_a_run_that_still_goes_on_is_not_taken_up(local: Bench) -> None:
    with local.running(local.stage("one", "sleep 300")) as run:
        run.wait_for("stage_started")
        with pytest.raises(UsageError) as raised:
            resumed(local)
        assert raised.value.message == (
            f"run-001 still goes on (process {run.process.pid} on {os.uname().nodename}); wait for it, or stop it first"
        )


def test_variables_that_a_run_was_given_are_asked_for_again(local: Bench) -> None:
    stage = local.stage("one", f'test "$TOKEN" = right -a {{{{trial}}}} != 2 -o -e {local.path("mended")}')
    local.run(stage, repeat=3, env={"TOKEN": "right"})
    with pytest.raises(UsageError) as raised:
        resumed(local)
    assert raised.value.message == ("run-001 was given TOKEN; their values are not kept: give -e TOKEN=... again")
    local.path("mended").touch()
    assert resumed(local, env={"TOKEN": "right"}).counts == {"succeeded": 2, "failed": 1}


def test_stages_around_all_trials_begin_anew(local: Bench) -> None:
    server = local.stage("server", f"echo $$ >> {local.path('pids')}; exec sleep 300", background=True, scope="run")
    path = local.write(server, local.stage("each", "sleep 0.2"), trials={"repeat": 5})
    with running(path, local.results, "-q") as run:
        run.wait_for("trial_started", trial=3)
        run.process.kill()
        run.process.wait(DEADLINE_S)
    record = resumed(local)
    assert (record.status, record.counts) == ("succeeded", {"succeeded": 5})
    assert len(local.path("pids").read_text().split()) == 2
    assert record.around is not None
    assert (record.around.attempt, record.around.status) == (2, "succeeded")
    assert (record.path / "attempt-1/logs/server.local.out").exists()


def test_the_command_line_resumes_and_shows_what_it_did(local: Bench) -> None:
    begun_and_killed(local, 2)
    before = benchctl_in(local.directory, "list")
    assert "interrupted" in before.out
    ended = benchctl_in(local.directory, "resume", "1")
    assert ended.code == 0, ended.err
    assert re.search(r"run-001 \S+ resumed: 18 trials to come", ended.err)
    page = benchctl_in(local.directory, "show").out
    assert f" on {os.uname().nodename}, 18 trials" in page
    again = benchctl_in(local.directory, "resume", "1")
    assert (again.code, again.err) == (2, "run-001 misses nothing: its 20 trials are over\n")


def test_a_file_that_a_trial_before_the_interruption_left_is_stale_after_it(local: Bench) -> None:
    output = {"name": "out", "remote_path": str(local.path("out.txt"))}
    write = f"test -e {local.path('go')} && exit; test {{{{trial}}}} = 1 || sleep 300; echo x > {local.path('out.txt')}"
    path = local.write(local.stage("one", write, outputs=[output]), trials={"repeat": 2})
    with running(path, local.results, "-q") as run:
        run.wait_for("stage_started", stage="one")
        run.wait_for("trial_started", trial=2)
        run.process.kill()
        run.process.wait(DEADLINE_S)
    local.path("go").touch()
    record = resumed(local)
    assert [trial.status for trial in record.trials] == ["succeeded", "failed"]
    assert record.error is not None
    assert record.error.message.endswith("out.txt on local is what an earlier trial already left")
