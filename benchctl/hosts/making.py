"""The live host for an entry of `hosts:`."""

from __future__ import annotations

from pathlib import Path

import fabric

from benchctl.config.model import HostConfig
from benchctl.hosts.host import Host
from benchctl.hosts.local import LocalHost
from benchctl.hosts.remote import RemoteHost
from benchctl.hosts.ssh.connection import Connection


def make_host(config: HostConfig, fabric_config: fabric.Config, directory: Path, gateway: Connection | None) -> Host:
    """The live host for one entry of `hosts:`; no socket is opened."""
    if config.is_local:
        return LocalHost(config, fabric_config, directory)
    return RemoteHost(config, Connection(config, config=fabric_config, gateway=gateway))
