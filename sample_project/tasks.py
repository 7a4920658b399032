"""The benchmark as Invoke tasks, beside tasks of this project's own.

From this folder:

    inv --list
    inv bench.run            what `benchctl run config.yaml` does
    inv journals             the benchmark once per journal mode
    inv medians              what the kept runs say
"""

from __future__ import annotations

import csv
import shlex
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from invoke import Collection, Context, task

import benchctl.tasks

HERE = Path(__file__).parent


@task
def journals(context: Context, modes: str = "delete,wal") -> None:
    """Run the benchmark once for each of the journal modes (comma-separated)."""
    benchctl_script = Path(sys.executable).with_name("benchctl")
    for mode in modes.split(","):
        with context.cd(str(HERE)):
            context.run(shlex.join([str(benchctl_script), "run", "config.yaml", "--set", f"journal={mode}"]))


@task
def medians(_: Context, results: str = "results") -> None:
    """Median and 99th percentile of a commit for each journal mode, over all kept runs."""
    latencies = defaultdict(list)
    for path in sorted((HERE / results).glob("run-*/latency.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                latencies[row["journal"]].append(float(row["latency_ms"]))
    for journal, values in sorted(latencies.items()):
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{journal:10} median {statistics.median(values):.3f} ms  p99 {p99:.3f} ms  {len(values)} commits")


namespace = Collection(journals, medians)
namespace.add_collection(benchctl.tasks.collection("config.yaml"), name="bench")
