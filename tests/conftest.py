"""What every test can ask for: a real sshd, keys, a user with a password, and a home of its own."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest
import sshd as bed
from workflow_bed import Bench, bench, local  # noqa: F401  fixtures of the workflow's tests

from benchctl.errors import RunUnreadable
from benchctl.runs.store import RunDirectory

if TYPE_CHECKING:
    from flask.testing import FlaskClient

MakeSshd = Callable[..., bed.Sshd]
SURVIVORS_S = 20.0  # only for a machine under load: what goes is gone at once


def _missing_openssh() -> str:
    """The sentence that names the package to install; empty where all is there."""
    try:
        for name in ("sshd", "ssh-keygen", "ssh"):
            bed.program(name)
    except bed.SshdMissing as error:
        return str(error)
    return ""


def pytest_configure() -> None:
    """SIGTERM and SIGHUP end a session as Ctrl-C does: its users, servers and folders are taken away first.

    What the tests start obeys all three, and SIGQUIT, also where `nohup` or a shell's `&` has the tests ignore them.
    """
    os.environ["BENCHCTL_NOISE"] = "off"  # also for runs that a module's tests share, made before `isolated` is
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_session)


def _end_session(number: int, frame: FrameType | None) -> None:
    for again in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, lambda *_: None)  # `timeout` sends it twice; what is taken away is taken away whole
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def _openssh() -> None:
    """Fails a test that needs sshd, in one sentence, where there is none."""
    if missing := _missing_openssh():
        pytest.fail(missing, pytrace=False)


def pytest_unconfigure() -> None:
    """Says it once more as the last line, below all the tests that could not run."""
    if missing := _missing_openssh():
        print(missing)


@pytest.fixture(scope="session")
def keys(_openssh: None, tmp_path_factory: pytest.TempPathFactory) -> bed.Keys:
    """Key pairs: `plain` and `encrypted` are let in by every server, `wrong` is not."""
    return bed.make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def sshd(keys: bed.Keys) -> Iterator[bed.Sshd]:
    """The server most tests share: 127.0.0.1, key auth, SFTP. Don't stop it: that is what `make_sshd` is for."""
    with bed.Sshd(authorized=keys.authorized) as server:
        yield server


@pytest.fixture
def make_sshd(keys: bed.Keys) -> Iterator[MakeSshd]:
    """Start servers of a test's own: `make_sshd(address="127.0.0.2", config=["MaxSessions 2"], ...)`.

    Takes the arguments of `sshd.Sshd`; `authorized` is the session's keys unless given.
    """
    servers: list[bed.Sshd] = []

    def make(**options: Any) -> bed.Sshd:
        server = bed.Sshd(**{"authorized": keys.authorized, **options})
        servers.append(server)
        server.start()
        return server

    yield make
    for server in reversed(servers):
        server.close()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test lasts."""
    with bed.closed_port() as port:
        yield port


@pytest.fixture(scope="session")
def password_user(_openssh: None) -> Iterator[bed.PasswordUser]:
    """A system user that can log in with a password on any of our servers."""
    if os.geteuid() != 0:
        pytest.skip("logging in with a password needs a user made for it: run the tests as root to have one made")
    user = bed.add_user(f"bctest{os.getpid()}", "pass word'\"$1")
    yield user
    bed.remove_user(user)


@pytest.fixture(autouse=True)
def isolated(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Keeps the developer's own ~/.ssh, agent and settings out of a test; yields its HOME.

    Afterwards no process of a run that the test made may be left, here or behind one of its servers.
    """
    home = Path(tempfile.mkdtemp(prefix="home-", dir=tmp_path_factory.getbasetemp()))  # `mktemp` counts all there are
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in list(os.environ):
        if name.startswith(("BENCHCTL_", "SSH_", "XDG_")) or name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BENCHCTL_NOISE", "off")  # what a run says must not depend on what else goes on here
    yield home
    left = _survivors_after_a_moment(home, tmp_path, *bed.HOMES)
    if left:
        bed.end_processes(list(left))
        lines = "\n".join(f"  {pid} {command}" for pid, command in left.items())
        pytest.fail(f"processes of a run are still there after its test:\n{lines}", pytrace=False)


def _survivors_after_a_moment(*directories: Path) -> dict[int, str]:
    marks: list[str | Path] = [*directories, *_run_uids(directories)]
    deadline = time.monotonic() + SURVIVORS_S
    while (left := bed.survivors(*marks)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _run_uids(directories: tuple[Path, ...]) -> Iterator[str]:
    for directory in directories:
        for path in directory.rglob("metadata.json"):
            try:
                uid = RunDirectory(path.parent).read_metadata().get("uid")
            except RunUnreadable:
                continue
            if isinstance(uid, str):
                yield uid


@pytest.fixture
def client(local: Bench) -> Iterator[FlaskClient]:  # noqa: F811  the fixture
    """One who asks the dashboard of the bench's results."""
    from benchctl.dashboard.app import create_app  # here, since few tests need Flask
    from benchctl.dashboard.settings import Settings

    app = create_app(Settings(local.results))
    with app.test_client() as made:
        yield made
    app.extensions["benchctl"].close()
