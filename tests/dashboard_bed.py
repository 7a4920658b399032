"""What the tests of the dashboard share: kept runs, a server of their own, and a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from plots_bed import SCHEMA, rows
from workflow_bed import DEADLINE_S, Bench

from benchctl.runs.record import RunRecord

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM = "tests of the dashboard need a browser: apt-get install chromium"


def keep(local: Bench, *, name: str = "web", number: int = 400, note: str = "", tags: Sequence[str] = ()) -> RunRecord:
    """A run that brings home rows as the output `lat`, with a metric."""
    local.path("source.csv").write_text(rows(number))
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    metric = {"name": "p95", "source": "lat", "column": "latency", "aggregate": "p95", "better": "lower"}
    config = {"benchmark": {"name": name}, "metrics": [metric]}
    return local.run(
        local.stage("load", "echo begun; echo 'odd <b>' >&2", outputs=[output]),
        config=config,
        note=note,
        tags=tags,
        draws=False,
    )


@contextmanager
def serving(results: Path, *arguments: str) -> Iterator[str]:
    """`benchctl serve` on a port of its own; its address. It must end by Ctrl-C."""
    command = [sys.executable, "-m", "benchctl.cli", "serve", "--port", "0", "--results", str(results), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ})
    assert process.stdout is not None
    try:
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait(DEADLINE_S)


@pytest.fixture
def chromium() -> str:
    if CHROMIUM is None:
        pytest.fail(NO_CHROMIUM, pytrace=False)
    return CHROMIUM
