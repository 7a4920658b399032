"""What the tests of the workflow share: a place to run on, configs written from Python, records read back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sshd as bed

import benchctl
from benchctl.events import Event
from benchctl.hosts.commands.shell import LEASE_S
from benchctl.runs.failure import Failure
from benchctl.runs.record import RunRecord, StageOnHost, StageRecord

Stage = Mapping[str, object]  # as the config file would have it

DEADLINE_S = 60.0  # generous: for what must happen, not for how fast
BEFORE_LEASE_S = LEASE_S - 4  # what ends by then was ended by its control line, not by its controller's silence


@dataclass
class Bench:
    """A folder with a config, and the host its stages run on: this machine, or `box` behind an sshd."""

    directory: Path
    alias: str
    hosts: Mapping[str, Mapping[str, object]]
    server: bed.Sshd | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The host as messages name it."""
        return f"{self.alias} ({self.server.address}:{self.server.port})" if self.server else "local"

    @property
    def results(self) -> Path:
        return self.directory / "results"

    def path(self, name: str) -> Path:
        """A file of the test's own, at the same path on either host."""
        return self.directory / name

    def stage(self, name: str, command: str | None = None, **more: object) -> dict[str, object]:
        """A stage on this bench's host."""
        given = {} if command is None else {"command": command}
        return {"name": name, "host": self.alias, **given, **more}

    def write(self, *stages: Mapping[str, object], **more: object) -> Path:
        """The config. JSON is YAML too."""
        document = {"benchmark": {"name": "bench"}, "hosts": self.hosts, "stages": list(stages), **more}
        path = self.directory / "config.yaml"
        path.write_text(json.dumps({k: v for k, v in document.items() if v}, indent=1))
        return path

    def run(self, *stages: Stage, config: Stage | None = None, **options: Any) -> RunRecord:
        """A real run of these stages; its events are in `events`."""
        benchmark = benchctl.load(self.write(*stages, **(config or {})))
        self.events.clear()
        record = benchctl.run(benchmark, results=self.results, listeners=[self.events.append], **options)
        if record.status == "interrupted":
            raise KeyboardInterrupt  # it was meant for the session; a run takes over its signals
        return record

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The details of the events of one kind, in order."""
        return [event.data for event in self.events if event.kind == kind]

    def warnings(self) -> list[str]:
        """What was warned of, but for what every first connection says."""
        return [event["text"] for event in self.told("warning") if "first connection" not in event["text"]]

    @contextmanager
    def running(self, *stages: Stage, config: Stage | None = None) -> Iterator[Running]:
        """`benchctl run` of these stages in a process of its own; killed when the block is left."""
        with running(self.write(*stages, **(config or {})), self.results) as process:
            yield process


@dataclass
class Running:
    """A `benchctl run` that goes on."""

    process: subprocess.Popen[bytes]
    results: Path
    output: Path

    def wait_for(self, kind: str, **details: object) -> None:
        """Until the journal holds such an event."""
        bed.wait_until(lambda: self._has(kind, details), f"event {kind} {details}\n{self.said()}", timeout_s=DEADLINE_S)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, timeout_s: float = DEADLINE_S) -> int:
        """Its exit code."""
        return self.process.wait(timeout_s)

    def record(self) -> RunRecord:
        return benchctl.find("latest", results=self.results)

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def _has(self, kind: str, details: Mapping[str, object]) -> bool:
        return any(
            event.get("event") == kind and all(event.get(key) == value for key, value in details.items())
            for event in journal(self.results / "run-001")
        )


@contextmanager
def running(config: Path, results: Path, *arguments: str) -> Iterator[Running]:
    """`benchctl run CONFIG` in a process of its own; killed when the block is left."""
    output = config.parent / "said"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchctl.cli", "run", str(config), "--results", str(results), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
    try:
        yield Running(process, results, output)
    finally:
        process.kill()
        process.wait(DEADLINE_S)


def journal(run: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's journal."""
    path = run / "events.ndjson"
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


def stage_of(record: RunRecord, name: str) -> StageRecord:
    """A stage of the run's only trial."""
    return next(stage for stage in record.trials[0].stages if stage.name == name)


def on_host(record: RunRecord, name: str) -> StageOnHost:
    """What a stage did on its only host."""
    (place,) = stage_of(record, name).hosts.values()
    return place


def log(record: RunRecord, stage: str, stream: str = "out") -> bytes:
    """A log of a stage, as it is on disk."""
    return Path(record.path / on_host(record, stage).logs[stream]).read_bytes()


def statuses(record: RunRecord) -> dict[str, str]:
    return {stage.name: stage.status for trial in record.trials for stage in trial.stages}


def is_gone(pid: int) -> bool:
    return not bed.is_alive(pid)


def wait_until_gone(pids: Sequence[int], timeout_s: float = DEADLINE_S) -> None:
    bed.wait_until(lambda: all(map(is_gone, pids)), f"{pids} end", timeout_s=timeout_s)


def pid_in(path: Path) -> int:
    """The number that a command wrote into a file; waits for it."""
    bed.wait_until(lambda: path.exists() and path.read_text().strip(), f"{path} is written", timeout_s=DEADLINE_S)
    return int(path.read_text())


def error_of(record: RunRecord) -> Failure:
    assert record.error is not None
    return record.error


def seconds_of(started: float) -> float:
    return time.monotonic() - started


@pytest.fixture(params=["local", "ssh"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A place to run stages on: once this machine, once a host behind a real sshd."""
    if request.param == "local":
        return Bench(tmp_path, "local", {})
    return remote_bench(tmp_path, request.getfixturevalue("sshd"), request.getfixturevalue("keys"))


@pytest.fixture
def local(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "local", {})


def remote_bench(directory: Path, server: bed.Sshd, keys: bed.Keys) -> Bench:
    return Bench(directory, "box", {"box": server.as_host(keys.plain)}, server)


# A server in sh: it listens nowhere, but writes a file when it is ready and another when it is asked to end.
SERVER = "trap 'echo last > {out}; exit 0' TERM; echo $$ > {ready}; while :; do sleep 0.05; done"
