"""Usage: fabric_loop.py PORT KEY COMMANDS. Runs `true` so many times over one plain Fabric connection."""

import sys

from fabric import Connection

port, key, commands = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
connection = Connection("127.0.0.1", port=port, connect_kwargs={"key_filename": key})
for _ in range(commands):
    connection.run("true", hide=True, in_stream=False)
