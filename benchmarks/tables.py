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

Times = Mapping[str, list[float]]  # subject -> seconds, by round


def main() -> None:
    sections = [section(Path(name)) for name in sys.argv[1:]]
    PAGE.write_text("\n".join([HEAD, *sections]))
    print(f"wrote {PAGE}")


def section(run: Path) -> str:
    record = json.loads((run / "metadata.json").read_text())
    times: dict[str, list[float]] = defaultdict(list)
    peaks: list[int] = []
    with (run / "times.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            times[row["subject"]].append(float(row["seconds"]))
            peaks.append(int(row.get("peak") or 0))
    lines = SECTIONS[record["benchmark"]](times, peaks)
    machine = record["hosts"]["local"]["facts"]
    where = f"{machine['cores']} cores {machine['cpu_model']}, {machine['os']}, Python {record['versions']['python']}"
    return "\n".join([f"## {record['description']}", "", *lines, "", f"{where}; {record['started'][:10]}.", ""])


def dispatch(times: Times, peaks: list[int]) -> Iterator[str]:
    yield from table(
        times,
        {
            "ssh": "ssh over one ControlMaster",
            "benchctl": "benchctl run, the whole process",
            "stages": "its stages alone",
        },
        over="ssh",
    )


def streaming(times: Times, peaks: list[int]) -> Iterator[str]:
    yield from table(
        times,
        {
            "ssh": "ssh host cat, connecting included",
            "connected": "the same over an open ControlMaster",
            "benchctl": "benchctl run, the whole process",
            "stage": "its stage alone",
        },
        over="ssh",
    )
    yield f"\nThe largest memory of the benchctl process: {max(peaks) / 1024:.0f} MiB."


def startup(times: Times, peaks: list[int]) -> Iterator[str]:
    yield from table(
        times, {"bare": "python -c pass", "--help": "benchctl --help", "list": "benchctl list, 50 runs"}, over="bare"
    )


def table(times: Times, names: Mapping[str, str], over: str) -> Iterator[str]:
    yield f"| | median | range | ratio to {names[over]} |"
    yield "|---|---|---|---|"
    for subject, name in names.items():
        values = times[subject]
        ratios = [one / other for one, other in zip(values, times[over], strict=True)]
        low, middle, high = (
            f"{ms:,.0f} ms" for ms in (1e3 * min(values), 1e3 * statistics.median(values), 1e3 * max(values))
        )
        yield f"| {name} | {middle} | {low} to {high} | {statistics.median(ratios):.2f} |"


SECTIONS: Mapping[str, Callable[[Times, list[int]], Iterator[str]]] = {
    "dispatch": dispatch,
    "streaming": streaming,
    "startup": startup,
}

if __name__ == "__main__":
    main()
