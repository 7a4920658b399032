"""Where the dashboard looks and listens."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

PORT = 8787


@dataclass(frozen=True)
class Settings:
    """root: the results directory. token: what a browser must know; empty where only this machine can ask.

    names: what a request's Host header may say beside addresses, localhost and this machine's own name.
    """

    root: Path
    host: str = "127.0.0.1"
    port: int = PORT
    token: str = ""
    names: frozenset[str] = frozenset()

    def accepts(self, host_header: str) -> bool:
        """Whether a request may be meant for us. A page elsewhere that has its own name lead here (DNS rebinding) says
        that name, which is none of these.
        """
        name = host_of(host_header)
        return is_address(name) or name in {"localhost", socket.gethostname().lower(), *self.names}

    @property
    def shown_host(self) -> str:
        """What a link to here says: an address that stands for all of the machine's is no place to go to."""
        if self.host in ("0.0.0.0", "::", ""):
            return socket.gethostname()
        return f"[{self.host}]" if ":" in self.host else self.host


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host_of(header: str) -> str:
    """The name in a Host header, in lower case and without its port: `[::1]:8787` is `::1`."""
    if header.startswith("["):
        inside, closing, port = header[1:].partition("]")
        return inside.lower() if closing and (not port or port.startswith(":")) else ""
    return header.partition(":")[0].lower().removesuffix(".")
