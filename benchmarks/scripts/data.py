"""Usage: data.py FOLDER ROUNDS ROWS MANY. Writes FOLDER/times.csv: subject, round, seconds.

A CSV file of ROWS rows is checked, read as a frame, aggregated and drawn, in turns with what pandas and DuckDB do to
it, all in one process. Beside it FOLDER/memory.csv: the largest memory, in KiB, of a process that checks, and of one
that draws every kind of plot, for ROWS and MANY rows. The files take 5 GB for 50 million rows, and go at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from measuring import PYTHON, Measure, in_turns, keep

PLOTS = {
    "time_series": "x: time, y: latency, aggregation: p99, window: 1s",
    "histogram": "y: latency",
    "boxplot": "x: op, y: latency",
    "ecdf": "y: latency",
    "percentiles": "y: latency",
}
SCHEMA = {"time": "{type: timestamp, unit: ms}", "latency": "{type: float, unit: ms}", "bytes": "{type: integer}"}
COLUMNS = {"time": "BIGINT", "latency": "DOUBLE", "bytes": "BIGINT", "op": "VARCHAR"}


def main() -> None:
    if Path(sys.executable) != Path(PYTHON):  # the environment that benchctl is installed in
        os.execv(PYTHON, [PYTHON, *sys.argv])
    if sys.argv[1] in STEPS:
        STEPS[sys.argv[1]](Path(sys.argv[2]))
        print(peak_kib())
        return
    folder, rounds, rows, many = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder / "rows.csv", rows)
    memory = list(peaks(folder, "rows.csv", "10 million" if rows == 10**7 else f"{rows:,}"))
    times = in_turns(list(measures(folder)), rounds)
    for count in (10, 10_000, rows):
        times += drawn(folder, count, rounds)
    make(folder / "rows.csv", many)
    memory += peaks(folder, "rows.csv", "50 million" if many == 5 * 10**7 else f"{many:,}")
    keep(folder / "times.csv", times)
    keep(folder / "memory.csv", memory, unit="kib")
    for name in ("rows.csv", "results"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def make(path: Path, rows: int) -> None:
    """A latency log: milliseconds since 1970, a float, an integer and one of four words; about 30 bytes a row."""
    import numpy as np
    import pandas as pd

    rng, at = np.random.default_rng(7), 1_763_900_000_000
    words = np.array(["read", "write", "scan", "insert"])
    with path.open("w") as file:
        file.write("time,latency,bytes,op\n")
        for begin in range(0, rows, 1_000_000):
            count = min(1_000_000, rows - begin)
            times = at + np.cumsum(rng.random(count) < 0.06)
            at = int(times[-1])
            latency = np.round(rng.lognormal(0.5, 0.8, count), 3)
            columns = [times, latency, rng.integers(64, 4096, count), words[rng.integers(0, 4, count)]]
            pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).to_csv(file, header=False, index=False)


def kept(folder: Path, rows: str = "rows.csv") -> object:
    """A run that has the file as its output, with its check."""
    import benchctl

    schema = ", ".join(f"{name}: {column}" for name, column in {**SCHEMA, "op": "{type: string}"}.items())
    output = f"{{name: latency, remote_path: {folder / rows}, data_schema: {{{schema}}}}}"
    plots = "".join(f"  - {{name: {kind}, source: latency, type: {kind}, {keys}}}\n" for kind, keys in PLOTS.items())
    config = folder / "data.yaml"
    config.write_text(
        f"benchmark: {{name: data}}\nstages:\n  - {{name: load, command: 'true', outputs: [{output}]}}\nplots:\n{plots}"
    )
    return benchctl.run(benchctl.load(config), results=folder / "results", draws=False)


def draw(folder: Path) -> None:
    """All kinds of plots of the newest run."""
    import benchctl

    made = benchctl.plot(benchctl.find("latest", results=folder / "results"))
    assert [plot.status for plot in made] == ["drawn"] * len(PLOTS), made


def peak_kib() -> int:
    """The largest memory of this process; getrusage would count its parent's too."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


STEPS: Mapping[str, Callable[[Path], object]] = {"check": kept, "draw": draw}


def peaks(folder: Path, rows: str, called: str) -> Iterator[tuple[str, int, int]]:
    """The largest memory of a process of its own for each step."""
    for step in STEPS:
        done = subprocess.run([PYTHON, __file__, step, str(folder)], check=True, capture_output=True, text=True)
        yield f"{step} {called}", 1, int(done.stdout.split()[-1])


def measures(folder: Path) -> Iterator[Measure]:
    import duckdb
    import pandas as pd

    import benchctl
    from benchctl.analysis.checking import check
    from benchctl.analysis.frames import sources
    from benchctl.analysis.rows import Rows
    from benchctl.analysis.windows import windows

    record = benchctl.find("latest", results=folder / "results")
    (source,) = sources(record, "latency")
    output = benchctl.load(folder / "data.yaml").stages[0].outputs[0]
    path, cache = source.folder / "rows.csv", source.folder / ".cache"
    kinds = {"time": "int64", "latency": "float64", "bytes": "int64", "op": "category"}

    def checked() -> None:
        check(output, source.output, source.folder)

    def p99(by: str) -> None:
        rows = Rows([source], [source.reading.columns(["time", "latency", "op"])], "time")
        for one in rows.split([by]):
            windows(one.elapsed_s, one.values("latency"), "p99", 1.0)

    def of_duckdb(*by: str) -> None:
        groups = ", ".join(["time // 1000", *by])
        what = (
            f"SELECT {groups}, quantile_cont(latency, 0.99) FROM read_csv('{path}', columns = {COLUMNS}) GROUP BY ALL"
        )
        duckdb.sql(what).fetchnumpy()

    yield lambda: {"pandas": timed(lambda: pd.read_csv(path, dtype=kinds))}
    yield lambda: {"check": without(cache, checked)}
    yield lambda: {"frame cached": timed(lambda: benchctl.frame(record, "latency"))}
    yield lambda: {"p99 duckdb": timed(of_duckdb)}
    yield lambda: {"p99 first": without(cache, lambda: p99("run"))}
    yield lambda: {"p99 cached": timed(lambda: p99("run"))}
    yield lambda: {"p99 by op duckdb": timed(lambda: of_duckdb("op"))}
    yield lambda: {"p99 by op first": without(cache, lambda: p99("op"))}
    yield lambda: {"p99 by op cached": timed(lambda: p99("op"))}
    yield lambda: {"frame first": without(cache, lambda: benchctl.frame(record, "latency"))}


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def without(cache: Path, work: Callable[[], object]) -> float:
    """The time of some work that finds no cache, and leaves one."""
    shutil.rmtree(cache)
    return timed(work)


def drawn(folder: Path, rows: int, rounds: int) -> list[tuple[str, int, float]]:
    """How long each kind of plot of so many rows took, from the cache to the file."""
    import benchctl

    make(folder / "rows.csv", rows)
    record = kept(folder)
    found = []
    for number in range(rounds + 1):
        for plot in benchctl.plot(record):  # type: ignore[arg-type]
            found += [(f"{plot.name} {rows}", number, float(plot.duration_s or 0))] if number else []
    return found


if __name__ == "__main__":
    main()
