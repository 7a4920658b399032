"""Columns kept beside an output: used when they are what the file holds, and never in the way when they are not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workflow_bed import Bench

import benchctl
from benchctl.analysis import cache, columns, reading, spool
from benchctl.analysis.cache import Cache
from benchctl.analysis.checking import check
from benchctl.analysis.reading import Reading
from benchctl.analysis.table import Layout, read_table
from benchctl.config.model import Column, DataSchema, Output
from benchctl.errors import DataError
from benchctl.runs.outputs import OutputRecord

COLUMNS = (
    Column("time", "timestamp", "ms"),
    Column("latency", "float", "ms"),
    Column("bytes", "integer", "B"),
    Column("op", "string"),
)
HEAD = "time,latency,bytes,op\n"


def lines(number: int = 3_000, seed: int = 3) -> str:
    rng = np.random.default_rng(seed)
    ops = np.array(["write", "read", "a b", "Zürich"])[rng.integers(0, 4, number)]
    rows = zip(rng.integers(0, 10**12, number), rng.normal(size=number), rng.integers(-9, 9, number), ops, strict=True)
    return "".join(f"{time},{latency},{size},{op}\n" for time, latency, size, op in rows)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 1_000)
    monkeypatch.setattr(columns, "CHUNK", 700)
    monkeypatch.setattr(cache, "SMALLEST_BYTES", 10_000)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were parsed."""
    seen: list[str] = []

    def seeing(path: Path, layout: Layout) -> Any:
        seen.append(path.name)
        return read_table(path, layout)

    monkeypatch.setattr(reading, "read_table", seeing)
    return seen


