"""The results directory: every path in it is made here, and every file in it written through here.

root/.last                      the highest number ever given; may be deleted
root/run-001/metadata.json      and what else `docs/record.md` describes
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

from benchctl.errors import BenchctlError, RunNotFound, RunUnreadable, UsageError
from benchctl.events import TRANSIENT, Event

METADATA = "metadata.json"
TRIAL = "trial.json"
EVENTS = "events.ndjson"
CACHE = ".cache"  # columns of a trial's outputs, in its folder; may be deleted
CONFIG_NAMES = ("config.yaml", "benchmark.yaml")
LOCK_WAIT_S = 2.0
LARGEST_JSON = 64 << 20

_RUN_NAME = re.compile(r"run-([0-9]{3,})")
_SELECTOR_NUMBER = re.compile(r"(?:run-)?0*([0-9]{1,15})")
_LATEST = re.compile(r"latest(?:~([0-9]{1,15}))?")
_UID = re.compile(r"[0-9]{8}T[0-9.Za-f-]*")


class NotWritten(BenchctlError):
    """A file of a run could not be written: the disk is full, or not ours to write on."""

    exit_code = 1


class Folder:
    """A directory that holds logs and JSON files: a run's own, or one of its trials'."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def write_json(self, name: str, document: Mapping[str, Any]) -> Path:
        """Replace `name` by `document` in one step; on failure the earlier file stays as it was.

        Numbers that JSON does not know (NaN, infinity) become null, other values their text.
        """
        return self.save_text(name, _json_text(document, indent=2) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """The object in `name`. Raises RunUnreadable, with the reason."""
        try:
            document = json.loads(_read_json_bytes(self.inside(name)))
        except FileNotFoundError as error:
            raise RunUnreadable(f"{self.path / name} is missing") from error
        except OSError as error:
            raise RunUnreadable(f"{self.path / name}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise RunUnreadable(f"{self.path / name} {_damage(error)}") from error
        if not isinstance(document, dict):
            raise RunUnreadable(f"{self.path / name} holds no JSON object")
        return document

    def save_text(self, name: str, text: str) -> Path:
        """Replace `name` by `text` in one step; folders on the way are made."""
        return self.save_bytes(name, text.encode("utf-8", "replace"))

    def save_bytes(self, name: str, content: bytes) -> Path:
        """Replace `name` in one step; folders on the way are made."""
        path = self.inside(name)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            make_directory(path.parent, below=self.path)
            _write_synced(scratch, content)
            os.replace(scratch, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                scratch.unlink()
            raise _not_written(path, error) from error
        return path

    def log_path(self, stage_slug: str, host: str, stream: Literal["out", "err"]) -> Path:
        """Where the output of a stage on a host goes; its folder is made."""
        folder = self.path / "logs"
        try:
            make_directory(folder, below=self.path)
        except OSError as error:
            raise _not_written(folder, error) from error
        return folder / f"{file_name(stage_slug)}.{file_name(host)}.{stream}"

    def inside(self, name: str | Path) -> Path:
        """The path of `name` in this folder. Raises RunUnreadable for one that leads out of it."""
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise RunUnreadable(f"{str(name)!r} leads out of {self.path}")
        return path


class RunDirectory(Folder):
    """The directory of one run."""

    @property
    def id(self) -> str:
        return Path(os.path.abspath(self.path)).name

    @property
    def number(self) -> int:
        """The number in its name; 0 for a directory called otherwise."""
        return _run_number(self.id)

    def identity(self) -> tuple[int, int] | None:
        """What tells this directory from another one that came to its place; None where it is gone."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def write_metadata(self, document: Mapping[str, Any]) -> Path:
        return self.write_json(METADATA, document)

    def read_metadata(self) -> dict[str, Any]:
        return self.read_json(METADATA)

    def journal(self) -> Journal:
        return Journal(self.path / EVENTS)

    def events(self) -> Iterator[Event]:
        """What was journalled, in order, without lines that can't be read (a torn last one)."""
        return read_events(self.path / EVENTS)

    def trial_folder(self, case: str | None, trial: int, *, warmup: bool = False) -> Folder:
        """The directory of one trial of several; made. A run of a single trial uses its own."""
        folder = self.path / trial_name(case, trial, warmup=warmup)
        try:
            make_directory(folder, below=self.path)
        except OSError as error:
            raise _not_written(folder, error) from error
        return Folder(folder)

    def folder(self, relative: str) -> Folder:
        """A trial's directory by the name that the record keeps; `.` is the run's own."""
        return Folder(self.inside(relative))


class Journal:
    """The append-only journal of a run; calling it appends, so that it can listen to events."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _not_written(self.path, error) from error
        self._torn = _ends_in_the_middle(self._file)

    def append(self, event: Event) -> None:
        """Hand the event to the operating system as one line; transient ones are not kept.

        Raises NotWritten. A line that was cut off by a full disk is closed before the next one.
        """
        if event.kind in TRANSIENT:
            return
        line = _event_line(event)
        with self._lock:
            if self._file < 0:
                return
            self._write(b"\n" + line if self._torn else line)

    __call__ = append

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise _not_written(self.path, error) from error
        self._torn = written < len(line)
        if self._torn:
            raise NotWritten(f"{self.path} could not be written: the disk is full")


class Store:
    """A results directory: gives out numbers and finds runs."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def allocate(self) -> RunDirectory:
        """A new, empty run directory. Two callers never get the same; numbers are not used again.

        Raises UsageError where runs can't be kept.
        """
        try:
            make_directory(self.root)
            with _patient_lock(self.root):
                return self._make_next()
        except OSError as error:
            place = error.filename or self.root
            raise UsageError(f"can't keep runs in {self.root}: {place}: {error.strerror}") from error

    def runs(self, newest_first: bool = True, limit: int | None = None) -> list[RunDirectory]:
        """The runs there are, by number, at most `limit`; none where the directory does not exist."""
        numbers = sorted(self._numbers(), reverse=newest_first)
        return [self._run(number) for number in numbers[:limit]]

    def find(self, selector: str) -> RunDirectory:
        """The run called `run-012`, `12`, `latest`, `latest~2`, its uid, or a path to it.

        Raises RunNotFound, naming the newest runs.
        """
        found = self._by_number(selector) or self._by_age(selector) or _by_path(selector)
        found = found or self._by_uid(selector)
        if found is None:
            raise RunNotFound(f"No run {printable(selector)!r}. {self._newest()}")
        return found

    def remove(self, run: RunDirectory) -> None:
        """Remove a run and all its files; its number is not given out again.

        It is moved aside first, so that nobody ever finds half of it.
        """
        import shutil

        aside = run.path.parent / f".removed-{run.id}-{os.urandom(4).hex()}"
        try:
            with _patient_lock(self.root):
                self._remember(max(self._last(), run.number))
                os.rename(run.path, aside)
            shutil.rmtree(aside)
        except OSError as error:
            raise NotWritten(f"{run.path} could not be removed: {error.strerror}") from error

    def discard(self, run: RunDirectory) -> None:
        """Take away a directory of which nothing became a run."""
        import shutil

        shutil.rmtree(run.path, ignore_errors=True)

    def _make_next(self) -> RunDirectory:
        number = max(self._last(), *self._numbers(), 0)
        while True:
            number += 1
            try:
                os.mkdir(self._run(number).path, 0o755)
            except FileExistsError:
                continue
            self._remember(number)
            return self._run(number)

    def _run(self, number: int) -> RunDirectory:
        return RunDirectory(self.root / f"run-{number:03d}")

    def _numbers(self) -> list[int]:
        try:
            with os.scandir(self.root) as entries:
                numbers = [_run_number(entry.name) for entry in entries if entry.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UsageError(f"can't read the runs in {self.root}: {error.strerror}") from error
        return [number for number in numbers if number]

    def _last(self) -> int:
        try:
            return int((self.root / ".last").read_text())
        except (OSError, ValueError):
            return 0

    def _remember(self, number: int) -> None:
        """Keep the highest number; a reminder that the next numbers can do without."""
        scratch = self.root / f".last.{os.getpid()}.{threading.get_ident()}"
        try:
            scratch.write_text(f"{number}\n")
            os.replace(scratch, self.root / ".last")
        except OSError:
            with contextlib.suppress(OSError):
                scratch.unlink()

    def _by_number(self, selector: str) -> RunDirectory | None:
        match = _SELECTOR_NUMBER.fullmatch(selector)
        run = self._run(int(match[1])) if match else None
        return run if run and run.path.is_dir() else None

    def _by_age(self, selector: str) -> RunDirectory | None:
        match = _LATEST.fullmatch(selector)
        if not match:
            return None
        back = int(match[1] or 0)
        runs = self.runs(limit=back + 1)
        return runs[back] if back < len(runs) else None

    def _by_uid(self, selector: str) -> RunDirectory | None:
        """Read until the uid shows: as bytes first, since parsing 10,000 files takes seconds."""
        if not _UID.fullmatch(selector):
            return None
        return next((run for run in self.runs() if _has_uid(run, selector)), None)

    def _newest(self) -> str:
        names = [run.id for run in self.runs(limit=3)]
        if not names:
            return f"There are no runs in {self.root}."
        return f"Newest {'are' if len(names) > 1 else 'is'} {', '.join(names)}."


ParseOutputDir = Callable[[str], str | None]


def results_root(option: Path | str | None = None, parse: ParseOutputDir = lambda _: None) -> Path:
    """Where runs are kept: the option, BENCHCTL_RESULTS, output_dir of ./config.yaml, ./results.

    parse: gives the output_dir of a config's text that is written in an unusual way.
    """
    given = option or os.environ.get("BENCHCTL_RESULTS") or _configured_output_dir(parse)
    return Path(os.path.expanduser(given or "results"))


def make_directory(path: Path, *, below: Path | None = None) -> None:
    """Make `path` and what is missing above it, open to read as far as the umask allows.

    below: a run's directory, which is there or was taken away; it is not made again. Raises NotWritten then.
    """
    if not path.is_dir():
        if path == below:
            raise removed(path)
        make_directory(path.parent, below=below)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o755)
        if not path.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(path))


def removed(path: Path) -> NotWritten:
    """The error for a run's directory that is not there any more."""
    return NotWritten(f"{path}: the run's directory was removed or replaced while it went on")


def open_file(path: Path) -> BinaryIO:
    """Open a file to read; a pipe in its place would keep us waiting for ever. Raises OSError."""
    return open(path, "rb", opener=_open_regular)


def _open_regular(path: str, flags: int) -> int:
    file = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "not a regular file", path)


def trial_name(case: str | None, trial: int, *, warmup: bool = False) -> str:
    """The directory of one trial of several, relative to its run's."""
    number = f"w{trial:02d}" if warmup else f"{trial:02d}"
    return f"trials/{file_name(case)}-{number}" if case else f"trials/{number}"


def file_name(text: str) -> str:
    """`text` as one file name: what is not a letter, digit, `.`, `_` or `-` becomes `-`."""
    return re.sub(r"[^\w.-]", "-", text).lstrip(".") or "-"


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal; lines that can't be read are left out."""
    try:
        with open_file(path) as lines:
            for line in lines:
                event = parse_event(line)
                if event is not None:
                    yield event
    except OSError:
        return


def parse_event(line: bytes) -> Event | None:
    """The event of one line of a journal; None when it can't be read."""
    try:
        data = json.loads(line)
        at = datetime.fromisoformat(data.pop("t"))
        kind = data.pop("event")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Event(str(kind), at if at.tzinfo else at.replace(tzinfo=UTC), data)


def time_text(moment: datetime) -> str:
    """How the record writes a moment: UTC, with microseconds and a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _event_line(event: Event) -> bytes:
    line = {"t": time_text(event.at), "event": event.kind}
    line |= {key: value for key, value in event.data.items() if key not in line}
    return (_json_text(line) + "\n").encode("utf-8", "replace")


def _json_text(document: object, indent: int | None = None) -> str:
    try:
        return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        finite = _without_nan(document)
        return json.dumps(finite, indent=indent, ensure_ascii=False, allow_nan=False, default=str)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None  # neither NaN nor infinity is 0 then
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value


def _read_json_bytes(path: Path) -> bytes:
    """Raises OSError, also for a file larger than any record."""
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > LARGEST_JSON:
            raise OSError(errno.EFBIG, f"larger than the {LARGEST_JSON >> 20} MiB that a record may have", str(path))
        return file.read()


def _write_synced(path: Path, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _not_written(path: Path, error: OSError) -> NotWritten:
    reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
    return NotWritten(f"{path} could not be written: {reason}")


def _damage(error: Exception) -> str:
    """What is wrong with a JSON file, in words."""
    if isinstance(error, json.JSONDecodeError):
        if not error.doc.strip():
            return "is empty"
        if not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated"):
            return "ends in the middle"
        return f"is damaged in line {error.lineno}: {error.msg}"
    return "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "is damaged"


def _ends_in_the_middle(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _run_number(name: str) -> int:
    """The number in a run's name; 0 for any other name, among them `run-0012`."""
    match = _RUN_NAME.fullmatch(name)
    number = int(match[1]) if match else 0
    return number if name == f"run-{number:03d}" else 0


def _by_path(selector: str) -> RunDirectory | None:
    path = os.path.expanduser(selector)
    is_run = any(os.path.isfile(os.path.join(path, name)) for name in (METADATA, EVENTS))
    return RunDirectory(path) if is_run else None


def _has_uid(run: RunDirectory, uid: str) -> bool:
    try:
        content = _read_json_bytes(run.path / METADATA)
        return uid.encode() in content and json.loads(content).get("uid") == uid
    except (OSError, ValueError, AttributeError):
        return False


@contextlib.contextmanager
def _patient_lock(directory: Path) -> Iterator[None]:
    """Keep others out for a moment, where the file system can; mkdir alone decides who is first."""
    import fcntl

    file = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + LOCK_WAIT_S
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                break
        yield
    finally:
        os.close(file)


def _configured_output_dir(parse: ParseOutputDir) -> str | None:
    """`benchmark: output_dir:` of the config file in the current directory, if there is one."""
    for name in CONFIG_NAMES:
        try:
            text = Path(name).read_text("utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return None
        try:
            return output_dir_in(text)
        except NotPlain:
            return parse(text)
    return None


class NotPlain(Exception):
    """A text that only a YAML parser understands."""


_VALUE = r"""(?:"[^"\\\n]*" | '(?:[^'\n]|'')*' | \[[^\[\]{}"'\#\n]*\]
    | [\w./~$](?:[^\#:,\[\]{}\n]|(?<=\S)[\#:](?=\S))*)"""
_ENTRY = rf"""["']?(?P<key>\w+)["']?[ \t]*:(?:[ \t]+(?P<value>{_VALUE}))?"""
_LINE = re.compile(rf"(?P<indent>[ ]+){_ENTRY}[ \t]*(?:[ \t]\#.*)?", re.VERBOSE)
_FLOW = re.compile(rf"\s*{_ENTRY}\s*(?:,|\Z)", re.VERBOSE)
_BENCHMARK = re.compile(r"^[\"']?benchmark[\"']?[ \t]*:(.*(?:\n(?:[ \t#].*)?)*)", re.MULTILINE)


def output_dir_in(text: str) -> str | None:
    """The output_dir that a config file's text gives; None when it gives none. Raises NotPlain.

    A reader of this one key where a config is written as most are: looking at old runs needs no YAML parser, which
    takes longer to import than the list takes to print.
    """
    if "output_dir" not in text:
        return None
    benchmarks = _BENCHMARK.findall(text)
    if len(benchmarks) != 1:
        raise NotPlain
    body = re.sub(r"\n(?:[ \t]*(?:#.*)?(?:\n|\Z))+", "\n", benchmarks[0]).rstrip("\n")
    flow = re.fullmatch(r"\s*\{([^{}]*)\}[ \t]*(?:#.*)?\s*", body)
    entries = _flow_entries(flow[1]) if flow else _block_entries(body)
    return _unquoted(entries.get("output_dir") or "")


def _flow_entries(inside: str) -> dict[str, str | None]:
    found = list(_FLOW.finditer(inside))
    if "".join(match[0] for match in found) != inside.rstrip():
        raise NotPlain
    return {match["key"]: match["value"] for match in found}


def _block_entries(body: str) -> dict[str, str | None]:
    head, *lines = body.split("\n")
    found = [_LINE.fullmatch(line) for line in lines]
    if head.partition("#")[0].strip() or len({match and match["indent"] for match in found}) > 1 or None in found:
        raise NotPlain
    return {match["key"]: match["value"] for match in found if match}


def _unquoted(value: str) -> str | None:
    if value.startswith("["):
        raise NotPlain
    if value[:1] == "'":
        return value[1:-1].replace("''", "'") or None
    if value[:1] == '"':
        return value[1:-1] or None
    return None if value.strip() in ("", "~", "null", "Null", "NULL") else value.strip()
