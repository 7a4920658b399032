"""One long-lived shell per host that answers small questions: is this file there, what time is it."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchctl.hosts.commands.supervisor import encoded, one_line

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
TEXT_BYTES = 1 << 24  # more than the command lines of a machine's processes
NUMBER_BYTES = 32  # a mark's line is longer than the mark by no more than this
QUEUE_PIECES = 16
HAND_OVER_S = 1.0
LAST_WORDS_S = 0.1  # for what has arrived to be read
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

    def catch_up(self) -> None:
        """Return when what the shell has printed by now can be read, however slow the way is."""


class Shell:
    """Asks one question at a time; `open_pipes` starts the shell.

    A question that takes longer than its time is an error, and so is every later one: close the shell and
    open another. (Closing it ends what still runs there.)
    """

    def __init__(self, open_pipes: Callable[[], Pipes]) -> None:
        self._pipes = open_pipes()
        self._numbers = itertools.count()
        self._answers: queue.Queue[bytes] = queue.Queue(QUEUE_PIECES)  # whoever prints without end has to wait
        self._closed = threading.Event()
        self._asking = threading.Lock()
        self._writing = threading.Lock()  # apart from the other: the lease is renewed during a question
        self._rest = bytearray()  # what came behind the last mark
        self.pid: int | None = None  # of the shell's session on the host
        self.is_stuck = False
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, script: str, timeout_s: float) -> Answer:
        """Run a script there; of what it prints the last TEXT_BYTES count.

        Raises ShellBroken when it gives no answer within `timeout_s`. One that is under way by then is waited for.
        """
        with self._asking:
            if self.is_stuck:
                raise ShellBroken("an earlier question never ended")
            mark = f"benchctl-{next(self._numbers)}-{time.monotonic_ns()}"
            self._send(f"{mark}\n{encoded(script)}\n".encode("utf-8", "surrogateescape"))
            patience = _Patience(timeout_s, self._pipes.catch_up)
            _, self.pid = self._until(mark.encode(), patience)  # what came before was printed by a login script
            text, status = self._until(mark.encode(), patience)
            return Answer(status, text.decode("utf-8", "surrogateescape"))

    def say(self, word: str) -> None:
        """Renew the lease by a dot. Raises ShellBroken."""
        self._send(f"{word}\n".encode())

    def close(self) -> None:
        self._closed.set()
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
                self._hand_over(data)
        except (OSError, EOFError, ValueError):
            pass
        self._hand_over(b"")

    def _hand_over(self, data: bytes) -> None:
        """Nobody may be there to take it any more."""
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._answers.put(data, timeout=HAND_OVER_S)
                return

    def _until(self, mark: bytes, patience: _Patience) -> tuple[bytes, int]:
        """What comes before the next line with the mark, at most TEXT_BYTES of it, and that line's number."""
        text, searched = self._rest, 0
        while (at := text.find(mark, searched)) < 0 or text.find(b"\n", at) < 0:
            del text[: max(0, len(text) - TEXT_BYTES)]
            searched = max(0, len(text) - len(mark) - NUMBER_BYTES)
            text += self._receive(patience)
        number, _, self._rest = text[at + len(mark) :].partition(b"\n")
        return bytes(text[:at]), self._as_number(number)

    def _as_number(self, text: bytearray) -> int:
        try:
            return int(text)
        except ValueError:
            self.is_stuck = True
            raise ShellBroken("something there, such as a start-up file, reads what is meant for it") from None

    def _receive(self, patience: _Patience) -> bytes:
        if (left_s := patience.left_s()) <= 0:
            self.is_stuck = True
            raise ShellBroken("no answer in time")
        try:
            data = self._answers.get(timeout=left_s)
        except queue.Empty:
            return b""
        if not data:
            self._answers.put(b"")  # for the next question as well
            raise ShellBroken("the shell is gone")
        return data


class _Patience:
    """The time for one question; when it is up, what is under way by then may still come."""

    def __init__(self, seconds: float, catch_up: Callable[[], None]) -> None:
        self._deadline = time.monotonic() + seconds
        self._catch_up: Callable[[], None] | None = catch_up

    def left_s(self) -> float:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0 and self._catch_up:
            self._catch_up()
            self._catch_up, self._deadline = None, time.monotonic() + LAST_WORDS_S
            return LAST_WORDS_S
        return left_s


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
