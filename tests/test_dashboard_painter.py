"""The process that draws: killed, too slow, asked by too many, or left by its server. The next picture is drawn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sshd as bed
from dashboard_bed import keep
from workflow_bed import DEADLINE_S, Bench

from benchctl.dashboard import painter as painting
from benchctl.dashboard.app import create_app
from benchctl.dashboard.painter import Painter
from benchctl.dashboard.settings import Settings
from benchctl.dashboard.wish import Wish

KEYS = (("source", "lat"), ("type", "ecdf"), ("y", ("latency",)))


@pytest.fixture
def painter() -> Iterator[Painter]:
    made = Painter()
    yield made
    made.close()


def wish(local: Bench, run: str = "run-001") -> Wish:
    return Wish(local.results, (run,), keys=KEYS)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also one that nobody waits for."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_process_killed_while_it_waits_is_started_for_the_next_picture(local: Bench, painter: Painter) -> None:
    keep(local)
    killed = painter.process.pid
    os.kill(killed, signal.SIGKILL)
    painter.process.wait(DEADLINE_S)
    drawn = painter.draw(wish(local), 1)
    assert drawn
    assert (drawn.error, drawn.content[:5]) == ("", b"<?xml")
    assert painter.process.pid != killed


def test_process_killed_while_it_draws_is_said_and_the_next_picture_drawn(local: Bench, painter: Painter) -> None:
    keep(local)
    pid = painter.process.pid
    os.kill(pid, signal.SIGSTOP)  # so that it is sure to be asked before it is killed
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(painter.draw, wish(local), 1)
        bed.wait_until(painter.is_drawing, "it is asked", timeout_s=DEADLINE_S)
        os.kill(pid, signal.SIGKILL)
        drawn = asked.result(DEADLINE_S)
    assert drawn
    assert drawn.error.startswith("the process that draws has ended")
    again = painter.draw(wish(local), 1)
    assert again
    assert again.error == ""


def test_picture_that_takes_too_long_is_said_and_the_next_one_drawn(local: Bench) -> None:
    keep(local)
    painter = Painter(longest_s=DEADLINE_S)
    try:
        assert painter.draw(wish(local), 1)
        painter.longest_s = 0.1
        os.kill(painter.process.pid, signal.SIGSTOP)
        slow = painter.draw(wish(local), 2)
        assert slow
        assert slow.error == "drawing took longer than 0.1 s; draw fewer rows: a shorter time, or fewer runs"
        painter.longest_s = DEADLINE_S
        drawn = painter.draw(wish(local), 2)
        assert drawn
        assert drawn.error == ""
    finally:
        painter.close()


def test_too_many_that_wait_are_told_to_come_again(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(local)
    monkeypatch.setattr(painting, "MOST_WAITING", 1)
    app = create_app(Settings(local.results))
    its = app.extensions["benchctl"].painter
    query = "run=run-001&source=lat&type=ecdf&y=latency"
    os.kill(its.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool, app.test_client() as client:
        waiting = pool.submit(its.draw, wish(local), 1)
        bed.wait_until(its.is_drawing, "it is asked", timeout_s=DEADLINE_S)
        answer = client.get(f"/api/plot?{query}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.json["error"]["message"] == "Too many pictures are being drawn; try again in a moment."  # type: ignore[index]
        os.kill(its.process.pid, signal.SIGCONT)
        assert waiting.result(DEADLINE_S).error == ""
        assert client.get(f"/api/plot?{query}").status_code == 200
    app.extensions["benchctl"].close()


def test_process_ends_when_its_server_is_gone_also_while_its_stdin_is_open() -> None:
    command = [sys.executable, "-m", "benchctl.dashboard.painting"]
    begin = f"p = subprocess.Popen([*{command}, str(os.getpid())])"
    code = f"import os, subprocess; {begin}; print(p.pid, flush=True); p.wait()"
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()
        bed.wait_until(lambda: is_gone(pid), "the process that draws has ended", timeout_s=DEADLINE_S)


def test_closed_painter_starts_no_other_process(local: Bench) -> None:
    keep(local)
    painter = Painter()
    os.kill(painter.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(painter.draw, wish(local), 1)
        bed.wait_until(painter.is_drawing, "it is asked", timeout_s=DEADLINE_S)
        pid = painter.process.pid
        painter.close()
        drawn = asked.result(DEADLINE_S)
    assert drawn
    assert drawn.error
    assert (painter.process.pid, is_gone(pid)) == (pid, True)
