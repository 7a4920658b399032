"""Health checks in a run: what they say, what they record, and what they refuse to count."""

from __future__ import annotations

import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from workflow_bed import Bench, on_host, seconds_of, statuses

LISTEN = (
    'python3 -c "import socket, time; s = socket.socket(); s.setsockopt(1, 2, 1); '
    "s.bind(('127.0.0.1', {port})); s.listen(); time.sleep(300)\""
)


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that somebody else listens on already."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def unavailable() -> Iterator[int]:
    """The port of a web server that has nothing but 503 to say."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            """Nothing on our stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_time_to_ready_is_kept_as_the_last_failed_and_the_first_passed_attempt(bench: Bench, closed_port: int) -> None:
    port = closed_port
    record = bench.run(
        bench.stage("app", f"sleep 0.5; {LISTEN.format(port=port)}", health_check={"type": "port", "target": str(port)})
    )
    assert record.error is None
    check = on_host(record, "app").health_check
    assert check is not None
    assert 0.3 < check["last_failed_s"] < check["first_passed_s"]
    assert check["attempts"] > 1
    assert {k: check[k] for k in ("type", "target", "ready", "already_ready", "last")} == {
        "type": "port",
        "target": str(port),
        "ready": True,
        "already_ready": False,
        "last": "open",
    }
    assert [event["duration_s"] for event in bench.told("stage_ready")] == [check["first_passed_s"]]


def test_a_check_that_never_passes_fails_with_the_last_thing_seen(bench: Bench, closed_port: int) -> None:
    check = {"type": "port", "target": str(closed_port), "timeout": "400ms"}
    record = bench.run(bench.stage("app", "echo hello >&2; sleep 300", health_check=check), bench.stage("load", "true"))
    assert record.error is not None
    assert record.error.code == "not-ready"
    seen = "connection refused" if bench.server is None else "connect failed"  # as sshd words it
    assert record.error.message.replace("connection refused", seen) == (
        f"stage 'app' was not ready on {bench.place} within 400ms: port {closed_port}: {seen}"
    )
    assert record.error.stderr == ("hello",)
    assert statuses(record) == {"app": "failed", "load": "not_started"}


def test_a_check_names_the_status_that_a_web_server_answered(bench: Bench, unavailable: int) -> None:
    """It passes nothing before, so it counts from the start."""
    check = {"type": "http", "target": f"http://127.0.0.1:{unavailable}/health", "timeout": "300ms", "retries": 1}
    record = bench.run(bench.stage("app", "sleep 300", health_check=check))
    assert record.error is not None
    assert record.error.message == (
        f"stage 'app' was not ready on {bench.place} within 600ms: http http://127.0.0.1:{unavailable}/health: HTTP 503"
    )


def test_what_was_ready_before_is_warned_of_and_counts_only_after_the_command(bench: Bench, listener: int) -> None:
    check = {"type": "port", "target": str(listener)}
    record = bench.run(bench.stage("start", "sleep 0.5", health_check=check))
    assert record.error is None
    assert bench.warnings() == [
        f"port {listener} passed on {bench.alias} before 'start' began: something of an earlier run? "
        "The check counts once it has failed, or after the stage's command has ended"
    ]
    place = on_host(record, "start")
    assert place.health_check is not None
    assert place.health_check["already_ready"] is True
    assert place.health_check["first_passed_s"] >= 0.5
    assert place.exit_code == 0


def test_what_was_ready_before_never_counts_for_a_command_that_goes_on(bench: Bench, listener: int) -> None:
    check = {"type": "port", "target": str(listener), "timeout": "500ms"}
    record = bench.run(bench.stage("start", "sleep 300", health_check=check))
    assert record.error is not None
    assert record.error.code == "not-ready"
    assert record.error.hint == (
        f"port {listener} had passed before 'start' began, so it counts only after its command ends"
    )


