"""Comparisons as text, Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from benchctl.analysis.findings import Comparison, Difference, Interval, Row, SideEstimate, Test
from benchctl.analysis.wording import number, p_value, percent, rounded
from benchctl.reports.comparison import (
    comparison_csv,
    comparison_json,
    comparison_latex,
    comparison_markdown,
    comparison_text,
)

P99 = Row(
    "p99",
    "wal",
    "ms",
    "lower",
    0.03,
    SideEstimate(4.0213, 3.9024, 4.1438, 10),
    SideEstimate(4.4117, 4.2991, 4.5273, 10),
    ratio=Interval(1.09708, 1.06031, 1.13513),
    test=Test("paired t", 6.12, 9, 0.00017512),
    p_adjusted=0.00035024,
    effect=0.9,
    verdict="worse",
    sentence="worse: 9.7 % higher (+6.0 % to +13.5 %), p 0.00035",
    warnings=("1 trial of the base has no partner in its round, and is left out",),
)
SAVED = Row(
    "saved_%",
    "wal",
    None,
    None,
    0.03,
    SideEstimate(0.0, -0.71, 0.71, 10),
    SideEstimate(1.58, 0.91, 2.25, 9),
    difference=Interval(1.58, 0.7001142, 2.4598858),
    test=Test("Welch's t", 4.06, 8.5, 0.002833),
    p_adjusted=0.002833,
    effect=1.0,
    verdict="changed",
    sentence="changed: 1.58 higher (+0.70 to +2.46), p 0.0028",
    warnings=P99.warnings,
)
ONE = Row(
    "a|b\x1b[31m_c",
    None,
    "",
    "higher",
    0.03,
    SideEstimate(18204.25, None, None, 1),
    SideEstimate(None, None, None, 0),
    sentence="nothing to compare",
)
TURNS = Comparison("run-004:wal", "run-004:off & on", True, (P99, SAVED, ONE), ("a word",))


def test_text_is_a_table_with_sentences_and_each_warning_once() -> None:
    assert comparison_text([TURNS]).split("\n") == [
        "run-004:off & on against run-004:wal: trials in turns, paired by round, 95 % intervals",
        "",
        "METRIC   UNIT  CASE  run-004:wal           run-004:off & on     RATIO OR DIFFERENCE     N      TEST       "
        "P (HOLM)  EFFECT  VERDICT",
        "p99      ms    wal   4.02 (3.90 to 4.14)   4.41 (4.30 to 4.53)  1.097 (1.060 to 1.135)  10     paired t   "
        "0.00035   0.90    worse",
        "saved_%        wal   0.00 (-0.71 to 0.71)  1.58 (0.91 to 2.25)  +1.58 (+0.70 to +2.46)  10, 9  Welch's t  "
        "0.0028    1.00    changed",
        "a|b_c                18,204.2              none                                         1, 0              "
        "                  no verdict",
        "",
        "p99 of wal: worse: 9.7 % higher (+6.0 % to +13.5 %), p 0.00035",
        "saved_% of wal: changed: 1.58 higher (+0.70 to +2.46), p 0.0028",
        "a|b_c: nothing to compare",
        "warning: a word",
        "warning: p99 of wal, saved_% of wal: 1 trial of the base has no partner in its round, and is left out",
    ]


def test_narrow_terminal_shows_fewer_columns_and_says_which_are_missing() -> None:
    narrow = comparison_text([replace(TURNS, rows=(P99,), warnings=())], 80).split("\n")
    assert narrow[3:6] == [
        "METRIC  CASE  run-004:wal          run-004:off & on     VERDICT",
        "p99     wal   4.02 (3.90 to 4.14)  4.41 (4.30 to 4.53)  worse",
        "(no room for: effect, test, unit, n, p (Holm), ratio; --csv has everything)",
    ]
    assert max(map(len, narrow)) <= 80
    wide = comparison_text([replace(TURNS, rows=(P99,))], 200)
    assert wide == comparison_text([replace(TURNS, rows=(P99,))])


def test_what_else_differs_stands_below_the_table() -> None:
    found = (
        Difference("host", "CPU model of db", "EPYC 7B13", "EPYC\x1b[31m_9"),
        Difference("git", "git dirty", None, "x"),
    )
    apart = replace(TURNS, is_paired=False, rows=(SAVED,), warnings=(), differences=found)
    assert comparison_text([apart]).split("\n")[-4:] == [
        "",
        "DIFFERS          run-004:wal  run-004:off & on",
        "CPU model of db  EPYC 7B13    EPYC_9",
        "git dirty        -            x",
    ]
    assert comparison_markdown([apart]).split("\n")[-3:-1] == [
        "- differs: CPU model of db: EPYC 7B13 in the base, EPYC\\_9 in the candidate",
        "- differs: git dirty: - in the base, x in the candidate",
    ]
    assert comparison_latex([apart]).split("\n")[-2] == "% differs: git dirty: - in the base, x in the candidate"
    assert comparison_text([replace(apart, differences=())]).endswith(
        "\n\nnothing else that is recorded of the two differs"
    )


def test_markdown_escapes_what_would_be_markup() -> None:
    assert comparison_markdown([replace(TURNS, rows=(SAVED, ONE), warnings=())]).split("\n") == [
        "run-004:off & on against run-004:wal: trials in turns, paired by round, 95 % intervals",
        "",
        "| metric | case | run-004:wal | run-004:off & on | difference | n | test | p (Holm) | effect | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
        "| saved\\_% | wal | 0.00 (-0.71 to 0.71) | 1.58 (0.91 to 2.25) | +1.58 (+0.70 to +2.46) | 10, 9 | Welch's t "
        "| 0.0028 | 1.00 | changed |",
        "| a\\|b\\_c |  | 18,204.2 | none |  | 1, 0 |  |  |  | no verdict |",
        "",
        "- saved\\_% of wal: changed: 1.58 higher (+0.70 to +2.46), p 0.0028",
        "- a\\|b\\_c: nothing to compare",
        "- Warning: saved\\_% of wal: 1 trial of the base has no partner in its round, and is left out",
        "",
    ]


def test_latex_is_a_booktabs_table_that_compiles_whatever_the_names_hold() -> None:
    odd = replace(ONE, metric="\\~^<>{}#$_")
    assert comparison_latex([replace(TURNS, rows=(SAVED, odd), warnings=())]).split("\n") == [
        "% run-004:off & on against run-004:wal: trials in turns, paired by round, 95 % intervals. "
        "Needs \\usepackage{booktabs}.",
        "\\begin{tabular}{llllllllll}",
        "\\toprule",
        "metric & case & run-004:wal & run-004:off \\& on & difference & n & test & p (Holm) & effect & verdict \\\\",
        "\\midrule",
        "saved\\_\\% & wal & 0.00 ($-$0.71 to 0.71) & 1.58 (0.91 to 2.25) & +1.58 (+0.70 to +2.46) & 10, 9 & Welch's t "
        "& 0.0028 & 1.00 & changed \\\\",
        "\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}\\{\\}\\#\\$\\_ &  "
        "& 18,204.2 & none &  & 1, 0 &  &  &  & no verdict \\\\",
        "\\bottomrule",
        "\\end{tabular}",
        "% saved_% of wal: changed: 1.58 higher (+0.70 to +2.46), p 0.0028",
        "% \\~^<>{}#$_: nothing to compare",
        "% Warning: saved_% of wal: 1 trial of the base has no partner in its round, and is left out",
        "",
    ]


def test_latex_comment_never_goes_on_to_a_line_that_is_none() -> None:
    tricky = replace(ONE, metric="a\nb", sentence="x\n\\end{document}")
    comments = comparison_latex([Comparison("a", "b", False, (tricky,))]).split("\n")[8:]
    assert comments == ["% a b: x \\end{document}", ""]


def test_csv_has_every_number_in_full() -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv([TURNS, replace(TURNS, base="run-003")]))))
    assert [row["base"] for row in rows] == ["run-004:wal"] * 3 + ["run-003"] * 3
    assert rows[0] == {
        "base": "run-004:wal",
        "candidate": "run-004:off & on",
        "metric": "p99",
        "case": "wal",
        "unit": "ms",
        "better": "lower",
        "margin": "0.03",
        "base_value": "4.0213",
        "base_low": "3.9024",
        "base_high": "4.1438",
        "base_n": "10",
        "base_disturbed": "0",
        "candidate_value": "4.4117",
        "candidate_low": "4.2991",
        "candidate_high": "4.5273",
        "candidate_n": "10",
        "candidate_disturbed": "0",
        "ratio": "1.09708",
        "ratio_low": "1.06031",
        "ratio_high": "1.13513",
        "difference": "",
        "difference_low": "",
        "difference_high": "",
        "test": "paired t",
        "statistic": "6.12",
        "df": "9",
        "p": "0.00017512",
        "p_adjusted": "0.00035024",
        "effect": "0.9",
        "verdict": "worse",
        "more_trials": "",
        "detectable": "",
        "sentence": "worse: 9.7 % higher (+6.0 % to +13.5 %), p 0.00035",
        "warnings": "1 trial of the base has no partner in its round, and is left out",
    }
    assert (rows[1]["difference_low"], rows[1]["ratio"], rows[2]["base_low"]) == ("0.7001142", "", "")
    assert comparison_csv([]) == ""


def test_json_is_the_whole_comparison_and_has_no_number_that_json_lacks() -> None:
    endless = replace(P99, test=Test("paired t", math.inf, 9, 0.0))
    document = comparison_json([replace(TURNS, rows=(endless,))])
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    (comparison,) = document["comparisons"]
    assert document["schema"] == "benchctl/compare@1"
    assert (comparison["is_paired"], comparison["confidence"], comparison["warnings"]) == (True, 0.95, ["a word"])
    (row,) = comparison["rows"]
    assert row["test"] == {"name": "paired t", "statistic": None, "df": 9, "p": 0.0}
    assert row["ratio"] == {"value": 1.09708, "low": 1.06031, "high": 1.13513}
    assert (row["difference"], row["base"]["n"], row["verdict"]) == (None, 10, "worse")


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (18204.25, None, "18,204.2"),
        (18204.25, 130.0, "18,204"),
        (4.02134, 0.12, "4.02"),
        (4.02134, 0.00123, "4.0213"),
        (1234567.0, None, "1,234,567"),
        (0.000025, 0.000003, "2.50e-05"),
        (3.1e12, 2e11, "3.10e+12"),
        (0.0, None, "0"),
        (0.0, 0.0, "0"),
        (103.0, None, "103"),
        (100.0, 0.0, "100"),
        (-2.5, 0.25, "-2.50"),
    ],
)
def test_number_has_two_digits_of_what_is_in_doubt(value: float, half: float | None, text: str) -> None:
    assert number(value, half) == text


def test_small_words_for_numbers() -> None:
    assert [p_value(p) for p in (None, 0.0, 0.00009, 0.0031415, 0.0421, 0.314, 1.0)] == [
        "",
        "< 0.0001",
        "< 0.0001",
        "0.0031",
        "0.042",
        "0.31",
        "1.00",
    ]
    assert [rounded(n) for n in (1, 14, 99, 123, 987, 1000)] == ["1", "14", "99", "130", "990", "1,000"]
    assert [percent(share) for share in (0.03, 0.025, 1.0)] == ["3 %", "2.5 %", "100 %"]