def file(folder: Path, text: str, name: str = "lat.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


LAYOUT = Layout(COLUMNS)


def read(folder: Path, layout: Layout = LAYOUT, *names: str) -> dict[str, list[Any]]:
    wanted = [column.name for column in layout.columns]
    found = Reading(folder, "lat.csv", [folder / name for name in names or ("lat.csv",)], layout).columns(wanted)
    read = {name: found.read(name).tolist() for name in wanted}
    return read | {name: [texts[code] for code in read[name]] for name, texts in found.categories.items()}


def kept(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob(".cache/*/*"))


def test_what_was_read_once_is_read_back_without_parsing(tmp_path: Path, parsed: list[str]) -> None:
    file(tmp_path, HEAD + lines())
    first = read(tmp_path)
    assert (read(tmp_path), parsed) == (first, ["lat.csv"])
    (folder,) = kept(tmp_path)
    assert sorted(os.listdir(tmp_path / folder)) == ["0.npy", "1.npy", "2.npy", "3.npy", "about.json"]
    assert np.load(tmp_path / folder / "1.npy").tolist() == first["latency"]


def test_a_check_leaves_the_columns_for_whoever_reads_them(tmp_path: Path, parsed: list[str]) -> None:
    file(tmp_path, HEAD + lines() + "x,1,1,a\n")
    output = Output("lat", "lat.csv", data_schema=DataSchema("csv", COLUMNS))
    data = check(output, OutputRecord(name="lat", path="lat.csv"), tmp_path)
    assert (data.rows, data.bad_rows) == (3_000, 1)
    assert (len(read(tmp_path)["op"]), parsed) == (3_000, [])


def test_a_small_output_is_not_cached(tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(spool.Room, "open")  # nothing is written anywhere
    file(tmp_path, HEAD + lines(10))
    assert read(tmp_path) == read(tmp_path)
    assert (kept(tmp_path), parsed, (tmp_path / ".cache").exists()) == ([], ["lat.csv"] * 2, False)


def changed_file(folder: Path) -> None:
    file(folder, HEAD + lines(seed=4))


def touched_file(folder: Path) -> None:
    os.utime(folder / "lat.csv", ns=(1, 1))


@pytest.mark.parametrize("change", [changed_file, touched_file])
def test_another_file_is_parsed_and_takes_the_place_of_the_last(
    tmp_path: Path, parsed: list[str], change: Callable[[Path], None]
) -> None:
    file(tmp_path, HEAD + lines())
    read(tmp_path)
    before = kept(tmp_path)
    change(tmp_path)
    found = read(tmp_path)
    assert (parsed, len(kept(tmp_path)), kept(tmp_path) != before) == (["lat.csv"] * 2, 1, True)
    shutil.rmtree(tmp_path / ".cache")
    assert read(tmp_path) == found


def test_another_layout_is_another_cache(tmp_path: Path, parsed: list[str]) -> None:
    file(tmp_path, HEAD + lines())
    read(tmp_path)
    seconds = read(tmp_path, Layout((Column("time", "timestamp", "us"), *COLUMNS[1:])))
    assert (parsed, len(kept(tmp_path))) == (["lat.csv"] * 2, 1)
    assert [time * 1000 for time in seconds["time"]] == read(tmp_path)["time"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 8)


@pytest.mark.parametrize("damage", [cut, flip, lengthen, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["1.npy", "3.npy", "about.json"])
def test_a_damaged_cache_is_made_again(
    tmp_path: Path, parsed: list[str], damage: Callable[[Path], None], name: str
) -> None:
    file(tmp_path, HEAD + lines())
    first = read(tmp_path)
    damage(tmp_path / kept(tmp_path)[0] / name)
    assert read(tmp_path) == first
    assert read(tmp_path) == first
    assert parsed == ["lat.csv"] * 2


def test_a_cache_that_is_deleted_while_it_is_read_is_made_again(tmp_path: Path) -> None:
    file(tmp_path, HEAD + lines())
    first = read(tmp_path)
    found = Reading(tmp_path, "lat.csv", [tmp_path / "lat.csv"], LAYOUT).columns(["latency"])
    chunks = found.numbers("latency").chunks()
    begin = next(chunks).tolist()
    shutil.rmtree(tmp_path / ".cache")
    assert begin + [value for chunk in chunks for value in chunk.tolist()] == first["latency"]


def test_where_no_cache_can_be_written_the_file_is_read(tmp_path: Path, parsed: list[str]) -> None:
    file(tmp_path, HEAD + lines())
    (tmp_path / ".cache").write_text("a file where a folder should be, as root may write anywhere")
    first = read(tmp_path)
    assert (len(first["op"]), read(tmp_path) == first, parsed) == (3_000, True, ["lat.csv"] * 2)


def test_a_disk_that_is_full_at_the_end_leaves_no_half_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file(tmp_path, HEAD + lines())

    def write_text(path: Path, text: str) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", write_text)
        first = read(tmp_path)
    assert (kept(tmp_path), (tmp_path / ".cache").exists()) == ([], False)
    assert read(tmp_path) == first


def test_files_that_cant_be_read_leave_no_cache(tmp_path: Path) -> None:
    file(tmp_path, HEAD + lines(), "a.csv")
    file(tmp_path, "nothing\n", "b.csv")
    with pytest.raises(DataError, match=r"b.csv:1: there is no column 'time', 'latency', 'bytes', 'op'"):
        read(tmp_path, LAYOUT, "a.csv", "b.csv")
    assert not (tmp_path / ".cache").exists()


def test_several_files_are_one_table(tmp_path: Path, parsed: list[str]) -> None:
    file(tmp_path, HEAD + lines(seed=1), "a.csv")
    file(tmp_path, "op,bytes,time,latency\nnew,1,2,3\n", "b.csv")
    first = read(tmp_path, LAYOUT, "a.csv", "b.csv")
    assert [first[name][-1] for name in ("time", "latency", "bytes", "op")] == [2_000_000, 3.0, 1, "new"]
    assert (read(tmp_path, LAYOUT, "a.csv", "b.csv"), parsed) == (first, ["a.csv", "b.csv"])


@pytest.mark.parametrize(("limit", "most"), [("MOST_STRINGS", 3), ("MOST_LETTERS", 14)])
def test_a_column_of_too_many_strings_is_left_out(
    tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(columns, limit, most)
    file(tmp_path, HEAD + lines())
    for _ in range(2):
        found = Reading(tmp_path, "lat.csv", [tmp_path / "lat.csv"], LAYOUT).columns(["op", "latency"])
        assert ("op" in found, "latency" in found, found.rows) == (False, True, 3_000)
    assert parsed == ["lat.csv"]


def test_two_that_write_a_cache_at_once_both_have_their_rows(tmp_path: Path) -> None:
    file(tmp_path, HEAD + lines())
    first = read(tmp_path)
    shutil.rmtree(tmp_path / ".cache")
    place = Cache(tmp_path, "lat.csv", [tmp_path / "lat.csv"], LAYOUT)
    slow = columns.Collecting(COLUMNS, place.new_folder())
    with read_table(tmp_path / "lat.csv", LAYOUT) as table:
        for block in table.blocks:
            slow.add(block.values, block.rows)
    assert read(tmp_path) == first
    place.keep(slow, has_undeclared=False)
    assert slow.columns().read("latency").tolist() == first["latency"]
    assert (read(tmp_path), len(kept(tmp_path))) == (first, 1)


def test_an_output_cant_be_called_like_the_cache(local: Bench) -> None:
    local.path("x.csv").write_text("x\n")
    wanted = {"name": "x", "remote_path": str(local.path("x.csv")), "local_path": ".cache/x.csv"}
    record = local.run(local.stage("load", "true", outputs=[wanted]))
    reason = "output 'x': .cache/x.csv is a name that the run keeps its own record under"
    assert record.trials[0].outputs[0].reason == reason


SCHEMA = {column.name: {"type": column.type, **({"unit": column.unit} if column.unit else {})} for column in COLUMNS}


@pytest.mark.parametrize("more", ["", "undeclared"])
def test_a_frame_is_the_same_from_the_cache_and_from_the_file(
    local: Bench, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    text = HEAD + lines() if not more else "".join(f"{line},{more}\n" for line in (HEAD + lines()).splitlines())
    local.path("lat.csv").write_text(text)
    wanted = {"name": "lat", "remote_path": str(local.path("lat.csv")), "data_schema": SCHEMA}
    record = local.run(local.stage("load", "true", outputs=[wanted]))
    assert len(kept(record.path)) == 1
    cached = benchctl.frame(record, "lat")
    shutil.rmtree(record.path / ".cache")
    monkeypatch.setattr(cache, "SMALLEST_BYTES", 10**9)
    parsed = benchctl.frame(record, "lat")
    pd.testing.assert_frame_equal(cached, parsed, check_exact=True)
    assert cached.attrs == parsed.attrs
    assert (more in cached) == bool(more)
    assert list(cached["op"].cat.categories) == ["Zürich", "a b", "read", "write"]
    about = benchctl.frame(record, "lat").dtypes.astype(str).to_dict()
    assert about["time"] == "datetime64[ns, UTC]"
    assert (about["latency"], about["bytes"], about["op"], about["trial"]) == ("float64", "int64", "category", "int64")


def test_the_caches_about_is_json_that_names_every_column(tmp_path: Path) -> None:
    file(tmp_path, HEAD + lines())
    read(tmp_path)
    about = json.loads((tmp_path / kept(tmp_path)[0] / "about.json").read_text())
    assert (about["rows"], about["has_undeclared"], list(about["files"])) == (3_000, False, [c.name for c in COLUMNS])
