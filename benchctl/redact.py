"""Keeps secrets out of everything that is written or shown: by value, at every way out."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4  # a shorter value would mask half of every text


class Redactor:
    """Replaces secret values by MASK in texts, in JSON-like values and in streams of bytes.

    A secret is found as it is and as shells, JSON, Python's repr, URLs and base64 write it.
    """

    def __init__(self, secrets: Iterable[str] = (), *, keep: str = "(?!)") -> None:
        """keep: a pattern for what is no secret, whatever stands in it."""
        values = sorted({form for s in secrets if len(s) >= SHORTEST for form in _forms(s)}, key=len, reverse=True)
        self._texts = re.compile(f"{'|'.join(map(re.escape, values))}|(?P<kept>{keep})") if values else None
        self._bytes = [value.encode("utf-8", "surrogateescape") for value in values]

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to hide."""
        return self._texts is None

    def text(self, text: str) -> str:
        return self._texts.sub(lambda found: found["kept"] or MASK, text) if self._texts else text

    def value(self, value: Any, plain: Container[str] = ()) -> Any:
        """The same value with every text in it masked, but for keys and for what stands under a plain key."""
        if self._texts is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: inner if key in plain else self.value(inner, plain) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item, plain) for item in value]
        return value

    def stream(self) -> StreamRedactor:
        """A filter for one stream of bytes that comes in pieces."""
        return StreamRedactor(self._bytes)


class StreamRedactor:
    """Masks secrets in a stream; the end of a piece that may begin one waits for the next piece."""

    def __init__(self, secrets: list[bytes]) -> None:
        ordered = sorted(secrets, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, ordered))) if secrets else None
        self._prefixes = {secret[:size] for secret in secrets for size in range(1, len(secret))}
        self._longest = max(map(len, secrets), default=0)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        if self._pattern is None:
            return data
        data = self._held + data
        cut = self._safe_cut(data)
        self._held = data[cut:]
        return self._masked(data[:cut])

    def rest(self) -> bytes:
        """What was held back when the stream ends."""
        rest, self._held = self._held, b""
        return self._masked(rest)

    def _safe_cut(self, data: bytes) -> int:
        """Up to where no later byte can change what is masked: neither inside a secret nor where one may begin."""
        sizes = range(min(self._longest - 1, len(data)), 0, -1)
        cut = len(data) - next((size for size in sizes if data[-size:] in self._prefixes), 0)
        return self._before_secrets(data, cut)

    def _before_secrets(self, data: bytes, cut: int) -> int:
        """`cut`, or the beginning of the secrets that reach across it."""
        assert self._pattern
        for at in range(max(0, cut - self._longest), cut):
            found = self._pattern.match(data, at)
            if found and found.end() > cut:
                return self._before_secrets(data, at)
        return cut

    def _masked(self, data: bytes) -> bytes:
        return self._pattern.sub(MASK.encode(), data) if self._pattern else data


def _forms(secret: str) -> set[str]:
    """A secret as it stands, and as the usual notations write it between their quotes."""
    raw = secret.encode("utf-8", "surrogateescape")
    quoted = shlex.quote(secret).strip("'")
    forms = {
        secret,
        quoted,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(quoted)[1:-1],
        json.dumps(quoted, ensure_ascii=False)[1:-1],
        repr(str(secret))[1:-1],
        quote(raw, safe=""),
        quote_plus(raw),
        base64.b64encode(raw).decode().rstrip("="),
    }
    return {form for form in forms if len(form) >= SHORTEST}
