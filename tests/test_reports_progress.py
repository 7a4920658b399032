"""A run's events on a terminal, on a pipe, and on a stream that breaks."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

import pytest

from benchctl import events
from benchctl.events import Event
from benchctl.reports.progress import LiveProgress, PlainProgress, progress_for
from benchctl.reports.story import Story

START = datetime(2026, 11, 24, 13, 2, 11, tzinfo=UTC)
LOAD = {"stage": "load", "host": "db"}
APP = {"stage": "app", "host": "db"}
ERROR = {
    "code": "command-failed",
    "message": "stage 'load' failed on db (10.0.0.5) after 5.0 s: exit code 3",
    "stage": "load",
    "host": "db",
    "command": "./load",
    "stderr": ["ERROR: connection refused"],
}
RUN: list[tuple[float, str, dict[str, Any]]] = [
    (
        0.0,
        events.RUN_STARTED,
        {
            "id": "run-014",
            "benchmark": "ycsb",
            "directory": "results/run-014",
            "stages": ["app", "load"],
            "hosts": ["db", "local"],
        },
    ),
    (
        0.1,
        events.HOST_CONNECTED,
        {"host": "db", "address": "10.0.0.5", "duration_s": 0.041, "facts": {"clock_offset_s": 0.0031}},
    ),
    (0.2, events.TRIAL_STARTED, {"case": None, "trial": 1}),
    (0.3, events.STAGE_STARTED, APP | {"index": 1, "count": 3, "command": "./app", "background": False}),
    (0.4, events.HEALTH_PROGRESS, APP | {"check": "port 8080", "elapsed_s": 0.1, "last": "connection refused"}),
    (1.5, events.STAGE_READY, APP | {"check": "port 8080", "duration_s": 1.2, "goes_on": True}),
    (1.5, events.STAGE_FINISHED, APP | {"status": "succeeded", "duration_s": 1.2}),
    (1.6, events.STAGE_SKIPPED, {"stage": "tune", "reason": "--skip"}),
    (1.7, events.STAGE_STARTED, LOAD | {"index": 3, "count": 3, "background": False}),
    (2.0, events.OUTPUT_LINES, LOAD | {"stream": "out", "lines": ["\x1b[31m10%\r20%", "\x1b]0;evil\x07done"]}),
    (6.7, events.STAGE_FINISHED, LOAD | {"status": "failed", "exit_code": 3, "duration_s": 5.0, "error": ERROR}),
    (6.8, events.BACKGROUND_ENDED, APP | {"signal": "SIGTERM", "duration_s": 6.5, "stopped": True}),
    (6.9, events.TRANSFER_PROGRESS, {"output": "lat", "host": "db", "done_bytes": 1000, "total_bytes": 2000}),
    (7.0, events.OUTPUT_COLLECTED, LOAD | {"output": "lat", "path": "lat.csv", "bytes": 2000, "duration_s": 0.1}),
    (7.1, events.OUTPUT_MISSED, LOAD | {"output": "opt", "optional": True, "reason": "no such file"}),
    (7.2, events.WARNING, {"text": "clock of db jumped\x07"}),
    (7.3, events.TRIAL_FINISHED, {"case": None, "trial": 1, "status": "failed", "duration_s": 7.1}),
    (3675.0, events.RUN_FINISHED, {"status": "failed", "duration_s": 3675.0, "error": ERROR}),
]
PLAIN = """\
[00:00.0] run-014 ycsb: 2 stages, hosts db, local (results/run-014)
[00:00.1] host db (10.0.0.5) connected in 41 ms, clock +3.1 ms
[00:00.3] stage app on db: started (1/3)
[00:01.5] app ready after 1.2 s (port 8080); its command goes on in the background
[00:01.6] stage tune: skipped (--skip)
[00:01.7] stage load on db: started (3/3)
[00:06.7] stage load on db: failed after 5.0 s: exit code 3
[00:06.8] app stopped after 6.5 s
[00:07.0] output lat from db: lat.csv, 2.0 kB in 0.1 s
[00:07.1] output opt from db: missing (no such file), but optional
[00:07.2] warning: clock of db jumped
[1:01:15.0] run-014 failed after 1h01m

stage 'load' failed on db (10.0.0.5) after 5.0 s: exit code 3
    command  ./load
    stderr   ERROR: connection refused
    kept     results/run-014 (benchctl logs run-014 load)
