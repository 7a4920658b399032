"""A real sshd for the tests: its own process, port, keys and home, gone without a trace when it stops.

    with Sshd(authorized=[keys.plain.public]) as server:
        Connection(server.address, port=server.port, user=server.username, ...)

It needs no root. As root it can also let other users in, by key or by password.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchctl.hosts.commands.process import Process

NEEDS_SSHD = (
    "these tests need OpenSSH's server: apt-get install openssh-server (Debian/Ubuntu), "
    "dnf install openssh-server (Fedora)"
)
START_S = 60.0  # these only bound failures: a loaded machine may take long
STOP_S = 60.0
HOMES: set[Path] = set()  # of every server this session has had, so that no process left behind one goes unseen


class SshdMissing(Exception):
    """This machine has no sshd, or none of the tools that come with it."""


def program(name: str) -> str:
    """The absolute path of one of OpenSSH's programs; sshd refuses to be called by any other."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise SshdMissing(NEEDS_SSHD)
    return os.path.abspath(found)


def wait_until(condition: Callable[[], object], what: str, *, timeout_s: float, interval_s: float = 0.005) -> None:
    """Return once `condition()` holds; AssertionError naming `what` when it doesn't within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(interval_s)


# --- keys


@dataclass(frozen=True)
class Key:
    """A key pair on disk; `passphrase` is empty for a plain one."""

    path: Path
    passphrase: str = ""

    @property
    def public(self) -> str:
        """The line for authorized_keys."""
        return self.path.with_name(f"{self.path.name}.pub").read_text().strip()

    @property
    def fingerprint(self) -> str:
        """As OpenSSH prints it: `SHA256:...`."""
        listing = subprocess.run(
            [program("ssh-keygen"), "-lf", f"{self.path}.pub"],
            check=True,
            capture_output=True,
            text=True,
            timeout=START_S,
        )
        return listing.stdout.split()[1]


@dataclass(frozen=True)
class Keys:
    """The users' keys: two that the servers let in, and one that they don't know."""

    plain: Key
    encrypted: Key
    wrong: Key

    @property
    def authorized(self) -> list[str]:
        return [self.plain.public, self.encrypted.public]


def make_key(path: Path, passphrase: str = "") -> Key:
    """A new ed25519 pair at `path` and `path`.pub."""
    subprocess.run(
        [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", passphrase, "-C", path.name, "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=START_S,
    )
    return Key(path, passphrase)


def make_keys(directory: Path) -> Keys:
    """The three pairs that a test session needs."""
    return Keys(
        plain=make_key(directory / "plain"),
        encrypted=make_key(directory / "encrypted", "correct horse"),
        wrong=make_key(directory / "wrong"),
    )


# --- the server


class Sshd:
    """One sshd on a loopback address, running between `start` and `stop` (or as a context manager).

    address: 127.0.0.1, or any other of 127.0.0.0/8 to play a second machine.
    authorized: public keys that may log in, as any user.
    config: lines of sshd_config that win over ours, such as "MaxSessions 2".
    wrapper: words before sshd's own, such as those that enter a network namespace.
    sftp: False leaves the SFTP subsystem out.
    environment: what every session finds in its environment. Its HOME is a clean `home`, since bash
    sources ~/.bashrc under sshd; the working directory is still the user's own home directory,
    which sshd takes from the password file.
    """

    def __init__(
        self,
        *,
        authorized: Sequence[str] = (),
        address: str = "127.0.0.1",
        config: Sequence[str] = (),
        wrapper: Sequence[str] = (),
        sftp: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.address = address
        self.port = 0
        self.username = getpass.getuser()
        self.config = tuple(config)
        self.wrapper = tuple(wrapper)
        self.sftp = sftp
        # Not pytest's tmp_path: other users must be able to enter it.
        self.directory = Path(tempfile.mkdtemp(prefix="benchctl-sshd-"))
        self.directory.chmod(0o755)
        self.home = self.directory / "home"
        self.home.mkdir()
        self.home.chmod(0o1777)
        HOMES.add(self.home)
        self.log_path = self.directory / "sshd.log"
        self.environment = {"HOME": str(self.home), **(environment or {})}
        self._authorized_keys = self.directory / "authorized_keys"
        self.authorize(*authorized)
        self._host_keys = 0
        self.host_key = self._new_host_key()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # what a client needs to know

    @property
    def fingerprint(self) -> str:
        """The host key's: `SHA256:...`."""
        return self.host_key.fingerprint

    @property
    def known_hosts_line(self) -> str:
        kind, blob = self.host_key.public.split()[:2]
        return f"[{self.address}]:{self.port} {kind} {blob}"

    def as_host(self, key: Key | None = None, **more: object) -> dict[str, object]:
        """An entry for `hosts:` in a config file: ip, port, username, the key's file and passphrase, and `more`."""
        entry: dict[str, object] = {"ip": self.address, "port": self.port, "username": self.username}
        if key is not None:
            entry["key_file"] = str(key.path)
            if key.passphrase:
                entry["key_password"] = key.passphrase
        return {**entry, **more}

    # its life

    @property
    def pid(self) -> int:
        """The listener's; its sessions are its children."""
        assert self._process is not None, "sshd is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Listen: on the port it had, or on a free one the first time."""
        if self.port:
            self._listen()
        else:
            self._listen_on_a_free_port()

    def stop(self, *, drop: bool = True) -> None:
        """Stop listening; open connections end as well, unless `drop` is False."""
        if self._process is None:
            return
        sessions = self.sessions() if drop else []
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process = None
        end_processes(sessions)

    def restart(self, *, new_host_key: bool = False) -> None:
        """Stop and listen again on the same port, with another host key if asked."""
        self.stop()
        if new_host_key:
            self.host_key = self._new_host_key()
        self.start()

    def close(self) -> None:
        """Stop and remove the directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def authorize(self, *public_keys: str) -> None:
        """Let these keys in from the next connection on."""
        with self._authorized_keys.open("a") as file:
            file.writelines(f"{key}\n" for key in public_keys)

    # its connections

    def sessions(self) -> list[int]:
        """Pids of the sshd processes that serve connections; killing them all cuts every connection."""
        if not self.is_running:
            return []
        return [pid for pid in descendants(self.pid) if process_name(pid).startswith("sshd")]

    def drop_connections(self) -> None:
        """Cut every open connection, as a crash of the host would; returns when they are gone."""
        sessions = self.sessions()
        send_signal(sessions, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, sessions)), "sshd's sessions end", timeout_s=STOP_S)

    def log(self) -> str:
        """What sshd said since its first start."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # how it is done

    def _new_host_key(self) -> Key:
        self._host_keys += 1
        return make_key(self.directory / f"host_key_{self._host_keys}")

    def _listen_on_a_free_port(self) -> None:
        if self.wrapper:  # nobody else listens in a namespace of its own
            self.port = 2222
            self._listen()
            return
        for attempts_left in reversed(range(5)):
            self.port = free_port(self.address)
            try:
                self._listen()
                break
            except AssertionError:
                # Somebody else may have taken the port between our look and sshd's bind.
                if "in use" not in self.log() or not attempts_left:
                    raise

    def _listen(self) -> None:
        config_path = self.directory / "sshd_config"
        config_path.write_text("\n".join(self._config_lines()) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        said_before = len(self.log())
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, program("sshd"), "-D", "-e", "-f", str(config_path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

        def listens_or_ended() -> bool:
            return "Server listening on" in self.log()[said_before:] or not self.is_running

        wait_until(listens_or_ended, f"sshd listens on {self.address}:{self.port}", timeout_s=START_S)
        if not self.is_running:
            self._process = None
            raise AssertionError(f"sshd did not start:\n{self.log()[said_before:]}")

    def _config_lines(self) -> Iterator[str]:
        # sshd takes the first value it meets: the test's own lines come first.
        yield from self.config
        yield f"ListenAddress {self.address}:{self.port}"
        yield f"HostKey {self.host_key.path}"
        yield f"AuthorizedKeysFile {self._authorized_keys}"
        yield "SetEnv " + " ".join(f'"{name}={value}"' for name, value in self.environment.items())
        if self.sftp:
            yield "Subsystem sftp internal-sftp"
        yield from (
            "PidFile none",
            "LogLevel VERBOSE",
            "StrictModes no",
            "PermitRootLogin yes",
            "PubkeyAuthentication yes",
            "PasswordAuthentication yes",
            "KbdInteractiveAuthentication no",
            # Without PAM sshd turns away accounts whose password is locked, as root's is on some systems.
            f"UsePAM {'yes' if has_locked_password(self.username) else 'no'}",
            "UseDNS no",
            "PrintMotd no",
            "PrintLastLog no",
            "MaxStartups 100:30:200",
        )


def free_port(address: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def started(process: Process) -> Process:
    """What a host has prepared, told to go."""
    process.go()
    return process


@contextmanager
def closed_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that refuses, and that nobody else is given meanwhile; a server with SO_REUSEADDR may listen there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, 0))
        yield int(held.getsockname()[1])


# --- processes, read from /proc


def all_pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def stat_fields(pid: int) -> tuple[str, str, int] | None:
    """(name, state, parent) of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    state, parent = rest.split()[:2]
    return name, state, int(parent)


def process_name(pid: int) -> str:
    fields = stat_fields(pid)
    return fields[0] if fields else ""


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    fields = stat_fields(pid)
    return fields is not None and fields[1] not in "ZX"


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, parents first."""
    children: dict[int, list[int]] = {}
    for other in all_pids():
        fields = stat_fields(other)
        if fields:
            children.setdefault(fields[2], []).append(other)
    found = list(children.get(pid, ()))
    for child in found:
        found.extend(children.get(child, ()))
    return found


def process_environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone or not ours to read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (entry.partition("=") for entry in raw.decode(errors="replace").split("\0") if "=" in entry)
    return {name: value for name, _, value in pairs}


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def survivors(*marks: str | Path) -> dict[int, str]:
    """Processes a benchmark left behind: pid -> command line.

    A mark is a run's uid, or a directory: then it is every process of a run that was kept below it or
    whose HOME is below it. Only processes that carry a BENCHCTL_RUN_ variable count.
    """
    found = {}
    for pid in all_pids():
        environment = process_environment(pid)
        if pid != os.getpid() and any(belongs_to(environment, mark) for mark in marks) and is_alive(pid):
            found[pid] = command_line(pid)
    return found


def belongs_to(environment: Mapping[str, str], mark: str | Path) -> bool:
    ours = {name: value for name, value in environment.items() if name.startswith("BENCHCTL_RUN_")}
    if not ours:
        return False
    if isinstance(mark, str) and not mark.startswith("/"):
        return ours.get("BENCHCTL_RUN_UID") == mark
    places = [ours.get("BENCHCTL_RUN_DIR", ""), environment.get("HOME", "")]
    return any(place.startswith("/") and Path(place).is_relative_to(mark) for place in places)


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end_processes(pids: Sequence[int]) -> None:
    """SIGTERM, then SIGKILL for those that don't mind it."""
    send_signal(pids, signal.SIGTERM)
    try:
        wait_until(lambda: not any(map(is_alive, pids)), "processes end", timeout_s=1.0)
    except AssertionError:
        send_signal(pids, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, pids)), "killed processes end", timeout_s=STOP_S)


