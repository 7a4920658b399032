"""Baselines: a run's metrics under a name, in one file."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchctl.errors import RunUnreadable, UsageError
from benchctl.runs import baselines
from benchctl.runs.files import NotWritten
from benchctl.runs.record import HostRecord, MetricRecord, RunRecord, StageRecord, TrialRecord
from benchctl.runs.store import Store

TRIAL = TrialRecord(
    case="wal",
    trial=2,
    params={"journal": "wal"},
    directory="trials/wal-02",
    status="succeeded",
    started=datetime(2026, 11, 24, 13, 2, 11, tzinfo=UTC),
    metrics={"p99": MetricRecord(value=4.25, unit="ms", better="lower", count=50, remark="of few rows")},
    flags=("odd",),
)
RUN = RunRecord(
    id="run-003",
    uid="20261124T130211.000000Z-1",
    benchmark="b",
    status="succeeded",
    hosts={"db": HostRecord(facts={"cpu_model": "EPYC"})},
    cases={"wal": {"journal": "wal"}},
    planned={"order": "interleaved"},
    trials=(TRIAL,),
)


def test_baseline_holds_what_a_comparison_needs_and_no_stages(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    kept = replace(RUN, trials=(replace(TRIAL, stages=(StageRecord(name="load"),), earlier=(TRIAL,)),))
    assert baselines.save(store, "v1.2", kept) == tmp_path / "results/baselines/v1.2.json"
    assert baselines.load(store, "v1.2") == RUN
    assert baselines.names(store) == ["v1.2"]


def test_saving_again_replaces_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in ("run-003", "run-004"):
        baselines.save(store, "main", replace(RUN, id=number))
    found = baselines.load(store, "main")
    assert found is not None
    assert found.id == "run-004"


@pytest.mark.parametrize("name", ["main", "../main", "", "a/b"])
def test_baseline_that_there_is_not_is_none(tmp_path: Path, name: str) -> None:
    assert baselines.load(Store(tmp_path), name) is None
    assert baselines.names(Store(tmp_path)) == []


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a:b", "ä", "x" * 101])
def test_names_that_no_file_may_have_are_refused(tmp_path: Path, name: str) -> None:
    rule = "letters, digits, '.', '_' and '-', such as v1.2"
    with pytest.raises(UsageError, match=re.escape(f"a baseline can't be called {name!r}: {rule}")):
        baselines.save(Store(tmp_path), name, RUN)


@pytest.mark.parametrize("name", ["12", "run-012", "latest", "20261125T044839.615827Z-93bf3c86"])
def test_names_that_a_run_may_have_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"a baseline can't be called '{re.escape(name)}', which names a run"):
        baselines.save(Store(tmp_path), name, RUN)


@pytest.mark.parametrize("text", ["", "[]", '{"run": {"format": 99}}', '{"run": {"started": "soon"}}'])
def test_damaged_baseline_is_unreadable(tmp_path: Path, text: str) -> None:
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines/main.json").write_text(text)
    with pytest.raises(RunUnreadable):
        baselines.load(Store(tmp_path), "main")


def test_baseline_that_can_not_be_written_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "baselines").write_text("in the way")
    with pytest.raises(NotWritten, match="baselines"):
        baselines.save(Store(tmp_path), "main", RUN)
