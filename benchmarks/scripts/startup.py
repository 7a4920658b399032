"""Usage: startup.py FOLDER ROUNDS RUNS. Writes FOLDER/times.csv: subject, round, seconds.

A bare interpreter, `benchctl --help`, and `benchctl list` over RUNS kept runs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from measuring import BENCHCTL, PYTHON, Measure, Server, in_turns, keep, seconds


def main() -> None:
    folder, rounds, runs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = Server(folder, "0")  # only the folder is used
    config = folder / "config.yaml"
    config.write_text("benchmark: {name: inner}\nstages:\n  - {name: nothing, command: 'true'}\n")
    for _ in range(runs):
        server.run_benchctl(config)
    measures: list[Measure] = [
        lambda: {"bare": quietly(PYTHON, "-c", "pass")},
        lambda: {"--help": quietly(BENCHCTL, "--help")},
        lambda: {"list": quietly(BENCHCTL, "list", "--results", str(folder / "results"))},
    ]
    keep(folder / "times.csv", in_turns(measures, rounds))


def quietly(*command: str) -> float:
    return seconds(command, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
