"""Durations and units."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from benchctl.units import (
    UNITS,
    check_timestamp_unit,
    convert,
    dimension,
    factor,
    format_duration,
    meant_units,
    parse_duration,
)

CURE = "write it with units, such as 30s, 100ms or 1m30s (ns, us, ms, s, m, h)"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m30s", 90.0),
        ("100ms", 0.1),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("+2s", 2.0),
        ("10us", 1e-05),
        ("10µs", 1e-05),
        ("10μs", 1e-05),
        ("3ns", 3e-09),
        ("0s", 0.0),
        ("1h1m1s1ms", 3661.001),
        (" 5s ", 5.0),
    ],
)
def test_duration_is_read_as_in_go(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("30", "'30' has no unit; write 30s for seconds or 30ms for milliseconds"),
        ("1.5", "'1.5' has no unit; write 1.5s for seconds or 1.5ms for milliseconds"),
        ("30 seconds", f"'30 seconds' is not a duration; {CURE}"),
        ("1d", f"'1d' is not a duration; {CURE}"),
        ("", f"'' is not a duration; {CURE}"),
        ("s", f"'s' is not a duration; {CURE}"),
        ("1m 30s", f"'1m 30s' is not a duration; {CURE}"),
        ("-1s", f"a duration can't be negative, as '-1s' is; {CURE}"),
        ("9999999h", "'9999999h' is longer than 292 years; give a shorter duration"),
        ("1" * 100, f"'{'1' * 60}...' is not a duration; {CURE}"),
    ],
)
def test_duration_that_is_none_is_refused_with_the_cure(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the whole message is compared
        parse_duration(text)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (90.0, "1m30s"),
        (0.1, "100ms"),
        (1.2, "1.2s"),
        (3600.0, "1h"),
        (3661.5, "1h1m1.5s"),
        (0.0015, "1.5ms"),
        (2e-06, "2us"),
        (3e-09, "3ns"),
        (0.0, "0s"),
        (-1.5, "-1.5s"),
    ],
)
def test_duration_is_written_as_in_go_without_its_zeros(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@few
@given(st.integers(0, 10**16))
def test_every_written_duration_is_read_back_to_the_nanosecond(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds / 1e9)) == pytest.approx(nanoseconds / 1e9, abs=0.5e-9)
    assert format_duration(-nanoseconds / 1e9).removeprefix("-") == format_duration(nanoseconds / 1e9)


@few
@given(
    st.lists(
        st.tuples(st.decimals(0, 1000, places=3), st.sampled_from(["ns", "us", "ms", "s", "m", "h"])),
        min_size=1,
        max_size=4,
    )
)
def test_a_duration_is_the_float_nearest_to_the_sum_of_its_parts(parts: list[tuple[Decimal, str]]) -> None:
    seconds = {"ns": "1e-9", "us": "1e-6", "ms": "1e-3", "s": "1", "m": "60", "h": "3600"}
    exact = sum(Fraction(number) * Fraction(seconds[unit]) for number, unit in parts)
    assert parse_duration("".join(f"{number}{unit}" for number, unit in parts)) == float(exact)


@few
@given(st.text("0123456789.nuµmsh+- ", max_size=12))
def test_whatever_is_given_as_a_duration_is_a_finite_time_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds < math.inf


@pytest.mark.parametrize(
    ("one", "given_unit", "wanted"),
    [
        (Fraction(1000), "s", "ms"),
        (Fraction(1, 60), "s", "min"),
        (Fraction(24), "d", "h"),
        (Fraction(1), "kB", "KB"),
        (Fraction(128, 125), "KiB", "kB"),
        (Fraction(1, 8), "Mb", "MB"),
        (Fraction(1), "Mb", "Mbit"),
        (Fraction(2**30), "GiB", "B"),
        (Fraction(125_000), "Mbps", "B/s"),
        (Fraction(1), "MBps", "MB/s"),
        (Fraction(1000, 60), "kB/min", "B/s"),
        (Fraction(1, 100), "%", "1"),
        (Fraction(10**9), "GHz", "1/s"),
        (Fraction(60), "req/s", "requests/min"),
        (Fraction(1000), "kops/s", "ops/s"),
        (Fraction(1000), "KIOPS", "IOPS"),
        (Fraction(1), "IOPS", "IO/s"),
        (Fraction(60), "qps", "queries/min"),
        (Fraction(1, 3600), "apples/h", "apples/s"),
        (Fraction(1), "apples", "apples"),
    ],
)
def test_factors_are_exact(one: Fraction, given_unit: str, wanted: str) -> None:
    assert factor(given_unit, wanted) == one
    assert factor(wanted, given_unit) == 1 / one


@pytest.mark.parametrize(
    ("given_unit", "wanted", "sentence"),
    [
        ("ms", "MB", "ms can't be converted to MB: ms measures time, MB measures data"),
        (
            "req/s",
            "rows/s",
            "req/s can't be converted to rows/s: req/s measures requests per time, rows/s measures rows per time",
        ),
        ("ops", "1", "ops can't be converted to 1: ops measures operations, 1 measures number"),
        ("GHz", "B/s", "GHz can't be converted to B/s: GHz measures number per time, B/s measures data per time"),
        ("tps", "txn/s", "tps can't be converted to txn/s: 'tps' is a label, txn/s measures transactions per time"),
        ("msec", "s", "msec can't be converted to s: 'msec' is a label, s measures time. Did you mean 'ms'?"),
        (
            "mb/s",
            "B/s",
            "mb/s can't be converted to B/s: mb/s measures mb per time, B/s measures data per time."
            " Did you mean 'MB/s' or 'Mb/s'?",
        ),
        ("apples", "pears", "apples can't be converted to pears: 'apples' is a label, 'pears' is a label"),
    ],
)
def test_what_does_not_measure_the_same_is_not_converted(given_unit: str, wanted: str, sentence: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the whole message is compared
        factor(given_unit, wanted)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "label", ["m", "rps", "tps", "fps", "msec", "Ms", "s/op", "W", "x", "", "/s", "rows/m", "flops"]
)
def test_what_is_no_known_unit_is_a_label(label: str) -> None:
    assert dimension(label) is None


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("msec", ("ms",)),
        ("Seconds", ("s",)),
        ("Ms", ("ms",)),
        ("mb/s", ("MB/s", "Mb/s")),
        ("MB/sec", ("MB/s",)),
        ("MB per second", ("MB/s",)),
        ("ops / sec", ("ops/s",)),
        ("apples/sec", ("apples/s",)),
        ("KBPS", ("kBps", "kbps")),
        ("bytes/s", ("B/s",)),
        ("kBytes", ("kB",)),
        ("Mbits/sec", ("Mbit/s",)),
        ("mIB", ("MiB", "Mib")),
        ("iops", ("IOPS",)),
        ("percent", ("%",)),
    ],
)
def test_another_spelling_of_a_known_unit_is_recognised(label: str, meant: tuple[str, ...]) -> None:
    assert meant_units(label) == meant


@pytest.mark.parametrize("label", [*UNITS, "MB/s", "apples/s", "m", "S", "K", "W", "apples", "rps", "s/op", "mm", "x"])
def test_a_known_unit_and_a_label_like_none_mean_what_they_say(label: str) -> None:
    assert meant_units(label) == ()


KNOWN = [*UNITS, "MB/s", "Kib/min", "ops/h", "ops/s", "%/s", "apples/d", "apples/min"]
PAIRS = st.sampled_from([(one, other) for one in KNOWN for other in KNOWN if dimension(one) == dimension(other)])


@few
@given(PAIRS, st.integers(-(10**30), 10**30))
def test_integers_are_converted_exactly_or_to_the_nearest_float(pair: tuple[str, str], value: int) -> None:
    exact = value * factor(*pair)
    there = convert(value, *pair)
    assert there == (exact if factor(*pair).denominator == 1 else float(exact))
    assert isinstance(there, int) == (factor(*pair).denominator == 1)
    assert convert(Fraction(there), *reversed(pair)) == pytest.approx(value, rel=1e-15)


@few
@given(PAIRS, st.floats(-1e250, 1e250))
def test_a_float_is_converted_to_the_float_nearest_to_the_exact_product(pair: tuple[str, str], value: float) -> None:
    assert convert(value, *pair) == float(Fraction(value) * factor(*pair))
    assert convert([value, value], *pair) == [convert(value, *pair)] * 2


@few
@given(PAIRS, st.lists(st.floats(-1e250, 1e250), max_size=4))
def test_an_array_is_converted_as_its_values_are(pair: tuple[str, str], values: list[float]) -> None:
    one = factor(*pair)
    found = convert(np.array(values), *pair).tolist()
    if 1 in (one.numerator, one.denominator):
        assert found == [convert(value, *pair) for value in values]
    else:
        assert found == pytest.approx([convert(value, *pair) for value in values], rel=3e-16)


@few
@given(PAIRS, st.lists(st.integers(-(2**53), 2**53), max_size=4))
def test_an_array_of_integers_never_overflows(pair: tuple[str, str], values: list[int]) -> None:
    found = convert(pd.Series(values, dtype="int64"), *pair)
    exact = [value * factor(*pair) for value in values]
    if found.dtype == "int64":
        assert found.tolist() == exact
    else:
        assert found.tolist() == pytest.approx([float(value) for value in exact], rel=3e-16)


def test_what_is_no_number_stays_so_and_what_is_too_large_is_infinite() -> None:
    assert math.isnan(convert(math.nan, "s", "ms"))
    assert convert(-math.inf, "s", "ms") == -math.inf
    assert convert(-1e308, "s", "ns") == -math.inf


def test_the_examples_on_the_page_of_units_give_what_it_says() -> None:
    page = (Path(__file__).parents[1] / "docs" / "units.md").read_text()
    names = {"convert": convert, "dimension": dimension, "factor": factor}
    examples = re.findall(r"^(\w+\(\".*\)|\w+\([0-9].*\)) +# (.+)$", page, re.MULTILINE)
    for code, expected in examples:
        try:
            result = repr(eval(code, names))
        except ValueError as error:
            result = f"ValueError: {error}"
        assert (code, result) == (code, expected)
    assert len(examples) == 6


def test_the_page_of_units_names_every_one_of_them_in_the_row_of_what_it_measures() -> None:
    page = (Path(__file__).parents[1] / "docs" / "units.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    told = {
        name: what.strip() for what, names, *_ in rows for name in names.replace("`", " ").replace(",", " ").split()
    }
    measured = {name: unit.dimension for name, unit in UNITS.items()}
    assert {name: told.get(name) for name in measured} == measured


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamp_unit_is_accepted_as_it_is(unit: str) -> None:
    assert check_timestamp_unit(unit) == unit


@pytest.mark.parametrize(
    ("unit", "cure"),
    [("msec", ". Did you mean 'ms'?"), ("seconds", ". Did you mean 's'?"), ("µs", ". Did you mean 'us'?"), ("min", "")],
)
def test_other_timestamp_unit_is_refused_with_the_right_spelling(unit: str, cure: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the whole message is compared
        check_timestamp_unit(unit)
    assert str(error.value) == f"{unit!r} is not a unit of a timestamp; use s, ms, us or ns{cure}"
