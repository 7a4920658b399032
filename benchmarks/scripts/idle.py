"""Usage: idle.py FOLDER PORT ROUNDS SECONDS. Writes FOLDER/times.csv: subject, round, value.

What watching a stage that only sleeps costs: CPU seconds and wake-ups (voluntary context switches) of the
controller, and of everything below the host's sshd, over the stage's SECONDS.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from measuring import BENCHCTL, Server, in_turns, keep

TICKS = 100.0  # per second, in /proc
SETTLE_S = 3.0  # for the start to be over


def main() -> None:
    folder, port, rounds, length = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    server = Server(folder, port)
    keep(folder / "times.csv", in_turns([lambda: idle(server, length)], rounds), unit="value")


def idle(server: Server, length: float) -> Mapping[str, float]:
    config = server.config("idle", f"  - {{name: sleep, host: h1, command: 'sleep {length + 2 * SETTLE_S:g}'}}\n")
    results = str(server.folder / "results")
    command = [BENCHCTL, "run", str(config), "--quiet", "--results", results]
    with subprocess.Popen(command, env=server.environment) as process:
        time.sleep(SETTLE_S)
        listener = listener_of(server)
        before = [spent([process.pid]), spent(descendants(listener))]
        time.sleep(length)
        after = [spent([process.pid]), spent(descendants(listener))]
    names = ("controller", "host")
    return {
        f"{name} {what}": after[at][index] - before[at][index]
        for at, name in enumerate(names)
        for index, what in enumerate(("CPU seconds", "wake-ups"))
    }


def spent(pids: list[int]) -> tuple[float, float]:
    """CPU seconds and voluntary context switches of these processes so far; who has ended counts no more."""
    cpu_s, switches = 0.0, 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu_s += sum(map(int, fields[11:15])) / TICKS
            switches += sum(voluntary(task) for task in Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue
    return cpu_s, switches


def voluntary(task: Path) -> int:
    lines = (task / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def listener_of(server: Server) -> int:
    """The sshd of this folder."""
    mark = str(server.folder / "sshd_config").encode()
    return next(pid for pid in all_pids() if mark in Path(f"/proc/{pid}/cmdline").read_bytes())


def descendants(pid: int) -> list[int]:
    children = [other for other in all_pids() if parent_of(other) == pid]
    return children + [deeper for child in children for deeper in descendants(child)]


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def all_pids() -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and path.exists():
            yield int(path.name)


if __name__ == "__main__":
    main()
