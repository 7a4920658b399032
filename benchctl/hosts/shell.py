"""One long-lived shell per host that answers small questions: is this file there, what time is it."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchctl.hosts.supervisor import encoded, one_line

# A request is a mark and a line for `printf %b`; its output comes between `MARK PID` and `MARK STATUS`. A dot
# renews the lease. When nothing has come for LEASE_S to LEASE_S + 5 s, all supervisors of the context are told to
# end what they run, and the shell's session is killed. It leaves by itself when its control line ends.
_LOOP = """
main=$$; silent=0; trap "" USR1;
{
  trap silent=0 USR1;
  while sleep 5; do
    silent=$((silent+1));
    if [ $silent -ge MISSED ]; then
      for file in $(grep -ls "benchctl-supervisor-${0##*-}" /proc/[0-9]*/cmdline); do
        pid=${file#/proc/}; kill -TERM ${pid%/cmdline};
      done;
      kill -KILL -$main;
    fi;
  done;
} </dev/null >/dev/null 2>&1 & timer=$! ;
while IFS= read -r mark; do
  kill -USR1 $timer;
  [ "$mark" != . ] || continue;
  IFS= read -r job || break;
  echo "$mark $main";
  ( trap - USR1; eval "$(printf %b "$job")" ) </dev/null 2>&1;
  echo "$mark $?";
done;
trap "" TERM; kill -TERM 0
"""
BEAT_S = 5.0
LEASE_S = 20.0
SHELL_TEXT = one_line(_LOOP.replace("MISSED", f"{LEASE_S / BEAT_S + 1:.0f}"))


def shell_words(token: str) -> list[str]:
    """The shell, to be started as the leader of a session; `token`: which supervisors it stands for."""
    return ["sh", "-c", SHELL_TEXT, f"benchctl-shell-{token}"]


def shell_command(token: str) -> str:
    """The same for a login shell; sshd gives every exec a session of its own."""
    return f"exec sh -c '{SHELL_TEXT}' benchctl-shell-{token}"


@dataclass(frozen=True)
class Answer:
    """What a question came to: the script's exit code and what it printed, stdout and stderr together."""

    exit_code: int
    text: str

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class ShellBroken(Exception):
    """The shell went away or did not answer in time."""


class Pipes(Protocol):
    """The shell's two ends."""

    def write(self, data: bytes) -> None: ...
    def read(self) -> bytes: ...
    def close(self) -> None: ...


class Shell:
    """Asks one question at a time; `open_pipes` starts the shell.

    A question that takes longer than its time is an error, and so is every later one: close the shell and
    open another. (Closing it ends what still runs there.)
    """

    def __init__(self, open_pipes: Callable[[], Pipes]) -> None:
        self._pipes = open_pipes()
        self._numbers = itertools.count()
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._asking = threading.Lock()
        self._writing = threading.Lock()  # apart from the other: the lease is renewed during a question
        self._buffer = b""
        self.pid: int | None = None  # of the shell's session on the host
        self.is_stuck = False
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, script: str, timeout_s: float) -> Answer:
        """Run a script there. Raises ShellBroken when no answer comes within `timeout_s`."""
        with self._asking:
            if self.is_stuck:
                raise ShellBroken("an earlier question never ended")
            mark = f"benchctl-{next(self._numbers)}-{time.monotonic_ns()}"
            self._send(f"{mark}\n{encoded(script)}\n".encode("utf-8", "surrogateescape"))
            deadline = time.monotonic() + timeout_s
            _, self.pid = self._until(mark.encode(), deadline)  # what came before was printed by a login script
            text, status = self._until(mark.encode(), deadline)
            return Answer(status, text.decode("utf-8", "surrogateescape"))

    def say(self, word: str) -> None:
        """Renew the lease by a dot. Raises ShellBroken."""
        self._send(f"{word}\n".encode())

    def close(self) -> None:
        self._pipes.close()

    def _send(self, data: bytes) -> None:
        try:
            with self._writing:
                self._pipes.write(data)
        except (OSError, EOFError, ValueError) as error:
            raise ShellBroken("the shell is gone") from error

    def _read(self) -> None:
        try:
            while data := self._pipes.read():
                self._answers.put(data)
        except (OSError, EOFError, ValueError):
            pass
        self._answers.put(b"")

    def _until(self, mark: bytes, deadline: float) -> tuple[bytes, int]:
        """What comes before the next line with the mark, and that line's number."""
        while b"\n" not in self._buffer.partition(mark)[2]:
            self._buffer += self._receive(deadline)
        text, _, rest = self._buffer.partition(mark)
        number, _, self._buffer = rest.partition(b"\n")
        return text, int(number)

    def _receive(self, deadline: float) -> bytes:
        try:
            data = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self.is_stuck = True
            raise ShellBroken("no answer in time") from None
        if not data:
            self._answers.put(b"")  # for the next question as well
            raise ShellBroken("the shell is gone")
        return data


class Lease(threading.Thread):
    """Calls `renew` every BEAT_S until it is closed: as long as it does, a host's commands may go on."""

    def __init__(self, renew: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._renew = renew
        self._closed = threading.Event()

    def run(self) -> None:
        while not self._closed.wait(BEAT_S):
            self._renew()

    def close(self) -> None:
        self._closed.set()
