"""What stages left behind in sessions of their own: found, named, and left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchctl.hosts.commands.shell import ShellBroken
from benchctl.hosts.host import Host

# Prints `PID GROUP HOST STAGE COMMAND` for every process that carries the run's mark in its environment.
_FIND_MARKED = r"""
for file in $(grep -lsF 'BENCHCTL_RUN_UID={uid}' /proc/[0-9]*/environ); do
  pid=${{file#/proc/}}; pid=${{pid%/environ}}
  IFS= read -r line <${{file%environ}}stat || continue
  set -- ${{line##*) }}
  [ "$1" != Z ] || continue
  group=$3
  host=$(tr '\0' '\n' <$file | sed -n 's/^BENCHCTL_HOST=//p')
  stage=$(tr '\0' '\n' <$file | sed -n 's/^BENCHCTL_STAGE=//p')
  printf '%s\t%s\t%s\t%s\t%s\n' "$pid" "$group" "$host" "$stage" "$(tr '\0\n\t' '   ' <${{file%environ}}cmdline)"
done 2>/dev/null
"""


@dataclass(frozen=True)
class Marked:
    """A process on a host that carries the run's mark."""

    pid: int
    group: int
    stage: str
    command: str


def marked_processes(host: Host, run_uid: str) -> Iterator[Marked]:
    """Every process of a run that is still there for this alias. Raises HostError, ShellBroken when it is not told."""
    for line in _ask(host, _FIND_MARKED.format(uid=run_uid)).splitlines():
        pid, _, rest = line.partition("\t")
        group, _, rest = rest.partition("\t")
        alias, _, rest = rest.partition("\t")
        stage, _, command = rest.partition("\t")
        if pid.isdigit() and group.isdigit() and alias == host.alias:  # one machine may have several aliases
            yield Marked(int(pid), int(group), stage, command.strip())


def _ask(host: Host, script: str) -> str:
    """After a lost link the first question finds the old shell gone; the second opens another."""
    try:
        return host.ask(script).text
    except ShellBroken:
        return host.ask(script).text
