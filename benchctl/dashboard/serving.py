"""The server, until Ctrl-C: waitress, which is Python alone, needs nothing else, and has a thread for each reader."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchctl.dashboard.settings import Settings, is_loopback
from benchctl.errors import UsageError

THREADS = 240  # of which live.MOST_STREAMS may wait for news of a run that goes on


def serve(root: Path, host: str, port: int, *, names: tuple[str, ...], token: str, say: Callable[[str], None]) -> None:
    """Serve a results directory until SIGINT or SIGTERM. token: one is made where others can reach it.

    Raises UsageError where the address can't be had.
    """
    from waitress.server import create_server

    from benchctl.dashboard.app import create_app, warm_up

    listening = _listen(host, port)
    port = listening.getsockname()[1]
    settings = Settings(root, host, port, token, frozenset(name.lower() for name in names))
    if not token and not is_loopback(host):
        settings = replace(settings, token=secrets.token_urlsafe(24))
    app = create_app(settings)
    server = create_server(
        app, sockets=[listening], threads=THREADS, ident="benchctl", max_request_body_size=1 << 16, channel_timeout=60
    )
    warm_up(app)
    say(_welcome(settings))

    def stop(number: int, frame: FrameType | None) -> None:
        app.extensions["benchctl"].close()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run()
    server.close()


def _listen(host: str, port: int) -> socket.socket:
    listening = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        if listening:
            listening.close()
        text = f"can't listen on {host} port {port}: {error.strerror or error}"
        raise UsageError(text, hint="--port 0 takes a free one") from error
    return listening


def _welcome(settings: Settings) -> str:
    link = f"http://{settings.shown_host}:{settings.port}/"
    if not settings.token:
        return f"{link}  (runs of {settings.root}; Ctrl-C stops it)"
    warning = "Others can reach this address. Only who has this link can look, but it is not encrypted on its way:"
    return f"{warning}\n{link}?token={settings.token}"


def flushed(text: str) -> None:
    """Print, also where stdout is a file or a pipe that somebody waits for."""
    print(text, flush=True)
