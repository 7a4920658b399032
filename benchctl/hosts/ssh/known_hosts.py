"""Which host keys are known, and what to do about the ones that are not.

paramiko's own reader gives up on a file at its first odd line, skips `@revoked`, and knows no wildcards;
this one reads line by line. Hashed names are matched by HMAC-SHA1, as in OpenSSH's sshd(8).
"""

from __future__ import annotations

import base64
import fcntl
import fnmatch
import hashlib
import hmac
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from benchctl.errors import HostKeyRejected

SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True)
class KnownKey:
    """One matching line of a known_hosts file."""

    file: Path
    line: int
    marker: str  # "", "@revoked" or "@cert-authority"
    type: str
    blob: bytes


@dataclass(frozen=True)
class HostKeyPolicy:
    """What `host_key:` of a host says, with the files that hold known keys."""

    alias: str
    rule: str  # accept-new | strict | off | SHA256:...
    files: tuple[Path, ...]
    record_to: Path | None  # nowhere, where ~/.ssh/config says so

    @classmethod
    def of(cls, alias: str, rule: str, named: str) -> HostKeyPolicy:
        """named: what UserKnownHostsFile says."""
        files = tuple(Path(name).expanduser() for name in named.split() if name.lower() != "none")
        record_to = files[0] if files and files[0] != Path(os.devnull) else None
        return cls(alias, rule, (*files, SYSTEM_FILE), record_to)

    def check(self, name: str, key: paramiko.PKey) -> bool:
        """Whether the key is new, and recorded if new ones are. Raises HostKeyRejected, naming the cure."""
        if self.rule == "off":
            return False
        if self.rule.startswith("SHA256:"):
            self._check_pin(name, key)
            return False
        known = [k for file in self.files for k in matching_keys(file, name)]
        self._refuse_revoked(name, key, known)
        usable = [k for k in known if not k.marker]
        if any(k.blob == key.asbytes() for k in usable):
            return False
        if usable:
            raise self._changed(name, key, usable[0])
        if self.rule == "strict":
            raise self._unknown(name, key)
        return self._record(self.record_to, name, key) if self.record_to else True

    def _record(self, file: Path, name: str, key: paramiko.PKey) -> bool:
        try:
            return remember(file, name, key)
        except OSError as error:
            raise HostKeyRejected(
                self.alias,
                f"the host key of {name} is new, and {file} can't be written: {error.strerror}",
                hint=f"make it writable, or set hosts.{self.alias}.host_key to {fingerprint(key)} if that is right",
            ) from error

    def _check_pin(self, name: str, key: paramiko.PKey) -> None:
        if fingerprint(key) != self.rule.rstrip("="):
            raise HostKeyRejected(
                self.alias,
                f"{name} has host key {fingerprint(key)}, the config pins {self.rule}",
                hint=f"if the machine was rebuilt, set hosts.{self.alias}.host_key to the new fingerprint",
            )

    def _refuse_revoked(self, name: str, key: paramiko.PKey, known: Sequence[KnownKey]) -> None:
        for entry in known:
            if entry.marker == "@revoked" and entry.blob == key.asbytes():
                raise HostKeyRejected(
                    self.alias,
                    f"{name} has host key {fingerprint(key)}, which {entry.file}:{entry.line} marks as revoked",
                    hint="this key must not be trusted any more; give the host a new one",
                )

    def _changed(self, name: str, key: paramiko.PKey, entry: KnownKey) -> HostKeyRejected:
        return HostKeyRejected(
            self.alias,
            f"the host key of {name} has changed: {entry.file}:{entry.line} has "
            f"{_fingerprint(entry.blob)}, the server sent {fingerprint(key)}",
            hint=f"if the machine was rebuilt: ssh-keygen -f {entry.file} -R '{name}'",
        )

    def _unknown(self, name: str, key: paramiko.PKey) -> HostKeyRejected:
        return HostKeyRejected(
            self.alias,
            f"the host key of {name} is not known: {key.get_name()} {fingerprint(key)}",
            hint=f"connect once with ssh and compare it, or set hosts.{self.alias}.host_key to accept-new or to "
            "that fingerprint",
        )


def known_hosts_name(host: str, port: int) -> str:
    """A host's name as known_hosts files write it."""
    return host if port == 22 else f"[{host}]:{port}"


def fingerprint(key: paramiko.PKey) -> str:
    """The key's SHA256 fingerprint as `ssh-keygen -l` prints it."""
    return _fingerprint(key.asbytes())


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def matching_keys(file: Path, name: str) -> Iterator[KnownKey]:
    """The entries of a known_hosts file for a host's name; odd lines are passed over, as OpenSSH does."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, start=1):
        entry = _entry(file, number, line, name)
        if entry:
            yield entry


def _entry(file: Path, number: int, line: str, name: str) -> KnownKey | None:
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0].startswith("@") else ""
    if len(words) < 3 or not _matches(words[0], name):
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except ValueError:
        return None
    return KnownKey(file, number, marker, words[1], blob) if _is_whole(blob, words[1]) else None


def _is_whole(blob: bytes, kind: str) -> bool:
    """Whether a public key is all there: fields, each behind its length, of which the first is its type."""
    fields = []
    while len(blob) >= 4:
        size = int.from_bytes(blob[:4])
        fields.append(blob[4 : 4 + size])
        if len(fields[-1]) < size:
            return False
        blob = blob[4 + size :]
    return not blob and fields[:1] == [kind.encode()]


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _matches_hash(patterns, name)
    found = False
    for pattern in patterns.split(","):
        if any(_matches_pattern(pattern.removeprefix("!"), spelling) for spelling in _spellings(name)):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _spellings(name: str) -> tuple[str, ...]:
    """A host at port 22 may stand there with its port as well."""
    return (name,) if name.startswith("[") else (name, f"[{name}]:22")


def _matches_pattern(pattern: str, name: str) -> bool:
    literal = pattern.replace("[", "[[]").lower()  # in known_hosts, brackets are no wildcard
    return fnmatch.fnmatchcase(name.lower(), literal)


def _matches_hash(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in hashed[3:].split("|"))
    except ValueError:
        return False
    digests = [hmac.new(salt, spelling.encode(), hashlib.sha1).digest() for spelling in _spellings(name)]
    return any(hmac.compare_digest(made, digest) for made in digests)


def remember(file: Path, name: str, key: paramiko.PKey) -> bool:
    """Append a new host's key, unless another run has done so at this moment."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if any(k.blob == key.asbytes() for k in matching_keys(file, name)):
            return False
        stream.seek(0)
        text = stream.read()
        gap = "" if not text or text.endswith(b"\n") else "\n"
        stream.write(f"{gap}{name} {key.get_name()} {key.get_base64()}\n".encode())
        return True
