"""Repeating a number of times, or until a metric is known exactly enough: what a config may say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchctl
from benchctl.config.model import Trials, Until
from benchctl.config.precision import Precision
from benchctl.errors import ConfigError

HEAD = """\
benchmark: {name: x}
stages:
  - {name: load, command: 'true', outputs: {name: out, remote_path: o, data_schema: {ms: {type: float, unit: ms}}}}
metrics: [{name: p99, source: out, column: ms, aggregate: p99}, {name: tps, stage: load, regex: "tps = (1)"}]
trials:
"""


def written(tmp_path: Path, trials: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(HEAD.removesuffix("\n") + f" {{{trials}}}\n")
    return path


@pytest.mark.parametrize(
    ("trials", "until"),
    [
        ("until: p99 +-5%", Until(Precision("p99", 0.05, is_relative=True), 5, 50, None)),
        ("until: p99 ±0.2ms, min: 3, max: 9, budget: 30m", Until(Precision("p99", 0.2, unit="ms"), 3, 9, 1800.0)),
        ("until: load.duration +-1s, max: 4", Until(Precision("load.duration", 1.0, unit="s"), 4, 4)),
        ("until: out.ms.p99 +-2, min: 50", Until(Precision("out.ms.p99", 2.0), 50, 50)),
    ],
)
def test_trials_may_go_on_until_a_metric_is_known(tmp_path: Path, trials: str, until: Until) -> None:
    loaded = benchctl.load(written(tmp_path, trials)).trials
    assert loaded == Trials(until=until)
    assert loaded.most == until.max


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ("until: p98 +-5%",
         ["until: no metric is called 'p98'. Metrics: p99, tps, out.ms.avg, out.ms.median, out.ms.p99, load.duration."
          " Did you mean 'p99'?"]),
        ("until: p99",
         ["until: must be a metric and how exactly it is to be known, such as p99 +-5% or p99 +-0.2ms"]),
        ("until: p99 +-1MB", ["until: p99 is in ms, not in MB"]),
        ("until: p99 +-5%, min: 9, max: 8",
         ["min: no case has at least 9 trials and at most 8; make it smaller, or max larger"]),
        ("until: p99 +-5%, min: 60",
         ["min: no case has at least 60 trials and at most 50 unless max says otherwise; make it smaller, or max"
          " larger"]),
        ("until: p99 +-5%, max: 1", ["max: must be a whole number from 2 to 10000, not '1'"]),
        ("until: p99 +-5%, budget: 30", ["budget: '30' has no unit; write 30s for seconds or 30ms for milliseconds"]),
        ("until: p99 +-5%, repeat: 5",
         ["repeat: repeat is a fixed number of trials, and until finds out how many it takes; keep one of them"]),
        ("until: p99 +-5%, order: random",
         ["order: random puts all trials in one order, and until leaves open how many there are; take interleaved,"
          " which is in a random order within each round"]),
        ("repeat: 3, max: 5, budget: 1m",
         ["max: max is a limit of until; add until: METRIC +-5%, or remove it",
          "budget: budget is a limit of until; add until: METRIC +-5%, or remove it"]),
        ("until: p99 5%, max: 5",
         ["until: must be a metric and how exactly it is to be known, such as p99 +-5% or p99 +-0.2ms"]),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_told_with_a_cure(tmp_path: Path, trials: str, expected: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        benchctl.load(written(tmp_path, trials))
    assert [str(one).partition(": ")[2] for one in raised.value.problems] == [f"trials.{line}" for line in expected]
