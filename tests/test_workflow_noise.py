"""What else went on during a trial is kept with it, and told where it was too much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli_console import benchctl_in
from workflow_bed import Bench

import benchctl
from benchctl.errors import UsageError
from benchctl.hosts.commands.shell import Answer, ShellBroken
from benchctl.hosts.host import Host
from benchctl.hosts.noise import QUESTION
from benchctl.reports.run_page import run_json, run_text
from benchctl.runs.loading import load

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
    record = bench.run(bench.stage("load", "true"))
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
    said = "BENCHCTL_NOISE is '0'; it can be on (the default) or off"
    with pytest.raises(UsageError, match=r"BENCHCTL_NOISE is '0'; it can be on \(the default\) or off"):
        benchctl.run(benchctl.load(local.write(local.stage("load", "true"))), results=local.results)
    assert benchctl_in(tmp_path, "run").err == f"{said}\n"
