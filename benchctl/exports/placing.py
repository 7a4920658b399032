"""Files and folders that come to their places all together or not at all, and replace nothing unasked."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from benchctl.errors import OutputError, UsageError
from benchctl.runs.files import make_directory

ASIDE = ".benchctl-export-"  # how the folder begins that holds what is not whole yet


def check_free(path: Path, *, force: bool) -> None:
    """Raise UsageError where something is in the way that is not to be replaced."""
    if path.is_dir() and not _is_data_set(path):
        raise UsageError(f"{path} is a folder; name another place with --out")
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already", hint="--force replaces it; --out names another place")


class Delivery:
    """What is made for a folder, and waits in a hidden folder there until all of it is whole.

    force: what is there is replaced, a folder only by a data set where it is one.
    """

    def __init__(self, folder: Path, aside: Path, *, force: bool) -> None:
        self.folder = folder
        self.names: list[str] = []
        self._new, self._former = aside / "new", aside / "former"
        self._force = force
        self._new.mkdir()
        self._former.mkdir()

    @property
    def paths(self) -> tuple[Path, ...]:
        """What there will be, in the order it was made."""
        return tuple(self.folder / name for name in self.names)

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """A file to write. Raises UsageError, OutputError."""
        with self._made(name) as path, open(path, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def data_set(self, name: str) -> Iterator[Path]:
        """A folder to fill. Raises UsageError, OutputError."""
        with self._made(name) as path:
            path.mkdir()
            yield path

    @contextmanager
    def _made(self, name: str) -> Iterator[Path]:
        check_free(self.folder / name, force=self._force)
        if name in self.names:
            raise UsageError(f"two of these would be {self.folder / name}; export them one by one, each with its --out")
        self.names.append(name)
        with _told(self.folder / name):
            yield self._new / name

    def place(self) -> None:
        """Put all to their places; what goes wrong meanwhile leaves there what was there."""
        begun: list[str] = []
        try:
            for name in self.names:
                check_free(self.folder / name, force=self._force)
                begun.append(name)
                with _told(self.folder / name):
                    self._place(name)
        except BaseException:
            for name in reversed(begun):
                self._take_back(name)
            raise

    def _place(self, name: str) -> None:
        new, target, former = self._new / name, self.folder / name, self._former / name
        if not os.path.lexists(target):
            os.rename(new, target)
        elif target.is_dir() or new.is_dir():  # there is no way to exchange two folders in one step
            os.rename(target, former)
            os.rename(new, target)
        else:
            _keep(target, former)
            os.replace(new, target)

    def _take_back(self, name: str) -> None:
        new, target, former = self._new / name, self.folder / name, self._former / name
        if not os.path.lexists(new):
            os.rename(target, new)
        if os.path.lexists(former):
            os.rename(former, target)


@contextmanager
def delivery(folder: Path, *, force: bool) -> Iterator[Delivery]:
    """What is made in the block is in the folder once it is left without an error. Raises UsageError, OutputError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    aside: Path | None = None
    try:
        with _told(folder):
            make_directory(folder)
            aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=folder))
        made = Delivery(folder, aside, force=force)
        yield made
        made.place()
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        for path in missing:
            with contextlib.suppress(OSError):  # something is in it
                path.rmdir()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # pyarrow puts more into strerror
        raise OutputError(f"{path} could not be written: {reason}") from error


def _keep(path: Path, former: Path) -> None:
    """A second name for a file, so that it never misses its own; on a file system without links it is moved."""
    try:
        os.link(path, former, follow_symlinks=False)
    except OSError:
        os.rename(path, former)


def _is_data_set(path: Path) -> bool:
    """Whether nothing is in a folder but what a data set has."""
    names = os.listdir(path)
    return bool(names) and all(name.startswith("run=") for name in names)