"""


def event(seconds: float, kind: str, data: dict[str, Any]) -> Event:
    return Event(kind, START + timedelta(seconds=seconds), data)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("BENCHCTL_RESULTS", raising=False)
    return io.StringIO()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A real terminal of 50 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    with open(master, "rb", buffering=0), open(slave, "w", encoding="utf-8") as opened:
        yield opened


def test_plain_progress_is_a_line_per_event_and_ends_with_the_reason(stream: io.StringIO) -> None:
    progress = PlainProgress(stream)
    for announced in RUN:
        progress(event(*announced))
    assert stream.getvalue() == PLAIN


def test_plain_progress_never_moves_a_cursor_even_when_verbose(stream: io.StringIO) -> None:
    progress = PlainProgress(stream, verbose=True)
    for announced in RUN:
        progress(event(*announced))
        progress.tick(event(*announced).at)
    lines = PLAIN.splitlines(keepends=True)
    lines[6:6] = ["[00:02.0] load | 20%\n", "[00:02.0] load | done\n"]
    assert stream.getvalue() == "".join(lines)


def test_trials_are_announced_when_there_are_several(stream: io.StringIO) -> None:
    progress = PlainProgress(stream)
    for case, trial in (("wal", 1), (None, 2)):
        which = {"case": case, "trial": trial, "index": trial, "count": 2}
        progress(event(0, events.TRIAL_STARTED, which))
        end = {**which, "status": "succeeded", "duration_s": 2}
        progress(event(2, events.TRIAL_FINISHED, end))
    assert stream.getvalue() == (
        "[00:00.0] trial 1/2 wal-01 started\n[00:02.0] trial 1/2 wal-01 succeeded after 2.0 s\n"
        "[00:00.0] trial 2/2 02 started\n[00:02.0] trial 2/2 02 succeeded after 2.0 s\n"
    )


def test_warm_up_is_called_so(stream: io.StringIO) -> None:
    PlainProgress(stream)(event(0, events.TRIAL_STARTED, {"trial": 1, "warmup": True, "index": 1, "count": 3}))
    assert stream.getvalue() == "[00:00.0] trial 1/3 w01 started\n"


def test_stage_on_several_hosts_is_told_per_host(stream: io.StringIO) -> None:
    progress = PlainProgress(stream, verbose=True)
    for host in ("a", "b"):
        progress(event(0, events.STAGE_STARTED, {"stage": "app", "host": host}))
    progress(event(1, events.OUTPUT_LINES, {"stage": "app", "host": "b", "lines": ["up"]}))
    progress(event(1, events.STAGE_READY, {"stage": "app", "host": "b", "duration_s": 1, "check": "port 80"}))
    progress(event(2, events.STAGE_FINISHED, {"stage": "app", "host": "b", "status": "lost", "duration_s": 2}))
    progress(event(2, events.STAGE_FINISHED, {"stage": "app", "host": "a", "status": "succeeded", "duration_s": 2}))
    progress(event(3, events.BACKGROUND_ENDED, {"stage": "app", "host": "a", "exit_code": 1, "duration_s": 3}))
    assert stream.getvalue().splitlines()[2:] == [
        "[00:01.0] app.b | up",
        "[00:01.0] app on b ready after 1.0 s (port 80)",
        "[00:02.0] stage app on b: lost after 2.0 s",
        "[00:02.0] stage app on a: ok 2.0 s",
        "[00:03.0] app on a ended by itself after 3.0 s: exit code 1",
    ]


def test_silence_is_broken_once_a_minute_while_a_stage_goes_on(stream: io.StringIO) -> None:
    progress = PlainProgress(stream)
    progress.tick(START)
    progress(event(0, events.STAGE_STARTED, LOAD))
    progress(event(30, events.OUTPUT_LINES, LOAD | {"lines": ["x" * 999_999] * 2}))
    for second in range(1, 150):
        progress.tick(START + timedelta(seconds=second))
    progress(event(150, events.STAGE_FINISHED, LOAD | {"status": "succeeded", "duration_s": 150}))
    for second in range(151, 400):
        progress.tick(START + timedelta(seconds=second))
    assert stream.getvalue().splitlines()[1:] == [
        "[01:00.0] stage load on db, running for 1m00s, 2.0 MB of output",
        "[02:00.0] stage load on db, running for 2m00s, 2.0 MB of output",
        "[02:30.0] stage load on db: ok 2m30s",
    ]


def test_good_end_names_the_directory_and_what_is_next(stream: io.StringIO) -> None:
    progress = PlainProgress(stream)
    progress(event(*RUN[0]))
    progress(event(5, events.RUN_FINISHED, {"status": "succeeded", "duration_s": 5.0, "error": None}))
    assert stream.getvalue().splitlines()[1:] == [
        "[00:05.0] run-014 succeeded after 5.0 s",
        "    kept  results/run-014",
        "    next  benchctl show run-014",
    ]


def test_incomplete_end_says_why(stream: io.StringIO) -> None:
    progress = PlainProgress(stream)
    progress(event(*RUN[0]))
    flags = ["optional output 'o': no such file"]
    progress(event(5, events.RUN_FINISHED, {"status": "incomplete", "duration_s": 5.0, "flags": flags}))
    assert stream.getvalue().splitlines()[1:] == [
        "[00:05.0] run-014 incomplete after 5.0 s",
        "    because  optional output 'o': no such file",
        "    kept     results/run-014",
        "    next     benchctl show run-014",
    ]


def test_live_progress_keeps_what_finished_and_one_line_of_what_goes_on(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    waiting = APP | {"check": "port 8080", "elapsed_s": 1.2, "window_s": 30.0, "last": "connection refused"}
    progress(event(0, events.STAGE_STARTED, APP | {"index": 1, "count": 2}))
    progress(event(1.2, events.HEALTH_PROGRESS, waiting))
    progress(event(1.3, events.STAGE_READY, APP | {"check": "port 8080", "duration_s": 1.3, "goes_on": False}))
    progress(event(2.0, events.STAGE_FINISHED, APP | {"status": "succeeded", "duration_s": 2.0}))
    progress(event(2.0, events.RUN_FINISHED, {"status": "succeeded"}))
    clear = "\r\x1b[2K"
    assert stream.getvalue() == (
        "stage app on db: started (1/2)\n00:00.0  1/2 app on db, running for 0 ms"
        f"{clear}00:01.2  1/2 waiting for port 8080 on db: connection refused, 1.2 s of 30 s"
        f"{clear}app ready after 1.3 s (port 8080)\n00:01.3  1/2 app on db, running for 1.3 s"
        f"{clear}stage app on db: ok 2.0 s\n"
        "succeeded\n"
    )


def test_live_progress_shows_transfers_with_their_rate(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    progress(event(0, events.TRANSFER_PROGRESS, {"output": "lat", "host": "db", "done_bytes": 0, "total_bytes": 4e6}))
    progress(event(1, events.TRANSFER_PROGRESS, {"output": "lat", "host": "db", "done_bytes": 3e6, "total_bytes": 4e6}))
    assert stream.getvalue().endswith("\r\x1b[2K00:01.0  collecting lat from db: 3.0 MB of 4.0 MB, 3.0 MB/s")


def test_flood_of_output_is_shown_by_its_newest_lines_and_a_count(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    progress(event(*RUN[0]))
    progress(event(0, events.STAGE_STARTED, LOAD))
    for number in range(1000):
        lines = [f"line {2 * number}", f"line {2 * number + 1}"]
        progress(event(0.00005 * number, events.OUTPUT_LINES, LOAD | {"lines": lines}))
    progress(event(1, events.STAGE_FINISHED, LOAD | {"status": "succeeded", "duration_s": 1}))
    shown = re.sub(r"\r\x1b\[2K|\d\d:\d\d\.\d  [^\r\n]*", "", stream.getvalue()).splitlines()
    assert shown[2:] == [
        "load | ... 1992 lines not shown: benchctl logs run-014 load",
        *(f"load | line {number}" for number in range(1992, 2000)),
        "stage load on db: ok 1.0 s",
    ]


def test_flood_of_one_host_hides_no_other_and_a_single_line_is_shown_rather_than_counted(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    progress(event(*RUN[0]))
    hosts = [f"h{number}" for number in range(12)]
    for host in hosts:
        progress(event(0, events.STAGE_STARTED, {"stage": "w", "host": host, "hosts": 12}))
    for host in hosts:
        lines = {"h3": ["a", "b"], "h4": ["c", "d", "e"]}.get(host, ["up"])
        progress(event(0.01, events.OUTPUT_LINES, {"stage": "w", "host": host, "lines": lines}))
    progress.close()
    shown = re.sub(r"\r\x1b\[2K|\d\d:\d\d\.\d  [^\r\n]*", "", stream.getvalue()).splitlines()
    newest = {"h3": "b", "h4": "e"}
    assert shown[2:] == [
        "w.h3 | a",
        "w.h4 | ... 2 lines not shown: benchctl logs run-014 w",
        *(f"w.{host} | {newest.get(host, 'up')}" for host in hosts),
    ]


def test_status_of_many_hosts_is_one_text_that_fits(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    for number in range(12):
        place = {"stage": "w", "host": f"host-{number}", "hosts": 12, "index": 1, "count": 2}
        progress(event(0, events.STAGE_STARTED, place))
    progress.tick(START + timedelta(seconds=3.1))
    assert stream.getvalue().endswith("\r\x1b[2K00:03.1  1/2 w on 12 hosts, running for 3.1 s")


def test_status_of_many_hosts_that_wait_says_what_one_of_them_waits_for(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    for host in ("host-1", "host-2", "host-3"):
        progress(event(0, events.STAGE_STARTED, {"stage": "w", "host": host, "index": 1, "count": 2}))
    progress(event(3.1, events.HEALTH_PROGRESS, {"stage": "w", "host": "host-2", "check": "port 1", "elapsed_s": 3.1}))
    assert stream.getvalue().endswith("00:03.1  1/2 w on 3 hosts, running for 3.1 s, waiting for port 1 on host-2:...")


def test_lines_that_were_never_handed_over_are_counted_too(stream: io.StringIO) -> None:
    for progress in (PlainProgress(stream, verbose=True), LiveProgress(stream)):
        stream.truncate(stream.seek(0))
        progress(event(*RUN[0]))
        progress(event(0, events.OUTPUT_LINES, LOAD | {"lines": ["the last one"], "left_out": 950}))
        progress.close()
        assert [re.sub(r"^\[[0-9:.]*\] ", "", line) for line in stream.getvalue().splitlines()[1:]] == [
            "load | ... 950 lines not shown: benchctl logs run-014 load",
            "load | the last one",
        ]


def test_live_progress_redraws_at_most_ten_times_a_second(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    progress(event(0, events.STAGE_STARTED, LOAD))
    for number in range(2000):
        progress(event(number / 1000, events.HEALTH_PROGRESS, LOAD | {"check": "port 1", "elapsed_s": number}))
    assert stream.getvalue().count("\r") <= 20


def test_close_clears_the_status_line_and_loses_no_output(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    progress(event(0, events.STAGE_STARTED, LOAD))
    progress(event(0.01, events.OUTPUT_LINES, LOAD | {"lines": ["last words"]}))
    progress.close()
    progress.close()
    assert stream.getvalue().endswith("\r\x1b[2Kload | last words\n")


def test_terminal_gets_live_progress_in_its_width_and_colours(
    terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    progress = progress_for(terminal)
    assert isinstance(progress, LiveProgress)
    written: list[str] = []
    monkeypatch.setattr(progress, "_write", written.append)
    progress(event(0, events.STAGE_STARTED, LOAD | {"index": 1, "count": 1}))
    progress(event(1, events.HEALTH_PROGRESS, LOAD | {"check": "file /tmp/a/long/name", "elapsed_s": 1}))
    progress(event(2, events.STAGE_FINISHED, LOAD | {"status": "failed", "signal": "SIGKILL"}))
    assert written[1] == "\r\x1b[2K00:01.0  1/1 waiting for file /tmp/a/long/name..."
    assert written[2] == "\r\x1b[2K\x1b[31mstage load on db: failed: SIGKILL\x1b[0m\n"


def test_terminal_gets_routine_cut_and_trouble_whole_in_further_lines(
    terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = LiveProgress(terminal)
    written: list[str] = []
    monkeypatch.setattr(progress, "_write", written.append)
    long = "a-name-of-a-benchmark-that-takes-more-than-a-line"
    error = ERROR | {"command": "./load " + "--option=value " * 6, "stderr": ["it is over: " + "why " * 20]}
    progress(event(0, events.RUN_STARTED, RUN[0][2] | {"benchmark": long}))
    progress(event(1, events.STAGE_STARTED, LOAD))
    ready = {"check": f"file /tmp/{long}", "duration_s": 1.2, "goes_on": True}
    progress(event(2, events.STAGE_READY, LOAD | ready))
    progress(
        event(3, events.WARNING, {"text": "port 5432 passed on db before 'load' began: something of an earlier run?"})
    )
    progress(event(4, events.RUN_FINISHED, {"status": "failed", "duration_s": 4.0, "error": error}))
    lines = re.sub(r"\r\x1b\[2K|\d\d:\d\d\.\d  [^\r\n]*|\x1b\[\d*m", "", "".join(written)).splitlines()
    assert lines == [
        "run-014 a-name-of-a-benchmark-that-takes-more-t...",
        "stage load on db: started",
        "load ready after 1.2 s (file /tmp/a-name-of-a-b...",
        "warning: port 5432 passed on db before 'load'",
        "    began: something of an earlier run?",
        "run-014 failed after 4.0 s",
        "",
        "stage 'load' failed on db (10.0.0.5) after 5.0 s:",
        "    exit code 3",
        "    command  ./load --option=value --option=value",
        "        --option=value --option=value",
        "        --option=value --option=value",
        "    stderr   it is over: why why why why why why",
        "        why why why why why why why why why why",
        "        why why why why",
        "    kept     results/run-014 (benchctl logs",
        "        run-014 load)",
    ]


def test_word_that_is_longer_than_a_line_stays_whole_at_the_end_of_a_run(
    terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = LiveProgress(terminal)
    written: list[str] = []
    monkeypatch.setattr(progress, "_write", written.append)
    directory = "/srv/" + "results-of-a-benchmark/" * 4 + "run-014"
    progress(event(0, events.RUN_STARTED, RUN[0][2] | {"directory": directory}))
    progress(event(4, events.RUN_FINISHED, {"status": "succeeded", "duration_s": 4.0, "error": None}))
    assert written[-1].count(directory) == 2


def test_live_progress_without_colours_paints_nothing(stream: io.StringIO) -> None:
    progress = LiveProgress(stream)
    for announced in RUN:
        progress(event(*announced))
    assert not re.search(r"\x1b(?!\[2K)", stream.getvalue())
    assert stream.getvalue().endswith(PLAIN.partition("\n\n")[2])


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "1")])
def test_terminal_that_can_not_redraw_gets_plain_progress(
    terminal: TextIO, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert isinstance(progress_for(terminal), PlainProgress)


def test_pipe_gets_plain_progress(stream: io.StringIO) -> None:
    assert isinstance(progress_for(stream, verbose=True), PlainProgress)


def test_stream_that_is_gone_does_not_stop_the_run() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    progress = PlainProgress(stream)
    for announced in RUN:
        progress(event(*announced))
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_stream_that_knows_only_ascii_gets_question_marks() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii")
    PlainProgress(stream)(event(0, events.WARNING, {"text": "Zürich"}))
    assert raw.getvalue() == b"[00:00.0] warning: Z?rich\n"
    stream.close()


def test_events_of_many_threads_come_as_whole_lines(stream: io.StringIO) -> None:
    progress = PlainProgress(stream)
    progress(event(0, events.WARNING, {"text": "0"}))

    def announce() -> None:
        for _ in range(100):
            progress(event(0, events.WARNING, {"text": "x" * 50}))

    threads = [threading.Thread(target=announce) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stream.getvalue().splitlines()[1:] == ["[00:00.0] warning: " + "x" * 50] * 800


def test_many_hosts_are_told_of_in_one_sentence_and_trouble_one_by_one() -> None:
    told, hosts = [], [f"h{number}" for number in range(1, 11)]
    story = Story()

    def tell(kind: str, **data: Any) -> None:
        if sentence := story.tell(Event(kind, data=data)):
            told.append(sentence.text)

    tell("run_started", id="run-001", benchmark="b", stages=["work"], hosts=hosts)
    for host in hosts:
        tell("host_connected", host=host, duration_s=0.5)
    for host in hosts:
        tell("stage_started", stage="work", host=host, hosts=10, index=1, count=1)
    for host in hosts:
        status = {"h4": "failed", "h5": "interrupted"}.get(host, "succeeded")
        tell("stage_finished", stage="work", host=host, duration_s=1.5, status=status)
    for host in hosts:
        tell("output_collected", stage="work", host=host, output="o", path=f"{host}/o", bytes=1000, duration_s=0.25)
    assert told == [
        "run-001 b: 1 stage, 10 hosts",
        "10 hosts connected in 0.5 s",
        "stage work on 10 hosts: started (1/1)",
        "stage work on h4: failed after 1.5 s",
        "stage work: ok on 8 hosts after 1.5 s, interrupted on 1",
        "output o from 10 hosts: 10.0 kB, the longest in 0.2 s",
    ]
