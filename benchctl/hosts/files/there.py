"""What is run on an SSH host to list, pack and write files: a shell, and the tools of coreutils or busybox."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from benchctl.hosts.files.listing import STAT_FORMAT, shell_pattern

TOOLS = ("tar", "gzip", "sha256sum")
WHICH_TOOLS = (
    f"for tool in {' '.join(TOOLS)}; do command -v $tool >/dev/null && echo $tool; done; "
    "xargs -0 true </dev/null >/dev/null 2>&1 && echo xargs; true"
)
BATCH_BYTES = 1 << 20  # names for one session: half a window, so that nobody waits for the other
DIGEST_BYTES_S = 20e6  # no host reads its own files more slowly

_STAT = f"stat -c '{STAT_FORMAT}'"


def read_file(path: str, offset: int, *, packed: bool) -> str:
    name = shlex.quote(path)
    read = f"tail -c +{offset + 1} -- {name}" if offset else f"cat -- {name}"
    return f"{read} | gzip -1c" if packed else f"exec {read}"


def write_file(path: str, *, append: bool) -> str:
    return f"exec cat {'>>' if append else '>'}{shlex.quote(path)}"


def list_folder(path: str) -> str:
    return f"{_enter(path)}; exec find . ! -name . -exec {_STAT} {{}} +"


def list_pattern(folder: str, pattern: str) -> str:
    """Nothing where nothing matches."""
    return (
        f'{_enter(folder)}; set -- ./{shell_pattern(pattern)}; [ -e "$1" ] || [ -L "$1" ] || exit 0; '
        f"if xargs -0 true </dev/null >/dev/null 2>&1; then printf '%s\\0' \"$@\" | xargs -0 {_STAT}; "
        f'else for name; do {_STAT} "$name" || exit; done; fi'
    )


def pack_files(folder: str, *, packed: bool) -> str:
    """A tar archive, or several, of the files whose names come over stdin."""
    pack = f"{_enter(folder)}; export TAR_OPTIONS=; xargs -0 tar cf -"
    return f"{pack} | gzip -1c" if packed else pack


def unpack_into(folder: str) -> str:
    """Modes as the archive has them; owner and times as for new files."""
    return f"{_enter(folder)}; export TAR_OPTIONS=; umask 0; exec tar xomf -"


def digest_files(folder: str) -> str:
    return f"{_enter(folder)}; exec xargs -0 sha256sum"


def free_bytes(table: str) -> int | None:
    """The room that the last line of `df -Pk` names; None where it names none."""
    numbers = re.findall(r"\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%", table)
    return int(numbers[-1][2]) * 1024 if numbers else None


def null_ended(names: Iterable[str]) -> bytes:
    """Names for `xargs -0`, none of which can be taken for an option."""
    return b"".join(f"./{name}\0".encode("utf-8", "surrogateescape") for name in names)


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in lists that each fit into one session's window."""
    batch: list[str] = []
    size = 0
    for name in names:
        length = 4 * len(name) + 3
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += length
    if batch:
        yield batch


def _enter(folder: str) -> str:
    """The shells say in many ways that they can't enter a folder; that it is there has been seen before."""
    return f"cd -- {shlex.quote(folder)} 2>/dev/null || {{ echo 'cd: Permission denied' >&2; exit 1; }}"
