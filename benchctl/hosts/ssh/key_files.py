"""Private keys in files: loaded, or why they can't be."""

from __future__ import annotations

import base64
import binascii
from enum import Enum
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm

_MAGIC = b"openssh-key-v1\0"


class Trouble(Enum):
    """What is the matter with a key file."""

    MISSING = "does not exist"
    UNREADABLE = "can't be read"
    ENCRYPTED = "is encrypted"
    NOT_ENCRYPTED = "is not encrypted, but key_password is given"
    WRONG_PASSWORD = "is not opened by key_password"
    NO_KEY = "is not a private key that can be read"


class KeyUnusable(Exception):
    """A key file that can't be used as it is; `detail` is the system's own word on it."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.detail = detail


def load_key(path: Path, password: str | None) -> paramiko.PKey:
    """The key, with its certificate if one lies beside it. Raises KeyUnusable."""
    try:
        return paramiko.PKey.from_path(str(path), password.encode() if password else None)  # type: ignore[arg-type]
    except FileNotFoundError:
        raise KeyUnusable(Trouble.MISSING) from None
    except OSError as error:
        raise KeyUnusable(Trouble.UNREADABLE, error.strerror or str(error)) from error
    except (paramiko.PasswordRequiredException, TypeError) as error:
        raise KeyUnusable(Trouble.NOT_ENCRYPTED if password else Trouble.ENCRYPTED) from error
    except (paramiko.SSHException, ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(Trouble.WRONG_PASSWORD if password else Trouble.NO_KEY) from error


def public_blob(path: Path) -> bytes | None:
    """The public half of a key file, which may be a public one itself: from it or from the .pub beside it."""
    for candidate in (path, path.with_name(f"{path.name}.pub")):
        try:
            text = candidate.read_bytes()
        except OSError:
            continue
        if blob := _public_part(text):
            return blob
    return None


def _public_part(text: bytes) -> bytes | None:
    """Also of an encrypted key: OpenSSH keeps the public half of it in the open."""
    words = text.split()
    try:
        if text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
            body = base64.b64decode(text.partition(b"\n")[2].partition(b"-----")[0])
            message = paramiko.Message(body[len(_MAGIC) :])
            for _ in ("cipher", "kdf", "its options"):
                message.get_string()
            message.get_int()  # how many keys: always one
            return bytes(message.get_string())
        return base64.b64decode(words[1], validate=True) if len(words) > 1 and len(words[0]) < 64 else None
    except (binascii.Error, ValueError):
        return None
