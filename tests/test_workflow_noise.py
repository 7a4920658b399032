"""What else went on during a trial is kept with it, and told where it was too much."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_cli_console import benchctl_in
from workflow_bed import DEADLINE_S, Bench, wait_until_gone

import benchctl
from benchctl.errors import LinkLost, UsageError
from benchctl.hosts import course
from benchctl.hosts.commands.shell import Answer, ShellBroken
from benchctl.hosts.host import Host
from benchctl.hosts.noise import QUESTION, QUESTION_FOR_PROCESSES
from benchctl.reports.run_page import run_json, run_text
from benchctl.runs.loading import load
from benchctl.workflow import sampling

# Names for copies of a shell, by which the kernel tells them apart.
SPIN = "while :; do :; done"
QUIET = "/proc/loadavg:0.00 0 0 1/1 1\n/proc/stat:cpu  0 0 0 {idle} 0 0 0 {steal}\n"


@pytest.fixture(autouse=True)
def _watching(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHCTL_NOISE", "on")


def answering(monkeypatch: pytest.MonkeyPatch, texts: list[str | None]) -> None:
    """Have hosts give these answers to the question for noise, one after the other; None breaks the shell."""
    ask = Host.ask

    def answer(host: Host, script: str, timeout_s: float = 5.0) -> Answer:
        if script != QUESTION:
            return ask(host, script, timeout_s)
        text = texts.pop(0)
        if text is None:
            raise ShellBroken("no answer within 2 s")
        return Answer(0, text)

    monkeypatch.setattr(Host, "ask", answer)


def test_a_trial_keeps_what_went_on_on_its_host(bench: Bench) -> None:
    record = bench.run(bench.stage("load", "sleep 0.2"))  # the kernel counts CPU time in steps of 10 ms
    (trial,) = record.trials
    found = trial.noise[bench.alias]
    assert {"before", "cpu_busy_share", "cpu_steal_share", "settings"} <= found.keys()
    kept = json.loads((record.path / "trial.json").read_text())
    assert kept["noise"] == json.loads(json.dumps(trial.noise))
    assert "noise" not in json.loads((record.path / "metadata.json").read_text())["trials"][0]


def test_a_disturbed_trial_is_told_everywhere(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [(0, 0), (90, 10), (90, 10), (190, 10)]
    answering(monkeypatch, [QUIET.format(idle=idle, steal=steal) for idle, steal in looks])
    record = local.run(local.stage("load", "true"), config={"trials": {"repeat": 2}})
    told = "local: 10.0% of the CPU time was stolen by the hypervisor"
    assert [trial.disturbances for trial in record.trials] == [(told,), ()]
    said = f"1 of 2 trials was disturbed: 01 ({told})"
    assert (record.status, local.warnings(), record.flags) == ("succeeded", [said], (said,))
    assert [event["disturbances"] for event in local.told("trial_finished")] == [[told], []]
    kept = load(record.directory)
    assert f"disturbed: {told}" in run_text(kept)
    assert [trial["disturbances"] for trial in run_json(kept)["trials"]] == [[told], []]
    assert run_json(kept)["trials"][0]["noise"]["local"]["cpu_steal_share"] == 0.1
    (record.path / "metadata.json").unlink()
    (record.path / "trials/01/trial.json").unlink()
    assert load(record.directory).trials[0].disturbances == (told,)


def test_load_is_told_before_the_first_trial_only(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = QUIET.format(idle=0, steal=0).replace("0.00", "999.5")
    answering(monkeypatch, [busy] * 4)
    record = local.run(local.stage("load", "true"), config={"trials": {"repeat": 2}})
    first, second = record.trials
    assert len(first.disturbances) == 1
    assert first.disturbances[0].startswith("local: the load was 999.50 on ")
    assert second.disturbances == ()


def test_a_host_that_does_not_answer_fails_nothing_and_is_asked_once(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str | None] = [None]
    answering(monkeypatch, texts)
    record = local.run(local.stage("load", "true"), config={"trials": {"repeat": 2}})
    said = "noise is not watched on local any more: its load could not be asked for: no answer within 2 s"
    assert (record.status, local.warnings(), texts) == ("succeeded", [said], [])
    assert [trial.noise for trial in record.trials] == [{}, {}]


def test_a_trial_that_failed_is_not_looked_at_again(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [QUIET.format(idle=0, steal=0)])
    record = local.run(local.stage("load", "false"))
    assert (record.status, record.trials[0].noise) == ("failed", {})


def test_it_can_be_turned_off(local: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCHCTL_NOISE", "off")
    assert local.run(local.stage("load", "true")).trials[0].noise == {}
    monkeypatch.setenv("BENCHCTL_NOISE", "0")
    said = "BENCHCTL_NOISE is '0'; it can be on (the default), ends or off"
    with pytest.raises(UsageError, match=r"BENCHCTL_NOISE is '0'; it can be on \(the default\), ends or off"):
        benchctl.run(benchctl.load(local.write(local.stage("load", "true"))), results=local.results)
    assert benchctl_in(tmp_path, "run").err == f"{said}\n"


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look so often that a trial of some seconds has several looks."""
    monkeypatch.setattr(sampling, "FIRST_S", 0.2)
    monkeypatch.setattr(sampling, "EVERY_S", 1.0)
    monkeypatch.setattr(course, "SHORTEST_S", 0.5)


