"""CSV files, whole and broken: what is read of each, and what is said of the rest."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchctl.analysis import blocks
from benchctl.analysis.checking import check
from benchctl.analysis.table import Layout, joined_values, read_table
from benchctl.config.model import Column, DataSchema, Output
from benchctl.errors import DataError
from benchctl.runs.outputs import DataRecord, FileRecord, OutputRecord

COLUMNS = (Column("time", "timestamp", "ms"), Column("latency", "float", "ms"), Column("op", "string"))
HEAD = "time,latency,op\n"
GOOD = "1763900000000,1.5,read\n"


def checked(folder: Path, text: str | bytes, columns: tuple[Column, ...] = COLUMNS, **more: Any) -> DataRecord:
    (folder / "latency.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    output = Output("latency", "latency.csv", data_schema=DataSchema("csv", columns), **more)
    return check(output, OutputRecord(name="latency", path="latency.csv"), folder)


def rows(folder: Path, text: str | bytes, columns: tuple[Column, ...], **layout: Any) -> Mapping[str, list[Any]]:
    (folder / "latency.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with read_table(folder / "latency.csv", Layout(columns, **layout)) as table:
        values = joined_values([block.values for block in table.blocks])
    return {name: list(array) for name, array in values.items()}


def in_blocks_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of about so many bytes; the first begins with what was read for the header."""
    for name in ("BLOCK_BYTES", "HEADER_BYTES"):
        monkeypatch.setattr(blocks, name, size)


BROKEN = {
    "an empty file": ("", "latency.csv: it is empty"),
    "blank lines": ("\n \r\n\n", "latency.csv: it is empty"),
    "a header alone": (HEAD, "there are 0 rows; min_rows is 1"),
    "a missing column": ("time,lat,op\n1,1,a\n", "latency.csv:1: there is no column 'latency'. Columns: time, lat, op"),
    "a near miss": (
        "time,latncy,op\n1,1,a\n",
        "latency.csv:1: there is no column 'latency'. Columns: time, latncy, op. Did you mean 'latncy'?",
    ),
    "another delimiter": (
        "time;latency;op\n1;1;a\n",
        "latency.csv:1: there is no column 'time', 'latency', 'op'. Columns: time;latency;op. "
        'Is its delimiter ";"? It is read with ","',
    ),
    "no header": (
        "1763900000000,1.5,2\n",
        "latency.csv:1: there is no column 'time', 'latency', 'op'. Columns: 1763900000000, 1.5, 2. "
        "Has it no header line?",
    ),
    "a column twice": ("time,latency,latency,op\n1,1,1,a\n", "latency.csv:1: column 'latency' is there 2 times"),
    "UTF-16": (
        "time".encode("utf-16"),
        "latency.csv: it is UTF-16, which is not read; write it in UTF-8, plain or as gzip",
    ),
    "a cut gzip": (
        gzip.compress((HEAD + GOOD * 999).encode())[:-9],
        "latency.csv: its gzip data ends in the middle; was it still being written?",
    ),
}


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_is_no_such_table_says_why(tmp_path: Path, text: str | bytes, reason: str) -> None:
    data = checked(tmp_path, text)
    assert (data.status, data.reason, data.problems) == ("flagged", reason, (reason,))


