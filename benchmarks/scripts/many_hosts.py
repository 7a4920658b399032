"""Usage: many_hosts.py FOLDER PORT ROUNDS. Writes FOLDER/times.csv: subject, round, seconds.

`true` on 1, 8 and 64 hosts (one sshd at as many addresses), connecting included: as a whole process each.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from dispatch import parallel_ssh, pyinfra, quietly
from measuring import Server, in_turns, keep, seconds, stages_s

COUNTS = (1, 8, 64)


def main() -> None:
    folder, port, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    server = Server(folder, port)
    measures = [lambda count=count: once(server, count) for count in COUNTS]
    keep(folder / "times.csv", in_turns(measures, rounds))


def once(server: Server, hosts: int) -> Mapping[str, float]:
    config = server.config("many", "  - {name: work, hosts: all, command: 'true'}\n", count=hosts)
    whole, run = server.run_benchctl(config)
    return {
        f"benchctl {hosts}": whole,
        f"stage {hosts}": stages_s(run),
        f"parallel-ssh {hosts}": seconds(parallel_ssh(server, 1, hosts)),
        f"pyinfra {hosts}": quietly(server, pyinfra(server, 1, hosts)),
    }


if __name__ == "__main__":
    main()
