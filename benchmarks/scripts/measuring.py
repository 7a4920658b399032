"""What the measuring scripts share: calling benchctl and ssh, and keeping the times."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which

BENCHCTL = which("benchctl") or str(Path(sys.executable).with_name("benchctl"))


def ssh_command(folder: Path, port: str, *more: str) -> list[str]:
    """The start of an ssh command line to the server of sshd.sh; no file of the user's is read."""
    options = {"StrictHostKeyChecking": "no", "UserKnownHostsFile": str(folder / "known_hosts"), "LogLevel": "ERROR"}
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-p", port, "-i", str(folder / "key"), *words, *more, "127.0.0.1"]


def host_yaml(folder: Path, port: str) -> str:
    """The `hosts:` section for that server."""
    return f"hosts:\n  there: {{ip: 127.0.0.1, port: {port}, key_file: {folder}/key, host_key: 'off'}}\n"


def run_benchctl(config: Path, folder: Path) -> None:
    """Run a config quietly, apart from the run that measures; its record goes below `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BENCHCTL_")}
    command = [BENCHCTL, "run", str(config), "--quiet", "--results", str(folder / "results")]
    subprocess.run(command, check=True, env=environment)


def timed(command: Sequence[str], **options: object) -> tuple[float, int]:
    """Seconds of wall time and the peak memory in KiB of a command."""
    pid_before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.perf_counter()
    subprocess.run(command, check=True, **options)  # type: ignore[call-overload]
    seconds = time.perf_counter() - began
    return seconds, max(pid_before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def keep(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
