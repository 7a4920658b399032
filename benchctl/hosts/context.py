"""What Invoke and Fabric run commands in, with our runners behind it: their settings, and this machine's context."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import cast

import fabric
import invoke
import paramiko

from benchctl.hosts.commands.runner import LocalRunner, RemoteRunner, Running


def new_token() -> str:
    """What tells the supervisors of one context from those of others, in a process list."""
    return secrets.token_hex(4)


def fabric_config(shell: str = "sh -c", ssh_config: paramiko.SSHConfig | None = None) -> fabric.Config:
    """Fabric's settings with our runners in them; no file of the user's is read behind their back."""
    overrides = {
        "runners": {"remote": RemoteRunner, "local": LocalRunner},
        "run": {"in_stream": False, "shell": shell},
        "load_ssh_configs": False,
    }
    return fabric.Config(overrides=overrides, lazy=True, ssh_config=ssh_config or paramiko.SSHConfig())


class LocalContext(invoke.Context):
    """Invoke's context for this machine; `directory` is where its commands start."""

    def __init__(self, config: fabric.Config, directory: Path) -> None:
        super().__init__(config)
        self._set(running=Running(), token=new_token(), environment={}, directory=str(directory))

    def new_runner(self) -> LocalRunner:
        """What runs one command."""
        return cast(LocalRunner, self.config.runners.local(self))
