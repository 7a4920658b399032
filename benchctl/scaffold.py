"""The first benchmark that `benchctl init` writes."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path

from benchctl.errors import UsageError

SPARED = Path(".gitignore")  # a directory that has one keeps it


def write_template(directory: Path) -> tuple[list[Path], list[Path]]:
    """Copy the template's files: those written, and those left out since a directory may well have them already.

    What is already there is never touched. Raises UsageError, naming it.
    """
    with as_file(files("benchctl") / "templates" / "init") as template:
        names = sorted(path.relative_to(template) for path in template.rglob("*") if path.is_file())
        present = [name for name in names if os.path.lexists(directory / name)]
        in_the_way = [str(directory / name) for name in present if name != SPARED]
        if in_the_way:
            raise UsageError(
                f"{', '.join(in_the_way)} {'is' if len(in_the_way) == 1 else 'are'} already there",
                hint="name another directory: benchctl init DIRECTORY",
            )
        written = [_copy(template / name, directory / name) for name in names if name not in present]
        return written, [directory / name for name in present]


def _copy(source: Path, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        if target.suffix == ".sh":
            target.chmod(0o755)
    except OSError as error:
        raise UsageError(f"{target} can't be written: {error.strerror}") from error
    return target
