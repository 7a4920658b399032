"""What looks at a host while a trial runs cost it: trials with and without them, in turns in one run.

    python benchmarks/noise_cost.py [ROUNDS] [SECONDS BETWEEN LOOKS]

The stage keeps all cores busy with a fixed amount of work, so that whatever else uses CPU time makes it longer. Told
are the ratio of its durations, with looks to without, as `benchctl compare` finds it; and what a look takes of CPU
time, on this machine as a host and in benchctl itself, from many looks during a stage that sleeps.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import benchctl
from benchctl.events import TRIAL_STARTED, Event
from benchctl.runs.record import RunRecord, TrialRecord
from benchctl.workflow import sampling

WORK = "for i in $(seq $(nproc)); do (n=0; while [ $n -lt 12000000 ]; do n=$((n+1)); done) & done; wait"
OFTEN_S, NEVER_S, SLEEP_S = 0.1, 3600.0, 10


def main(rounds: int, every_s: float) -> None:
    os.environ["BENCHCTL_NOISE"] = "on"
    with tempfile.TemporaryDirectory() as folder:
        print(ratio(Path(folder), rounds, every_s))
        host, own, looks = cost_of_a_look(Path(folder))
        processes = sum(name.isdigit() for name in os.listdir("/proc"))
        print(f"a look, of {looks}, with {processes} processes: {host:.2f} ms on the host, {own:.2f} ms in benchctl")


def ratio(folder: Path, rounds: int, every_s: float) -> str:
    sampling.EVERY_S = every_s
    first_s = sampling.FIRST_S

    def choose(event: Event) -> None:
        if event.kind == TRIAL_STARTED:
            sampling.FIRST_S = first_s if event.data["case"] == "with" else NEVER_S

    config = {
        "cases": [{"name": "without"}, {"name": "with"}],
        "trials": {"repeat": rounds, "warmup": 1},
    }
    record = run(folder, WORK, config, listeners=[choose])
    sampling.FIRST_S = first_s
    (comparison,) = benchctl.compare(record, metrics=["work.duration"])
    (row,) = comparison.rows
    looks = sum(looks_of(trial) for trial in record.trials if trial.case == "with" and not trial.warmup)
    assert row.ratio
    found = f"{row.ratio.value:.4f} ({row.ratio.low:.4f} to {row.ratio.high:.4f})"
    return f"with / without looks each {every_s:g} s: {found}, {rounds} rounds of {row.base.value:.1f} s, {looks} looks"


def cost_of_a_look(folder: Path) -> tuple[float, float, int]:
    """Milliseconds of CPU time on the host and in benchctl, and of how many looks."""
    used = []
    for first_s in (NEVER_S, OFTEN_S):
        sampling.FIRST_S, sampling.EVERY_S = first_s, OFTEN_S
        before = seconds_used()
        record = run(folder, f"sleep {SLEEP_S}", {})
        used.append([now - then for now, then in zip(seconds_used(), before, strict=True)])
    looks = looks_of(record.trials[0])
    host, own = (1000 * (sampled - plain) / looks for plain, sampled in zip(*used, strict=True))
    return host, own, looks


def seconds_used() -> list[float]:
    """CPU time of this process's children and of itself."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return [usage.ru_utime + usage.ru_stime for usage in found]


def looks_of(trial: TrialRecord) -> int:
    return int(trial.noise["local"].get("during", {}).get("looks", 0))


def run(folder: Path, command: str, config: dict[str, object], **options: object) -> RunRecord:
    document = {"benchmark": {"name": "noise"}, "stages": [{"name": "work", "command": command}], **config}
    path = folder / "config.yaml"
    path.write_text(json.dumps(document))
    return benchctl.run(benchctl.load(path), results=folder / "results", draws=False, **options)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, float(sys.argv[2]) if len(sys.argv) > 2 else sampling.EVERY_S)
