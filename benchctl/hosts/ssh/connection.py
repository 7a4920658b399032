"""An SSH connection as benchctl wants it: Fabric's, with host keys checked and errors that say the cure."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import fabric
import paramiko

from benchctl.config.model import HostConfig
from benchctl.errors import HostError, HostUnfit, HostUnreachable, LinkLost
from benchctl.hosts.commands.runner import RemoteRunner, Running
from benchctl.hosts.context import new_token
from benchctl.hosts.ssh.credentials import Credentials
from benchctl.hosts.ssh.jumps import hops_to, proxy_command
from benchctl.hosts.ssh.keepalive import Keepalive
from benchctl.hosts.ssh.known_hosts import HostKeyPolicy, fingerprint, known_hosts_name, matching_keys
from benchctl.hosts.ssh.route import CommandSocket, Destination, FirstWords
from benchctl.hosts.ssh.sessions import SESSION_TIMEOUT_S, Sessions, is_refusal

AUTH_TIMEOUT_S = 15.0


class Connection(fabric.Connection):  # type: ignore[misc]  # Fabric is untyped
    """A Fabric connection to one host of a benchmark. Creating one opens no socket.

    Raises HostError's subclasses from `open()`, told apart by how far it came: name, route, banner, host
    key, authentication. Sessions beyond what one takes go over a second connection of the same kind.
    """

    _sessions: Sessions

    def __init__(self, host: HostConfig, *, config: fabric.Config, gateway: Connection | None = None) -> None:
        super().__init__(
            host=host.ip or host.alias,
            user=host.username,
            port=host.port,
            config=config,
            gateway=gateway or _route(host.ip or host.alias, config) or False,
            forward_agent=False,
            connect_timeout=host.connect_timeout_s,
        )
        self._set(
            entry=host,
            alias=host.alias,
            running=Running(),
            token=new_token(),
            environment={},  # what every command run on it gets
            directory=None,  # where `local` commands start: in the current one
            connect_timeout=host.connect_timeout_s,  # Fabric cuts off its fraction
            connect_kwargs={},
            host_key=None,  # its fingerprint, once known
            host_key_is_new=False,
            host_key_is_kept=True,  # a new one, in known_hosts
            reopened=0,  # how often it was opened again after it had been lost
            _sessions=Sessions(self, self._make_spare),
            _owns_gateway=True,
            _keepalive=None,
            _open_lock=threading.RLock(),
        )

    def derive_shorthand(self, host_string: str) -> dict[str, Any]:
        """Nothing is taken apart: a host of ours is an address and no more."""
        return {"user": None, "host": host_string, "port": None}

    @property
    def place(self) -> str:
        """Where it leads, for messages: `db (10.0.0.5)` or `db (10.0.0.5:2201)`."""
        return f"{self.alias} ({self.host})" if self.port == 22 else f"{self.alias} ({self.host}:{self.port})"

    @property
    def way(self) -> list[Connection]:
        """The connections that lead there: its gateways, the first one first, and itself."""
        return [*(self.gateway.way if isinstance(self.gateway, Connection) else []), self]

    # Opening

    def open(self) -> None:
        with self._open_lock:
            if not self.is_connected:
                self._open()

    def _open(self) -> None:
        policy = self._host_key_policy()
        credentials = Credentials.of(self.entry, self.ssh_config, self.place)
        try:
            sock = FirstWords(self.open_gateway() if self.gateway else self._destination().connect())
            self._greet(sock, policy, credentials)
        except BaseException:
            self._close_gateway()
            raise
        finally:
            credentials.close()
        if self._keepalive is not None:
            self._keepalive.stop()
            self._set(reopened=self.reopened + 1)
        self._set(_keepalive=Keepalive(self.transport, sock, self.ssh_config))
        self._keepalive.start()

    def _greet(self, sock: FirstWords, policy: HostKeyPolicy, credentials: Credentials) -> None:
        try:
            self._handshake(sock, policy, credentials)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._explain(error, sock, credentials) from error
        finally:
            if not self.is_connected:
                self.client.close()
                sock.close()

    def _destination(self) -> Destination:
        return Destination(self.alias, self.place, self.host, self.port, self.connect_timeout)

    def _handshake(self, sock: Any, policy: HostKeyPolicy, credentials: Credentials) -> None:
        name = known_hosts_name(self.host, self.port)
        known_types = [key.type for file in policy.files for key in matching_keys(file, name) if not key.marker]
        self._set(client=paramiko.SSHClient())
        self.client.set_missing_host_key_policy(_Asked(self, policy, name))
        self.client.connect(
            hostname=self.host,
            port=self.port,
            username=self.user,
            sock=sock,
            timeout=self.connect_timeout,
            banner_timeout=self.connect_timeout,
            auth_timeout=AUTH_TIMEOUT_S,
            channel_timeout=SESSION_TIMEOUT_S,
            transport_factory=partial(_transport, known_types=known_types),
            auth_strategy=_Strategy(credentials, self.user),
        )
        self._set(transport=self.client.get_transport())

    def _host_key_policy(self) -> HostKeyPolicy:
        named = self.ssh_config.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
        return HostKeyPolicy.of(self.alias, self.entry.host_key, named)

    def open_gateway(self) -> Any:
        if isinstance(self.gateway, str):
            return CommandSocket(self.gateway, host=self.host, port=self.port, user=self.user)
        self.gateway.open()
        try:
            return self.gateway.tcp(self.host, self.port, self.connect_timeout)
        except OSError as error:
            raise HostUnreachable(
                self.alias,
                f"{self.place} can't be reached from its gateway {self.gateway.place}: {error}",
                hint=f"is sshd running there on port {self.port}, and does {self.gateway.alias} allow forwarding?",
            ) from error

    def _close_gateway(self) -> None:
        if self._owns_gateway and isinstance(self.gateway, Connection):
            self.gateway.close()

    def _explain(self, error: Exception, sock: FirstWords, credentials: Credentials) -> HostError:
        """The same failure in our words, by the stage that the connection had reached."""
        transport = self.client.get_transport()
        if transport is None or not transport.remote_version:
            return self._no_ssh(sock)
        if not transport.initial_kex_done:
            return HostUnreachable(
                self.alias,
                f"{self.place}: the SSH handshake failed: {error}",
                hint=f"it is {transport.remote_version}; `ssh -v -p {self.port} {self.host}` shows what it wants",
            )
        accepted = getattr(error, "allowed_types", [])
        hung_up = isinstance(error, paramiko.AuthenticationException) and not transport.is_active()
        return credentials.refusal(self.entry, self.user, self.place, accepted=accepted, hung_up=hung_up)

    def _no_ssh(self, sock: FirstWords) -> HostUnreachable:
        if sock.first_line:
            problem = f"is not an SSH server; it says '{sock.first_line}'"
            hint = f"hosts.{self.alias}.port is {self.port}; on which one does sshd listen?"
        elif sock.has_ended:
            problem = "ends the connection before a word is said"
            hint = "is sshd too busy (MaxStartups), or does a firewall or hosts.deny turn us away?"
            if isinstance(self.gateway, str):
                said = f" says '{sock.last_words}' and" if sock.last_words else ""
                problem = f"can't be reached: its ProxyCommand{said} ends before a word is said"
                hint = f"`{self.gateway}` stands in ~/.ssh/config; does it work by itself?"
        else:
            problem = "accepts the connection but says nothing"
            hint = "is that port really sshd's, or is the machine too busy to answer?"
        return HostUnreachable(self.alias, f"{self.place} {problem}", hint=hint)

    # Using

    def new_runner(self) -> RemoteRunner:
        """What runs one command."""
        return cast(RemoteRunner, self._remote_runner())

    def execute(self, command: str) -> paramiko.Channel:
        """A session in which `command` runs, perhaps since a while: see `execute_ahead`. Raises LinkLost."""
        self.open()
        return self._sessions.execute(command)

    def execute_ahead(self, command: str) -> None:
        """Start a command that waits for its input before that is there, for the next `execute` of it.

        Saves the next stage two round trips and the start of a shell. When it can't be done, that is for whoever
        needs the command to say.
        """
        if self.is_connected:
            self._sessions.execute_ahead(command)

    def create_session(self) -> paramiko.Channel:
        """A new session channel, over a second connection when this one has as many as it may.

        A connection that turns out to be gone is opened again, once. Raises LinkLost, and what `open` does.
        """
        try:
            self.open()
            return self._sessions.create()
        except LinkLost:
            if self.is_connected:
                raise
        self.open()
        return self._sessions.create()

    def _make_spare(self) -> Connection:
        gateway = self.gateway if isinstance(self.gateway, Connection) else None
        spare = Connection(self.entry, config=self.config, gateway=gateway)
        spare._set(_owns_gateway=gateway is None)
        return spare

    def sftp(self) -> paramiko.SFTPClient:
        """For tasks that want Fabric's `get` and `put`. Raises HostUnfit where sshd has no SFTP."""
        if self._sftp is None or self._sftp.get_channel().closed:
            channel = self.create_session()
            try:
                channel.invoke_subsystem("sftp")
                self._set(_sftp=paramiko.SFTPClient(channel))
            except (paramiko.SSHException, EOFError) as error:
                channel.close()
                raise HostUnfit(
                    self.alias,
                    f"{self.place} has no SFTP, which get and put need",
                    hint="`Subsystem sftp internal-sftp` in its sshd_config adds it; outputs and copies need none",
                ) from error
        return cast(paramiko.SFTPClient, self._sftp)

    def tcp(self, host: str, port: int, timeout_s: float) -> paramiko.Channel:
        """A connection to host:port as seen from there. Raises OSError as a socket would."""
        self.open()
        try:
            channel = self.transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout_s)
        except paramiko.ChannelException as error:
            if error.code == 1:
                raise ForwardingForbidden("it forbids forwarding") from error
            raise ConnectionRefusedError(error.text.lower()) from error  # paramiko keeps sshd's reason to itself
        except (paramiko.SSHException, EOFError) as error:
            raise (
                ConnectionRefusedError("connect failed") if is_refusal(error) else TimeoutError("no answer")
            ) from error
        return cast(paramiko.Channel, channel)

    def round_trip(self, channel: paramiko.Channel) -> None:
        """Return once the sshd behind a session has answered: what it had sent before is here then.

        At once when it is gone.
        """
        spare = self._sessions.spare
        if spare is not None and channel.get_transport() is not self.transport:
            spare.round_trip(channel)
        elif self._keepalive is not None:
            self._keepalive.round_trip()

    def close(self) -> None:
        if self._keepalive is not None:
            self._keepalive.stop()
            self._set(_keepalive=None)
        if self._sessions.spare is not None:
            self._sessions.spare.close()
        if self._sftp is not None:
            self._sftp.close()
            self._set(_sftp=None)
        self.client.close()
        self._close_gateway()


