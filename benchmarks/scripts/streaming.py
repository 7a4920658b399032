"""Usage: streaming.py FOLDER PORT ROUNDS LINES. Writes FOLDER/times.csv: subject, round, seconds.

`ssh host cat FILE` into a file, the same over an open ControlMaster, and one `benchctl run` of one stage `cat FILE`, as
a whole process and as its stage alone. Beside it FOLDER/memory.csv: the largest memory of benchctl, in KiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from measuring import Server, in_turns, keep, peak_kib, seconds

LINE = "{} a line of a log, as long as many of them are, sixty characters or so\n"


def main() -> None:
    folder, port, rounds, lines = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    server, source = Server(folder, port), folder / "lines.txt"
    with source.open("w") as file:
        file.writelines(LINE.format(number) for number in range(lines))
    control = ["-o", f"ControlPath={folder}/control"]
    subprocess.run(server.ssh(*control, "-o", "ControlMaster=yes", "-N", "-f"), check=True)
    measures = [
        lambda: {"ssh": to_file(server, source)},
        lambda: {"connected": to_file(server, source, *control)},
        lambda: through_benchctl(server, source),
    ]
    rows = in_turns(measures, rounds)
    subprocess.run(server.ssh(*control, "-O", "exit"), check=True, capture_output=True)
    keep(folder / "times.csv", rows)
    keep(folder / "memory.csv", [("benchctl", 1, peak_kib())], unit="kib")


def to_file(server: Server, source: Path, *more: str) -> float:
    with (server.folder / "copy.txt").open("wb") as copy:
        return seconds([*server.ssh(*more), "cat", str(source)], stdout=copy)


def through_benchctl(server: Server, source: Path) -> Mapping[str, float]:
    """The process and its stage; the log must hold every line in order."""
    config = server.config("streaming", f"  - {{name: flood, host: h1, command: 'cat {source}'}}\n")
    whole, run = server.run_benchctl(config)
    subprocess.run(["cmp", str(source), str(run / "logs" / "flood.h1.out")], check=True)
    trial = json.loads((run / "trial.json").read_text())
    return {"benchctl": whole, "stage": trial["stages"][0]["hosts"]["h1"]["duration_s"]}


if __name__ == "__main__":
    main()
