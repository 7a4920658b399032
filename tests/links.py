"""A way to a server that is not as good as loopback: it stalls, or swallows everything and says nothing."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

from sshd import Sshd

PIECE_BYTES = 1 << 14


class Link:
    """A TCP relay to a server, a context manager; `port` on 127.0.0.1 is its near end.

    After every `burst_bytes` from the server it holds the rest back for `pause_s`. After `freeze` nothing passes in
    either direction any more, and nobody is told.
    """

    def __init__(self, server: Sshd, *, burst_bytes: int = 1 << 62, pause_s: float = 0.0) -> None:
        self._server = server
        self._burst_bytes = burst_bytes
        self._pause_s = pause_s
        self._ended = threading.Event()
        self._frozen = threading.Event()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Link:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for sock in (self._listener, *self._ends):
            _shut_down(sock)
            sock.close()

    def freeze(self) -> None:
        self._frozen.set()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                near, _ = self._listener.accept()
                far = socket.socket()
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)  # what is held back waits in sshd
                far.connect((self._server.address, self._server.port))
            except OSError:
                return
            self._ends += [near, far]
            for source, target, pause_s in ((near, far, 0.0), (far, near, self._pause_s)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._relay, args=(source, target, pause_s), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, pause_s: float) -> None:
        passed = 0
        try:
            while data := source.recv(PIECE_BYTES):
                if self._frozen.is_set():
                    continue
                target.sendall(data)
                passed += len(data)
                if pause_s and passed >= self._burst_bytes:
                    self._ended.wait(pause_s)
                    passed = 0
        except OSError:
            pass
        if not self._frozen.is_set():
            _shut_down(target)


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
