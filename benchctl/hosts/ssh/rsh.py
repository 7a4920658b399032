"""What rsync runs in the place of ssh: hands its three streams and its command to the benchctl that waits at a socket.

Run as a script by an interpreter without any of our packages: `rsh.py SOCKET HOST COMMAND..`.
"""

import socket
import sys


def main() -> int:
    """The command's exit status, as benchctl says it; 255, as ssh does, when nobody says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as waiting:
        waiting.connect(sys.argv[1])
        socket.send_fds(waiting, [" ".join(sys.argv[3:]).encode("utf-8", "surrogateescape")], [0, 1, 2])
        status = waiting.recv(1)
    return status[0] if status else 255


if __name__ == "__main__":
    sys.exit(main())
