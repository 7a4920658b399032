"""Usage: tables.py RUN_DIRECTORY ..  Writes docs/performance.md from kept runs of the configs beside this file.

Ratios are medians of the ratios per round: what two things did in the same minute is compared.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
HEAD = """# Performance

Made by `python benchmarks/tables.py` from runs of the configs in [benchmarks](../benchmarks/README.md). Each
figure is a median over rounds, with the smallest and the largest; each ratio the median of the ratios per round.
"""

Values = Mapping[str, list[float]]  # subject -> what was measured, by round


def main() -> None:
    sections = [section(Path(name)) for name in sys.argv[1:]]
    PAGE.write_text("\n".join([HEAD, *sections]))
    print(f"wrote {PAGE}")


def section(run: Path) -> str:
    record = json.loads((run / "metadata.json").read_text())
    lines = SECTIONS[record["benchmark"]](read(run / "times.csv"), run)
    machine = record["hosts"]["local"]["facts"]
    where = f"{machine['cores']} cores {machine['cpu_model']}, {machine['os']}, Python {record['versions']['python']}"
    versions = f"paramiko {record['versions']['paramiko']}"
    head = [f"## {record['description'][0].upper()}{record['description'][1:]}", ""]
    return "\n".join([*head, *lines, "", f"{where}, {versions}; {record['started'][:10]}.", ""])


def read(path: Path) -> Values:
    values: dict[str, list[float]] = defaultdict(list)
    with path.open(newline="") as file:
        for subject, _, value in list(csv.reader(file))[1:]:
            values[subject].append(float(value))
    return values


def dispatch(values: Values, run: Path) -> Iterator[str]:
    names = {
        "ssh": "ssh over one ControlMaster",
        "benchctl": "benchctl, one more stage",
        "stages": "benchctl, a stage by its journal",
        "parallel-ssh": "parallel-ssh",
        "fabric": "Fabric alone",
        "pyinfra": "pyinfra",
        "ansible": "Ansible (pipelining, ControlPersist)",
    }
    yield from table(values, names, over="ssh", digits=1)


def streaming(values: Values, run: Path) -> Iterator[str]:
    names = {
        "ssh": "ssh host cat, connecting included",
        "connected": "the same over an open ControlMaster",
        "benchctl": "benchctl run, the whole process",
        "stage": "its stage alone",
    }
    yield from table(values, names, over="ssh")
    (peak_kib,) = read(run / "memory.csv")["benchctl"]
    yield f"\nThe largest memory of a benchctl process: {peak_kib / 1024:.0f} MiB."


def startup(values: Values, run: Path) -> Iterator[str]:
    names = {"bare": "python -c pass", "--help": "benchctl --help", "list": "benchctl list, 50 runs"}
    yield from table(values, names, over="bare")


def many_hosts(values: Values, run: Path) -> Iterator[str]:
    for hosts in (1, 8, 64):
        names = {
            f"parallel-ssh {hosts}": f"parallel-ssh, {hosts} hosts" if hosts > 1 else "parallel-ssh, 1 host",
            f"benchctl {hosts}": "benchctl run, the whole process",
            f"stage {hosts}": "its stage alone",
            f"pyinfra {hosts}": "pyinfra",
        }
        yield from table(values, names, over=f"parallel-ssh {hosts}")
        yield ""


def reaction(values: Values, run: Path) -> Iterator[str]:
    yield from table(values, {"here": "on this machine", "over SSH": "over SSH"}, over="here")


def collecting(values: Values, run: Path) -> Iterator[str]:
    for name, what in (("binary", "1 GB"), ("text", "1 GB of CSV text"), ("files", "2,000 files of 10 KB")):
        names = {
            f"scp {name}": f"scp, {what}",
            f"benchctl {name}": "benchctl run, the whole process",
            f"transfer {name}": "its transfer alone",
            f"sftp {name}": "sftp",
            f"rsync {name}": "rsync",
        }
        yield from table(values, names, over=f"scp {name}")
        yield ""


def idle(values: Values, run: Path) -> Iterator[str]:
    yield "| in a minute | median | range |"
    yield "|---|---|---|"
    for subject, found in values.items():
        yield f"| {subject} | {statistics.median(found):,.2f} | {min(found):,.2f} to {max(found):,.2f} |"


def data(values: Values, run: Path) -> Iterator[str]:
    checked = {
        "pandas": "pandas, a typed read_csv",
        "check": "checked, summarised and cached",
        "frame first": "benchctl.frame, first",
        "frame cached": "benchctl.frame, from the cache",
    }
    yield from table(values, checked, over="pandas")
    for by, how in (("p99", "p99 per second"), ("p99 by op", "p99 per second and op")):
        names = {
            f"{by} duckdb": f"DuckDB, {how}",
            f"{by} first": "benchctl, first",
            f"{by} cached": "benchctl, from the cache",
        }
        yield ""
        yield from table(values, names, over=f"{by} duckdb")
    plots = [subject.split() for subject in values if subject.split()[-1].isdigit()]
    rows = sorted({int(number) for _, number in plots})
    yield "\n| aggregated from the cache, drawn and saved | " + " | ".join(f"{number:,} rows" for number in rows) + " |"
    yield "|---|" + "---|" * len(rows)
    for kind in dict.fromkeys(kind for kind, _ in plots):
        medians = [f"{1e3 * statistics.median(values[f'{kind} {number}']):,.0f} ms" for number in rows]
        yield f"| {kind} | " + " | ".join(medians) + " |"
    yield "\n| rows | check, largest memory | all kinds of plots, largest memory |"
    yield "|---|---|---|"
    memory = read(run / "memory.csv")
    for called in dict.fromkeys(subject.partition(" ")[2] for subject in memory):
        peaks = [f"{memory[f'{step} {called}'][0] / 1024:.0f} MiB" for step in ("check", "draw")]
        yield f"| {called} | " + " | ".join(peaks) + " |"


def table(values: Values, names: Mapping[str, str], over: str, digits: int = 0) -> Iterator[str]:
    """A row per subject, in milliseconds, with the ratio to the subject `over`."""
    yield f"| | median | range | ratio to {names[over].partition(',')[0]} |"
    yield "|---|---|---|---|"
    for subject, name in names.items():
        found = values[subject]
        ratios = [one / other for one, other in zip(found, values[over], strict=True)]
        low, middle, high = (f"{1e3 * s:,.{digits}f} ms" for s in (min(found), statistics.median(found), max(found)))
        yield f"| {name} | {middle} | {low} to {high} | {statistics.median(ratios):.2f} |"


SECTIONS: Mapping[str, Callable[[Values, Path], Iterator[str]]] = {
    "dispatch": dispatch,
    "streaming": streaming,
    "startup": startup,
    "many-hosts": many_hosts,
    "reaction": reaction,
    "collecting": collecting,
    "idle": idle,
    "data": data,
}

if __name__ == "__main__":
    main()
