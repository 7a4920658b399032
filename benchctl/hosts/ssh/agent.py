"""The keys that the user's ssh-agent holds."""

from __future__ import annotations

import os
import socket

import paramiko
from paramiko.agent import AgentSSH

ANSWER_S = 5.0
CONFIRM_S = 15.0  # an agent may ask its user before it signs


class AgentUnusable(Exception):
    """Why there are no keys to be had of the agent, in words that follow its name."""


class Agent(AgentSSH):
    """A connection to the agent at $SSH_AUTH_SOCK. Raises AgentUnusable when it is gone or says nothing."""

    def __init__(self, place: str) -> None:
        super().__init__()
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(ANSWER_S)
        try:
            sock.connect(place)
            self._connect(sock)  # type: ignore[attr-defined]  # the types leave it out
        except (OSError, paramiko.SSHException) as error:
            sock.close()
            raise AgentUnusable(_why(error)) from error
        sock.settimeout(CONFIRM_S)

    def keys_by_blob(self) -> dict[bytes, paramiko.PKey]:
        """What it holds, in its order; a public key's blob tells which is which."""
        return {key.blob: key for key in self.get_keys()}

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


def agent_place() -> str:
    """Where the agent listens; empty when there is none."""
    return os.environ.get("SSH_AUTH_SOCK", "")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer"
    return f"can't be used: {getattr(error, 'strerror', None) or error}"
