"""Files and folders that come to their place whole or not at all, and replace nothing unasked."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from benchctl.errors import OutputError, UsageError
from benchctl.runs.files import make_directory


def check_free(path: Path, *, force: bool) -> None:
    """Raise UsageError where something is in the way that is not to be replaced."""
    if path.is_dir() and not _is_data_set(path):
        raise UsageError(f"{path} is a folder; name another place with --out")
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already", hint="--force replaces it; --out names another place")


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file to write, under its name once the block is left without an error. Raises UsageError, OutputError."""
    check_free(path, force=force)
    scratch = _scratch(path)
    with _cleared_away(path, scratch, scratch.unlink):
        make_directory(path.parent)
        with open(scratch, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _place(scratch, path, force=force)


@contextmanager
def new_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """The same for a folder of a data set; with `force` it replaces one, but no other folder."""
    check_free(path, force=force)
    scratch = _scratch(path)
    with _cleared_away(path, scratch, lambda: shutil.rmtree(scratch)):
        make_directory(scratch)
        yield scratch
        former = _scratch(path).with_suffix(".old")
        if path.is_dir():
            os.rename(path, former)
        os.rename(scratch, path)
        shutil.rmtree(former, ignore_errors=True)


def _scratch(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def _cleared_away(path: Path, scratch: Path, remove: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        if scratch.exists():
            with contextlib.suppress(OSError):
                remove()


def _place(scratch: Path, path: Path, *, force: bool) -> None:
    if force:
        os.replace(scratch, path)
        return
    try:
        os.link(scratch, path)  # unlike a rename it never replaces what came there meanwhile
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", hint="--force replaces it; --out names another place") from error
    except OSError:  # a file system without links
        os.rename(scratch, path)


def _is_data_set(path: Path) -> bool:
    """Whether nothing is in a folder but what a data set has."""
    names = os.listdir(path)
    return bool(names) and all(name.startswith("run=") for name in names)
