"""How values look, and that text from elsewhere can't command a terminal."""

from __future__ import annotations

import pytest

from benchctl.reports import text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never ended", ""),
        ("\x9b2Jx\x9d0;t\x9cy", "xy"),
        ("\x1bPq#0\x1b\\x\x1bc\x1b(B", "x"),
        ("10%\r20%\r100%\r\n", "100%"),
        ("a\tb\x07\x00\x7f\u202ec", "a bc"),
        ("Zürich ☃", "Zürich ☃"),
        ("\x1b", ""),
        ("\udcff", ""),
    ],
)
def test_remote_text_is_harmless(given: str, shown: str) -> None:
    assert text.clean(given) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (0.4, "0.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1m00s"),
        (201, "3m21s"),
        (3599.9, "1h00m"),
        (3725, "1h02m"),
        (-1, "0 ms"),
    ],
)
def test_durations_have_three_digits_at_most(seconds: float | None, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (62_600_000, "62.6 MB"),
        (999_960, "1.0 MB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes_are_in_steps_of_1000(size: float | None, shown: str) -> None:
    assert text.size(size) == shown


def test_table_leaves_out_columns_that_are_empty() -> None:
    lines = text.table(("a", "b", "c"), [("1", "", "x"), ("22", "", "")], indent="  ")
    assert lines == ["  a   c", "  1   x", "  22"]
