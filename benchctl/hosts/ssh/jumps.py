"""Which way ~/.ssh/config leads to a host: over jump hosts, or by a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import paramiko

from benchctl.errors import ConfigError, Problem


@dataclass(frozen=True)
class Hop:
    """One jump host of a ProxyJump line."""

    name: str
    user: str | None
    port: int | None


def hops(jumps: str) -> Iterator[Hop]:
    """The jump hosts of `user@host:port,ssh://host2,...`, in their order."""
    for word in jumps.split(","):
        user, _, place = word.strip().removeprefix("ssh://").rstrip("/").rpartition("@")
        name, port = _name_and_port(place)
        yield Hop(name, user or None, port)


def _name_and_port(place: str) -> tuple[str, int | None]:
    if place.startswith("["):
        name, _, port = place[1:].partition("]")
        return name, int(port[1:]) if port[1:].isdigit() else None
    name, _, port = place.rpartition(":")
    return (name, int(port)) if name and port.isdigit() and ":" not in name else (place, None)


def hops_to(name: str, ssh_config: paramiko.SSHConfig) -> list[Hop]:
    """The jump hosts that lead to a host, in their order. Raises ConfigError when they lead in a circle."""
    _refuse_circle(name, ssh_config)
    return _hops(name, ssh_config)


def proxy_command(name: str, ssh_config: paramiko.SSHConfig) -> str | None:
    """The ProxyCommand that leads there, which counts where no ProxyJump does; `none` is none."""
    settings: Mapping[str, Any] = ssh_config.lookup(name)
    return settings.get("proxycommand") if _jumps(settings) == "none" else None


def _jumps(settings: Mapping[str, Any]) -> str:
    jumps = str(settings.get("proxyjump", "none"))
    return "none" if jumps.lower() == "none" else jumps


def _hops(name: str, ssh_config: paramiko.SSHConfig) -> list[Hop]:
    """None where one of them is the host itself: `Host *` with a ProxyJump also matches the jump host."""
    settings: Mapping[str, Any] = ssh_config.lookup(name)
    found = [] if _jumps(settings) == "none" else list(hops(_jumps(settings)))
    return [] if any(hop.name in (name, settings["hostname"]) for hop in found) else found


def _refuse_circle(name: str, ssh_config: paramiko.SSHConfig) -> None:
    """The first hop is reached as ~/.ssh/config says, which may be by another one."""
    seen = [name]
    while found := _hops(seen[-1], ssh_config):
        seen.append(found[0].name)
        if seen[-1] in seen[:-1]:
            circle = " -> ".join(seen[seen.index(seen[-1]) :])
            raise ConfigError([Problem("~/.ssh/config", 0, "", f"its ProxyJump lines lead in a circle: {circle}")])