@contextmanager
def spinning(shell: Path) -> Iterator[None]:
    """Somebody else's busy loop: no child of this process, in a session of its own; it ends by itself in any case."""
    command = f"timeout 60 {shell} -c '{SPIN}' >/dev/null & echo $!"
    begun = subprocess.run(["setsid", "sh", "-c", command], stdout=subprocess.PIPE, text=True, timeout=30, check=True)
    try:
        yield
    finally:
        os.kill(int(begun.stdout), signal.SIGTERM)  # which `timeout` hands on
        wait_until_gone([int(begun.stdout)])


def shell_called(name: str, folder: Path) -> Path:
    path = folder / name
    shutil.copy(os.path.realpath("/bin/sh"), path)
    return path


@pytest.mark.usefixtures("often")
def test_load_of_others_disturbs_a_trial_and_the_benchmarks_own_does_not(bench: Bench) -> None:
    own, other = shell_called("own", bench.directory), shell_called("someone", bench.directory)
    rounds = f"{own} -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'"
    daemon = f"setsid {own} -c 'timeout 4 {own} -c \"{SPIN}\" & exit' </dev/null >/dev/null 2>&1"
    stages = [bench.stage("load", f"{daemon}; {rounds}; sleep 1.5; {rounds}; sleep 1.5; {rounds}; sleep 0.5")]
    quiet = bench.run(*stages).trials[0]
    with spinning(other):
        disturbed = bench.run(*stages).trials[0]
    during = disturbed.noise[bench.alias]["during"]
    assert during["others"]["someone"] > 0.1
    assert during["worst"]["cpu_others_share"]["commands"]["someone"] > 0
    assert any("someone " in text for text in disturbed.disturbances)
    with spinning(other):
        named = bench.run(*stages, config={"benchmark": {"name": "x", "processes": ["someone"]}}).trials[0]
    assert "someone" not in named.noise[bench.alias]["during"]["others"]
    for trial in (quiet, disturbed):
        found = trial.noise[bench.alias]["during"]
        assert found["looks"] >= 2
        assert not {"own", "children of own"} & found["others"].keys()
    assert not any("someone" in text for text in quiet.disturbances)


def test_a_short_trial_and_one_watched_at_its_ends_have_no_looks_in_between(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "during" not in local.run(local.stage("load", "true")).trials[0].noise["local"]
    monkeypatch.setattr(sampling, "FIRST_S", 0.1)
    monkeypatch.setattr(sampling, "EVERY_S", 0.1)
    monkeypatch.setenv("BENCHCTL_NOISE", "ends")
    assert "during" not in local.run(local.stage("load", "sleep 1")).trials[0].noise["local"]


def test_hosts_are_looked_at_by_turns_and_one_that_hangs_or_refuses_keeps_none_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "FIRST_S", 0.0)
    monkeypatch.setattr(sampling, "EVERY_S", 0.03)
    monkeypatch.setattr(sampling, "LAST_S", 0.05)
    looked, seen_enough, released = list[str](), threading.Event(), threading.Event()

    def look(alias: str) -> None:
        looked.append(alias)
        if alias == "hangs":
            released.wait(DEADLINE_S)
        if alias == "refuses":
            raise LinkLost(alias, "gone")
        if min(looked.count("a"), looked.count("b")) >= 3:
            seen_enough.set()

    going_on = sampling.Sampling(["a", "hangs", "refuses", "b"], look)
    assert seen_enough.wait(DEADLINE_S)
    going_on.end()
    released.set()
    assert looked.count("hangs") == looked.count("refuses") == 1


def test_a_host_that_does_not_answer_meanwhile_holds_nothing_up(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    released, asked = threading.Event(), list[str]()
    ask = Host.ask

    def hang(host: Host, script: str, timeout_s: float = 5.0) -> Answer:
        if script == QUESTION_FOR_PROCESSES:
            asked.append(host.alias)
            released.wait(30)
            raise ShellBroken("no answer in time")
        return ask(host, script, timeout_s)

    monkeypatch.setattr(Host, "ask", hang)
    monkeypatch.setattr(sampling, "FIRST_S", 0.1)
    monkeypatch.setattr(sampling, "EVERY_S", 0.1)
    record = local.run(local.stage("load", "sleep 1"))
    assert (record.status, asked) == ("succeeded", ["local"])
    assert not any("not watched" in text for text in local.warnings())
    assert "during" not in record.trials[0].noise["local"]
    released.set()