BAD_ROWS = {
    "1763900000000,NaN ms,read": "latency: 'NaN ms' is not a float",
    "1763900000000,nan,read": "latency: 'nan' is not a finite number",
    "1763900000000,-inf,read": "latency: '-inf' is not a finite number",
    "1763900000000,1e999,read": "latency: '1e999' is not a finite number",
    "1763900000000,,read": "latency: '' is not a float",
    "1763900000000,1_000,read": "latency: '1_000' is not a float",
    "1763900000000,0x10,read": "latency: '0x10' is not a float",
    "1763900000000,True,read": "latency: 'True' is not a float",
    '1763900000000,"1,5",read': "latency: '1,5' is not a float; a comma in a number is not read",
    "1763900000000,1.5": "there are 2 cells; the header has 3",
    "1763900000000,1.5,read,x": "there are 4 cells; the header has 3",
    "later,1.5,read": "time: 'later' is not a timestamp in ms",
    "2025-11-23T12:00:00Z,1.5,read": (
        "time: '2025-11-23T12:00:00Z' is not a timestamp in ms; leave the unit out for ISO 8601 times"
    ),
    "1763900000000000000,1.5,read": ("time: '1763900000000000000' in ms is beyond the year 2262; is its unit ns?"),
    "1763900000000,1.5,re\0ad": "op: 're\\x00ad' holds a NUL byte",
    '1763900000000,1.5,"read': "a quote is opened and never closed",
    "time,latency,op": "it is the header again",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_is_left_out_and_told_with_its_line(tmp_path: Path, row: str) -> None:
    data = checked(tmp_path, HEAD + GOOD * 3 + row + "\n" + GOOD * 2)
    problem = f"latency.csv:5: {BAD_ROWS[row]}"
    assert (data.status, data.rows, data.bad_rows, data.problems) == ("flagged", 5, 1, (problem,))
    assert data.reason == f"1 of 6 rows is left out: {problem}"


@pytest.mark.parametrize(
    "cell", ["1" * 300_000 + "x", "1," * 150_000, "12:12:60\n" * 30_000], ids=lambda cell: cell[:3]
)
@pytest.mark.parametrize("kind", ["integer", "float", "timestamp"])
def test_a_cell_of_any_length_is_judged_at_once(tmp_path: Path, kind: Any, cell: str) -> None:
    """Each pattern looks at each character a few times only, where it could look for hours."""
    data = checked(tmp_path, f'c,z\n"{cell}",1\n', (Column("c", kind), Column("z", "integer")))
    assert (data.bad_rows, data.problems[0][:20]) == (1, f"latency.csv:2: c: {cell[:3]!r}"[:20])


def test_bad_rows_first_and_last_are_no_index_and_do_not_cancel_out(tmp_path: Path) -> None:
    data = checked(tmp_path, HEAD + "1763900000000,1.5,read,x\n" + GOOD + "1763900000000,1.5\n")
    assert (data.rows, data.bad_rows) == (1, 2)


def test_a_cell_that_is_not_utf8_is_bad_where_it_was_declared(tmp_path: Path) -> None:
    text = HEAD.encode() + GOOD.encode() + b"1763900000000,1.5,r\xe9ad\n"
    assert checked(tmp_path, text).problems == ("latency.csv:3: op: 'r?ad' is not UTF-8",)
    assert checked(tmp_path, text, COLUMNS[:2]).bad_rows == 0


def test_of_many_bad_rows_the_first_20_are_told_and_all_are_counted(tmp_path: Path) -> None:
    data = checked(tmp_path, HEAD + ("x" + GOOD + GOOD) * 30_000)
    assert (data.rows, data.bad_rows, len(data.problems)) == (30_000, 30_000, 20)
    assert data.problems[19] == "latency.csv:40: time: 'x1763900000000' is not a timestamp in ms"


def test_a_bad_row_deep_in_a_large_file_has_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 20)
    data = checked(tmp_path, HEAD + GOOD * 200_000 + "x\n" + GOOD * 100_000)
    assert (data.rows, data.problems) == (300_000, ("latency.csv:200002: there is 1 cell; the header has 3",))


@pytest.mark.parametrize("end", ["1763900000000,1.", "17639", '1763900000000,1.5,"re'])
def test_a_truncated_last_line_alone_is_a_remark(tmp_path: Path, end: str) -> None:
    data = checked(tmp_path, HEAD + GOOD + end)
    assert (data.status, data.rows, data.bad_rows, data.problems) == ("good", 1, 0, ())
    assert data.remarks == ("latency.csv:3: the last line ends in the middle and is left out",)


def test_a_last_line_without_its_newline_is_a_row_that_may_be_cut_off(tmp_path: Path) -> None:
    data = checked(tmp_path, HEAD + GOOD + GOOD.strip())
    assert (data.status, data.rows) == ("good", 2)
    assert data.remarks == ("latency.csv:3: the last line has no newline; it is read, but may be cut off",)


