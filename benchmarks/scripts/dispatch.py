"""Usage: dispatch.py FOLDER PORT ROUNDS COMMANDS. Writes FOLDER/times.csv: subject, round, seconds per command.

What one more command costs on a host that is connected: the time of a process that runs many, less that of one that
runs a single one. Slow peers run fewer. `stages` is COMMANDS stages of benchctl as its own journal has them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from measuring import PEERS, PYTHON, Measure, Server, in_turns, keep, peer, seconds, stages_s

FEW, SOME = 10, 40  # commands of Ansible and of pyinfra, which take their time


def main() -> None:
    folder, port, rounds, commands = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    server = Server(folder, port)
    measures: list[Measure] = [
        lambda: {"ssh": marginal(lambda count: ssh_loop(server, count), commands)},
        lambda: benchctl(server, commands),
        lambda: {"fabric": marginal(lambda count: seconds(fabric(server, count)), commands)},
        lambda: {"parallel-ssh": marginal(lambda count: seconds(parallel_ssh(server, count)), commands)},
        lambda: {"pyinfra": marginal(lambda count: quietly(server, pyinfra(server, count)), SOME)},
        lambda: {"ansible": marginal(lambda count: quietly(server, ansible(server, count)), FEW)},
    ]
    keep(folder / "times.csv", in_turns(measures, rounds))


def marginal(run: Callable[[int], float], commands: int) -> float:
    one = run(1)
    return (run(commands) - one) / (commands - 1)


def benchctl(server: Server, commands: int) -> Mapping[str, float]:
    def whole(count: int) -> float:
        stages = "".join(f"  - {{name: s{number}, host: h1, command: 'true'}}\n" for number in range(count))
        took, run = server.run_benchctl(server.config("dispatch", stages))
        runs.append(run)
        return took

    runs: list[Path] = []
    per_command = marginal(whole, commands)
    return {"benchctl": per_command, "stages": stages_s(runs[-1]) / commands}


def ssh_loop(server: Server, commands: int) -> float:
    control = f"ControlPath={server.folder}/control"
    subprocess.run(server.ssh("-o", control, "-o", "ControlMaster=yes", "-N", "-f"), check=True)
    call = " ".join(server.ssh("-o", control))
    took = seconds(["sh", "-c", f"i=0; while [ $i -lt {commands} ]; do {call} true || exit; i=$((i+1)); done"])
    subprocess.run(server.ssh("-o", control, "-O", "exit"), check=True, capture_output=True)
    return took


def fabric(server: Server, commands: int) -> list[str]:
    return [PYTHON, str(PEERS / "fabric_loop.py"), server.port, str(server.key), str(commands)]


def parallel_ssh(server: Server, commands: int, hosts: int = 1) -> list[str]:
    return [PYTHON, str(PEERS / "pssh_loop.py"), server.port, str(server.key), str(commands), str(hosts)]


def pyinfra(server: Server, commands: int, hosts: int = 1) -> list[str]:
    inventory = server.folder / "inventory.py"  # many names do not fit on its command line
    inventory.write_text(f"hosts = {[f'127.0.1.{number}' for number in range(1, hosts + 1)]}\n")
    reach = ["--ssh-port", server.port, "--ssh-key", str(server.key), "--data", "ssh_strict_host_key_checking=no"]
    return [
        peer("pyinfra"),
        str(inventory),
        *reach,
        "--data",
        f"commands={commands}",
        "-y",
        str(PEERS / "pyinfra_loop.py"),
    ]


def ansible(server: Server, commands: int) -> list[str]:
    tasks = "".join(f"    - {{name: c{number}, command: 'true'}}\n" for number in range(commands))
    playbook = server.folder / "playbook.yaml"
    playbook.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    inventory = server.folder / "inventory"
    inventory.write_text(f"127.0.0.1 ansible_port={server.port} ansible_ssh_private_key_file={server.key}\n")
    return [peer("ansible-playbook"), "-i", str(inventory), str(playbook)]


def quietly(server: Server, command: list[str]) -> float:
    return seconds(command, env=server.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
