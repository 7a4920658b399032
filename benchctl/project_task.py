"""A task of the project's own tasks.py as the work of a stage, on that stage's host."""

from __future__ import annotations

import contextlib
import inspect
import io
import shlex
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import invoke
from invoke.loader import FilesystemLoader

from benchctl.errors import BenchctlError, CommandFailed
from benchctl.hosts.commands.process import Process
from benchctl.hosts.commands.runner import Running
from benchctl.hosts.commands.sinks import LogSink
from benchctl.template import did_you_mean

if TYPE_CHECKING:
    from benchctl.plan import Launch

_LOADING = threading.Lock()
_LOADED: dict[tuple[str, int, int], invoke.Collection] = {}  # by path, time and size of tasks.py


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
        launch = self._launch
        calls = _calls(project_task(self._directory, self._name), launch.args)
        with printing_to(launch.out, launch.err), self._context.cd(launch.cwd) if launch.cwd else nullcontext():
            for call in calls:
                call.task(self._context, *call.args, **call.kwargs)


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


def task_flaw(directory: Path, name: str, args: Sequence[str]) -> str | None:
    """Why a stage can't run this task with these arguments, or None."""
    try:
        calls = _calls(project_task(directory, name), args)
    except CommandFailed as error:
        return error.message
    return next((flaw for call in calls if (flaw := _arguments_flaw(call))), None)


def _arguments_flaw(call: invoke.Call) -> str | None:
    signature = inspect.signature(call.task.body)
    try:
        signature.bind(None, *call.args, **call.kwargs)
    except TypeError as error:
        takes = ", ".join(str(parameter) for parameter in list(signature.parameters.values())[1:]) or "nothing"
        return f"task {call.task.name!r} can't be called with these args: {error}; after its context it takes {takes}"
    return None


def _calls(task: invoke.Task[Any], args: Sequence[str]) -> list[invoke.Call]:
    """The task with its arguments, and in their places the tasks that Invoke runs before and after it, each once."""
    executor = invoke.Executor(invoke.Collection())
    return executor.dedupe(executor.expand_calls([invoke.call(task, *args)]))


def project_task(directory: Path, name: str) -> invoke.Task[Any]:
    """A task of the tasks.py beside the config. Raises CommandFailed with what is wrong with it."""
    collection = _collection(directory)
    try:
        task: invoke.Task[Any] = collection[name]
    except KeyError:
        names = sorted(collection.task_names)
        raise CommandFailed(
            f"tasks.py has no task {name!r}. Tasks: {', '.join(names)}.{did_you_mean(name, names)}".removesuffix(".")
        ) from None
    return task


def _collection(directory: Path) -> invoke.Collection:
    """The tasks of a directory's tasks.py (or package `tasks`), which is executed once for each of its states."""
    found = next((path for path in (directory / "tasks.py", directory / "tasks/__init__.py") if path.is_file()), None)
    if found is None:
        raise CommandFailed(f"there is no tasks.py beside the config, in {directory}")
    state = found.stat()
    key = str(found), state.st_mtime_ns, state.st_size
    with _LOADING:
        if key not in _LOADED:
            _LOADED[key] = _loaded(directory)
        return _LOADED[key]


def _loaded(directory: Path) -> invoke.Collection:
    """What its import prints goes to stderr: stdout may be for a document."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module, _ = FilesystemLoader(start=str(directory)).load("tasks")
        return invoke.Collection.from_module(module)
    except (Exception, SystemExit) as error:
        raise CommandFailed(f"tasks.py can't be loaded: {type(error).__name__}: {error}") from error


def described(name: str, args: tuple[str, ...]) -> str:
    """A task for the record: `task build --fast`."""
    return " ".join([f"task {name}", *map(shlex.quote, args)])


# Printing


@contextlib.contextmanager
def printing_to(out: LogSink, err: LogSink) -> Iterator[None]:
    """What this thread prints goes to the sinks; other threads print where they did."""
    with _Routed.to(out, "stdout"), _Routed.to(err, "stderr"):
        yield


class _Routed(io.TextIOBase):
    """sys.stdout or sys.stderr while tasks run: each task's own in its thread, the usual one in the others."""

    _lock = threading.Lock()

    def __init__(self, usual: Any) -> None:
        super().__init__()
        self._usual = usual
        self._routes: dict[int, LogSink] = {}

    @classmethod
    @contextlib.contextmanager
    def to(cls, sink: LogSink, name: Literal["stdout", "stderr"]) -> Iterator[None]:
        with cls._lock:
            if not isinstance(getattr(sys, name), cls):
                setattr(sys, name, cls(getattr(sys, name)))
            stream: _Routed = getattr(sys, name)
            stream._routes[threading.get_ident()] = sink
        try:
            yield
        finally:
            with cls._lock:
                del stream._routes[threading.get_ident()]
                if not stream._routes and getattr(sys, name) is stream:
                    setattr(sys, name, stream._usual)

    def write(self, text: str) -> int:
        return int(self._target().write(text))

    def flush(self) -> None:
        self._target().flush()

    def close(self) -> None:
        """What it writes to is not its own; Python calls this when it goes."""

    def fileno(self) -> int:
        return int(self._usual.fileno())

    def _target(self) -> Any:
        return self._routes.get(threading.get_ident(), self._usual)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)
