"""What a host is offered for authentication, and what to say when it takes none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import AuthenticationFailed
from benchctl.hosts.ssh.agent import Agent, AgentUnusable, agent_place
from benchctl.hosts.ssh.key_files import KeyUnusable, Trouble, load_key, public_blob
from benchctl.hosts.ssh.known_hosts import fingerprint

DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True)
class Offer:
    """A key, and what messages call it."""

    key: paramiko.PKey = field(repr=False)
    words: str


class Credentials:
    """What a host is offered, in its order, and what of it could not be used.

    With a key_file or a password in the config nothing else is tried: every key offered counts against
    sshd's MaxAuthTries, and the right one may come too late.
    """

    def __init__(
        self,
        keys: Sequence[Offer],
        *,
        password: str | None = None,
        unusable: Sequence[str] = (),
        agent: Agent | None = None,
    ) -> None:
        self._keys = tuple(keys)
        self._password = password
        self._unusable = tuple(unusable)
        self._agent = agent
        self._offered = 0

    @classmethod
    def of(cls, host: HostConfig, settings: Mapping[str, Any], place: str) -> Credentials:
        """Raises AuthenticationFailed when the key_file can't be used as it is."""
        if host.key_file or host.password:
            return _declared(host, place)
        return _found(host, settings)

    def authenticate(self, transport: paramiko.Transport, user: str) -> None:
        """Offer the keys until one is taken, then the password. Raises what paramiko does."""
        failure: Exception = paramiko.AuthenticationException("there is nothing to offer")
        for offer in self._keys:
            self._offered += 1
            try:
                wanted = transport.auth_publickey(user, offer.key)
            except paramiko.SSHException as error:
                failure = error
                if not transport.is_active():
                    break
            else:
                if not wanted:
                    return
                failure = paramiko.BadAuthenticationType("the key is not enough", wanted)
                break
        if self._password is None or not transport.is_active():
            raise failure
        self._offered += 1
        if wanted := transport.auth_password(user, self._password):
            raise paramiko.BadAuthenticationType("the password is not enough", wanted)

    def close(self) -> None:
        """The agent is not needed any more."""
        if self._agent:
            self._agent.close()

    def refusal(
        self, host: HostConfig, user: str, place: str, *, accepted: Sequence[str], hung_up: bool
    ) -> AuthenticationFailed:
        """The error for a server that took none of this.

        accepted: the methods it named. hung_up: it ended the connection before it had seen all.
        """
        takes = f"; it accepts {', '.join(accepted)}" if accepted else ""
        unusable = ", ".join(self._unusable)
        offers = [offer.words for offer in self._keys] + ["the password"] * (self._password is not None)
        if not offers:
            but = f" but {unusable}" if unusable else ""
            return AuthenticationFailed(
                host.alias,
                f"{place}: there is nothing to authenticate {user} with{but}{takes}",
                hint=f"give hosts.{host.alias} a key_file or a password, or start an agent (ssh-add)",
            )
        if hung_up and self._offered > 1:
            return AuthenticationFailed(
                host.alias,
                f"{place} hung up on {user} after {self._offered} of {len(offers)} attempts, as its MaxAuthTries says: "
                f"{_listed(offers[: self._offered])}",
                hint=f"name the right key by hosts.{host.alias}.key_file, or by IdentityFile with `IdentitiesOnly yes` "
                "in ~/.ssh/config",
            )
        rest = f"; not offered: {unusable}" if unusable else ""
        return AuthenticationFailed(
            host.alias,
            f"{place} does not let {user} in with {_listed(offers)}{rest}{takes}",
            hint=self._cure(host, user, accepted),
        )

    def _cure(self, host: HostConfig, user: str, accepted: Sequence[str]) -> str:
        if host.password and not host.key_file:
            if accepted and "password" not in accepted:
                return f"this sshd takes no passwords; give hosts.{host.alias} a key_file"
            return f"check hosts.{host.alias}.username and password"
        return f"is the public key in ~{user}/.ssh/authorized_keys there, and is hosts.{host.alias}.username right?"


