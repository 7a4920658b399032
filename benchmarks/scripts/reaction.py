"""Usage: reaction.py FOLDER PORT ROUNDS. Writes FOLDER/times.csv: subject, round, seconds.

How long after a port opens the next stage begins, here and on a host over SSH: the server writes down the moment
before it listens, the next stage the moment it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from measuring import Server, in_turns, keep

LISTEN = (
    "import socket,time; time.sleep(0.7); s=socket.create_server(('127.0.0.1', PORT)); "
    "open('FOLDER/opened','w').write(repr(time.time())); time.sleep(60)"
)


def main() -> None:
    folder, port, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    server = Server(folder, port)
    measures = [lambda host=host: reaction(server, host) for host in ("local", "h1")]
    keep(folder / "times.csv", in_turns(measures, rounds))


def reaction(server: Server, host: str) -> Mapping[str, float]:
    port = str(int(server.port) + 1)
    listen = LISTEN.replace("PORT", port).replace("FOLDER", str(server.folder))
    stages = (
        f'  - {{name: serve, host: {host}, command: "exec python3 -c \\"{listen}\\"",'
        f' health_check: {{type: port, target: "{port}"}}}}\n'
        f"  - {{name: next, host: {host}, command: 'date +%s.%N >{server.folder}/began'}}\n"
    )
    server.run_benchctl(server.config("reaction", stages))
    opened, began = (float((server.folder / name).read_text()) for name in ("opened", "began"))
    return {"here" if host == "local" else "over SSH": began - opened}


if __name__ == "__main__":
    main()
