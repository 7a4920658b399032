"""What a run says against the run of the same benchmark before it, and as what baseline it is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchctl.analysis.findings import Difference
from benchctl.dashboard.catalogue import stamp_of
from benchctl.dashboard.finding import state
from benchctl.dashboard.inside import NotThere, open_inside
from benchctl.errors import BenchctlError
from benchctl.reports.differences import differences
from benchctl.runs.baselines import FOLDER
from benchctl.runs.loading import overview
from benchctl.runs.record import RunRecord
from benchctl.runs.store import RunDirectory

MEASURED = ("succeeded", "incomplete")
MOST_TRIALS = 200  # of either; comparing more takes too long for a page that is only looked at
LARGEST_BASELINE, MOST_BASELINES = 4 << 20, 50
KEPT = 200


@dataclass(frozen=True)
class Before:
    """The earlier run, the verdicts in sentences, and what else differs."""

    id: str
    address: str
    sentences: Sequence[str]
    no_verdict: str
    differing: Sequence[Difference]


_known: dict[tuple[object, ...], Before] = {}


def before(record: RunRecord) -> Before | None:
    """None where there is none, and while the run goes on."""
    row = state().catalogue.find(record.id)
    if record.status in ("running", "unreadable") or row is None:
        return None
    alike = [one for one in state().catalogue.listing().rows if one.number < row.number]
    found = next((one for one in alike if one.benchmark == row.benchmark and one.status in MEASURED), None)
    if found is None:
        return None
    root = state().root
    key = (root, record.id, stamp_of(root / record.id), found.id, stamp_of(root / found.id))
    if key not in _known:
        while len(_known) >= KEPT:
            _known.pop(next(iter(_known)), None)
        _known[key] = _before(record, overview(RunDirectory(root / found.id)))
    return _known[key]


def _before(record: RunRecord, earlier: RunRecord) -> Before:
    address = f"/compare?run={earlier.id}&run={record.id}"
    sentences, no_verdict = _verdicts(record, earlier)
    return Before(earlier.id, address, sentences, no_verdict, differences(earlier, record))


def _verdicts(record: RunRecord, earlier: RunRecord) -> tuple[list[str], str]:
    import benchctl
    from benchctl.reports.comparison import comparison_parts

    if record.status not in MEASURED:
        return [], "A run that did not come to its end is not compared."
    if max(len(record.trials), len(earlier.trials)) > MOST_TRIALS:
        return [], f"Of more than {MOST_TRIALS} trials only the page that compares tells verdicts."
    try:
        found = benchctl.compare(earlier, record, results=state().root)
    except BenchctlError as error:
        return [], error.message
    return [text for one in found for text in comparison_parts(one).sentences], ""


def kept_as(record: RunRecord) -> list[str]:
    """The names of the baselines that were made of this run; no link is followed to them."""
    if not record.uid:
        return []
    folder = state().root / FOLDER
    names = sorted(path.stem for path in folder.glob("*.json"))[:MOST_BASELINES] if not folder.is_symlink() else []
    return [name for name in names if _uid(folder, name) == record.uid]


def _uid(folder: Path, name: str) -> str:
    try:
        with open_inside(folder, f"{name}.json") as file:
            document = json.loads(file.read(LARGEST_BASELINE))
        return str(document["run"]["uid"])
    except (NotThere, ValueError, KeyError, TypeError, RecursionError):
        return ""
