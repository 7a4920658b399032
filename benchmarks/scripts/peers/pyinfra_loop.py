"""A pyinfra deploy: `true`, as often as the data `commands` says."""

from pyinfra import host
from pyinfra.operations import server

for number in range(int(host.data.commands)):
    server.shell(name=f"command {number}", commands=["true"])
