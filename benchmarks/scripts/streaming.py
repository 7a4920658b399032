"""Usage: streaming.py FOLDER PORT ROUNDS LINES. Writes FOLDER/times.csv: subject, round, seconds, peak.

Per round, in turns: `ssh host cat FILE` into a file, the same over an open ControlMaster, and one `benchctl run`
of one stage `cat FILE`, as a whole process and as its stage alone. `peak` is the largest memory of benchctl so far,
in KiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from measuring import host_yaml, keep, run_benchctl, ssh_command, timed

LINE = "{} a line of a log, as long as many of them are, sixty characters or so\n"


def main() -> None:
    folder, port, rounds, lines = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    source, config = folder / "lines.txt", folder / "streaming.yaml"
    with source.open("w") as file:
        file.writelines(LINE.format(number) for number in range(lines))
    config.write_text(
        f"benchmark: {{name: inner}}\n{host_yaml(folder, port)}stages:\n"
        f"  - {{name: flood, host: there, command: 'cat {source}'}}\n"
    )
    control = ["-o", f"ControlPath={folder}/control"]
    subprocess.run(ssh_command(folder, port, *control, "-o", "ControlMaster=yes", "-N", "-f"), check=True)
    rows: list[tuple[str, int, float, int]] = []
    for number in range(rounds + 1):  # the first warms up and is not kept
        ssh, _ = to_file(folder, port, source)
        connected, _ = to_file(folder, port, source, *control)
        whole, stage, peak = through_benchctl(config, folder, source)
        if number:
            rows += [
                ("ssh", number, ssh, 0),
                ("connected", number, connected, 0),
                ("benchctl", number, whole, peak),
                ("stage", number, stage, peak),
            ]
    subprocess.run(ssh_command(folder, port, *control, "-O", "exit"), check=True, capture_output=True)
    keep(folder / "times.csv", ["subject", "round", "seconds", "peak"], rows)


def to_file(folder: Path, port: str, source: Path, *more: str) -> tuple[float, int]:
    with (folder / "copy.txt").open("wb") as copy:
        return timed([*ssh_command(folder, port, *more), "cat", str(source)], stdout=copy)


def through_benchctl(config: Path, folder: Path, source: Path) -> tuple[float, float, int]:
    """Seconds of the process and of its stage, and KiB; the log must hold every line in order."""
    import resource

    began = time.perf_counter()
    run_benchctl(config, folder)
    whole = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    newest = max((folder / "results").glob("run-*"), key=lambda path: int(path.name[4:]))
    subprocess.run(["cmp", str(source), str(newest / "logs" / "flood.there.out")], check=True)
    trial = json.loads((newest / "trial.json").read_text())
    return whole, trial["stages"][0]["hosts"]["there"]["duration_s"], peak


if __name__ == "__main__":
    main()