@pytest.mark.parametrize("others", [["2025-11-23T12:13:20+01:00", "2025-11-23T12:13:20Z"], []])
@pytest.mark.parametrize("bad", [[], ["x"]])  # the whole block at once, or cell by cell
def test_times_without_a_zone_are_read_as_utc_and_that_is_said(
    tmp_path: Path, others: list[str], bad: list[str]
) -> None:
    for zoneless in ["2025-11-23T12:13:20", "2025-11-23 12:13", "2025-11-23"], []:
        times = [*others, *bad, *zoneless]
        data = checked(tmp_path, "\n".join(["t", *times, ""]), (Column("t", "timestamp"),))
        assert (data.rows, data.bad_rows) == (len(others + zoneless), len(bad))
        said = (
            "output 'latency': times without a zone in column 't' are read as UTC; "
            "write them with Z or their offset, as in 2025-11-23T12:13:20+01:00"
        )
        assert data.remarks == ((said,) if zoneless else ())


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEAD + GOOD,
        "\n" + HEAD + "\n" + GOOD + "\n\n",
        " time , latency,op \n 1763900000000, 1.5,read\n",
        HEAD.replace("\n", "\r\n") + GOOD.replace("\n", "\r\n"),
        '"time","latency","op"\n"1763900000000","1.5","read"\n',
        "x,op,latency,time\n,read,1.5,1763900000000\n",
    ],
    ids=["byte order mark", "blank lines", "spaces", "CRLF", "quotes", "other order, another column"],
)
def test_variants_of_one_file_are_read_alike(tmp_path: Path, text: str) -> None:
    for data in (text.encode(), gzip.compress(text.encode())):
        assert checked(tmp_path, data).status == "good"
        found = rows(tmp_path, data, COLUMNS)
        assert found == {"time": [1763900000000 * 10**6], "latency": [1.5], "op": ["read"]}


def test_a_header_in_another_case_is_taken_and_that_is_said(tmp_path: Path) -> None:
    data = checked(tmp_path, "Time,LATENCY,op\n" + GOOD)
    assert data.status == "good"
    assert data.remarks == (
        "latency.csv: its column 'Time' is taken for 'time'",
        "latency.csv: its column 'LATENCY' is taken for 'latency'",
    )


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_read(tmp_path: Path, delimiter: str) -> None:
    data = checked(tmp_path, (HEAD + GOOD).replace(",", delimiter), delimiter=delimiter)
    assert (data.status, data.rows) == ("good", 1)


def test_quoted_cells_keep_delimiters_line_breaks_and_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_blocks_of(64, monkeypatch)
    text = HEAD + '1763900000000,1.5,"a,b\nc ""d"""\n' * 20
    assert rows(tmp_path, text, COLUMNS)["op"] == ['a,b\nc "d"'] * 20
    assert checked(tmp_path, text + "x\n").problems == ("latency.csv:42: there is 1 cell; the header has 3",)


def test_strings_that_look_like_nothing_stay_strings(tmp_path: Path) -> None:
    text = HEAD + "".join(f"1763900000000,1.5,{word}\n" for word in ("NA", "null", "", "007"))
    assert rows(tmp_path, text, COLUMNS)["op"] == ["NA", "null", "", "007"]


@pytest.mark.parametrize("words", [["007", "7", "7.0"], ["True", "true"], ["1e3", "99999999999999999999"]])
def test_strings_that_all_look_like_numbers_stay_strings_in_every_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    in_blocks_of(64, monkeypatch)
    text = HEAD + "".join(f"1763900000000,1.5,{word}\n" for word in [*words, *words, "a", *words])
    assert rows(tmp_path, text, COLUMNS)["op"] == [*words, *words, "a", *words]
    assert rows(tmp_path, text + "x\n", COLUMNS)["op"] == [*words, *words, "a", *words]  # with a block cell by cell


