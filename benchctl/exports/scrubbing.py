"""Which secrets are looked for in what leaves this machine, and files with them masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchctl.errors import UsageError
from benchctl.redact import SHORTEST, Redactor
from benchctl.runs.files import open_file
from benchctl.runs.record import RunRecord

CHUNK = 1 << 20
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ORDINARY = re.compile(r"true|false|null|none|[-+0-9.eE]+", re.IGNORECASE)
_PACKED = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "xz": b"\xfd7zXZ", "bzip2": b"BZh", "zip": b"PK\x03\x04"}


@dataclass(frozen=True)
class Secrets:
    """Values to hide, and the names of those whose values are not known here. short: how many are too short to hide."""

    values: frozenset[str]
    unknown: tuple[str, ...]
    short: int = 0

    @property
    def redactor(self) -> Redactor:
        return Redactor(self.values)


def secrets_of(
    records: Sequence[RunRecord], literal: frozenset[str], env: Mapping[str, str], environ: Mapping[str, str]
) -> Secrets:
    """What the runs' configs keep secret, and what `env` says that they were given.

    literal: the passwords of the configs, where these can still be read. env: variables and their values. Of those that
    `run -e` set only these are hidden: most are no secrets, and `8000` hidden everywhere would spoil the data. Raises
    UsageError for such a value.
    """
    for name, value in env.items():
        if _ORDINARY.fullmatch(value) or len(value) < SHORTEST:
            raise UsageError(f"-e {name}: {value!r} stands in too many places to be masked; leave it out")
    taken = dict.fromkeys(name for record in records for name in _taken_from(record))
    given = dict.fromkeys(str(name) for record in records for name in record.options.get("env") or ())
    known = {name: environ[name] for name in taken if len(environ.get(name, "")) >= SHORTEST} | dict(env)
    unknown = tuple(name for name in {**taken, **given} if name not in known)
    long = {value for value in literal if len(value) >= SHORTEST}
    return Secrets(frozenset(known.values()) | long, unknown, short=len([value for value in literal - long if value]))


def _taken_from(record: RunRecord) -> Iterator[str]:
    """The variables that the passwords of a config are taken from."""
    document = record.config.get("document")
    hosts = document.get("hosts") if isinstance(document, Mapping) else None
    for host in hosts.values() if isinstance(hosts, Mapping) else ():
        for key in ("password", "key_password"):
            yield from _REFERENCE.findall(str(host.get(key) or "")) if isinstance(host, Mapping) else ()


def scrubbed(path: Path, redactor: Redactor) -> Iterator[bytes]:
    """A file in pieces, with secrets masked. Raises OSError."""
    stream = redactor.stream()
    with open_file(path) as file:
        while data := file.read(CHUNK):
            yield stream.feed(data)
    yield stream.rest()


def packing_of(path: Path) -> str | None:
    """How a file is compressed, so that no secret in it can be seen; None for others."""
    with open_file(path) as file:
        begin = file.read(8)
    return next((name for name, mark in _PACKED.items() if begin.startswith(mark)), None)
