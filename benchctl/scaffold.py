"""The first benchmark that `benchctl init` writes."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from benchctl.errors import UsageError


def write_template(directory: Path) -> list[Path]:
    """Copy the template's files; what is already there is never touched. Raises UsageError, naming it."""
    with as_file(files("benchctl") / "templates" / "init") as template:
        names = sorted(path.relative_to(template) for path in template.rglob("*") if path.is_file())
        present = [str(directory / name) for name in names if (directory / name).exists()]
        if present:
            raise UsageError(
                f"{', '.join(present)} {'is' if len(present) == 1 else 'are'} already there",
                hint="name another directory: benchctl init DIRECTORY",
            )
        return [_copy(template / name, directory / name) for name in names]


def _copy(source: Path, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        if target.suffix == ".sh":
            target.chmod(0o755)
    except OSError as error:
        raise UsageError(f"{target} can't be written: {error.strerror}") from error
    return target
