"""Statistics of more numbers than are kept in memory, against numpy's of all of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchctl.analysis import numbers as numbers_module
from benchctl.analysis import ranks, spool
from benchctl.analysis.numbers import Moments, Numbers, Sample, numbers
from benchctl.analysis.ranks import percentiles
from benchctl.analysis.spool import Room, Spool

WANTED = [0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0]
RNG = np.random.default_rng(7)
COLUMNS = {
    "long tail": RNG.lognormal(0, 2, 50_000),
    "one value": np.full(50_000, 3.0),
    "two values": (np.arange(50_000) % 2).astype(np.float64),
    "ascending": np.arange(50_000, dtype=np.float64),
    "mostly zero": np.where(np.arange(50_000) > 49_900, RNG.normal(size=50_000), 0.0),
    "integers": RNG.integers(-5, 2**40, 50_000),
    "sample misses the peak": np.where(np.arange(50_000) % 50 == 1, 1e9, np.arange(50_000) % 7.0),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "IN_MEMORY", 5_000)
    monkeypatch.setattr(spool, "IN_MEMORY", 3_000)
    monkeypatch.setattr(numbers_module, "CHUNK", 4_096)
    monkeypatch.setattr(numbers_module, "SAMPLE", 1_000)


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS.keys())
def test_percentiles_of_many_numbers_are_exact(values: Any) -> None:
    assert percentiles(numbers(values), WANTED) == pytest.approx(np.percentile(values, WANTED).tolist(), rel=1e-12)


@pytest.mark.parametrize("values", [[7.0], [1.0, 2.0], [3, 1, 2]])
def test_percentiles_of_few_numbers_are_numpys(values: list[float]) -> None:
    assert percentiles(numbers(values), WANTED) == np.percentile(values, WANTED).tolist()


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS.keys())
def test_moments_put_together_from_parts_are_those_of_the_whole(values: Any) -> None:
    moments = Moments()
    for part in np.array_split(values, 23):
        moments.add(part)
    expected = (values.min(), values.max(), values.mean(), values.std(ddof=1))
    assert (moments.low, moments.high, moments.mean, moments.std) == pytest.approx(expected, rel=1e-12)


def test_variance_of_values_that_differ_little_for_their_size_keeps_its_digits() -> None:
    values, moments = 1e9 + RNG.normal(size=10_000), Moments()
    for part in np.array_split(values, 9):
        moments.add(part)
    assert moments.std == pytest.approx(values.std(ddof=1), rel=1e-9)


def test_a_single_number_has_no_standard_deviation() -> None:
    moments = Moments()
    moments.add(np.array([3]))
    moments.add(np.array([], np.int64))
    assert (moments.count, moments.low, moments.high, moments.mean, moments.std) == (1, 3, 3, 3.0, None)


@pytest.mark.parametrize("parts", [1, 7, 50_000])
def test_a_sample_is_the_same_however_its_numbers_come(parts: int) -> None:
    sample = Sample()
    for part in np.array_split(np.arange(50_000), parts):
        sample.add(part)
    assert sample.sorted().tolist() == list(range(0, 50_000, 32))


def spooled(values: Any, room: Room) -> Spool:
    found = Spool(values.dtype, room, "0.npy")
    for part in np.array_split(values, 23):
        found.add(part)
    return found


def read_back(found: Spool) -> list[Any]:
    parts = [found.read(at, min(at + 999, found.count)) for at in range(0, found.count, 999)]
    return Numbers(found.count, lambda: iter(parts)).__array__().tolist()  # type: ignore[no-any-return]


def test_a_spool_gives_back_what_it_got_from_a_file_that_numpy_reads(tmp_path: Path) -> None:
    values = COLUMNS["integers"]
    found = spooled(values, Room(tmp_path / "a" / "b"))
    assert read_back(found) == values.tolist()
    assert found.save()
    assert np.load(tmp_path / "a/b/0.npy").tolist() == values.tolist()


def test_a_spool_without_a_folder_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert read_back(spooled(COLUMNS["integers"], Room())) == COLUMNS["integers"].tolist()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cant_be_written_makes_a_nameless_file_do(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    room = Room(tmp_path / "a" / "b")
    assert read_back(spooled(COLUMNS["integers"], room)) == COLUMNS["integers"].tolist()
    assert room.folder is None


def test_what_a_full_disk_has_no_room_for_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    really = os.pwrite

    def pwrite(file: int, data: Any, at: int) -> int:
        nonlocal written
        if written > 60_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = really(file, data[:10_000], at)
        written += count
        return count

    monkeypatch.setattr(os, "pwrite", pwrite)
    room = Room(tmp_path)
    found = spooled(COLUMNS["integers"], room)
    assert read_back(found) == COLUMNS["integers"].tolist()
    assert (found.save(), room.folder) == (False, None)
