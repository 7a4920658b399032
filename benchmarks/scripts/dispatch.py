"""Usage: dispatch.py FOLDER PORT ROUNDS COMMANDS. Writes FOLDER/times.csv: subject, round, seconds.

Per round, in turns: COMMANDS calls of `ssh ... true` over one ControlMaster (its own start not counted), and
one `benchctl run` of COMMANDS stages `true`, once as a whole process and once as its stages alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from measuring import host_yaml, keep, run_benchctl, ssh_command


def main() -> None:
    folder, port, rounds, commands = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    config = folder / "dispatch.yaml"
    stages = "".join(f"  - {{name: s{number}, host: there, command: 'true'}}\n" for number in range(commands))
    config.write_text(f"benchmark: {{name: inner}}\n{host_yaml(folder, port)}stages:\n{stages}")
    rows: list[tuple[str, int, float]] = []
    for number in range(rounds + 1):  # the first warms up and is not kept
        ssh = ssh_loop(folder, port, commands)
        began = time.perf_counter()
        run_benchctl(config, folder)
        whole = time.perf_counter() - began
        if number:
            rows += [("ssh", number, ssh), ("benchctl", number, whole), ("stages", number, stages_s(folder))]
    keep(folder / "times.csv", ["subject", "round", "seconds"], rows)


def ssh_loop(folder: Path, port: str, commands: int) -> float:
    control = f"ControlPath={folder}/control"
    subprocess.run(ssh_command(folder, port, "-o", control, "-o", "ControlMaster=yes", "-N", "-f"), check=True)
    call = " ".join(ssh_command(folder, port, "-o", control))
    loop = f"i=0; while [ $i -lt {commands} ]; do {call} true || exit; i=$((i+1)); done"
    began = time.perf_counter()
    subprocess.run(["sh", "-c", loop], check=True)
    seconds = time.perf_counter() - began
    subprocess.run(ssh_command(folder, port, "-o", control, "-O", "exit"), check=True, capture_output=True)
    return seconds


def stages_s(folder: Path) -> float:
    """From the first stage's start to the last one's end in the newest run, by its journal."""
    newest = max((folder / "results").glob("run-*"), key=lambda path: int(path.name[4:]))
    events = [json.loads(line) for line in (newest / "events.ndjson").read_text().splitlines()]
    moments = [datetime.fromisoformat(e["t"]) for e in events if e["event"] in ("stage_started", "stage_finished")]
    return (moments[-1] - moments[0]).total_seconds()


if __name__ == "__main__":
    main()
