"""A host behind a network that is cut: in a namespace of its own, over a link that can be taken down."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sshd as bed
from conftest import MakeSshd
from workflow_bed import Bench, error_of, on_host, pid_in

CUT_S = 35.0  # within which nothing of a run may be left on a host that is cut off
NUMBERS = itertools.count()  # a link that was taken away goes slowly
LOADED_S = 15.0  # more, for a machine with other things to do


@dataclass
class Link:
    """Two ends of a cable: `near` here, the other one in the namespace."""

    namespace: str
    near: str
    address: str

    def cut(self) -> None:
        ip("link", "set", self.near, "down")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)


@pytest.fixture
def link() -> Iterator[Link]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("a network to cut needs root and `ip`: apt-get install iproute2")
    one = next(NUMBERS)
    number = (os.getpid() + one) % 250 + 1
    made = Link(f"benchctl{os.getpid()}-{one}", f"bc{os.getpid() % 10**8}-{one}", f"198.18.{number}.2")
    try:
        ip("netns", "add", made.namespace)
        ip("link", "add", made.near, "type", "veth", "peer", "name", "far", "netns", made.namespace)
        ip("addr", "add", f"198.18.{number}.1/24", "dev", made.near)
        ip("link", "set", made.near, "up")
        ip("-n", made.namespace, "addr", "add", f"{made.address}/24", "dev", "far")
        ip("-n", made.namespace, "link", "set", "far", "up")
    except subprocess.CalledProcessError:
        ip("netns", "delete", made.namespace)
        pytest.skip("this machine lets nobody make network namespaces")
    yield made
    ip("netns", "delete", made.namespace)


@pytest.fixture
def far(tmp_path: Path, link: Link, make_sshd: MakeSshd, keys: bed.Keys) -> Bench:
    server = make_sshd(address=link.address, wrapper=["ip", "netns", "exec", link.namespace])
    return Bench(tmp_path, "far", {"far": server.as_host(keys.plain)}, server)


def test_a_cut_network_is_noticed_and_leaves_nothing_on_the_host(far: Bench, link: Link) -> None:
    pid_file, made = far.path("pid"), far.path("made.csv")
    output = {"name": "o", "remote_path": str(made)}
    stages = [
        far.stage("server", "exec sleep 300", background=True),
        far.stage("work", f"echo $$ >{pid_file}; echo 1 >{made}; exec sleep 300", outputs=[output]),
        {"name": "tell", "command": "true", "always": True},
    ]
    with far.running(*stages) as run:
        pid = pid_in(pid_file)
        link.cut()
        cut_at = time.monotonic()
        bed.wait_until(lambda: not bed.is_alive(pid), "the command on the host ends", timeout_s=CUT_S + LOADED_S)
        assert run.end(timeout_s=2 * CUT_S + LOADED_S) == 4
        took_s = time.monotonic() - cut_at
    record = run.record()
    assert on_host(record, "work").status == "lost"
    assert on_host(record, "tell").status == "succeeded"
    assert error_of(record).code == "link-lost"
    assert took_s < 2 * CUT_S + LOADED_S
    bed.wait_until(lambda: not bed.survivors(record.uid), "all of it ends there", timeout_s=CUT_S + LOADED_S)


def test_a_benchctl_that_falls_silent_leaves_nothing_on_its_hosts(far: Bench, link: Link) -> None:
    pid_file = far.path("pid")
    with far.running(far.stage("work", f"echo $$ >{pid_file}; exec sleep 300")) as run:
        pid = pid_in(pid_file)
        link.cut()
        run.process.kill()
        bed.wait_until(lambda: not bed.is_alive(pid), "the command on the host ends", timeout_s=CUT_S + LOADED_S)
    assert run.record().status == "interrupted"
