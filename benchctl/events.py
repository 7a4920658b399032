"""What a run announces while it goes.

The workflow announces events; the journal (events.ndjson) keeps them, the terminal shows them.
Those in TRANSIENT only matter at the moment they happen and are not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

RUN_STARTED = "run_started"  # id, uid, benchmark, directory, stages[], around[], hosts[], cases{}, planned{}
RUN_RESUMED = "run_resumed"  # id, benchmark, directory, writer{}, trials (how many are to come), until, hosts[]
HOST_CONNECTED = "host_connected"  # host, address, duration_s, facts{}
TRIAL_STARTED = "trial_started"  # case, trial, warmup, attempt, directory, params{}, index, count or most
STAGE_STARTED = (
    "stage_started"  # stage, host, hosts (how many), index, count, attempt, command, cwd, logs{}, background
)
STAGE_READY = "stage_ready"  # stage, host, pid, heard_s, duration_s, check, goes_on
STAGE_GOES_ON = "stage_goes_on"  # stage, host, elapsed_s; every half minute
STAGE_FINISHED = "stage_finished"  # stage, host, status, pid, heard_s, exit_code, signal, duration_s, error{}
STAGE_RETRIED = "stage_retried"  # stage, attempt, count, wait_s, error{}; the attempt that comes after wait_s
STAGE_SKIPPED = "stage_skipped"  # stage, reason
BACKGROUND_ENDED = (
    "background_ended"  # stage, host, status, pid, heard_s, exit_code, signal, duration_s, stopped, error{}
)
OUTPUT_COLLECTED = (
    "output_collected"  # output, stage, host, remote_path, path, bytes, sha256, files, retries, duration_s
)
OUTPUT_MISSED = "output_missed"  # output, stage, host, optional, reason
OUTPUT_CHECKED = "output_checked"  # output, stage, host, status, rows, bad_rows, reason, duration_s
PLOT_DRAWN = "plot_drawn"  # name, status (drawn | failed), path, reason, duration_s
STOPPING = "stopping"  # text
WARNING = "warning"  # text
TRIAL_FINISHED = (
    "trial_finished"  # case, trial, warmup, status, duration_s, metrics{}, flags[], error{}, index, count..
)
CASE_ENDED = "case_ended"  # of one repeated until a metric is known: as runs/repetition.py has it
RUN_FINISHED = "run_finished"  # status, duration_s, counts{}, planned, repetition[], flags[], error{}

OUTPUT_LINES = "output_lines"  # stage, host, stream, lines[], left_out
HEALTH_PROGRESS = "health_progress"  # stage, host, check, elapsed_s, window_s, last
TRANSFER_PROGRESS = "transfer_progress"  # output, host, done_bytes, total_bytes; verb: copying, outside a run
COPY_PROGRESS = "copy_progress"  # stage, host, done_bytes, total_bytes

TRANSIENT = frozenset({OUTPUT_LINES, HEALTH_PROGRESS, TRANSFER_PROGRESS, COPY_PROGRESS})

# Details in which no secret is looked for: names and states that everything else is found by, and facts of ours.
_NAMES = {
    "id",
    "uid",
    "benchmark",
    "directory",
    "stages",
    "hosts",
    "host",
    "address",
    "case",
    "stage",
    "output",
    "path",
}
PLAIN = frozenset(_NAMES | {"facts", "stream", "status", "code", "signal", "sha256"})


@dataclass(frozen=True)
class Event:
    """One announcement: its kind, its moment (aware UTC) and JSON-ready details."""

    kind: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    data: dict[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]
