"""Files of a results directory, opened so that no name and no link leads out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotThere(Exception):
    """There is no such file for us: it is missing, no plain file, a link, or outside."""


def open_inside(folder: Path, relative: str) -> BinaryIO:
    """Open a file below a folder to read; each step of the way is a directory of its own, and never a link.

    The way is walked with descriptors, so that nothing can be put in its place in between. Raises NotThere.
    """
    parts = _parts(relative)
    directory = _open(str(folder), os.O_DIRECTORY, None)
    try:
        for part in parts[:-1]:
            inner = _open(part, os.O_DIRECTORY, directory)
            os.close(directory)
            directory = inner
        file = _open(parts[-1], os.O_NONBLOCK, directory)
    finally:
        os.close(directory)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotThere(relative)
    return os.fdopen(file, "rb")


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path that others will open leads to a place below a folder, links and all."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _parts(relative: str) -> list[str]:
    """The names on the way; a path that is not plain is none of ours."""
    parts = relative.split("/")
    if any(part in ("", ".", "..") or not part.isprintable() or len(part) > 255 for part in parts) or len(parts) > 32:
        raise NotThere(relative)
    return parts


def _open(name: str, flags: int, directory: int | None) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=directory)
    except (OSError, ValueError) as error:
        raise NotThere(name) from error
