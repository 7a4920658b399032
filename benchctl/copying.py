"""A file or folder copied from one host to another, outside any run. Nothing of it is kept but the copy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchctl import events
from benchctl.config.model import Benchmark, Copy, HostConfig, Stage
from benchctl.errors import HostError, UsageError
from benchctl.events import Event, Listener
from benchctl.hosts.files.collecting import Watch
from benchctl.hosts.files.transfer import Copied, Copying
from benchctl.hosts.host import Host
from benchctl.plan import compile_plan
from benchctl.signals import raising_on_signals
from benchctl.template import did_you_mean

PROGRESS_S = 0.1
CLOSE_S = 2.0
STOP_S = 10.0

LoadConfig = Callable[[], Benchmark]


@dataclass(frozen=True)
class End:
    """One end of a copy: a path on a host. On `local` it is absolute."""

    alias: str
    path: str

    @classmethod
    def of(cls, text: str) -> End:
        """HOST:PATH, or a path of this machine. Raises UsageError."""
        alias, colon, path = text.partition(":")
        if not colon or "/" in alias or alias.startswith((".", "~")):
            alias, path = "local", text
        if not path or not alias:
            raise UsageError(f"must be HOST:PATH or a path of this machine, such as db:/tmp/a or ./a, not {text!r}")
        return cls(alias, _absolute(path) if alias == "local" else path)


def _absolute(path: str) -> str:
    slash = "/" if path.endswith(("/", "/.")) or path in (".", "..", "~") else ""
    return os.path.abspath(os.path.expanduser(path)).rstrip("/") + slash or "/"


def copy_between(source: str, target: str, load: LoadConfig, listeners: Sequence[Listener] = ()) -> Copied:
    """Copy a file or a folder; only the hosts that it needs are connected to, both at once.

    load: gives the config that says what the hosts are; not called for a copy on this machine.
    Raises UsageError, ConfigError, HostError, OutputError, or Interrupted for SIGTERM and SIGHUP.
    """
    from_end, to_end = End.of(source), End.of(target)
    benchmark = _benchmark_for(from_end, to_end, load)
    hosts = _hosts(benchmark, from_end, to_end)
    announce = _announcer(listeners)
    with raising_on_signals():
        try:
            _connect(list(hosts.values()), announce)
            start, end = hosts[from_end.alias], hosts[to_end.alias]
            watch = _watch(from_end, announce)
            return _run(Copying(start, start.resolve(from_end.path), end, to_end.path, watch), announce)
        finally:
            _at_once([host.close for host in hosts.values()], CLOSE_S)


def _benchmark_for(source: End, target: End, load: LoadConfig) -> Benchmark:
    if source.alias == target.alias == "local":
        return Benchmark("copy", Path.cwd() / "config.yaml", "", "", {}, {"local": HostConfig("local")}, ())
    benchmark = load()
    for end in (source, target):
        if end.alias not in benchmark.hosts:
            raise UsageError(
                f"no host is called {end.alias!r} in {benchmark.path.name}. Hosts: {', '.join(benchmark.hosts)}."
                f"{did_you_mean(end.alias, benchmark.hosts)}",
                hint=f"a file of this machine with a colon in its name: ./{end.alias}:{end.path}",
            )
    return benchmark


def _hosts(benchmark: Benchmark, source: End, target: End) -> Mapping[str, Host]:
    """As a run with this one copy would have them."""
    stage = Stage("copy", "copy", copy=Copy(source.alias, source.path, target.alias, target.path))
    return compile_plan(replace(benchmark, stages=(stage,))).hosts


def _connect(hosts: Sequence[Host], announce: Callable[..., None]) -> None:
    """Reach all at once; the first that can't be reached is raised, another one told as a warning."""
    errors: list[HostError] = []

    def connect(host: Host) -> None:
        try:
            host.connect()
        except HostError as error:
            errors.append(error)

    _at_once([lambda host=host: connect(host) for host in hosts], None)  # type: ignore[misc]
    for error in errors[1:]:
        announce(events.WARNING, text=error.message)
    if errors:
        raise errors[0]
    for host in hosts:
        for text in host.remarks():
            announce(events.WARNING, text=text)


def _run(copying: Copying, announce: Callable[..., None]) -> Copied:
    """In a thread of its own: a signal ends the wait for it, and never a step in its middle."""
    results: list[Copied] = []
    errors: list[BaseException] = []
    is_over = threading.Event()  # an interrupted `join` would take the thread for ended

    def run() -> None:
        try:
            results.append(copying.run())
        except BaseException as error:
            errors.append(error)
        is_over.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        is_over.wait()
    except BaseException:
        copying.stop()
        if not is_over.wait(STOP_S):
            text = f"the copy did not stop within {STOP_S:g} s; its half may be left beside its target (.part)"
            announce(events.WARNING, text=text)
        raise
    if errors:
        raise errors[0]
    return results[0]


def _at_once(functions: Sequence[Callable[[], object]], seconds: float | None) -> None:
    """Call all in threads of their own and wait for them, if limited no longer than that. A signal can end the wait."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    deadline = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))


def _announcer(listeners: Sequence[Listener]) -> Callable[..., None]:
    def announce(kind: str, **data: Any) -> None:
        for listener in listeners:
            listener(Event(kind, data=data))

    return announce


def _watch(source: End, announce: Callable[..., None]) -> Watch:
    name = source.path.rstrip("/").rpartition("/")[2] or source.path
    shown_at = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= PROGRESS_S:
            shown_at = time.monotonic()
            announce(
                events.TRANSFER_PROGRESS,
                output=name,
                host=source.alias,
                done_bytes=done,
                total_bytes=total,
                verb="copying",
            )

    return Watch(progress, lambda text: announce(events.WARNING, text=text))
