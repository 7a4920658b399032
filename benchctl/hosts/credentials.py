"""What a host is offered for authentication, and what to say when it takes none of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm

from benchctl.config.model import HostConfig
from benchctl.errors import AuthenticationFailed
from benchctl.hosts.known_hosts import fingerprint

DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True)
class Credentials:
    """Arguments for paramiko's `connect`, and the same in words.

    With a key_file or a password in the config nothing else is tried: every key offered counts against
    sshd's MaxAuthTries, and the right one may come too late.
    """

    arguments: Mapping[str, Any] = field(repr=False)
    offers: tuple[str, ...]

    @classmethod
    def of(cls, host: HostConfig, settings: Mapping[str, Any], place: str) -> Credentials:
        """Raises AuthenticationFailed when the key_file can't be used as it is."""
        if host.key_file or host.password:
            return _declared(host, place)
        return _found(settings)

    def refusal(self, host: HostConfig, user: str, place: str, accepted: Sequence[str]) -> AuthenticationFailed:
        """The error for a server that took none of this; `accepted`: the methods it named."""
        takes = f"; it accepts {', '.join(accepted)}" if accepted else ""
        if not self.offers:
            return AuthenticationFailed(
                host.alias,
                f"{place}: there is nothing to authenticate {user} with{takes}",
                hint=f"give hosts.{host.alias} a key_file or a password, or start an agent (ssh-add)",
            )
        return AuthenticationFailed(
            host.alias,
            f"{place} does not let {user} in with {', '.join(self.offers)}{takes}",
            hint=self._cure(host, user, accepted),
        )

    def _cure(self, host: HostConfig, user: str, accepted: Sequence[str]) -> str:
        if host.password and not host.key_file:
            if accepted and "password" not in accepted:
                return f"this sshd takes no passwords; give hosts.{host.alias} a key_file"
            return f"check hosts.{host.alias}.username and password"
        return f"is the public key in ~{user}/.ssh/authorized_keys there, and is hosts.{host.alias}.username right?"


def _declared(host: HostConfig, place: str) -> Credentials:
    arguments: dict[str, Any] = {"look_for_keys": False, "allow_agent": False}
    offers = []
    if host.key_file:
        arguments["pkey"] = key = _load_key(host, place)
        offers.append(f"the key {host.key_file} ({fingerprint(key)})")
    if host.password:
        arguments["password"] = str(host.password)
        offers.append("the password")
    return Credentials(arguments, tuple(offers))


def _found(settings: Mapping[str, Any]) -> Credentials:
    named = [path for name in settings.get("identityfile", []) if (path := Path(name).expanduser()).is_file()]
    default = [path for name in DEFAULT_KEYS if (path := Path.home() / ".ssh" / name).is_file()]
    files = named or default
    agent = bool(os.environ.get("SSH_AUTH_SOCK"))
    arguments = {"key_filename": [str(path) for path in files], "look_for_keys": False, "allow_agent": agent}
    return Credentials(arguments, tuple([f"the key {path}" for path in files] + ["the agent's keys"] * agent))


def _load_key(host: HostConfig, place: str) -> paramiko.PKey:
    path = Path(str(host.key_file)).expanduser()
    password = str(host.key_password) if host.key_password else None
    try:
        return paramiko.PKey.from_path(str(path), password.encode() if password else None)  # type: ignore[arg-type]
    except FileNotFoundError:
        problem, hint = "does not exist", f"check hosts.{host.alias}.key_file"
    except OSError as error:
        problem, hint = f"can't be read: {error.strerror}", f"ls -l {path}"
    except (paramiko.PasswordRequiredException, TypeError) as error:
        problem, hint = _key_password_problem(host, error)
    except (paramiko.SSHException, ValueError, UnsupportedAlgorithm):
        problem, hint = _unreadable(host, password)
    raise AuthenticationFailed(host.alias, f"{place}: the key {host.key_file} {problem}", hint=hint)


def _key_password_problem(host: HostConfig, error: Exception) -> tuple[str, str]:
    if host.key_password:
        return "is not encrypted, but key_password is given", f"remove hosts.{host.alias}.key_password"
    return "is encrypted", f"set hosts.{host.alias}.key_password, for example to ${{KEY_PASSWORD}}, or use an agent"


def _unreadable(host: HostConfig, password: str | None) -> tuple[str, str]:
    if password:
        return "is not opened by key_password", f"check hosts.{host.alias}.key_password"
    return "is not a private key that can be read", "it should begin with -----BEGIN ... PRIVATE KEY-----"
