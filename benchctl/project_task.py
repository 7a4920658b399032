"""A task of the project's own tasks.py as the work of a stage, on that stage's host."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import invoke

from benchctl.errors import BenchctlError, CommandFailed
from benchctl.hosts.process import Process
from benchctl.hosts.runner import Running
from benchctl.hosts.sinks import LogSink
from benchctl.template import did_you_mean

if TYPE_CHECKING:
    from benchctl.plan import Launch

LOADING = threading.Lock()  # loading puts the module's folder on sys.path for a moment


class TaskProcess(Process):
    """A project's task under way, in a thread of its own, with a context that it shares with nobody.

    What it prints and what its commands print goes to the logs. Its commands are under supervision like any
    other: ending the task ends them, and what they leave behind is ended with the trial.
    """

    def __init__(self, name: str, directory: Path, context: Any, launch: Launch) -> None:
        super().__init__()
        self._name, self._directory, self._launch = name, directory, launch
        self._running = Running()
        self._context = own_context(context, self._running, launch)

    def go(self) -> None:
        self.started_at = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def terminate(self) -> None:
        for process in self._running.processes:
            process.terminate()

    def kill(self) -> None:
        for process in self._running.processes:
            process.kill()

    def _run(self) -> None:
        self._has_started()
        try:
            self._call()
        except BaseException as error:
            self.error = as_stage_error(error, self._launch.err)
        self._has_ended(None if self.error else 0, gone=False)
        while processes := self._running.processes:
            processes[0].gone.wait()
        self._has_ended(None, gone=True)

    def _call(self) -> None:
        task, cwd = load_project_task(self._directory, self._name), self._launch.cwd
        with printing_to(self._launch.out), self._context.cd(cwd) if cwd else contextlib.nullcontext():
            task(self._context, *self._launch.args)


def own_context(context: Any, running: Running, launch: Launch) -> Any:
    """The host's context over the same connection, with settings, variables and commands of its own."""
    own = object.__new__(type(context))
    own.__dict__.update(context.__dict__)
    own._set(running=running, environment=dict(launch.env), _config=context.config.clone())
    own._set(command_prefixes=[], command_cwds=[])
    own.config.run.out_stream, own.config.run.err_stream = _Text(launch.out), _Text(launch.err)
    return own


class _Text(io.TextIOBase):
    """A log as a stream of text. The commands' results keep their output then, as a task expects."""

    def __init__(self, sink: LogSink) -> None:
        super().__init__()
        self._sink = sink

    def write(self, text: str) -> int:
        return self._sink.write(text)

    def __copy__(self) -> _Text:
        """Invoke copies what its config holds; there is one of each log."""
        return self


def as_stage_error(error: BaseException, err: LogSink) -> BaseException | None:
    """What a task raised, in our words; None for the exits that mean success. A surprise leaves its traceback."""
    if isinstance(error, (SystemExit, invoke.exceptions.Exit)):
        return _exit_error(error)
    if isinstance(error, invoke.exceptions.UnexpectedExit):
        return CommandFailed(
            f"its command `{_shortened(error.result.command)}` ended with exit code {error.result.exited}"
        )
    if isinstance(error, invoke.exceptions.CommandTimedOut):
        return CommandFailed(f"its command `{_shortened(error.result.command)}` ran longer than {error.timeout} s")
    if not isinstance(error, BenchctlError):
        err.write("".join(traceback.format_exception(error)))
    return error


def _exit_error(error: SystemExit | invoke.exceptions.Exit) -> BenchctlError | None:
    if error.code in (None, 0):
        return None
    said = error.code if isinstance(error.code, str) else getattr(error, "message", None)
    return CommandFailed(said or f"exit code {error.code}")


def _shortened(command: str) -> str:
    lines = command.splitlines() or [""]
    return lines[0][:80] + ("..." if len(lines) > 1 or len(lines[0]) > 80 else "")


def load_project_task(directory: Path, name: str) -> invoke.Task[Any]:
    """A task of the tasks.py beside the config. Raises CommandFailed with what is wrong with it."""
    from invoke.loader import FilesystemLoader

    try:
        with LOADING:
            module, _ = FilesystemLoader(start=str(directory)).load("tasks")
        collection = invoke.Collection.from_module(module)
        task: invoke.Task[Any] = collection[name]
    except invoke.exceptions.CollectionNotFound:
        raise CommandFailed(f"there is no tasks.py in {directory} or above it") from None
    except KeyError:
        names = sorted(collection.task_names)
        raise CommandFailed(
            f"tasks.py has no task {name!r}. Tasks: {', '.join(names)}.{did_you_mean(name, names)}"
        ) from None
    except Exception as error:
        raise CommandFailed(f"tasks.py can't be loaded: {type(error).__name__}: {error}") from error
    return task


def described(name: str, args: tuple[str, ...]) -> str:
    """A task for the record: `task build --fast`."""
    return " ".join([f"task {name}", *map(shlex.quote, args)])


# Printing


@contextlib.contextmanager
def printing_to(sink: LogSink) -> Iterator[None]:
    """What this thread prints goes to the sink; other threads print where they did."""
    _Routed.begin(sink)
    try:
        yield
    finally:
        _Routed.end()


class _Routed(io.TextIOBase):
    """sys.stdout while tasks run: each task's own in its thread, the usual one in the others."""

    _routes: ClassVar[dict[int, LogSink]] = {}
    _lock = threading.Lock()

    def __init__(self, usual: Any) -> None:
        super().__init__()
        self._usual = usual

    @classmethod
    def begin(cls, sink: LogSink) -> None:
        with cls._lock:
            if not isinstance(sys.stdout, cls):
                sys.stdout = cls(sys.stdout)
            cls._routes[threading.get_ident()] = sink

    @classmethod
    def end(cls) -> None:
        with cls._lock:
            del cls._routes[threading.get_ident()]
            if not cls._routes and isinstance(sys.stdout, cls):
                sys.stdout = sys.stdout._usual

    def write(self, text: str) -> int:
        return int(self._target().write(text))

    def flush(self) -> None:
        self._target().flush()

    def _target(self) -> Any:
        return self._routes.get(threading.get_ident(), self._usual)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)