def test_a_leftover_that_the_command_makes_anew_counts(bench: Bench) -> None:
    bench.path("ready").touch()
    check = {"type": "file", "target": str(bench.path("ready")), "timeout": "20s"}
    command = f"rm {bench.path('ready')}; sleep 0.5; touch {bench.path('ready')}; exec sleep 300"
    record = bench.run(bench.stage("start", command, health_check=check))
    assert record.error is None
    place = on_host(record, "start")
    assert place.health_check is not None
    assert (place.health_check["already_ready"], place.health_check["ready"]) == (True, True)


def test_a_command_that_ended_before_its_check_gave_up_is_told_of(bench: Bench) -> None:
    check = {"type": "file", "target": str(bench.path("never")), "timeout": "500ms"}
    record = bench.run(bench.stage("start", "true", health_check=check))
    assert record.error is not None
    assert record.error.hint.startswith("the command itself ended after ")
    assert record.error.hint.endswith(" with exit code 0: did what it started stay?")


def test_must_start_refuses_what_is_ready_before(bench: Bench, listener: int) -> None:
    check = {"type": "port", "target": str(listener), "must_start": True}
    record = bench.run(bench.stage("start", f"touch {bench.path('began')}", health_check=check))
    assert record.error is not None
    assert (record.error.code, record.error.message) == (
        "not-ready",
        f"stage 'start' must start what it waits for, but port {listener} passed on {bench.place} before it began",
    )
    assert not bench.path("began").exists()
    assert statuses(record) == {"start": "failed"}


def test_a_command_check_sees_what_its_stage_sees(bench: Bench) -> None:
    bench.path("here").mkdir()
    check = {"type": "command", "target": '[ "$MINE" = "a b" ] && [ -e here-it-is ] && echo {{run.id}}'}
    record = bench.run(
        bench.stage(
            "app", "touch here-it-is; sleep 300", cwd=str(bench.path("here")), env={"MINE": "a b"}, health_check=check
        )
    )
    assert record.error is None
    found = on_host(record, "app").health_check
    assert found is not None
    assert found["last"] == "exit code 0, run-001"


def test_a_process_check_waits_for_its_pattern(bench: Bench) -> None:
    name = f"probe-{secrets.token_hex(8)}"
    bench.path(name).write_text("sleep 300\n")
    record = bench.run(
        bench.stage(
            "app", f"sleep 0.2; sh {bench.path(name)}", health_check={"type": "process", "target": f"sh .*{name}"}
        )
    )
    assert record.error is None


def test_a_file_check_is_relative_to_the_working_directory(bench: Bench) -> None:
    bench.path("here").mkdir()
    check = {"type": "file", "target": "ready"}
    record = bench.run(bench.stage("app", "touch ready; sleep 300", cwd=str(bench.path("here")), health_check=check))
    assert record.error is None


def test_a_check_without_a_command_that_lasts_waits_on(bench: Bench) -> None:
    """A start command that ends well leaves the check to go on until it passes."""
    ready = bench.path("ready")
    record = bench.run(
        bench.stage("start", f"(sleep 0.4; touch {ready}) & :", health_check={"type": "file", "target": str(ready)})
    )
    assert record.error is None
    assert [event["goes_on"] for event in bench.told("stage_ready")] == [False]


def test_a_stage_times_out_before_its_check_does(bench: Bench, closed_port: int) -> None:
    check = {"type": "port", "target": str(closed_port), "timeout": "60s"}
    began = time.monotonic()
    record = bench.run(bench.stage("app", "sleep 300", timeout="400ms", health_check=check))
    assert seconds_of(began) < 30
    assert record.error is not None
    assert record.error.code == "stage-timeout"
    assert re.search("timeout of 400ms", record.error.message)


def test_attempts_that_fail_put_nothing_on_the_screen(bench: Bench, closed_port: int) -> None:
    check = {"type": "port", "target": str(closed_port), "timeout": "300ms"}
    with bench.running(bench.stage("app", "sleep 300", health_check=check)) as run:
        assert run.end() == 1
    assert "open FAILED" not in run.said()
