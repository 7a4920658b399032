"""The benchmark as Invoke tasks, beside a task of this project's own.

From this folder:

    inv --list
    inv bench.run --repeat 5     what `benchctl run config.yaml --repeat 5` does
    inv medians                  what the kept runs say
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from pathlib import Path

from invoke import Collection, Context, task

import benchctl.tasks

HERE = Path(__file__).parent


@task
def medians(_: Context, results: str = "results") -> None:
    """Median and 99th percentile of a commit for each journal mode, over all kept runs."""
    latencies = defaultdict(list)
    for path in sorted((HERE / results).glob("run-*/trials/*/latency.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                latencies[row["journal"]].append(float(row["latency_ms"]))
    for journal, values in sorted(latencies.items()):
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{journal:10} median {statistics.median(values):.3f} ms  p99 {p99:.3f} ms  {len(values)} commits")


namespace = Collection(medians)
namespace.add_collection(benchctl.tasks.collection("config.yaml"), name="bench")
