"""Whether the files of a run are still what was collected."""

from __future__ import annotations

import hashlib
import math
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchctl.analysis.checking import files_of

if TYPE_CHECKING:
    from benchctl.analysis.frames import Source


def changed_since(source: Source) -> bool:
    """Whether a file has another size than was recorded, or was written to after its trial and has another SHA-256."""
    finished = source.trial.finished.timestamp() if source.trial.finished else None
    return any(_is_another(*file, since=finished) for file in _recorded(source))


def differs(source: Source) -> bool:
    """Whether a file has another size or another SHA-256 than was recorded, whenever it was written to."""
    return any(_is_another(*file, since=-math.inf) for file in _recorded(source))


def _recorded(source: Source) -> list[tuple[Path, int | None, str | None]]:
    """Each file with its size and its SHA-256 as they were recorded."""
    output = source.output
    told = [(file.bytes, file.sha256) for file in output.files] or [(output.bytes, output.sha256)]
    return [(path, size, sha256) for path, (size, sha256) in zip(files_of(output, source.folder), told, strict=True)]


def change_notes(found: Sequence[Source], changed: Sequence[bool]) -> list[str]:
    """A sentence for each output that is not what it was."""
    paths = [f"{one.output.path} of {one.run.id}" for one, is_another in zip(found, changed, strict=True) if is_another]
    return [f"{path} was changed after it was collected; it is read as it is now" for path in dict.fromkeys(paths)]


def _is_another(path: Path, size: int | None, sha256: str | None, *, since: float | None) -> bool:
    try:
        state = path.stat()
    except OSError:  # whoever reads the file will say what is wrong
        return False
    if size is not None and state.st_size != size:
        return True
    if sha256 is None or since is None or state.st_mtime <= since or not stat.S_ISREG(state.st_mode):
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() != sha256
