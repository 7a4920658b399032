"""Whose CPU time it was: the processes of a benchmark told from others, by what /proc/PID/stat says at two looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

INIT, KTHREADD = 1, 2  # who takes in orphans; the parent of the kernel's own threads
SERVERS = ("sshd", "dropbear")  # each connection has one of its own, and so may have several of ours
# Who else takes in orphans where it is above what it started (PR_SET_CHILD_SUBREAPER); its name as the kernel keeps it.
TAKE_IN = frozenset({"systemd", "tini", "dumb-init", "docker-init", "containerd-shim", "conmon", "s6-svscan"})
COMMAND_BYTES = 15  # of a command's name the kernel keeps no more


Key = tuple[int, int]


class Process(NamedTuple):
    """ticks: of CPU time it has used, reaped: its ended children; began: ticks since the host booted."""

    pid: int
    command: str
    parent: int
    session: int
    ticks: int
    reaped: int
    began: int

    @property
    def key(self) -> Key:
        """No other process ever has the same."""
        return self.pid, self.began

    @property
    def total(self) -> int:
        return self.ticks + self.reaped


def process_of(line: str) -> Process:
    """A line of /proc/PID/stat; see proc_pid_stat(5). Raises ValueError, IndexError."""
    head, _, tail = line.rpartition(")")
    pid, _, command = head.partition(" (")
    words = tail.split()
    used, reaped = int(words[11]) + int(words[12]), int(words[13]) + int(words[14])
    return Process(int(pid), command, int(words[1]), int(words[3]), used, reaped, int(words[19]))


@dataclass(frozen=True)
class Crowd:
    """All processes of a host at one look. asker: who started the shell that looked (benchctl here, sshd there)."""

    processes: Mapping[int, Process]
    asker: int

    @property
    def keys(self) -> set[Key]:
        return {process.key for process in self.processes.values()}

    def below(self, roots: set[int]) -> set[int]:
        """What these started, and what that started."""
        children: dict[int, list[int]] = {}
        for process in self.processes.values():
            children.setdefault(process.parent, []).append(process.pid)
        found, new = set[int](), list(roots)
        while new:
            new = [pid for parent in new for pid in children.get(parent, []) if pid not in found]
            found.update(new)
        return found

    def take_in_orphans(self) -> set[int]:
        """Those above the asker with whom an orphan of the benchmark's may be counted when it ends."""
        found, passed, pid = {INIT}, set[int](), self.asker
        while pid in self.processes and pid not in passed:
            passed.add(pid)
            if self.processes[pid].command in TAKE_IN:
                found.add(pid)
            pid = self.processes[pid].parent
        return found


class Belonging:
    """Which processes are the benchmark's own, as far as a host's looks told.

    What benchctl started there is, what that started, and what stays in a session that one of them was seen in. And so
    is what the user says is: commands by their names, and what those started.
    """

    def __init__(self, commands: Iterable[str] = ()) -> None:
        self._commands = frozenset(command[:COMMAND_BYTES] for command in commands)
        self._sessions = set[int]()
        self._starters = set[Key]()  # besides the asker: a second connection, benchctl as seen by way of an sshd

    def own(self, crowd: Crowd) -> set[int]:
        starters = self._known_starters(crowd)
        below = crowd.below(starters)
        self._sessions |= {crowd.processes[pid].session for pid in below} - self._shared_sessions(crowd, starters)
        return starters | below | {p.pid for p in crowd.processes.values() if p.session in self._sessions}

    def claim(self, process: Process, crowd: Crowd) -> None:
        """It carries the run's mark, though the asker did not start it: so whoever did started others as well."""
        self._sessions.add(process.session)
        starter = crowd.processes.get(process.parent)
        if starter and starter.pid not in crowd.take_in_orphans():
            self._starters.add(starter.key)

    def _known_starters(self, crowd: Crowd) -> set[int]:
        named = (p for p in crowd.processes.values() if p.key in self._starters or p.command in self._commands)
        return {crowd.asker} | {process.pid for process in named}

    def _shared_sessions(self, crowd: Crowd, starters: set[int]) -> set[int]:
        """Those of the starters hold other programs of the user's as well."""
        return {0} | {crowd.processes[pid].session for pid in starters if pid in crowd.processes}


class Spent(NamedTuple):
    """Ticks of CPU time that a process used between two looks itself, and its children that ended meanwhile."""

    process: Process
    ticks: int
    ended: int


def spent(before: Crowd, after: Crowd, own: set[int]) -> list[Spent]:
    """What each process used that is neither `own` nor the kernel's; none that used nothing.

    Of who takes in orphans, and of SSH servers, ended children are not counted: some may be own. So an orphan that
    began after the first look and ended before the second is not seen.
    """
    seen, shared = _seen_of_ended(before, after), after.take_in_orphans()
    found = []
    for process in after.processes.values():
        if process.pid in own or KTHREADD in (process.pid, process.parent):
            continue
        earlier = before.processes.get(process.pid)
        ticks, reaped = (earlier.ticks, earlier.reaped) if earlier and earlier.key == process.key else (0, 0)
        is_shared = process.pid in shared or process.command.startswith(SERVERS)
        ended = 0 if is_shared else process.reaped - reaped - seen[process.pid]
        found.append(Spent(process, max(0, process.ticks - ticks), max(0, ended)))
    return [one for one in found if one.ticks + one.ended]


def _seen_of_ended(before: Crowd, after: Crowd) -> Counter[int]:
    """Of what has ended between two looks the ticks that the first one saw, by the nearest parent that goes on."""
    alive = after.keys
    ended = {process.pid: process for process in before.processes.values() if process.key not in alive}
    seen = Counter[int]()
    for process in ended.values():
        seen[next(_parents(process, ended))] += process.total
    return seen


def _parents(process: Process, ended: Mapping[int, Process]) -> Iterator[int]:
    passed = set[int]()
    while process.parent in ended and process.parent not in passed:
        passed.add(process.parent)
        process = ended[process.parent]
    yield process.parent