def _listed(words: Sequence[str]) -> str:
    """Each once: an agent's keys all have the same name."""
    return ", ".join(dict.fromkeys(words))


def _declared(host: HostConfig, place: str) -> Credentials:
    keys = []
    if host.key_file:
        key = _declared_key(host, place)
        keys.append(Offer(key, f"the key {host.key_file} ({fingerprint(key)})"))
    return Credentials(keys, password=str(host.password) if host.password else None)


def _declared_key(host: HostConfig, place: str) -> paramiko.PKey:
    path = Path(str(host.key_file)).expanduser()
    try:
        return load_key(path, _key_password(host))
    except KeyUnusable as error:
        setting = f"hosts.{host.alias}.key_password"
        hints = {
            Trouble.MISSING: f"check hosts.{host.alias}.key_file",
            Trouble.UNREADABLE: f"ls -l {path}",
            Trouble.ENCRYPTED: f"set {setting}, for example to ${{KEY_PASSWORD}}, or use an agent",
            Trouble.NOT_ENCRYPTED: f"remove {setting}",
            Trouble.WRONG_PASSWORD: f"check {setting}",
            Trouble.NO_KEY: "it should begin with -----BEGIN ... PRIVATE KEY-----",
        }
        why = f"{error.trouble.value}: {error.detail}" if error.detail else error.trouble.value
        hint = hints[error.trouble]
        raise AuthenticationFailed(host.alias, f"{place}: the key {host.key_file} {why}", hint=hint) from error


def _key_password(host: HostConfig) -> str | None:
    return str(host.key_password) if host.key_password else None


def _found(host: HostConfig, settings: Mapping[str, Any]) -> Credentials:
    """The keys that ~/.ssh/config names, or the usual ones, and the agent's: as OpenSSH would."""
    unusable: list[str] = []
    agent = _agent(unusable)
    held = agent.keys_by_blob() if agent else {}
    keys = []
    for path in _identity_files(settings):
        try:
            keys.append(Offer(_file_or_agent_key(path, _key_password(host), held), f"the key {path}"))
        except KeyUnusable as error:
            if error.trouble is not Trouble.MISSING:
                unusable.append(f"the key {path} ({_trouble(error)})")
    known = {offer.key.asbytes() for offer in keys}
    others = [key for key in held.values() if key.asbytes() not in known]
    if others and settings.get("identitiesonly", "no").lower() == "yes":
        unusable.append("the agent's other keys (IdentitiesOnly)")
        others = []
    keys += [Offer(key, f"the agent's {len(others)} keys" if len(others) > 1 else "the agent's key") for key in others]
    return Credentials(keys, unusable=unusable, agent=agent)


def _identity_files(settings: Mapping[str, Any]) -> list[Path]:
    named = [Path(name).expanduser() for name in settings.get("identityfile", [])]
    return named or [Path.home() / ".ssh" / name for name in DEFAULT_KEYS]


def _file_or_agent_key(path: Path, password: str | None, held: Mapping[bytes, paramiko.PKey]) -> paramiko.PKey:
    """The key of a file; the agent's where that needs a password, or the file is but the public half. KeyUnusable."""
    try:
        return load_key(path, None)
    except KeyUnusable as error:
        if (blob := public_blob(path)) and blob in held:
            return held[blob]
        if error.trouble is Trouble.ENCRYPTED and password:
            return load_key(path, password)
        raise


def _trouble(error: KeyUnusable) -> str:
    if error.trouble is Trouble.ENCRYPTED:
        return "encrypted; set key_password or use ssh-add"
    return f"{error.trouble.value}: {error.detail}" if error.detail else error.trouble.value


def _agent(unusable: list[str]) -> Agent | None:
    if not (place := agent_place()):
        return None
    try:
        agent = Agent(place)
    except AgentUnusable as error:
        unusable.append(f"the agent at {place}, which {error}")
        return None
    if not agent.get_keys():
        unusable.append("the agent, which holds no keys")
    return agent