class ForwardingForbidden(OSError):
    """sshd does not allow direct-tcpip channels."""


class _Strategy:
    """How paramiko wants to be told of credentials."""

    def __init__(self, credentials: Credentials, user: str) -> None:
        self._credentials, self._user = credentials, user

    def authenticate(self, transport: paramiko.Transport) -> None:
        self._credentials.authenticate(transport, self._user)


class _Asked(paramiko.MissingHostKeyPolicy):
    """Puts every host key before our policy: paramiko is told of no known ones."""

    def __init__(self, connection: Connection, policy: HostKeyPolicy, name: str) -> None:
        self._connection, self._policy, self._name = connection, policy, name

    def missing_host_key(self, client: Any, hostname: str, key: paramiko.PKey) -> None:
        is_new = self._policy.check(self._name, key)
        is_kept = self._policy.record_to is not None
        self._connection._set(host_key=fingerprint(key), host_key_is_new=is_new, host_key_is_kept=is_kept)


def _transport(sock: Any, *, known_types: Sequence[str], **kwargs: Any) -> paramiko.Transport:
    """A transport that asks for a host key of a type we know, and for AES-GCM: faster than CTR with a MAC."""
    transport = paramiko.Transport(sock, **kwargs)
    transport.set_log_channel("benchctl.paramiko")
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)
    options.key_types = sorted(options.key_types, key=lambda name: not _is_known(name, known_types))
    return transport


def _is_known(algorithm: str, known_types: Sequence[str]) -> bool:
    return algorithm in known_types or (algorithm.startswith("rsa-sha2-") and "ssh-rsa" in known_types)


def _route(name: str, config: fabric.Config) -> Connection | str | None:
    """The gateway that ~/.ssh/config names: ProxyJump's hops in their order, else a ProxyCommand.

    Raises ConfigError when the hops lead in a circle.
    """
    gateway = None
    for hop in hops_to(name, config.base_ssh_config):
        entry = HostConfig(alias=hop.name, ip=hop.name, username=hop.user, port=hop.port)
        gateway = Connection(entry, config=config, gateway=gateway)
    return proxy_command(name, config.base_ssh_config) if gateway is None else gateway
