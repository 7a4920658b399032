"""Usage: startup.py FOLDER ROUNDS RUNS. Writes FOLDER/times.csv: subject, round, seconds.

Per round, in turns: a bare interpreter, `benchctl --help`, and `benchctl list` over RUNS kept runs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from measuring import BENCHCTL, keep, run_benchctl, timed


def main() -> None:
    folder, rounds, runs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = folder / "config.yaml"
    config.write_text("benchmark: {name: inner}\nstages:\n  - {name: nothing, command: 'true'}\n")
    for _ in range(runs):
        run_benchctl(config, folder)
    python = Path(BENCHCTL).read_text(errors="replace").partition("\n")[0].removeprefix("#!").strip()
    subjects = {
        "bare": [python, "-c", "pass"],
        "--help": [BENCHCTL, "--help"],
        "list": [BENCHCTL, "list", "--results", str(folder / "results")],
    }
    rows = []
    for number in range(rounds + 1):  # the first warms up and is not kept
        for subject, command in subjects.items():
            seconds, _ = timed(command, stdout=subprocess.DEVNULL)
            if number:
                rows.append((subject, number, seconds))
    keep(folder / "times.csv", ["subject", "round", "seconds"], rows)


if __name__ == "__main__":
    main()
