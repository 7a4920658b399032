"""Cells of any kind, as hypothesis finds them: read alike by the million and one by one, and to the exact value."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from benchctl.analysis import blocks
from benchctl.analysis.cells import NS
from benchctl.analysis.table import Layout, joined_values, read_table
from benchctl.config.model import Column

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 2**63 - 1


class Found(NamedTuple):
    values: dict[str, list[Any]]
    bad_rows: int
    problems: list[str]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cells") / "data.csv"


def found(file: Path, data: bytes, layout: Layout, block_bytes: int = blocks.BLOCK_BYTES) -> Found:
    file.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", block_bytes)
        patch.setattr(blocks, "HEADER_BYTES", max(block_bytes, 64))
        with read_table(file, layout) as table:
            parts = [block.values for block in table.blocks]
        values = joined_values(parts or [{}])
    return Found({name: list(array) for name, array in values.items()}, table.bad_rows, table.problems)


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


# Numbers and what is nearly one
DIGITS = st.text("0123456789", max_size=20)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-LARGEST - 2, LARGEST + 2).map(str),
    st.floats(-1e19, 1e19).map(repr),
    st.floats(1.7e9, 1.8e9).map(lambda value: f"{value:.7f}"),
    st.builds("{}{}{}{}{}".format, st.sampled_from(["", "+", "-", " "]), DIGITS, st.sampled_from(["", "."]), DIGITS,
              st.sampled_from(["", "e3", "E-5", "e+10", "e400", " ", "\t"])),
)  # fmt: skip
ODD = st.one_of(
    st.sampled_from(
        ["", " ", "nan", "NaN", "-inf", "Infinity", "NA", "null", "None", "True", "false", "0x10", "1_000"]
    ),
    st.sampled_from(["1,5", "12 ms", "1e", "--1", "1d3", "\xa01", "\u0661", "\xb2", "-0", "00", '1"2', "a\nb", "a\rb"]),
    st.sampled_from(["1e-999999999", "1e99999999999999999999", "9" * 5000]),
)
JUNK = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)

# Moments as ISO 8601 has them and as people do
MOMENTS = st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1))  # noqa: DTZ001  # a zone is written after them
ZONES = st.sampled_from(["", "Z", "+00:00", "+05:30", "-0800", "+14:00", "+24:00", "+01", " Z", " UTC", "z"])
FRACTIONS = st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=12).map(".{}".format), st.just(","))
TIMES = st.builds(
    "{}{}{}{}".format,
    st.builds(
        datetime.strftime,
        MOMENTS.filter(lambda moment: moment.year >= 1000),
        st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M", "%Y/%m/%d"]),
    ),
    FRACTIONS,
    ZONES,
    st.sampled_from(["", "", "", " "]),
)
ODD_TIMES = st.one_of(
    st.sampled_from(["2025-11-23", "2025-11-23T24:00:00", "2025-11-23T23:59:60Z", "2025-02-29", "0000-01-01T00:00:00"]),
    st.sampled_from(["23/11/2025", "12:13:20", "2025-327", "2025-W47-7", "2025-11", "2025-11-23T12:13:20.-5", "now"]),
    st.sampled_from(["NaT", "1677-09-21T00:12:43Z", "2262-04-11T23:47:17Z"]),
)

KINDS = {
    "integer": (Column("c", "integer"), st.one_of(NUMBERS, ODD, JUNK), "x"),
    "float": (Column("c", "float"), st.one_of(NUMBERS, ODD, JUNK), "x"),
    "string": (Column("c", "string"), st.one_of(NUMBERS, ODD, JUNK, TIMES), "\0"),
    **{u: (Column("c", "timestamp", u), st.one_of(NUMBERS, NUMBERS, ODD, JUNK, TIMES), "x") for u in NS},
    "ISO 8601": (Column("c", "timestamp"), st.one_of(TIMES, TIMES, ODD_TIMES, ODD, NUMBERS, JUNK), "x"),
}


@pytest.mark.parametrize(("column", "cells", "bad"), KINDS.values(), ids=KINDS.keys())
@few
@given(st.data())
def test_a_column_is_read_alike_with_a_bad_row_beside_it_and_without(
    file: Path, column: Column, cells: st.SearchStrategy[str], bad: str, data: st.DataObject
) -> None:
    """Without one it is converted as a whole, if that can be done; with one cell by cell."""
    rows = [[cell, "1"] for cell in data.draw(st.lists(cells, min_size=1, max_size=4))]
    layout = Layout((column, Column("z", "integer")))
    whole = found(file, as_csv([["c", "z"], *rows]), layout)
    slow = found(file, as_csv([["c", "z"], *rows, [bad, "1"]]), layout)
    if column.type == "float":  # pandas may take the neighbour of the nearest one
        slow.values["c"][:] = [pytest.approx(value, rel=3e-16) for value in slow.values["c"]]
    assert (whole.values, whole.bad_rows) == (slow.values, slow.bad_rows - 1)
    assert whole.problems == slow.problems[:-1]


@few
@given(st.sampled_from(list(NS)), st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=5), st.booleans())
def test_whole_timestamps_are_exact_or_out_of_bounds(file: Path, unit: str, numbers: list[int], small: bool) -> None:
    numbers = [number // NS[unit] for number in numbers] if small else numbers
    data = as_csv([["t", "z"], *([str(number), "1"] for number in numbers)])
    values, bad_rows, _ = found(file, data, Layout((Column("t", "timestamp", unit), Column("z", "integer"))))
    assert values["t"] == [number * NS[unit] for number in numbers if abs(number * NS[unit]) <= LARGEST]
    assert bad_rows == len(numbers) - len(values["t"])


@few
@given(st.sampled_from(["s", "ms", "us"]), st.decimals(-(2**32), 2**32, places=6), st.booleans())
def test_a_fraction_of_a_timestamp_is_exact_to_the_microsecond(
    file: Path, unit: str, seconds: Decimal, beside_a_bad_row: bool
) -> None:
    cell = f"{seconds.scaleb({'s': 0, 'ms': 3, 'us': 6}[unit]):f}"
    data = as_csv([["t", "z"], [cell, "1"], *[["x", "1"]] * beside_a_bad_row])
    values = found(file, data, Layout((Column("t", "timestamp", unit), Column("z", "integer")))).values
    assert values["t"] == [int(Fraction(seconds) * 10**9)]


@few
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)),  # noqa: DTZ001  # the zone comes beside it
            st.integers(0, 999),
            st.one_of(st.none(), st.integers(-14 * 60, 14 * 60)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_iso_times_are_exact_to_the_nanosecond_whatever_their_zones(
    file: Path, moments: list[tuple[datetime, int, int | None]]
) -> None:
    cells, expected = [], []
    for moment, nanoseconds, minutes in moments:
        zone = UTC if minutes is None else timezone(timedelta(minutes=minutes))
        text = moment.isoformat(timespec="microseconds") + f"{nanoseconds:03}"
        cells.append(text if minutes is None else text + moment.replace(tzinfo=zone).strftime("%z"))
        since = moment.replace(tzinfo=zone) - EPOCH
        expected.append(since // timedelta(microseconds=1) * 1000 + nanoseconds)
    layout = Layout((Column("t", "timestamp"), Column("z", "integer")))
    for bad in ([], [["x", "1"]]):
        data = as_csv([["t", "z"], *([cell, "1"] for cell in cells), *bad])
        assert found(file, data, layout).values["t"] == expected


COLUMNS = (
    Column("time", "timestamp", "ms"),
    Column("latency", "float"),
    Column("op", "string"),
    Column("n", "integer"),
)
GOOD_ROWS = st.tuples(
    st.integers(0, 9 * 10**12).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["read", "write", "", "NA", "1", "a b", "a,b", 'say "hi"', "two\nlines"]),
    st.integers(-LARGEST, LARGEST).map(str),
)
BAD_CELLS = {
    0: {"later": "time: 'later' is not a timestamp in ms", "": "time: '' is not a timestamp in ms"},
    1: {"NaN ms": "latency: 'NaN ms' is not a float", "nan": "latency: 'nan' is not a finite number"},
    3: {"1.5": "n: '1.5' is not an integer; is its column a float?", "x": "n: 'x' is not an integer"},
}
FLAWS = st.one_of(
    st.none(),
    st.none(),
    st.sampled_from([(at, cell) for at, cells in BAD_CELLS.items() for cell in cells]),
    st.sampled_from([(3, None), (2, "too long")]),
)


@few
@given(
    st.lists(st.tuples(GOOD_ROWS, FLAWS, st.integers(0, 1)), max_size=20),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from([64, 200, blocks.BLOCK_BYTES]),
    st.sampled_from(["", "\ufeff", "\ufeff\n"]),
)
def test_exactly_the_bad_rows_of_a_table_are_told_each_with_its_line(
    file: Path, rows: list[tuple[tuple[str, ...], Any, int]], end: str, quoting: int, block_bytes: int, start: str
) -> None:
    text = io.StringIO(newline="")
    text.write(start)
    writer = csv.writer(text, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([column.name for column in COLUMNS])
    good, problems = [], []
    for row, flaw, blank_lines in rows:
        text.write(end * blank_lines)
        line = text.getvalue().count("\n") + 1
        cells, sentence = spoilt(row, flaw)
        writer.writerow(cells)
        if sentence:
            problems.append(f"data.csv:{line}: {sentence}")
        else:
            good.append(row)
    seen = found(file, text.getvalue().encode(), Layout(COLUMNS), block_bytes)
    assert seen.problems == problems
    assert seen.bad_rows == len(problems)
    expected = [[int(time) * 10**6, float(latency), op, int(n)] for time, latency, op, n in good]
    assert [list(row) for row in zip(*(seen.values.get(c.name, []) for c in COLUMNS), strict=True)] == expected


def spoilt(row: tuple[str, ...], flaw: tuple[int, str | None] | None) -> tuple[list[str], str | None]:
    """The row with the flaw, and what is to be said of it."""
    cells = list(row)
    if flaw is None:
        return cells, None
    at, cell = flaw
    if cell is None:
        return cells[:at], f"there are {at} cells; the header has 4"
    if at not in BAD_CELLS:
        return [*cells, cell], "there are 5 cells; the header has 4"
    cells[at] = cell
    return cells, BAD_CELLS[at][cell]


TEXTS = st.text(
    st.sampled_from(["1", ".", "a", ",", ",", "\n", "\n", "\r", '"', " ", "\0", "\u00e9", "-"]), max_size=40
)


@few
@given(st.one_of(TEXTS.map(str.encode), st.binary(max_size=150)), st.sampled_from([16, 64]))
def test_whatever_a_file_holds_it_is_read_alike_in_blocks_of_any_size(
    file: Path, data: bytes, block_bytes: int
) -> None:
    layout = Layout((Column("n", "integer"), Column("op", "string")))
    whole = found(file, b"n,op\n" + data, layout)
    pieces = found(file, b"n,op\n" + data, layout, block_bytes)
    assert pieces.bad_rows == whole.bad_rows
    assert pieces.problems == whole.problems
    assert {name: values or [] for name, values in pieces.values.items()} == whole.values
