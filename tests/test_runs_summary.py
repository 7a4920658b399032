"""metadata.json of many trials: bounded, and cheap to write and to list."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchctl.errors import RunUnreadable
from benchctl.runs import summary
from benchctl.runs.failure import Failure
from benchctl.runs.loading import glance, load
from benchctl.runs.record import MetricRecord, RunRecord, TrialRecord
from benchctl.runs.store import RunDirectory, Store
from benchctl.runs.summary import Summary, read_head, write_summary

NOW = datetime(2026, 11, 24, 1, 49, 43, 123456, UTC)
LONG = "x" * 5000
TRIALS = 2000


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return Store(tmp_path / "results").allocate()


def trial(number: int, **more: object) -> TrialRecord:
    metrics = {f"metric-{n}": MetricRecord(value=1234.56789 + n, unit="ms", better="lower", count=9) for n in range(8)}
    return TrialRecord(
        case="a-case-with-a-long-name",
        trial=number,
        directory=f"trials/a-case-with-a-long-name-{number}",
        status="succeeded",
        started=NOW,
        finished=NOW,
        duration_s=1.2345678901234,
        metrics=metrics,
        **more,  # type: ignore[arg-type]
    )


def document(*trials: TrialRecord) -> dict[str, object]:
    return RunRecord(id="run-001", benchmark="b", status="failed", started=NOW, trials=trials).counted().to_json()


def test_two_thousand_trials_take_less_than_two_megabytes(run: RunDirectory) -> None:
    write_summary(run, document(*map(trial, range(1, TRIALS + 1))))
    size = (run.path / "metadata.json").stat().st_size
    assert 0.5e6 < size < 2e6
    assert len(json.loads((run.path / "metadata.json").read_text())["trials"]) == TRIALS


def test_two_thousand_trials_that_fail_with_long_words_stay_bounded(run: RunDirectory) -> None:
    error = Failure(code="command-failed", message=LONG, command=LONG, stderr=(LONG,) * 20, hint=LONG, exit_code=1)
    failed = [replace(trial(n), metrics={}, status="failed", error=error) for n in range(1, TRIALS + 1)]
    write_summary(run, document(*failed))
    assert (run.path / "metadata.json").stat().st_size < 2e6
    flagged = trial(1, flags=tuple(f"{n} {LONG}" for n in range(9)))
    kept = flagged.summary()
    assert [len(flag) for flag in kept["flags"]] == [303] * 5 + [len("... and 4 more in trial.json")]


def test_it_is_written_ever_more_seldom_as_it_grows(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "WAIT_S", 1e9)
    file, written = Summary(run), list[int]()
    for number in range(TRIALS):
        file.put(number, {"trial": number})
        if file.is_due:
            file.write({"status": "running"})
            written.append(number)
    assert written[:16] == list(range(16))
    assert len(written) < 120
    lines_written = sum(number + 1 for number in written)
    assert lines_written < 20 * TRIALS  # so each trial costs the same, however many there are
    file.write({"status": "succeeded"})
    assert json.loads((run.path / "metadata.json").read_text())["trials"][-1] == {"trial": TRIALS - 1}


def test_a_trial_is_replaced_in_its_place(run: RunDirectory) -> None:
    file = Summary(run, [{"trial": 1}, {"trial": 2}])
    file.put(0, {"trial": 1, "attempt": 2})
    file.write({"id": "x"})
    assert json.loads((run.path / "metadata.json").read_text()) == {
        "id": "x",
        "trials": [{"trial": 1, "attempt": 2}, {"trial": 2}],
    }


def test_the_head_is_read_without_the_trials(run: RunDirectory) -> None:
    write_summary(run, document(trial(1), trial(2)))
    head = read_head(run)
    assert "trials" not in head
    assert head["counts"] == {"succeeded": 2}
    seen = glance(run)
    assert (seen.trials, seen.counts) == ((), {"succeeded": 2})
    assert len(load(run).trials) == 2


def test_a_file_that_was_written_otherwise_is_read_whole(run: RunDirectory) -> None:
    run.write_json("metadata.json", document(trial(1)))
    assert len(read_head(run)["trials"]) == 1
    assert glance(run).counts == {"succeeded": 1}


@pytest.mark.parametrize("cut", [3, 500])
def test_a_file_that_was_cut_off_in_its_trials_is_damaged(run: RunDirectory, cut: int) -> None:
    write_summary(run, document(trial(1), trial(2)))
    path = run.path / "metadata.json"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(RunUnreadable, match="ends in the middle"):
        read_head(run)


def test_a_run_without_trials_has_an_empty_list(run: RunDirectory) -> None:
    write_summary(run, document())
    assert json.loads((run.path / "metadata.json").read_text())["trials"] == []
    assert glance(run).status == "failed"
