"""Usage: pssh_loop.py PORT KEY COMMANDS HOSTS. Runs `true` so many times on 127.0.1.1 to 127.0.1.HOSTS at once."""

import sys

from pssh.clients import ParallelSSHClient

port, key, commands, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
hosts = [f"127.0.1.{number}" for number in range(1, count + 1)]
client = ParallelSSHClient(hosts, port=port, pkey=key, pool_size=max(count, 1))
for _ in range(commands):
    output = client.run_command("true")
    client.join(output)
    assert all(host.exit_code == 0 for host in output)