# --- users with a password


@dataclass(frozen=True)
class PasswordUser:
    """A system user made for the tests; any Sshd lets it in by its password."""

    name: str
    password: str
    home: Path


def add_user(name: str, password: str) -> PasswordUser:
    """Create a system user (root only) with a home of its own and /bin/sh."""
    home = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    command = [program("useradd"), "--no-create-home", "--home-dir", str(home), "--shell", "/bin/sh", name]
    subprocess.run(command, check=True, capture_output=True, timeout=START_S)
    subprocess.run([program("chpasswd")], input=f"{name}:{password}\n".encode(), check=True, timeout=START_S)
    shutil.chown(home, name)
    return PasswordUser(name, password, home)


def remove_user(user: PasswordUser) -> None:
    """End what still runs as the user, then remove it and its home."""
    end_processes([pid for pid in all_pids() if owner(pid) == user.name])
    subprocess.run([program("userdel"), user.name], check=True, capture_output=True, timeout=START_S)
    shutil.rmtree(user.home, ignore_errors=True)


def has_locked_password(name: str) -> bool:
    """Whether `passwd -l` was used on the account; False where we may not know."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return False
    return any(line.startswith(f"{name}:!") for line in lines)


def owner(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}").owner()
    except (FileNotFoundError, KeyError):
        return ""
