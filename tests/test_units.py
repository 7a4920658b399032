"""Durations and units."""

from __future__ import annotations

import random

import pytest

from benchctl.units import UNITS, Unit, check_timestamp_unit, format_duration, parse_duration

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


def test_every_written_duration_is_read_back_to_the_nanosecond() -> None:
    chance = random.Random(1)
    for _ in range(500):
        nanoseconds = chance.randrange(10 ** chance.randrange(1, 15))
        assert round(parse_duration(format_duration(nanoseconds / 1e9)) * 1e9) == nanoseconds


def test_units_are_case_sensitive_and_minutes_are_no_unit_of_a_column() -> None:
    assert UNITS["kB"] == UNITS["KB"] == Unit("bytes", 1000.0)
    assert UNITS["KiB"] == Unit("bytes", 1024.0)
    assert UNITS["Mb"] == Unit("bits", 1e6)
    assert UNITS["ms"] == Unit("time", 0.001)
    assert "m" not in UNITS
    assert "msec" not in UNITS


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
