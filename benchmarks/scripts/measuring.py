"""What the measuring scripts share: who is measured, in turns, and where the figures go."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import which

BENCHCTL = which("benchctl") or str(Path(sys.executable).with_name("benchctl"))
PYTHON = Path(BENCHCTL).read_text(errors="replace").partition("\n")[0].removeprefix("#!").strip()
PEERS = Path(__file__).parent / "peers"

Measure = Callable[[], Mapping[str, float]]  # what one turn gave: subject -> seconds (or another unit)


def in_turns(measures: Sequence[Measure], rounds: int) -> list[tuple[str, int, float]]:
    """Rows of subject, round, value: each is measured once per round; the first round warms up and is not kept."""
    rows = []
    for number in range(rounds + 1):
        for measure in measures:
            values = measure()
            rows += [(subject, number, value) for subject, value in values.items() if number]
    return rows


def keep(path: Path, rows: Sequence[tuple[str, int, float]], unit: str = "seconds") -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "round", unit])
        writer.writerows(rows)


def seconds(command: Sequence[str], **options: object) -> float:
    """Wall time of a command that must succeed."""
    began = time.perf_counter()
    subprocess.run(command, check=True, **options)  # type: ignore[call-overload]
    return time.perf_counter() - began


def peak_kib() -> int:
    """The largest memory that any command had so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def peer(name: str) -> str:
    """A program from the environment that benchctl is installed in; see the extra `benchmarks`."""
    found = Path(BENCHCTL).with_name(name)
    if not found.exists():
        raise SystemExit(f"{name} is not installed beside benchctl: pip install 'benchctl[benchmarks]'")
    return str(found)


class Server:
    """The sshd that sshd.sh has made in `folder`."""

    def __init__(self, folder: Path, port: str) -> None:
        self.folder = folder
        self.port = port
        self.key = folder / "key"
        self.client_home = folder / "client"  # no file of the user's is read
        self.client_home.mkdir(exist_ok=True)

    @property
    def options(self) -> list[str]:
        """ssh's and scp's options to reach it."""
        known = self.folder / "known_hosts"
        options = {"StrictHostKeyChecking": "no", "UserKnownHostsFile": str(known), "LogLevel": "ERROR"}
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["-F", "none", "-i", str(self.key), *words]

    def ssh(self, *more: str, host: str = "127.0.0.1") -> list[str]:
        return ["ssh", "-p", self.port, *self.options, *more, host]

    @property
    def environment(self) -> dict[str, str]:
        """Of peers, and of the benchctl that is measured: apart from the run that measures."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("BENCHCTL_")}
        return own | {"HOME": str(self.client_home), "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_PIPELINING": "True"}

    def host_yaml(self, count: int = 1) -> str:
        """A `hosts:` section with so many names for it: h1 at 127.0.1.1 and so on."""
        entry = f"port: {self.port}, key_file: {self.key}, host_key: 'off'"
        lines = [f"  h{number}: {{ip: 127.0.1.{number}, {entry}}}\n" for number in range(1, count + 1)]
        return "hosts:\n" + "".join(lines)

    def config(self, name: str, stages: str, count: int = 1) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(f"benchmark: {{name: {name}}}\n{self.host_yaml(count)}stages:\n{stages}")
        return path

    def run_benchctl(self, config: Path) -> tuple[float, Path]:
        """Seconds of the whole process, and the run's directory."""
        results = self.folder / "results"
        took = seconds([BENCHCTL, "run", str(config), "--quiet", "--results", str(results)], env=self.environment)
        return took, max(results.glob("run-*"), key=lambda path: int(path.name[4:]))


def events(run: Path, *kinds: str) -> Iterator[dict[str, object]]:
    """The journalled events of these kinds."""
    for line in (run / "events.ndjson").read_text().splitlines():
        event = json.loads(line)
        if event["event"] in kinds:
            yield event


def stages_s(run: Path) -> float:
    """From the first stage's start to the last one's end."""
    from datetime import datetime

    moments = [datetime.fromisoformat(str(event["t"])) for event in events(run, "stage_started", "stage_finished")]
    return (moments[-1] - moments[0]).total_seconds()
