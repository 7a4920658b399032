"""Broken files, and odd ones that are fine: what is read of each, and every word that is said of it.

A file is `latency.csv`; in what is said its name is left out.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchctl.analysis.checking import check
from benchctl.analysis.table import Layout, joined_values, read_table
from benchctl.config.model import Column, DataSchema, Output
from benchctl.runs.outputs import OutputRecord

COLUMNS = (Column("time", "timestamp", "ms"), Column("latency", "float", "ms"), Column("op", "string"))
HEAD = "time,latency,op\n"
ROW = "1763900000000,1.5,read\n"
MS = 1_000_000
NOW = 1_763_900_000_000 * MS
INTEGER = (Column("n", "integer"), Column("z", "string"))
FLOAT = (Column("f", "float"), Column("z", "string"))
ISO = (Column("t", "timestamp"), Column("z", "string"))
ZONELESS = (
    "output 'latency': times without a zone in column 't' are read as UTC; "
    "write them with Z or their offset, as in 2025-11-23T12:13:20+01:00"
)


def epoch(unit: str) -> tuple[Column, ...]:
    return Column("t", "timestamp", unit), Column("z", "string")


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 255 for byte in data[at : at + 4]) + data[at + 4 :]


@dataclass(frozen=True)
class Case:
    """A file and its result: problems make it bad, remarks do not. values: of the columns that are the point of it."""

    data: str | bytes
    rows: int = 0
    bad_rows: int = 0
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    values: Mapping[str, list[Any]] = field(default_factory=dict)
    columns: tuple[Column, ...] = COLUMNS
    delimiter: str = ","


CASES = {
    # Encodings
    "a byte order mark": Case(
        "\ufeff" + HEAD + ROW,
        rows=1,
        values={"time": [1763900000000000000]},
    ),
    "a byte order mark and blank lines": Case(
        "\ufeff\n\n" + HEAD + ROW,
        rows=1,
        values={"time": [1763900000000000000]},
    ),
    "two files joined, each with a byte order mark": Case(
        ("\ufeff" + HEAD + ROW) * 2,
        rows=2,
        bad_rows=1,
        problems=(":3: it is the header again",),
    ),
    "UTF-16": Case(
        (HEAD + ROW).encode("utf-16"),
        problems=(": it is UTF-16, which is not read; write it in UTF-8, plain or as gzip",),
    ),
    "UTF-16 without its mark": Case(
        (HEAD + ROW).encode("utf-16-le"),
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: 't\\x00i\\x00m\\x00e\\x00', "
            "'\\x00l\\x00a\\x00t\\x00e\\x00n\\x00c\\x00y\\x00', '\\x00o\\x00p\\x00'. Is it UTF-16, or no text at all?",
        ),
    ),
    "Latin-1 in a declared column": Case(
        (HEAD + ROW).encode() + b"1763900000000,1.5,r\xe9ad\n",
        rows=1,
        bad_rows=1,
        problems=(":3: op: 'r?ad' is not UTF-8",),
    ),
    "Latin-1 in a column that is not declared": Case(
        b"time,latency,op,who\n1763900000000,1.5,read,J\xfcrgen\n",
        rows=1,
    ),
    "a NUL in a string": Case(
        HEAD + ROW + "1763900000000,1.5,re\0ad\n",
        rows=1,
        bad_rows=1,
        problems=(":3: op: 're\\x00ad' holds a NUL byte",),
    ),
    "a NUL in a number": Case(
        HEAD + ROW + "1763900000000,1.\0,read\n",
        rows=1,
        bad_rows=1,
        problems=(":3: latency: '1.\\x00' is not a float",),
    ),
    "NULs at the end, as after a power cut": Case(
        HEAD + ROW + "\0" * 40,
        rows=1,
        remarks=(":3: the last line ends in the middle and is left out",),
    ),
    "NULs at the beginning, as of a log that was truncated while it was open": Case(
        "\0\0\0\0" + HEAD + ROW,
        problems=(
            ":1: there is no column 'time'. Columns: '\\x00\\x00\\x00\\x00time', latency, op. Is it UTF-16, or "
            "no text at all?",
        ),
    ),
    "no text at all": Case(
        bytes(range(256)),
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: "
            "'\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08'. Is it UTF-16, or no text at all?",
        ),
    ),
    # Headers
    "a name twice": Case(
        "time,latency,latency,op\n1763900000000,1.5,9,read\n",
        problems=(":1: column 'latency' is there 2 times",),
    ),
    "a name twice in different cases": Case(
        "time,Latency,LATENCY,op\n1763900000000,1.5,9,read\n",
        problems=(":1: column 'latency' is there 2 times",),
    ),
    "a name in two cases, one of them the declared": Case(
        "time,Latency,latency,op\n1763900000000,9,1.5,read\n",
        rows=1,
        values={"latency": [1.5]},
    ),
    "another name twice": Case(
        "time,latency,op,x,x\n1763900000000,1.5,read,1,2\n",
        rows=1,
        remarks=(":1: column 'x' is there more than once; this one is called 'x.1'",),
        values={"latency": [1.5]},
    ),
    "spaces and cases": Case(
        " Time , LATENCY,op\t\n" + ROW,
        rows=1,
        remarks=(
            ": its column 'Time' is taken for 'time'",
            ": its column 'LATENCY' is taken for 'latency'",
        ),
        values={"latency": [1.5]},
    ),
    "quoted, with a delimiter in a name": Case(
        '"time","lat,ms","op"\n' + ROW,
        rows=1,
        values={"lat,ms": [1.5]},
        columns=(Column("time", "timestamp", "ms"), Column("lat,ms", "float")),
    ),
    "a column is missing": Case(
        "time,op\n1763900000000,read\n",
        problems=(":1: there is no column 'latency'. Columns: time, op",),
    ),
    "a column is nearly there": Case(
        "time,latncy,op\n" + ROW,
        problems=(":1: there is no column 'latency'. Columns: time, latncy, op. Did you mean 'latncy'?",),
    ),
    "no header": Case(
        ROW * 2,
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: 1763900000000, 1.5, read. Has it no header line?",
        ),
    ),
    "a header again in the middle, of joined files": Case(
        (HEAD + ROW) * 2,
        rows=2,
        bad_rows=1,
        problems=(":3: it is the header again",),
    ),
    "a comment above": Case(
        "# written by a tool\n" + HEAD + ROW,
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: # written by a tool. Lines above the "
            "header, such as comments, are not read; leave them out",
        ),
    ),
    "a title above": Case(
        "Results of Tuesday\n" + HEAD + ROW,
        problems=(":1: there is no column 'time', 'latency', 'op'. Columns: Results of Tuesday",),
    ),
    "units below": Case(
        HEAD + "ms,ms,-\n" + ROW,
        rows=1,
        bad_rows=1,
        problems=(":2: time: 'ms' is not a timestamp in ms",),
    ),
    "an index as pandas writes it": Case(
        ",time,latency,op\n0,1763900000000,1.5,read\n",
        rows=1,
        values={"time": [1763900000000000000], "op": ["read"]},
    ),
    "terminal codes": Case(
        "time,\x1b[31mlatency\x1b[0m,op\n" + ROW,
        problems=(":1: there is no column 'latency'. Columns: time, '\\x1b[31mlatency\\x1b[0m', op",),
    ),
    "a web page": Case(
        "<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>\n",
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: <!DOCTYPE html><html><head><title>404 No...",
        ),
    ),
    # Delimiters and numbers of other countries
    "semicolons": Case(
        (HEAD + ROW).replace(",", ";"),
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: time;latency;op. Is its delimiter "
            '";"? It is read with ","',
        ),
    ),
    "semicolons, declared": Case(
        (HEAD + ROW).replace(",", ";"),
        rows=1,
        values={"latency": [1.5]},
        delimiter=";",
    ),
    "tabs": Case(
        (HEAD + ROW).replace(",", "\t"),
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: 'time\\tlatency\\top'. Is its delimiter "
            '"tab"? It is read with ","',
        ),
    ),
    "tabs, declared": Case(
        (HEAD + ROW).replace(",", "\t"),
        rows=1,
        values={"latency": [1.5]},
        delimiter="\t",
    ),
    "bars": Case(
        (HEAD + ROW).replace(",", "|"),
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: time|latency|op. Is its delimiter "
            '"|"? It is read with ","',
        ),
    ),
    "spaces": Case(
        (HEAD + ROW).replace(",", " "),
        problems=(
            ":1: there is no column 'time', 'latency', 'op'. Columns: time latency op. Is its delimiter \" "
            '"? It is read with ","',
        ),
    ),
    "a decimal comma": Case(
        "f;z\n1,5;\n",
        bad_rows=1,
        problems=(":2: f: '1,5' is not a float; a comma in a number is not read",),
        columns=FLOAT,
        delimiter=";",
    ),
    "a decimal comma among commas": Case(
        HEAD + "1763900000000,1,5,read\n",
        bad_rows=1,
        problems=(":2: there are 4 cells; the header has 3",),
    ),
    "thousands": Case(
        "f;z\n1.234,5;\n1,234;\n1 234;\n1'234;\n",
        bad_rows=4,
        problems=(
            ":2: f: '1.234,5' is not a float; a comma in a number is not read",
            ":3: f: '1,234' is not a float; a comma in a number is not read",
            ":4: f: '1 234' is not a float",
            ':5: f: "1\'234" is not a float',
        ),
        columns=FLOAT,
        delimiter=";",
    ),
    # Rows
    "a row too long": Case(
        HEAD + ROW + "1763900000000,1.5,read,x\n" + ROW,
        rows=2,
        bad_rows=1,
        problems=(":3: there are 4 cells; the header has 3",),
    ),
    "the first row too long, where pandas would make an index of it": Case(
        HEAD + "1763900000000,1.5,read,x\n" + ROW,
        rows=1,
        bad_rows=1,
        problems=(":2: there are 4 cells; the header has 3",),
    ),
    "a row too short": Case(
        HEAD + "1763900000000,1.5\n" + ROW,
        rows=1,
        bad_rows=1,
        problems=(":2: there are 2 cells; the header has 3",),
    ),
    "one too long and one too short": Case(
        HEAD + "1763900000000,1.5,read,x\n1763900000000,1.5\n",
        bad_rows=2,
        problems=(
            ":2: there are 4 cells; the header has 3",
            ":3: there are 2 cells; the header has 3",
        ),
    ),
    "a delimiter at the end of each row": Case(
        HEAD + "1763900000000,1.5,read,\n" * 2,
        bad_rows=2,
        problems=(
            ":2: there are 4 cells; the header has 3",
            ":3: there are 4 cells; the header has 3",
        ),
    ),
    "a delimiter at the end of each line": Case(
        "time,latency,op,\n" + "1763900000000,1.5,read,\n" * 2,
        rows=2,
    ),
    "a comment": Case(
        HEAD + ROW + "# paused\n" + ROW,
        rows=2,
        bad_rows=1,
        problems=(":3: there is 1 cell; the header has 3",),
    ),
    "a message of the program's": Case(
        HEAD + ROW + "Killed\n",
        rows=1,
        bad_rows=1,
        problems=(":3: there is 1 cell; the header has 3",),
    ),
    "blank lines": Case(
        HEAD + "\n" + ROW + "  \n\n" + ROW + "\n",
        rows=2,
    ),
    "a quoted line break": Case(
        HEAD + '1763900000000,1.5,"a\nb"\n' + "x\n",
        rows=1,
        bad_rows=1,
        problems=(":4: there is 1 cell; the header has 3",),
        values={"op": ["a\nb"]},
    ),
    "quotes within": Case(
        HEAD + '1763900000000,1.5,"a ""b"""\n1763900000000,1.5,3" disk\n',
        rows=2,
        values={"op": ['a "b"', '3" disk']},
    ),
    "a quote that is never closed": Case(
        HEAD + ROW + '1763900000000,1.5,"re\n' + ROW * 2,
        rows=3,
        bad_rows=1,
        problems=(":3: a quote is opened and never closed",),
    ),
    "a cell longer than the csv module takes": Case(
        HEAD + ROW + "1763900000000,1.5," + "x" * 200_000 + "\n" + "x\n",
        rows=2,
        bad_rows=1,
        problems=(":4: there is 1 cell; the header has 3",),
    ),
    # Line ends
    "CRLF": Case(
        (HEAD + ROW * 2).replace("\n", "\r\n"),
        rows=2,
        values={"op": ["read", "read"]},
    ),
    "CR alone": Case(
        (HEAD + ROW + "x\n" + ROW).replace("\n", "\r"),
        rows=2,
        bad_rows=1,
        problems=(":3: there is 1 cell; the header has 3",),
        values={"op": ["read", "read"]},
    ),
    "several kinds": Case(
        HEAD + ROW + ROW.replace("\n", "\r\n") + ROW,
        rows=3,
        values={"op": ["read", "read", "read"]},
    ),
    "a progress bar": Case(
        HEAD + ROW + "10 %\r20 %\n" + ROW,
        rows=2,
        bad_rows=2,
        problems=(
            ":3: there is 1 cell; the header has 3",
            ":4: there is 1 cell; the header has 3",
        ),
    ),
    "no end, but a whole row": Case(
        HEAD + ROW + ROW.rstrip(),
        rows=2,
        remarks=(":3: the last line has no newline; it is read, but may be cut off",),
        values={"latency": [1.5, 1.5]},
    ),
    "no end, but spaces on a line of their own": Case(
        HEAD + ROW + "  ",
        rows=1,
        values={"latency": [1.5]},
    ),
    "cut in the middle of a row": Case(
        HEAD + ROW + ROW[:16],
        rows=1,
        remarks=(":3: the last line ends in the middle and is left out",),
    ),
    "cut in the middle of a quote": Case(
        HEAD + ROW + '1763900000000,1.5,"re',
        rows=1,
        remarks=(":3: the last line ends in the middle and is left out",),
    ),
    "cut in the middle of the header": Case(
        "time,lat",
        problems=(":1: there is no column 'latency', 'op'. Columns: time, lat",),
    ),
    # Nothing in it
    "an empty file": Case(
        "",
        problems=(": it is empty",),
    ),
    "blank lines only": Case(
        "\n \r\n\n",
        problems=(": it is empty",),
    ),
    "a header alone": Case(
        HEAD,
    ),
    "an empty file, gzipped": Case(
        gzip.compress(b""),
        problems=(": it is empty",),
    ),
    # Compressed
    "gzip": Case(
        gzip.compress((HEAD + ROW).encode()),
        rows=1,
        values={"latency": [1.5]},
    ),
    "gzip in members, as two processes append": Case(
        gzip.compress((HEAD + ROW + ROW[:7]).encode()) + gzip.compress(ROW[7:].encode()),
        rows=2,
        values={"latency": [1.5, 1.5]},
    ),
    "gzip, cut in the middle": Case(
        gzip.compress((HEAD + ROW * 99).encode())[:-9],
        problems=(": its gzip data ends in the middle; was it still being written?",),
    ),
    "gzip, cut in its first bytes": Case(
        gzip.compress(HEAD.encode())[:7],
        problems=(": its gzip data ends in the middle; was it still being written?",),
    ),
    "gzip, damaged in the middle": Case(
        damaged(gzip.compress("".join(f"{n * 7919}\n" for n in range(999)).encode(), compresslevel=0), 500),
        problems=(": its gzip data is damaged",),
    ),
    "gzip, another checksum": Case(
        damaged(gzip.compress((HEAD + ROW).encode()), -8),
        problems=(": its gzip data is damaged",),
    ),
    "gzip, with something behind it": Case(
        gzip.compress((HEAD + ROW).encode()) + b"junk",
        problems=(": its gzip data is damaged",),
    ),
    "zstd that was cut": Case(
        b"\x28\xb5\x2f\xfd\x04\x00",
        problems=(": its zstd data ends in the middle; was it still being written?",),
    ),
    "xz": Case(
        b"\xfd7zXZ\x00\x00\x04",
        problems=(": it is compressed with xz, which is not read; write it in UTF-8, plain or as gzip",),
    ),
    "bzip2": Case(
        b"BZh91AY&SY\x00",
        problems=(": it is compressed with bzip2, which is not read; write it in UTF-8, plain or as gzip",),
    ),
    "a spreadsheet": Case(
        b"PK\x03\x04\x14\x00",
        problems=(": it is a zip archive, which is not read; write it in UTF-8, plain or as gzip",),
    ),
    "Parquet": Case(
        b"PAR1\x15\x04",
        problems=(": it is a Parquet file, which is not read; write it in UTF-8, plain or as gzip",),
    ),
    # Floats
    "what is a float": Case(
        "f,z\n" + "".join(f"{cell},\n" for cell in ("+5", ".5", "5.", " 1 ", "1e3", "-0.0", "007")),
        rows=7,
        values={"f": [5.0, 0.5, 5.0, 1.0, 1000.0, -0.0, 7.0]},
        columns=FLOAT,
    ),
    "what is none": Case(
        "f,z\n" + "".join(f"{cell},\n" for cell in ("NaN ms", "1_000", "0x10", "True", "1.5ms", "", "-", "NA")),
        bad_rows=8,
        problems=(
            ":2: f: 'NaN ms' is not a float",
            ":3: f: '1_000' is not a float",
            ":4: f: '0x10' is not a float",
            ":5: f: 'True' is not a float",
            ":6: f: '1.5ms' is not a float",
            ":7: f: '' is not a float",
            ":8: f: '-' is not a float",
            ":9: f: 'NA' is not a float",
        ),
        columns=FLOAT,
    ),
    "what is not finite": Case(
        "f,z\n" + "".join(f"{cell},\n" for cell in ("nan", "-inf", "Infinity", "1e999")),
        bad_rows=4,
        problems=(
            ":2: f: 'nan' is not a finite number",
            ":3: f: '-inf' is not a finite number",
            ":4: f: 'Infinity' is not a finite number",
            ":5: f: '1e999' is not a finite number",
        ),
        columns=FLOAT,
    ),
    # Integers
    "what is an integer": Case(
        "n,z\n" + "".join(f"{cell},\n" for cell in ("+5", " 1", "007", "-0", 2**63 - 1, -(2**63))),
        rows=6,
        values={"n": [5, 1, 7, 0, 9223372036854775807, -9223372036854775808]},
        columns=INTEGER,
    ),
    "what is no integer": Case(
        "n,z\n" + "".join(f"{cell},\n" for cell in ("1.0", "1e3", "0x10", "1_000", "True", "", "1 2")),
        bad_rows=7,
        problems=(
            ":2: n: '1.0' is not an integer; is its column a float?",
            ":3: n: '1e3' is not an integer; is its column a float?",
            ":4: n: '0x10' is not an integer",
            ":5: n: '1_000' is not an integer",
            ":6: n: 'True' is not an integer",
            ":7: n: '' is not an integer",
            ":8: n: '1 2' is not an integer",
        ),
        columns=INTEGER,
    ),
    "what is too large an integer": Case(
        "n,z\n" + "".join(f"{cell},\n" for cell in (2**63, -(2**63) - 1, 2**64, "9" * 5000)),
        bad_rows=4,
        problems=(
            ":2: n: '9223372036854775808' is an integer of more than 64 bits",
            ":3: n: '-9223372036854775809' is an integer of more than 64 bits",
            ":4: n: '18446744073709551616' is an integer of more than 64 bits",
            ":5: n: '999999999999999999999999999999999999999999999999999999999999...' is an integer of more "
            "than 64 bits",
        ),
        columns=INTEGER,
    ),
    # Strings
    "what looks like something else": Case(
        HEAD + "".join(f"1763900000000,1.5,{cell}\n" for cell in ("NA", "", "null", "nan", " a ")),
        rows=5,
        values={"op": ["NA", "", "null", "nan", " a "]},
    ),
    "what looks like numbers only": Case(
        HEAD + "".join(f"1763900000000,1.5,{cell}\n" for cell in ("007", "7", "7.0")),
        rows=3,
        values={"op": ["007", "7", "7.0"]},
    ),
    # Timestamps with a unit
    "seconds before 1970": Case(
        "t,z\n-1,\n-0.5,\n",
        rows=2,
        values={"t": [-1000000000, -500000000]},
        columns=epoch("s"),
    ),
    "a zero where a time is missing": Case(
        "t,z\n1763900000,\n0,\n",
        rows=2,
        remarks=(
            "output 'latency': column 't' reaches from 1970-01-01 to 2025-11-23; are some of its times "
            "missing, or in another unit?",
        ),
        values={"t": [1763900000000000000, 0]},
        columns=epoch("s"),
    ),
    "seconds, whole and in fractions": Case(
        "t,z\n1763900000,\n1763900000.25,\n1.7639e9,\n",
        rows=3,
        values={"t": [1763900000000000000, 1763900000250000000, 1763900000000000000]},
        columns=epoch("s"),
    ),
    "nanoseconds to the last": Case(
        "t,z\n1763900000123456789,\n",
        rows=1,
        values={"t": [1763900000123456789]},
        columns=epoch("ns"),
    ),
    "milliseconds where seconds were declared": Case(
        "t,z\n1763900000000,\n",
        bad_rows=1,
        problems=(":2: t: '1763900000000' in s is beyond the year 2262; is its unit ms?",),
        columns=epoch("s"),
    ),
    "nanoseconds where milliseconds were declared": Case(
        "t,z\n1763900000000000000,\n",
        bad_rows=1,
        problems=(":2: t: '1763900000000000000' in ms is beyond the year 2262; is its unit ns?",),
        columns=epoch("ms"),
    ),
    "seconds where milliseconds were declared": Case(
        "t,z\n1763900000,\n1763900060,\n",
        rows=2,
        remarks=("output 'latency': read in ms column 't' begins on 1970-01-21, in s on 2025-11-23; is its unit s?",),
        values={"t": [1763900000000000, 1763900060000000]},
        columns=epoch("ms"),
    ),
    "seconds and milliseconds in one column": Case(
        "t,z\n1763900000,\n1763900060000,\n",
        rows=2,
        remarks=(
            "output 'latency': column 't' reaches from 1970-01-21 to 2025-11-23; are some of its times "
            "missing, or in another unit?",
        ),
        values={"t": [1763900000000000, 1763900060000000000]},
        columns=epoch("ms"),
    ),
    "milliseconds since the start": Case(
        "t,z\n0,\n1500,\n",
        rows=2,
        values={"t": [0, 1500000000]},
        columns=epoch("ms"),
    ),
    "beyond all bounds": Case(
        "t,z\n9223372037,\n-9223372037,\n1e99999999999999999999,\n",
        bad_rows=3,
        problems=(
            ":2: t: '9223372037' in s is beyond the year 2262",
            ":3: t: '-9223372037' in s is before the year 1677",
            ":4: t: '1e99999999999999999999' in s is beyond the year 2262",
        ),
        columns=epoch("s"),
    ),
    "what is no number": Case(
        't,z\n,\nnan,\n2025-11-23T12:13:20Z,\n"1,763,900,000",\n',
        bad_rows=4,
        problems=(
            ":2: t: '' is not a timestamp in s",
            ":3: t: 'nan' is not a timestamp in s",
            ":4: t: '2025-11-23T12:13:20Z' is not a timestamp in s; leave the unit out for ISO 8601 times",
            ":5: t: '1,763,900,000' is not a timestamp in s; a comma in a number is not read",
        ),
        columns=epoch("s"),
    ),
    # Timestamps in ISO 8601
    "with a zone, without one and a date alone": Case(
        "t,z\n2025-11-23T12:13:20Z,\n2025-11-23 12:13:20,\n2025-11-23T13:13:20.5+01:00,\n2025-11-23,\n",
        rows=4,
        remarks=(ZONELESS,),
        values={"t": [1763900000000000000, 1763900000000000000, 1763900000500000000, 1763856000000000000]},
        columns=ISO,
    ),
    "numbers": Case(
        "t,z\n1763900000,\n20251123,\n",
        bad_rows=2,
        problems=(
            ":2: t: '1763900000' is not an ISO 8601 time; give the column its unit",
            ":3: t: '20251123' is not an ISO 8601 time; write a date as 2025-11-23",
        ),
        columns=ISO,
    ),
    "the year last": Case(
        "t,z\n23/11/2025 12:13,\n11/23/2025,\n23.11.2025,\n",
        bad_rows=3,
        problems=(
            ":2: t: '23/11/2025 12:13' is not an ISO 8601 time; write the year first, as in 2025-11-23T12:13:20Z",
            ":3: t: '11/23/2025' is not an ISO 8601 time; write the year first, as in 2025-11-23T12:13:20Z",
            ":4: t: '23.11.2025' is not an ISO 8601 time; write the year first, as in 2025-11-23T12:13:20Z",
        ),
        columns=ISO,
    ),
    "a time of day, a month, a week": Case(
        "t,z\n12:13:20,\n2025-11,\n2025-W47-7,\n,\n",
        bad_rows=4,
        problems=(
            ":2: t: '12:13:20' is not an ISO 8601 time; it lacks a date",
            ":3: t: '2025-11' is not an ISO 8601 time",
            ":4: t: '2025-W47-7' is not an ISO 8601 time",
            ":5: t: '' is not an ISO 8601 time",
        ),
        columns=ISO,
    ),
    "days and hours that are none": Case(
        "t,z\n2025-02-29,\n2025-11-23T24:00:00,\n2025-11-23T25:00,\n2016-12-31T23:59:60Z,\n",
        bad_rows=4,
        problems=(
            ":2: t: '2025-02-29' is not an ISO 8601 time",
            ":3: t: '2025-11-23T24:00:00' is not an ISO 8601 time; write midnight as 00:00 of the next day",
            ":4: t: '2025-11-23T25:00' is not an ISO 8601 time",
            ":5: t: '2016-12-31T23:59:60Z' is not an ISO 8601 time; write a leap second as the first one of "
            "the next minute",
        ),
        columns=ISO,
    ),
    "years that are too far away": Case(
        "t,z\n0000-01-01,\n1600-01-01T00:00:00Z,\n2262-04-11T23:47:17Z,\n9999-12-31,\n",
        bad_rows=4,
        problems=(
            ":2: t: '0000-01-01' is not from the years 1677 to 2262",
            ":3: t: '1600-01-01T00:00:00Z' is not from the years 1677 to 2262",
            ":4: t: '2262-04-11T23:47:17Z' is not from the years 1677 to 2262",
            ":5: t: '9999-12-31' is not from the years 1677 to 2262",
        ),
        columns=ISO,
    ),
    "as Python's logging writes it": Case(
        "t;z\n2025-11-23 12:13:20,123;\n",
        bad_rows=1,
        problems=(":2: t: '2025-11-23 12:13:20,123' is not an ISO 8601 time; write its fraction after a point",),
        columns=ISO,
        delimiter=";",
    ),
    "a zone by its name": Case(
        "t,z\n2025-11-23 12:13:20 UTC,\n2025-11-23 12:13:20 CEST,\n",
        bad_rows=2,
        problems=(
            ":2: t: '2025-11-23 12:13:20 UTC' is not an ISO 8601 time; write its zone as Z or as +01:00",
            ":3: t: '2025-11-23 12:13:20 CEST' is not an ISO 8601 time; write its zone as Z or as +01:00",
        ),
        columns=ISO,
    ),
}


