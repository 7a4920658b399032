"""Files that land on this machine: under a name of their own first, in place only when they are whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchctl.errors import OutputError

SPARE_DISK_BYTES = 16 << 20  # what a transfer leaves free for the record and the journal

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MORE_ROOM = "free some room, or keep the results elsewhere with --results"


def partial_name(target: Path) -> Path:
    """Where `target` grows until it is whole: beside it, under a name that nobody has."""
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")


def check_room(directory: Path, size: int, remote_path: str) -> None:
    """Raise OutputError when a transfer would leave too little of the disk free."""
    free = shutil.disk_usage(directory).free
    if size + SPARE_DISK_BYTES > free:
        raise OutputError(f"{remote_path} has {size:,} bytes, and {directory} only {free:,} free", hint=_MORE_ROOM)


def put_in_place(partial: Path, target: Path) -> None:
    """Give it its final name; a file or a link of that name is replaced, not followed."""
    try:
        os.replace(partial, target)
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}") from error


def discard(partial: Path) -> None:
    """Take away what did not become whole, or is not needed any more."""
    with contextlib.suppress(FileNotFoundError):
        if partial.is_dir() and not partial.is_symlink():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink()


class NewFile:
    """A file here that did not exist before; it knows the SHA-256 and the size of what was written to it.

    Its own troubles are OutputErrors, so that they aren't taken for the other side's.
    """

    def __init__(self, path: Path, grew: Callable[[int], None] = lambda by: None) -> None:
        """grew: told how many bytes came, or, with a negative number, were given up."""
        self._path = path
        self._grew = grew
        self._begin()
        with own_errors(path):
            self._file = os.open(path, _NEW, 0o644)

    def _begin(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        with own_errors(self._path):
            os.close(self._file)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        with own_errors(self._path):
            while view:
                view = view[os.write(self._file, view) :]
        self.digest.update(data)
        self.size += len(data)
        self._grew(len(data))

    def restart(self) -> None:
        """Forget what was written: the file it came from is another one by now."""
        with own_errors(self._path):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        self._grew(-self.size)
        self._begin()

    def recover(self) -> None:
        """Nothing of it is lost when a link is."""

    def finish(self) -> None:
        """What was written is there."""


class NewFolder:
    """A folder here that did not exist before, and its files as they come."""

    def __init__(self, path: Path, grew: Callable[[int], None]) -> None:
        self._path = path
        self._grew = grew
        self._made = {""}
        self.done: dict[str, tuple[int, str]] = {}  # name -> bytes, sha256
        with own_errors(path):
            path.mkdir(0o755)

    def make_folder(self, name: str) -> None:
        """It, and what is missing above it."""
        if name in self._made:
            return
        self.make_folder(os.path.dirname(name))
        path = self._path / name
        with own_errors(path):
            path.mkdir(0o755)
        self._made.add(name)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[NewFile]:
        """A file of the folder; it counts as done when the block ends well, and is gone when it doesn't."""
        self.make_folder(os.path.dirname(name))
        path = self._path / name
        try:
            with NewFile(path, self._grew) as file:
                yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self.done[name] = file.size, file.digest.hexdigest()

    def put(self, name: str, content: bytes) -> None:
        """A small file at once."""
        self.make_folder(os.path.dirname(name))
        path = os.path.join(self._path, name)
        with own_errors(self._path / name):
            file = os.open(path, _NEW, 0o644)
            try:
                written = os.write(file, content)
            finally:
                os.close(file)
            if written < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.done[name] = len(content), hashlib.sha256(content).hexdigest()
        self._grew(len(content))

    def recover(self) -> None:
        """Nothing of it is lost when a link is."""

    def flush(self) -> None:
        """What was put is there."""


@contextlib.contextmanager
def own_errors(path: Path) -> Iterator[None]:
    """What is in the way of writing here, as an OutputError."""
    try:
        yield
    except OSError as error:
        hint = _MORE_ROOM if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise OutputError(f"{path.parent} can't be written to: {error.strerror}", hint=hint) from error
