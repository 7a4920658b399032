"""The list of runs, as text and for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from benchctl.reports.listing import NO_RUNS, list_json, list_table, newest
from benchctl.runs import facts
from benchctl.runs.failure import Failure
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.runs.store import Store

START = datetime(2026, 11, 24, 13, 2, 11, tzinfo=UTC)
NOW = (START + timedelta(seconds=80)).astimezone(timezone(timedelta(hours=1)))
GOOD = TrialRecord(status="succeeded")
MESSAGE = "stage 'start-db' failed on db (10.0.0.5) after 0.4 s: exit code 127"
FAILED = Failure(code="command-failed", message=MESSAGE, stage="start-db")


def make_runs(root: Path) -> Store:
    store = Store(root)
    started: dict[str, Any] = {"benchmark": "ycsb", "started": START}
    records = [
        RunRecord(**started, status="succeeded", duration_s=201.0, tags=("nightly", "wal"), trials=(GOOD, GOOD)),
        RunRecord(
            **started, status="failed", duration_s=0.4, error=FAILED, trials=(GOOD, TrialRecord(status="failed"))
        ),
        RunRecord(**started, status="running", writer=facts.writer()),
    ]
    for record in records:
        store.allocate().write_json("metadata.json", record.to_json())
    (store.allocate().path / "metadata.json").write_text("{")
    return store


def test_list_is_a_row_per_run_with_the_newest_first(tmp_path: Path) -> None:
    rows = newest(make_runs(tmp_path / "results"))
    assert list_table(rows, NOW).split("\n") == [
        "RUN      STATUS      NAME  STARTED           TOOK   TRIALS  TAGS",
        "run-004  unreadable  ?                                                   "
        "metadata.json ends in the middle, and events.ndjson tells nothing either",
        "run-003  running     ycsb  2026-11-24 14:02  1m20s",
        f"run-002  failed      ycsb  2026-11-24 14:02  0.4 s  1/2                  {MESSAGE}",
        "run-001  succeeded   ycsb  2026-11-24 14:02  3m21s  2       nightly wal",
    ]


def test_reason_that_does_not_fit_stands_below_its_row(tmp_path: Path) -> None:
    rows = newest(make_runs(tmp_path / "results"))
    assert list_table(rows[2:], NOW, 60).split("\n") == [
        "RUN      STATUS     NAME  STARTED           TOOK   TRIALS...",
        "run-002  failed     ycsb  2026-11-24 14:02  0.4 s  1/2",
        "    stage 'start-db' failed on db (10.0.0.5) after 0.4 s:...",
        "run-001  succeeded  ycsb  2026-11-24 14:02  3m21s  2...",
    ]


def test_long_name_leaves_room_for_the_other_columns_on_a_terminal() -> None:
    long = "a-benchmark-with-quite-a-long-name-for-a-terminal"
    row: dict[str, Any] = {
        "status": "succeeded",
        "started": START,
        "duration_s": 3.0,
        "trials": (GOOD,),
        "tags": ("a",),
    }
    rows = [RunRecord(id="run-002", benchmark=long, **row), RunRecord(id="run-001", benchmark="ycsb", **row)]
    assert list_table(rows, NOW, 80).split("\n") == [
        "RUN      STATUS     NAME                   STARTED           TOOK   TRIALS  TAGS",
        "run-002  succeeded  a-benchmark-with-q...  2026-11-24 14:02  3.0 s  1       a",
        "run-001  succeeded  ycsb                   2026-11-24 14:02  3.0 s  1       a",
    ]
    assert long in list_table(rows, NOW)


def test_names_can_not_command_the_terminal() -> None:
    row = RunRecord(id="run-001", benchmark="\x1b[2Jevil\n", status="succeeded", tags=("\x1b]0;x\x07t",))
    assert list_table([row], NOW).split("\n") == ["RUN      STATUS     NAME  TAGS", "run-001  succeeded  evil  t"]


def test_empty_list_says_how_to_make_a_run(tmp_path: Path) -> None:
    assert list_table(newest(Store(tmp_path / "none")), NOW) == NO_RUNS


def test_list_for_programs_has_a_schema_and_the_same_runs(tmp_path: Path) -> None:
    document = list_json(newest(make_runs(tmp_path / "results"), 3))
    assert document["schema"] == "benchctl/list@1"
    assert [(run["id"], run["status"]) for run in document["runs"]] == [
        ("run-004", "unreadable"),
        ("run-003", "running"),
        ("run-002", "failed"),
    ]
    assert json.loads(json.dumps(document["runs"][2])) == {
        "id": "run-002",
        "uid": "",
        "benchmark": "ycsb",
        "status": "failed",
        "started": "2026-11-24T13:02:11.000000Z",
        "finished": None,
        "duration_s": 0.4,
        "trials": 2,
        "trials_succeeded": 1,
        "trials_disturbed": 0,
        "trials_planned": None,
        "cases": [],
        "tags": [],
        "note": "",
        "path": str(tmp_path / "results/run-002"),
        "metrics": [],
        "error": FAILED.to_json(),
    }


def test_what_a_run_measured_stands_at_the_end_of_its_row() -> None:
    p99 = {"metric": "p99", "unit": "ms", "count": 5}
    tps = {"case": "wal", "metric": "tps", "unit": None, "count": 5, "mean": 2577.3}
    means = ({"case": "wal", **p99, "mean": 0.77834}, tps, {"case": "del", **p99, "mean": 1.578})
    row = RunRecord(id="run-001", benchmark="ycsb", status="succeeded", means=means)
    single = RunRecord(id="run-002", benchmark="ycsb", status="succeeded", means=({"case": None, **p99, "mean": 4.0},))
    assert list_table([single, row], NOW).split("\n") == [
        "RUN      STATUS     NAME",
        "run-002  succeeded  ycsb  p99 4 ms",
        "run-001  succeeded  ycsb  wal: p99 0.7783 ms, tps 2,577; del: p99 1.578 ms",
    ]
    assert list_json([row])["runs"][0]["metrics"] == list(means)


def test_a_run_of_which_nobody_knew_how_many_trials_it_takes_says_so() -> None:
    row = RunRecord(id="run-001", status="interrupted", counts={"succeeded": 3}, planned={"until": "p99 +-5%"})
    assert " 3/?" in list_table([row], NOW)


def test_only_the_newest_runs_are_opened(tmp_path: Path) -> None:
    store = make_runs(tmp_path / "results")
    (store.root / "run-001/metadata.json").chmod(0)
    assert [row.id for row in newest(store, 2)] == ["run-004", "run-003"]


def test_listing_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    make_runs(tmp_path / "results")
    code = """if 1:
        import sys
        from datetime import UTC, datetime
        from benchctl.reports.listing import list_table, newest
        from benchctl.runs.store import Store
        list_table(newest(Store(sys.argv[1])), datetime.now(UTC))
        slow = ("subprocess", "asyncio", "logging", "importlib.metadata", "yaml", "click", "fabric", "pandas")
        print([name for name in slow if name in sys.modules])
    """
    arguments = [sys.executable, "-S", "-c", code, str(tmp_path / "results")]
    here = str(Path(__file__).parent.parent)
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env={"PYTHONPATH": here})
    assert done.stdout == "[]\n"