def verdicts(case: Case) -> dict[str, str]:
    """By `on_bad_rows`: a file that is no such table at all is never good."""
    if not case.problems:
        return {"flag": "good", "fail": "good", "ignore": "good"}
    return {"flag": "flagged", "fail": "failed", "ignore": "good" if case.bad_rows else "flagged"}


def named(sentences: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"latency.csv{text}" if text.startswith(":") else text for text in sentences)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_file_has_the_rows_the_problems_and_the_verdict_that_it_should(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "latency.csv"
    path.write_bytes(case.data if isinstance(case.data, bytes) else case.data.encode())
    schema, record = DataSchema("csv", case.columns), OutputRecord(name="latency", path=path.name)
    for policy, status in verdicts(case).items():
        output = Output(
            "latency",
            path.name,
            data_schema=schema,
            delimiter=case.delimiter,
            min_rows=0,
            on_bad_rows=policy,  # type: ignore[arg-type]
        )
        data = check(output, record, tmp_path)
        assert (data.rows, data.bad_rows, data.problems) == (case.rows, case.bad_rows, named(case.problems))
        assert (data.remarks, data.status) == (named(case.remarks), status)
    if case.values:
        with read_table(path, Layout(case.columns, case.delimiter)) as table:
            values = joined_values([block.values for block in table.blocks])
        assert {name: list(values[name]) for name in case.values} == case.values