@pytest.mark.parametrize(
    ("cell", "unit", "nanoseconds"),
    [
        ("1763900000", "s", 1763900000 * 10**9),
        ("1763900000.25", "s", 1763900000_250_000_000),
        ("1763900000123", "ms", 1763900000_123_000_000),
        ("1763900000123456", "us", 1763900000_123_456_000),
        ("1763900000123456789", "ns", 1763900000_123_456_789),
        ("-1", "s", -(10**9)),
        ("2025-11-23T12:13:20Z", None, 1763900000 * 10**9),
        ("2025-11-23T12:13:20", None, 1763900000 * 10**9),
        ("2025-11-23 14:13:20.5+02:00", None, 1763900000_500_000_000),
        ("2025-11-23T12:13:20.123456789Z", None, 1763900000_123_456_789),
    ],
)
def test_timestamps_are_read_to_the_nanosecond(tmp_path: Path, cell: str, unit: str | None, nanoseconds: int) -> None:
    columns = (Column("t", "timestamp", unit), Column("i", "integer"))
    assert rows(tmp_path, f"t,i\n{cell},1\n", columns)["t"] == [nanoseconds]
    assert rows(tmp_path, f"t,i\n{cell},1\n,1\n", columns)["t"] == [nanoseconds]  # beside a bad row, cell by cell


def test_a_number_where_an_iso_time_was_declared_asks_for_its_unit(tmp_path: Path) -> None:
    data = checked(tmp_path, "t\n1763900000\nsoon\n", (Column("t", "timestamp"),))
    assert data.problems[:2] == (
        "latency.csv:2: t: '1763900000' is not an ISO 8601 time; give the column its unit",
        "latency.csv:3: t: 'soon' is not an ISO 8601 time",
    )


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("1.0", "is not an integer; is its column a float?"),
        ("9223372036854775808", "is an integer of more than 64 bits"),
    ],
)
def test_an_integer_is_whole_and_of_64_bits(tmp_path: Path, cell: str, what: str) -> None:
    data = checked(tmp_path, f"i\n9007199254740993\n{cell}\n", (Column("i", "integer"),))
    assert data.problems == (f"latency.csv:3: i: {cell!r} {what}",)
    assert data.columns["i"].summary["max"] == 9007199254740993


@pytest.mark.parametrize(
    "cell", ["1e999999999", "1e99999999999999999999", "9223372036.8547758", "9" * 5000], ids=lambda cell: cell[:20]
)
def test_a_timestamp_beyond_all_bounds_is_a_bad_row(tmp_path: Path, cell: str) -> None:
    data = checked(tmp_path, f"t,i\n1,1\n{cell},2\n", (Column("t", "timestamp", "s"), Column("i", "integer")))
    assert (data.rows, data.bad_rows) == (1, 1)
    assert data.problems[0].endswith("in s is beyond the year 2262")


@pytest.mark.parametrize(
    ("unit", "first", "doubts"),
    [
        (
            "ms",
            1763900000,
            ("output 'latency': read in ms column 't' begins on 1970-01-21, in s on 2025-11-23; is its unit s?",),
        ),
        (
            "ns",
            1763900000000,
            ("output 'latency': read in ns column 't' begins on 1970-01-01, in ms on 2025-11-23; is its unit ms?",),
        ),
        ("s", 1763900000, ()),
        ("ms", 12, ()),  # counted from a start
    ],
)
def test_times_that_make_sense_in_another_unit_only_are_asked_about(
    tmp_path: Path, unit: str, first: int, doubts: tuple[str, ...]
) -> None:
    data = checked(tmp_path, f"t\n{first + 5}\n{first}\n", (Column("t", "timestamp", unit),))
    assert (data.status, data.remarks) == ("good", doubts)


@pytest.mark.parametrize(
    ("times", "unit"),
    [("0 1763900000000", "ms"), ("1763900000 1763900000000", "ms"), ("1970-01-01T00:00Z 2025-11-23T00:00Z", None)],
)
def test_times_that_reach_over_years_are_asked_about(tmp_path: Path, times: str, unit: str | None) -> None:
    data = checked(tmp_path, "t\n" + times.replace(" ", "\n") + "\n", (Column("t", "timestamp", unit),))
    first = "1970-01-21" if times.startswith("17") else "1970-01-01"
    reaches = f"output 'latency': column 't' reaches from {first} to 2025-11-23"
    assert (data.status, data.remarks) == ("good", (f"{reaches}; are some of its times missing, or in another unit?",))


