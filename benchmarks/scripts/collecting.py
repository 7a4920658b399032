"""Usage: collecting.py FOLDER PORT ROUNDS MEGABYTES FILES. Writes FOLDER/times.csv: subject, round, seconds.

One large binary file, one as large of CSV text, and a folder of FILES times 10 KB: brought home by benchctl (its
whole process, and the transfer alone as its record has it), scp, sftp and rsync, each with its own connecting.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from measuring import Server, in_turns, keep, seconds


def main() -> None:
    folder, port, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    megabytes, files = int(sys.argv[4]), int(sys.argv[5])
    server = Server(folder, port)
    make_sources(folder, megabytes, files)
    sources = {"binary": folder / "binary.bin", "text": folder / "text.csv", "files": folder / "files"}
    measures = [lambda name=name, path=path: collect(server, name, path) for name, path in sources.items()]
    keep(folder / "times.csv", in_turns(measures, rounds))


def make_sources(folder: Path, megabytes: int, files: int) -> None:
    block = os.urandom(1 << 20)
    with (folder / "binary.bin").open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    line = "{},{:.6f},read,client-{}\n"
    text = "".join(line.format(1_700_000_000_000 + n, n * 0.37 % 9.7, n % 8) for n in range(250_000)).encode()
    with (folder / "text.csv").open("wb") as file:
        while file.tell() < megabytes << 20:
            file.write(text)
    (folder / "files").mkdir(exist_ok=True)
    for number in range(files):
        (folder / "files" / f"{number:05d}.log").write_bytes(os.urandom(10_000))


def collect(server: Server, name: str, source: Path) -> Mapping[str, float]:
    found: dict[str, float] = {}
    target = server.folder / "copy"
    clear(target)
    found[f"benchctl {name}"], found[f"transfer {name}"] = benchctl(server, source)
    there = f"127.0.0.1:{source}"
    for peer, command in (
        ("scp", ["scp", "-q", "-r", "-P", server.port, *server.options, there, str(target)]),
        ("sftp", ["sftp", "-q", "-r", "-P", server.port, *server.options, there, str(target)]),
        ("rsync", ["rsync", "-r", "-e", " ".join(server.ssh()[:-1]), there, str(target)]),
    ):
        clear(target)
        found[f"{peer} {name}"] = seconds(command, env=server.environment, stdout=subprocess.DEVNULL)
    return found


def clear(target: Path) -> None:
    """An empty folder, on a disk that is done with what was written before."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.sync()


def benchctl(server: Server, source: Path) -> tuple[float, float]:
    """Seconds of the process, and of the transfer alone; the copy is compared."""
    output = f"{{name: o, remote_path: {source}}}"
    config = server.config("collect", f"  - {{name: work, host: h1, command: 'true', outputs: [{output}]}}\n")
    whole, run = server.run_benchctl(config)
    subprocess.run(["diff", "-rq", str(source), str(run / source.name)], check=True)
    trial = json.loads((run / "trial.json").read_text())
    shutil.rmtree(run)
    return whole, trial["stages"][0]["hosts"]["h1"]["outputs"][0]["duration_s"]


if __name__ == "__main__":
    main()
