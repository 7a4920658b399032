"""Invoke runners that run every command under the supervisor, over SSH or on this machine.

Against Invoke's own: bytes are read in large pieces and handed on as they come; nothing is joined twice
and only what the caller wants is kept; the end is waited for, not polled; a command is ended with its
whole process group; environment values are quoted; standard input is /dev/null.

A command that wants a pty or answers to prompts (`sudo`) runs as Fabric runs it, unsupervised.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import fabric.runners
import invoke.runners

from benchctl.hosts.commands.capture import Capture, PassOn, writer_of
from benchctl.hosts.commands.marks import Marks
from benchctl.hosts.commands.process import DRAIN_LIMIT_S, DRAIN_S, LAST_BYTES_S, Process
from benchctl.hosts.commands.supervisor import control_lines, supervisor_command, supervisor_words

READ_BYTES = 1 << 16
WINDOW_BYTES = 1 << 21  # paramiko moves the rest of a window at every read: whoever takes all of it is never late
IN_FLIGHT_BYTES = 1 << 23  # more than the pipes and the SSH windows of two streams hold
UNSUPERVISED_SHELL = "/bin/sh"


class Running:
    """The commands of one context that are not gone yet, or whose streams a daemon holds open."""

    def __init__(self) -> None:
        self._processes: set[SupervisedRunner] = set()
        self._lock = threading.Lock()

    def add(self, process: SupervisedRunner) -> None:
        with self._lock:
            self._processes.add(process)

    def discard(self, process: SupervisedRunner) -> None:
        with self._lock:
            self._processes.discard(process)

    @property
    def processes(self) -> list[SupervisedRunner]:
        with self._lock:
            return list(self._processes)


class SupervisedRunner(invoke.runners.Runner, Process):
    """The part that SSH and local runners share; it is the command's `Process` handle too.

    A `Sink` as out_stream or err_stream gets that stream's bytes as they are; the result holds them as text too,
    unless the Sink is `Unkept`.
    """

    read_chunk_size = READ_BYTES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Process.__init__(self)
        self._mark = f"benchctl-{secrets.token_hex(8)}"
        self._pumps_done = threading.Semaphore(0)
        self._last_read = time.monotonic()
        self._read_bytes = 0
        self._job = b""  # what the supervisor waits for
        self.is_supervised = True
        self.is_held = False  # until somebody calls `go`
        self.is_last = False  # no other command is to come on its context

    def start(self, command: str, shell: str, env: dict[str, Any], timeout: float | None = None) -> None:
        self.is_supervised = not (self.using_pty or self.watchers)
        if not self.is_supervised:
            super().start(command, UNSUPERVISED_SHELL, self._plain_env(env))
            return
        self._open(shell)
        self._job = control_lines(self._mark, command, env)
        cast(Running, self.context.running).add(self)
        threading.Thread(target=self._watch, daemon=True).start()
        if not self.is_held:
            self.go()

    def go(self) -> None:
        """Hand the job to its supervisor; when the line is gone by now, that shows as a lost link."""
        self.started_at = time.monotonic()
        with contextlib.suppress(OSError, EOFError, ValueError):
            self._write_proc_stdin(self._job)

    def generate_env(self, env: dict[str, Any], replace_env: bool) -> dict[str, Any]:
        """What was asked for over the context's own; the rest is inherited where the command runs."""
        return {**self.context.environment, **env}

    def _plain_env(self, env: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _open(self, shell: str) -> None:
        """Start the supervisor for `shell`, its three streams at hand."""
        raise NotImplementedError

    def _prepare_next(self) -> None:
        """What can be done for the next command while this one runs."""

    def _supervisor_status(self) -> int | None:
        """Wait for the supervisor's end: its exit status, or None when that will never be known."""
        raise NotImplementedError

    def cancel(self) -> None:
        """The supervisor ends with the control line that never brought it a job."""
        super().cancel()
        self.close()

    # Streams

    def handle_stdout(self, buffer_: list[str], hide: bool, output: Any) -> None:
        if not self.is_supervised:
            return super().handle_stdout(buffer_, hide, output)
        self._pump(self.read_proc_stdout, Marks(self._mark), writer_of(buffer_, hide, output))

    def handle_stderr(self, buffer_: list[str], hide: bool, output: Any) -> None:
        if not self.is_supervised:
            return super().handle_stderr(buffer_, hide, output)
        self._pump(self.read_proc_stderr, Marks(self._mark, self._hear), writer_of(buffer_, hide, output))

    def _pump(self, read: Callable[[int], bytes | None], marks: Marks, writer: Capture | PassOn) -> None:
        try:
            while data := read(self.read_chunk_size):
                self._last_read = time.monotonic()
                self._read_bytes += len(data)
                if kept := marks.strip(data):
                    writer.write(kept)
        except (OSError, EOFError, ValueError):
            pass  # the stream is gone; whether that was a lost link is told by the exit status
        finally:
            if rest := marks.rest():
                writer.write(rest)
            writer.finish()
            self._pumps_done.release()

    def _hear(self, word: str, number: int) -> None:
        if word == "started":
            self.pid = number
            self._has_started()
        elif word == "ended":
            threading.Thread(target=self._end_after_drain, args=(number, time.monotonic()), daemon=True).start()

    # The end

    def _watch(self) -> None:
        if not self.is_last:
            self._prepare_next()
        status = self._supervisor_status()
        ended_at = time.monotonic()
        is_drained = self._drain(ended_at)
        self._has_ended(status, gone=True, at=ended_at)
        if is_drained or status is None:
            cast(Running, self.context.running).discard(self)
            self.close()

    def _drain(self, ended_at: float) -> bool:
        """Wait until both streams are at their end, or somebody who outlives the command holds them open.

        That shows by silence that a catching up does not end, or by more bytes than can have been on their way when
        the command ended.
        """
        limit = self._read_bytes + IN_FLIGHT_BYTES
        waiting, caught_up_at = 2, -1
        while waiting and self._read_bytes < limit:
            if self._pumps_done.acquire(timeout=LAST_BYTES_S / 5):
                waiting -= 1
            elif time.monotonic() - max(ended_at, self._last_read) >= LAST_BYTES_S:
                if caught_up_at == self._read_bytes:
                    break
                caught_up_at = self._read_bytes
                self._catch_up()
        return not waiting

    def _catch_up(self) -> None:
        """Return when what was under way by now has come, however slow the way is."""

    def _end_after_drain(self, exit_code: int, ended_at: float) -> None:
        limit = ended_at + DRAIN_LIMIT_S
        while (now := time.monotonic()) < limit and (silent := now - max(ended_at, self._last_read)) < DRAIN_S:
            time.sleep(DRAIN_S - silent)
        self._has_ended(exit_code, gone=False, at=ended_at)

    def wait(self) -> None:
        if self.is_supervised:
            self.ended.wait()
        else:
            super().wait()

    def returncode(self) -> int | None:
        return self.exit_code if self.is_supervised else super().returncode()

    def _thread_join_timeout(self, target: Callable[..., Any]) -> float | None:  # type: ignore[override]
        """What a command left behind keeps its streams open: don't wait for their end then."""
        return DRAIN_S if self.is_supervised else super()._thread_join_timeout(target)

    # Control

    def say(self, word: str) -> None:
        """Put a word on the control line; a line that is gone needs no words."""
        with contextlib.suppress(OSError, EOFError, ValueError):
            self._write_proc_stdin(f"{word}\n".encode())

    def terminate(self) -> None:
        self.say("t")

    def kill(self) -> None:
        if self.is_supervised:
            self.say("k")
        else:
            super().kill()

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        if self.is_supervised:
            self.terminate()
        else:
            super().send_interrupt(interrupt)

    def stop(self) -> None:
        """Invoke's clean-up; what a command left behind stays until its host is closed."""
        if not self.is_supervised:
            super().stop()
        elif self._timer:
            self._timer.cancel()


class RemoteRunner(SupervisedRunner, fabric.runners.Remote):  # type: ignore[misc]  # Fabric is untyped
    """Runs a command over an SSH connection."""

    read_chunk_size = WINDOW_BYTES

    def _open(self, shell: str) -> None:
        self._supervisor = supervisor_command(shell, self.context.token)
        self.channel = self.context.execute(self._supervisor)

    def _plain_env(self, env: dict[str, Any]) -> dict[str, Any]:
        return {name: shlex.quote(str(value)) for name, value in env.items()}  # Fabric pastes them unquoted

    def _prepare_next(self) -> None:
        self.context.execute_ahead(self._supervisor)

    def _supervisor_status(self) -> int | None:
        self.channel.status_event.wait()
        return self.channel.exit_status if self.channel.exit_status >= 0 else None

    def _catch_up(self) -> None:
        self.context.round_trip(self.channel)

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.channel.close()


class LocalRunner(SupervisedRunner, invoke.runners.Local):  # type: ignore[misc]  # both bases have a pid
    """Runs a command on this machine, inheriting its environment."""

    def _open(self, shell: str) -> None:
        self.process = subprocess.Popen(
            supervisor_words(shell, self.context.token),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=self.context.directory,
            bufsize=0,
        )

    def _plain_env(self, env: dict[str, Any]) -> dict[str, Any]:
        return {**os.environ, **env}

    def _write_proc_stdin(self, data: bytes) -> None:
        if not self.is_supervised:
            return super()._write_proc_stdin(data)
        assert self.process.stdin
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def _supervisor_status(self) -> int | None:
        status = self.process.wait()
        return status if status >= 0 else None

    def stop(self) -> None:
        super().stop()
        if not self.is_supervised and not self.using_pty:
            self.close()  # Invoke leaves that to the garbage collector

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()
