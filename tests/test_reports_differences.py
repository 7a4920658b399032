"""What differed between two runs, most suspicious first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchctl.analysis.findings import Difference
from benchctl.reports.differences import NOTHING, case_differences, differences, differences_text
from benchctl.runs.record import HostRecord, RunRecord

FACTS: dict[str, Any] = {
    "os": "Debian GNU/Linux 12 (bookworm)",
    "kernel": "6.1.0-18-amd64",
    "cpu_model": "AMD EPYC 7B13",
    "cores": 8,
    "memory_bytes": 33_554_432_000,
    "clock_offset_s": 0.0031,
    "clock_uncertainty_s": 0.0002,
}
BASE = RunRecord(
    id="run-001",
    benchmark="ycsb",
    hosts={"db": HostRecord(ip="10.0.0.5", facts=FACTS), "local": HostRecord(facts=FACTS)},
    git={"commit": "77ab02", "branch": "main", "dirty": False},
    versions={"benchctl": "0.1.0", "python": "3.11.7"},
    config={"sha256": "1", "document": {"vars": {"threads": "32"}, "stages": [{"name": "load", "command": "./a"}]}},
    options={"set": {"threads": "32"}},
)


def with_facts(**facts: Any) -> RunRecord:
    return replace(BASE, hosts=dict(BASE.hosts) | {"db": HostRecord(ip="10.0.0.5", facts=FACTS | facts)})


def test_same_record_differs_in_nothing() -> None:
    other = replace(BASE, id="run-002", note="again", tags=("x",), duration_s=3.0)
    assert differences(BASE, other) == ()
    assert differences_text((), "run-001", "run-002") == NOTHING


def test_machine_comes_first_and_what_was_meant_to_change_last() -> None:
    facts = {"memory_bytes": 16_777_216_000, "kernel": "6.1.9", "cpu_model": "Intel Xeon", "governor": "powersave"}
    other = replace(
        with_facts(**facts, microcode="0x2", clock_offset_s=0.25),
        versions={"benchctl": "0.1.0", "python": "3.12.1"},
        git={"commit": "9f3c1a", "branch": None, "dirty": True},
        config={"document": {"vars": {"threads": "64"}, "stages": [{"name": "load", "command": "./a"}]}},
        options={"set": {"threads": "64"}, "skip": ["start"]},
    )
    before = with_facts(governor="performance", microcode="0x1")
    assert differences_text(differences(before, other), "run-001", "run-002").split("\n") == [
        "DIFFERS                    run-001         run-002",
        "CPU model of db            AMD EPYC 7B13   Intel Xeon",
        "kernel of db               6.1.0-18-amd64  6.1.9",
        "CPU governor of db         performance     powersave",
        "memory of db               33.6 GB         16.8 GB",
        "microcode of db            0x1             0x2",
        "clock of db, against ours  +3.1 ms         +250.0 ms",
        "versions python            3.11.7          3.12.1",
        "git commit                 77ab02          9f3c1a",
        "git branch                 main            -",
        "git changes                none            not committed",
        "config vars.threads        32              64",
        "options set.threads        32              64",
        "options skip.0             -               start",
    ]


def test_other_machines_and_another_benchmark_are_named() -> None:
    other = replace(
        BASE, benchmark="tpcc", hosts={"db": HostRecord(ip="10.0.0.6", facts=FACTS), "app": HostRecord(facts=FACTS)}
    )
    found = [(d.what, d.base, d.candidate) for d in differences(BASE, other)]
    assert found == [
        ("benchmark name", "ycsb", "tpcc"),
        ("host local", "used", None),
        ("host app", None, "used"),
        ("ip of db", "10.0.0.5", "10.0.0.6"),
    ]


def test_cpu_of_any_host_stands_before_the_kernel_of_another() -> None:
    hosts = {
        "db": HostRecord(ip="10.0.0.5", facts=FACTS | {"kernel": "6.2"}),
        "local": HostRecord(facts=FACTS | {"cpu_model": "other"}),
    }
    found = [d.what for d in differences(BASE, replace(BASE, hosts=hosts))]
    assert found == ["CPU model of local", "kernel of db"]


def test_clock_differs_only_beyond_what_its_measurement_is_unsure_of() -> None:
    assert differences(BASE, with_facts(clock_offset_s=0.0039)) == ()
    assert differences(BASE, with_facts(clock_offset_s=0.0052, clock_uncertainty_s=0.003)) == ()
    assert differences(BASE, with_facts(clock_offset_s=None)) == ()
    (found,) = differences(BASE, with_facts(clock_offset_s=-0.0052))
    assert (found.base, found.candidate) == ("+3.1 ms", "-5.2 ms")


def test_memory_that_looks_the_same_in_gigabytes_is_told_in_bytes() -> None:
    (found,) = differences(BASE, with_facts(memory_bytes=33_554_432_001))
    assert (found.base, found.candidate) == ("33554432000", "33554432001")


def test_fact_that_only_one_side_was_asked_for_is_no_difference() -> None:
    assert differences(BASE, with_facts(governor="powersave")) == ()


def test_changes_not_committed_on_both_sides_are_said_though_they_look_alike() -> None:
    dirty = replace(BASE, git={"commit": "77ab02", "branch": "main", "dirty": True})
    (found,) = differences(dirty, dirty)
    assert (found.what, found.base, found.candidate) == (
        "git changes",
        "not committed",
        "not committed, the same or others",
    )
    assert [d.what for d in differences(replace(BASE, git=None), BASE)] == ["git commit", "git branch"]


def test_what_a_file_holds_is_shown_and_not_obeyed() -> None:
    other = replace(BASE, versions={"benchctl": "0.1.0", "python": "3.1\x1b[31m" + "x" * 80})
    lines = differences_text(differences(BASE, other), "run-001", "run-002").split("\n")
    assert lines == [
        "DIFFERS          run-001  run-002",
        "versions python  3.11.7   3.1" + "x" * 54 + "...",
    ]


def test_cases_differ_in_their_params() -> None:
    found = case_differences({"journal": "wal", "sync": "full"}, {"journal": "delete", "sync": "full"})
    assert found == (Difference("params", "params journal", "wal", "delete"),)


def test_of_many_differences_the_most_suspicious_are_shown_and_the_others_counted() -> None:
    many = tuple(Difference("config", f"config vars.v{i}", "1", "2") for i in range(23))
    lines = differences_text(many, "run-001", "run-002").split("\n")
    assert lines[20:] == ["config vars.v19  1        2", "... and 3 more, less suspicious (--json has all)"]
    assert len(differences_text(many[:20], "run-001", "run-002").split("\n")) == 21
