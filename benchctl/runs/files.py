"""Files of a run: written whole or not at all, read without ever waiting for a pipe."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

from benchctl.errors import BenchctlError, RunUnreadable

LARGEST_JSON = 64 << 20


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
        return self.save_text(name, json_text(document, indent=2) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """The object in `name`. Raises RunUnreadable, with the reason."""
        try:
            document = json.loads(read_json_bytes(self.inside(name)))
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
            raise not_written(path, error) from error
        return path

    def log_path(self, stage_slug: str, host: str, stream: Literal["out", "err"]) -> Path:
        """Where the output of a stage on a host goes; its folder is made."""
        folder = self.path / "logs"
        try:
            make_directory(folder, below=self.path)
        except OSError as error:
            raise not_written(folder, error) from error
        return folder / f"{file_name(stage_slug)}.{file_name(host)}.{stream}"

    def inside(self, name: str | Path) -> Path:
        """The path of `name` in this folder. Raises RunUnreadable for one that leads out of it."""
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise RunUnreadable(f"{str(name)!r} leads out of {self.path}")
        return path


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


def open_file(path: Path, *, follows: bool = True) -> BinaryIO:
    """Open a file to read; a pipe in its place would keep us waiting for ever. Raises OSError.

    follows: whether it may be a link; of what a run keeps under a name of ours, none is.
    """
    return open(path, "rb", opener=partial(_open_regular, 0 if follows else os.O_NOFOLLOW))


def _open_regular(more: int, path: str, flags: int) -> int:
    file = os.open(path, flags | os.O_NONBLOCK | more)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "not a regular file", path)


def file_name(text: str) -> str:
    """`text` as one file name: what is not a letter, digit, `.`, `_` or `-` becomes `-`."""
    return re.sub(r"[^\w.-]", "-", text).lstrip(".") or "-"


def time_text(moment: datetime) -> str:
    """How the record writes a moment: UTC, with microseconds and a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def json_text(document: object, indent: int | None = None) -> str:
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


def read_json_bytes(path: Path) -> bytes:
    """Raises OSError, also for a file larger than any record."""
    with open_file(path, follows=False) as file:
        if os.fstat(file.fileno()).st_size > LARGEST_JSON:
            raise OSError(errno.EFBIG, f"larger than the {LARGEST_JSON >> 20} MiB that a record may have", str(path))
        return file.read()


def _write_synced(path: Path, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def not_written(path: Path, error: OSError) -> NotWritten:
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
