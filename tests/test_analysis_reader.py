"""Blocks of rows: how a file is cut into them, and the two ways in which they are read, which must agree."""

from __future__ import annotations

import io
import random

import pandas as pd
import pytest

from benchctl.analysis import blocks
from benchctl.analysis.blocks import Header, read_blocks
from benchctl.analysis.cells import NotAllFit
from benchctl.analysis.table import Layout, _Reader
from benchctl.config.model import Column

CELLS = {"integer": "12", "float": "1.5", "string": "x"}
TABLES = [("integer", "float", "string"), ("string", "float", "integer"), ("string", "string"), ("string",)]


def rows(pick: random.Random, kinds: tuple[str, ...]) -> bytes:
    """Some rows, of which some have a cell too many or too few, an empty one, no cells at all, or a stray \\r."""
    found = []
    for _ in range(pick.randint(1, 5)):
        cells = [CELLS[kind] for kind in kinds]
        chance = pick.random()
        if chance < 0.15:
            cells.append(pick.choice(["1", "", "x"]))
        elif chance < 0.3:
            cells.pop()
        elif chance < 0.35:
            cells[pick.randrange(len(cells))] = ""
        elif chance < 0.4:
            cells = [""] * pick.randint(0, 4)
        elif chance < 0.42:
            cells[0] += "\r"
        found.append(",".join(cells))
    return ("\n".join(found) + "\n").encode()


@pytest.mark.parametrize("kinds", TABLES)
@pytest.mark.parametrize("extras", [True, False])
def test_a_block_that_is_read_at_once_has_the_rows_that_are_read_cell_by_cell(
    kinds: tuple[str, ...], extras: bool
) -> None:
    columns = tuple(Column(f"c{at}", kind) for at, kind in enumerate(kinds))  # type: ignore[arg-type]
    names = tuple(column.name for column in columns) + (("more",) if extras else ())
    reader = _Reader(Layout(columns), Header(names, tuple(range(len(columns))), 1))
    taken = 0
    for seed in range(300):
        data = rows(random.Random(seed), (*kinds, "integer") if extras else kinds)
        slow = reader._read_slowly(data, is_cut=False)
        try:
            fast = reader._read_fast(data)
        except (NotAllFit, ValueError, Warning, pd.errors.ParserError):
            continue
        taken += 1
        assert (fast.rows, fast.lines, slow.bad_rows) == (slow.rows, slow.lines, 0), data
        assert {name: list(values) for name, values in fast.values.items()} == {
            name: list(values) for name, values in slow.values.items()
        }, data
    assert taken > 40


@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_are_the_file_cut_at_the_ends_of_rows(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    text = b'a,1\nb,"x\ny"\n"c\n",2\n\nd,""""\ne,5'
    found = list(read_blocks(io.BytesIO(text), b""))
    assert b"".join(data for data, _ in found).replace(b"\n\n", b"\n") == (text + b"\n").replace(b"\n\n", b"\n")
    assert [is_cut for _, is_cut in found] == [False] * (len(found) - 1) + [True]
    assert all(data.count(b'"') % 2 == 0 and data.endswith(b"\n") for data, _ in found)


def test_a_quote_that_is_never_closed_costs_no_more_than_it_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8)
    monkeypatch.setattr(blocks, "LONGEST_QUOTE", 20)
    text = b'a,"1\n' + b"b,2\n" * 30
    found = [data for data, _ in read_blocks(io.BytesIO(text), b"")]
    assert b"".join(found) == text
    assert max(map(len, found)) <= 32