def test_columns_that_nobody_declared_are_typed_by_pandas_over_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_blocks_of(32, monkeypatch)
    text = "i,number,mixed\n" + "1,2,3\n" * 9 + "2,2.5,x\n" * 9
    found = rows(tmp_path, text, (Column("i", "integer"),), extras=True)
    assert found["number"] == [2.0] * 9 + [2.5] * 9
    assert found["mixed"] == ["3"] * 9 + ["x"] * 9


def test_columns_of_one_name_that_nobody_declared_are_all_there(tmp_path: Path) -> None:
    found = rows(tmp_path, "x,i,x,x.1,x\n1,2,3,4,5\n", (Column("i", "integer"),), extras=True)
    assert {name: list(values) for name, values in found.items()} == {
        "x": [1],
        "x.2": [3],
        "x.1": [4],
        "x.3": [5],
        "i": [2],
    }


@pytest.mark.parametrize(("policy", "status"), [("flag", "flagged"), ("fail", "failed"), ("ignore", "good")])
def test_on_bad_rows_decides_what_they_mean(tmp_path: Path, policy: str, status: str) -> None:
    data = checked(tmp_path, HEAD + GOOD + "x\n", on_bad_rows=policy)
    assert (data.status, data.rows, data.bad_rows) == (status, 1, 1)


def test_fewer_rows_than_min_rows_are_too_few_whatever_bad_rows_mean(tmp_path: Path) -> None:
    assert checked(tmp_path, HEAD + GOOD, on_bad_rows="ignore", min_rows=2).reason == "there is 1 row; min_rows is 2"
    assert checked(tmp_path, HEAD, min_rows=0).status == "good"


def test_the_files_of_a_folder_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "out" / name).write_text(HEAD + GOOD + ("x\n" if name == "b.csv" else ""))
    output = Output("o", "out/*.csv", data_schema=DataSchema("csv", COLUMNS))
    record = OutputRecord(path="out", files=(FileRecord(path="a.csv"), FileRecord(path="b.csv")))
    data = check(output, record, tmp_path)
    assert (data.rows, data.problems) == (2, ("b.csv:3: there is 1 cell; the header has 3",))


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: No such file"), read_table(tmp_path / "gone.csv", Layout(COLUMNS)):
        pass


def test_a_summary_is_that_of_its_definition(tmp_path: Path) -> None:
    columns = (Column("v", "integer", "B"), Column("t", "timestamp", "s"))
    data = checked(tmp_path, "v,t\n" + "".join(f"{v},{v}\n" for v in (4, 1, 3, 2)), columns)
    assert data.columns["v"].count == 4
    expected = {"min": 1, "max": 4, "mean": 2.5, "std": 1.2909944487358056, "p50": 2.5, "p90": 3.7}  # sqrt(5 / 3)
    assert data.columns["v"].summary == pytest.approx(expected | {"p95": 3.85, "p99": 3.97}, rel=1e-15)
    assert data.columns["t"].summary == {"min": "1970-01-01T00:00:01.000000Z", "max": "1970-01-01T00:00:04.000000Z"}


def test_a_summary_of_none_has_nulls_and_one_of_a_single_row_no_spread(tmp_path: Path) -> None:
    columns = (Column("v", "float"),)
    names = ("min", "max", "mean", "std", "p50", "p90", "p95", "p99")
    assert checked(tmp_path, "v\n", columns, min_rows=0).columns["v"].summary == dict.fromkeys(names)
    one = checked(tmp_path, "v\n7\n", columns).columns["v"].summary
    assert one == dict.fromkeys(names, 7.0) | {"std": None}


def test_a_summary_agrees_with_numpy_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_blocks_of(4096, monkeypatch)
    values = np.random.default_rng(1).lognormal(size=10_000)
    data = checked(tmp_path, "v\n" + "".join(f"{v!r}\n" for v in values.tolist()), (Column("v", "float"),))
    found = data.columns["v"].summary
    assert [found[name] for name in ("p50", "p90", "p95", "p99")] == pytest.approx(
        np.percentile(values, [50, 90, 95, 99]).tolist(), rel=1e-12
    )
    assert (found["mean"], found["std"]) == pytest.approx((values.mean(), values.std(ddof=1)), rel=1e-12)
