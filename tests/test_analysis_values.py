"""Statistics of more numbers than are kept in memory, against numpy's of all of them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchctl.analysis import values as module
from benchctl.analysis.values import Values

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
    monkeypatch.setattr(module, "IN_MEMORY", 5_000)
    monkeypatch.setattr(module, "CHUNK", 4_096)
    monkeypatch.setattr(module, "SAMPLE", 1_000)


def filled(numbers: Any, folder: Path | None) -> Values:
    values = Values(folder)
    for part in np.array_split(numbers, 23):
        values.add(part)
    return values


@pytest.mark.parametrize("name", COLUMNS)
def test_statistics_of_a_file_are_exact(tmp_path: Path, name: str) -> None:
    numbers = COLUMNS[name]
    for folder in (tmp_path, None):
        values = filled(numbers, folder)
        assert values.percentiles(WANTED) == pytest.approx(np.percentile(numbers, WANTED).tolist(), rel=1e-12)
        expected = (numbers.min(), numbers.max(), numbers.mean(), numbers.std(ddof=1))
        assert values.moments() == pytest.approx(expected, rel=1e-12)
        values.close()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_values_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = COLUMNS["integers"]
    values = filled(numbers[:10_000], tmp_path)

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def write(self, data: bytes) -> int:
            self._file.write(data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(values, "_file", Full(values._file))
    values.add(numbers[10_000:])
    assert values.percentiles(WANTED) == pytest.approx(np.percentile(numbers, WANTED).tolist(), rel=1e-12)
    values.close()
