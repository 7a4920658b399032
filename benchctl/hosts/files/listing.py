"""What a folder or a pattern holds on a host: its files by name, and what is left out of them.

Names come from the host, so none is taken on trust: one that could lead out of the folder it is kept in, or that
nobody asked for, is refused.
"""

from __future__ import annotations

import fnmatch
import re
import stat as stat_module
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from benchctl.errors import OutputError

MOST_FILES = 100_000
_WILD = re.compile(r"\[[*?[]\]|[*?\[]")
_LITERAL = re.compile(r"\[([*?[])\]")  # as glob.escape writes a wildcard that is none
_PLAIN = re.compile(r"[A-Za-z0-9_./*?\[\]!-]")
_RECORD = re.compile(r"([0-9a-f]+) (\d+) (-?\d+) ([^|]*)\|(.*)", re.DOTALL)

# `//` begins a record, since no path that find or the shell prints holds it: names may hold anything else.
STAT_FORMAT = "//%f %s %Y %y|%n"


@dataclass(frozen=True)
class Entry:
    """One thing in a folder; symbolic links are not followed. `name` is relative to the folder."""

    name: str
    kind: Literal["file", "folder", "link", "special"]
    bytes: int
    modified_s: float  # seconds since the epoch, by the host's clock
    permissions: int = 0o644  # without set-user-id and its like

    @classmethod
    def of(cls, name: str, mode: int, size: int, modified_s: float) -> Entry:
        kinds: dict[int, Literal["file", "folder", "link"]] = {
            stat_module.S_IFREG: "file",
            stat_module.S_IFDIR: "folder",
            stat_module.S_IFLNK: "link",
        }
        return cls(name, kinds.get(stat_module.S_IFMT(mode), "special"), size, modified_s, mode & 0o777)


@dataclass(frozen=True)
class Listing:
    """The files of a folder or a pattern, by name."""

    files: tuple[Entry, ...]
    folders: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # each with the reason: `latest (a symbolic link)`

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)


def listing(entries: Iterable[Entry], where: str, *, takes_folders: bool) -> Listing:
    """The entries sorted into what is taken and what is not. Raises OutputError for a name that can't be kept.

    where: the folder, for messages. takes_folders: False for a pattern, which takes the files it matches.
    """
    files, folders, left_out = [], [], []
    for entry in sorted(entries, key=lambda entry: entry.name):
        _check_name(entry.name, where)
        if entry.kind == "file":
            files.append(entry)
        elif entry.kind == "folder" and takes_folders:
            folders.append(entry.name)
        else:
            left_out.append(f"{entry.name} ({_REASONS[entry.kind]})")
    if len(files) > MOST_FILES:
        raise OutputError(
            f"{where} has {len(files):,} files, and at most {MOST_FILES:,} are taken as one output",
            hint="pack them into one file there; an output can also name fewer with a pattern",
        )
    return Listing(tuple(files), tuple(folders), tuple(left_out))


_REASONS = {"link": "a symbolic link", "folder": "a folder", "special": "a device, pipe or socket"}


def _check_name(name: str, where: str) -> None:
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        flaw = "it leads out of its folder"
    elif name.isprintable():
        return
    elif any(unicodedata.category(c) == "Cs" for c in name):
        flaw = "it is not UTF-8"
    elif any(unicodedata.category(c) == "Cc" for c in name):
        flaw = "it holds a control character"
    else:
        return
    raise OutputError(
        f"{where} holds {name!r}, a name that is not taken: {flaw}",
        hint="rename it there; an output can also name the files to be taken with a pattern",
    )


def parsed(records: str) -> list[Entry]:
    """What `stat -c STAT_FORMAT` printed. Raises ValueError for anything else."""
    return [_parsed_one(record) for record in records.split("//")[1:]]


def _parsed_one(record: str) -> Entry:
    match = _RECORD.fullmatch(record.removesuffix("\n"))
    if match is None:
        raise ValueError(f"{record[:80]!r} is not what stat prints")
    mode, size, seconds, full, name = match.groups()
    fraction = re.search(r"\.\d+", full)
    return Entry.of(
        name.removeprefix("./"), int(mode, 16), int(size), int(seconds) + float(fraction[0] if fraction else 0)
    )


# Patterns


def split_pattern(pattern: str) -> tuple[str, str]:
    """An absolute pattern as the folder before its first wildcard, and the pattern from there on."""
    wild = (found.start() for found in _WILD.finditer(pattern) if not _LITERAL.fullmatch(found[0]))
    fixed = pattern[: next(wild, len(pattern))].rpartition("/")[0]
    return _LITERAL.sub(r"\1", fixed) or "/", pattern[len(fixed) + 1 :]


def shell_pattern(pattern: str) -> str:
    """The pattern as a word that a shell expands: only `*`, `?` and `[...]` mean something there."""
    return "".join(c if _PLAIN.fullmatch(c) else f"\\{c}" for c in pattern)


def matches(name: str, pattern: str) -> bool:
    """Whether a shell would expand the pattern to the name: part by part, a leading dot only by a dot."""
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(_part_matches, parts, wanted))


def _part_matches(part: str, wanted: str) -> bool:
    return fnmatch.fnmatchcase(part, wanted) and (not part.startswith(".") or wanted.startswith("."))


def in_a_few_words(names: Iterable[str], most: int = 5) -> str:
    """`a, b, c and 12 more`."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
