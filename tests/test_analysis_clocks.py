"""Where the time of each file is counted from, by its host's clock, its trial and its first row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchctl.analysis.clocks import counted_from
from benchctl.analysis.frames import Source
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import HostRecord, RunRecord, TrialRecord

BEGAN = datetime(2025, 11, 23, 12, 0, tzinfo=UTC)
DB_AHEAD_S = 0.25
S = 1_000_000_000
ZERO = round(BEGAN.timestamp()) * S


def source(host: str = "a", run: str = "run-001", trial: int = 1) -> Source:
    hosts = {"db": HostRecord(facts={"clock_offset_s": DB_AHEAD_S})}
    began = BEGAN + timedelta(seconds=100 * (trial - 1))
    record = RunRecord(path=Path(run), id=run, uid=run, hosts=hosts)
    return Source(
        record, TrialRecord(trial=trial, directory=str(trial), started=began, duration_s=60), host, OutputRecord()
    )


def elapsed(found: list[Source], *ends: tuple[int, int] | None) -> tuple[list[float], bool, tuple[str, ...]]:
    """Of each first row."""
    counted = counted_from(found, ends)
    firsts = [zero.elapsed_s(pair[0]) for zero, pair in zip(counted.zeros, ends, strict=True) if pair]
    return firsts, counted.since_trial, counted.notes


def test_files_of_several_hosts_count_from_their_trials_begin_by_the_controllers_clock() -> None:
    ends = (ZERO + 5 * S, ZERO + 9 * S), (ZERO + 7 * S, ZERO + 9 * S), None, (ZERO + 101 * S, ZERO + 103 * S)
    found = [source("a"), source("db"), source("b"), source("a", trial=2)]
    assert elapsed(found, *ends) == ([5.0, 7.0 - DB_AHEAD_S, 1.0], True, ())


def test_files_that_count_from_a_start_of_their_own_keep_their_distance() -> None:
    found = [source("a"), source("db"), source("a", trial=2)]
    assert elapsed(found, (5 * S, 9 * S), (2 * S, 9 * S), (4 * S, 5 * S)) == ([3.0, 0.0, 0.0], False, ())


def test_files_of_clocks_that_have_nothing_to_do_with_each_other_count_from_their_own_first_rows() -> None:
    note = "the files of run-001 are by clocks of their own: each counts from its own first row"
    found = [source("a"), source("db")]
    assert elapsed(found, (5 * S, 9 * S), (70_000 * S, 70_009 * S)) == ([0.0, 0.0], False, (note,))
    assert elapsed(found, (5 * S, 9 * S), (ZERO, ZERO + S)) == ([0.0, 0.0], False, (note,))


def test_all_runs_count_from_the_first_row_where_one_has_to() -> None:
    found = [source("a"), source("db"), source("a", run="run-002")]
    ends = (ZERO + 5 * S, ZERO + 9 * S), (ZERO + 7 * S, ZERO + 9 * S), (3 * S, 4 * S)
    assert elapsed(found, *ends) == ([0.0, 2.0 - DB_AHEAD_S, 0.0], False, ())


def test_rows_from_long_before_or_after_their_trial_are_asked_about() -> None:
    hour = 3600 * S
    early = "rows of run-001 on a are from up to 2h before its trial began; is their clock or zone another?"
    late = "rows of run-001 on a are from up to 59m after its trial ended; is their clock or zone another?"
    assert elapsed([source()], (ZERO - 2 * hour, ZERO - hour)) == ([-7200.0], True, (early,))
    assert elapsed([source()], (ZERO + S, ZERO + hour)) == ([1.0], True, (late,))
    assert elapsed([source()], (ZERO - S, ZERO + 100 * S)) == ([-1.0], True, ())
