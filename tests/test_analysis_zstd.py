"""Files that were compressed with zstd."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from test_analysis_table import COLUMNS, GOOD, HEAD, checked

from benchctl.analysis import zstd
from benchctl.analysis.table import Layout, read_table

TEXT = (HEAD + GOOD * 50_000).encode()


def compressed(text: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression.zstd import compress

        return compress(text)
    import zstandard

    return zstandard.ZstdCompressor().compress(text)


@pytest.mark.parametrize("cut", [len(TEXT), 1_000, 13])
def test_zstd_is_read_whether_of_one_frame_or_of_several(tmp_path: Path, cut: int) -> None:
    data = compressed(TEXT[:cut]) + compressed(TEXT[cut:])
    assert (checked(tmp_path, data).rows, checked(tmp_path, data).problems) == (50_000, ())


def test_zstd_that_ends_in_the_middle_or_is_damaged_says_so(tmp_path: Path) -> None:
    whole = compressed(TEXT)
    cut, damaged = whole[:-9], whole[:40] + b"damage" + whole[46:]
    end = "latency.csv: its zstd data ends in the middle; was it still being written?"
    assert checked(tmp_path, cut).reason == end
    assert checked(tmp_path, damaged).reason == "latency.csv: its zstd data is damaged"


def test_zstd_is_decompressed_as_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "latency.csv").write_bytes(compressed(TEXT))
    with read_table(tmp_path / "latency.csv", Layout(COLUMNS)) as table:
        assert len([block.rows for block in table.blocks]) > 1


def test_zstd_without_anything_that_reads_it_says_how_to_get_that(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(zstd, "_decompressor", lambda: None)
    assert checked(tmp_path, compressed(TEXT)).reason == (
        "latency.csv: it is compressed with zstd, which needs Python 3.14 or the zstandard package: "
        "pip install 'benchctl[zstd]'; or write it plain or as gzip"
    )
