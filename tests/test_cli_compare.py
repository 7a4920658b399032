"""`benchctl compare`: what it prints in each form, its exit codes, and baselines."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from test_cli_console import benchctl_in, config_in

TWO_CASES = """\
benchmark: {name: journals}
cases:
  - {name: wal, params: {base: "40"}}
  - {name: delete, params: {base: "52"}}
trials: {repeat: 4, seed: 7}
stages:
  - name: load
    command: echo "took = $base.$((BENCHCTL_TRIAL % 3))$((BENCHCTL_TRIAL * 3 % 10)), $((100 + BENCHCTL_TRIAL % 2)) rows"
metrics:
  - {name: took, stage: load, regex: "took = ([0-9.]+)", unit: ms, better: lower}
  - {name: rows, stage: load, regex: "([0-9]+) rows"}
"""
METRICS = "Metrics: took, rows"
SHARE = "must be a share above 0% and below 100%, such as 3%"
NO_BASELINE = "a baseline can't be called"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run of two cases, and another one of the same; nothing is changed in it."""
    directory = tmp_path_factory.mktemp("kept")
    config_in(directory, TWO_CASES)
    for _ in range(2):
        assert benchctl_in(directory, "run", "-q", "--no-plots").code == 0
    return directory


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    return shutil.copytree(kept, tmp_path / "runs")


def test_cases_of_the_latest_run_are_compared_with_the_first(kept: Path) -> None:
    ended = benchctl_in(kept, "compare")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "run-002:delete against run-002:wal: trials in turns, paired by round, 95 % intervals"
    assert [line.split()[-1] for line in lines[3:5]] == ["worse", "equivalent"]
    assert lines[6].startswith("took: worse: 29.89 % higher")
    assert lines[-2:] == ["DIFFERS      run-002:wal  run-002:delete", "params base  40           52"]


def test_named_case_is_the_base(kept: Path) -> None:
    ended = benchctl_in(kept, "compare", "1:delete")
    assert ended.out.startswith("run-001:wal against run-001:delete: trials in turns")
    assert "took: better: " in ended.out


def test_two_runs_are_compared_case_by_case_and_nothing_differs(kept: Path) -> None:
    ended = benchctl_in(kept, "compare", "1", "2")
    lines = ended.out.splitlines()
    assert lines[0] == "run-002 against run-001: separate trials, 95 % intervals"
    assert [(line.split()[0], line.split()[-1]) for line in lines[3:7]] == [
        ("took", "equivalent"),
        ("rows", "equivalent"),
        ("took", "equivalent"),
        ("rows", "equivalent"),
    ]
    assert lines[-1] == "nothing else that is recorded of the two differs"


def test_json_has_every_number_and_what_differs(kept: Path) -> None:
    document = benchctl_in(kept, "compare", "1", "--json").json()
    assert (document["schema"], document["conditions"], document["saved"]) == ("benchctl/compare@1", [], None)
    (comparison,) = document["comparisons"]
    assert (comparison["base"], comparison["candidate"], comparison["is_paired"]) == (
        "run-001:wal",
        "run-001:delete",
        True,
    )
    assert [row["metric"] for row in comparison["rows"]] == ["took", "rows"]
    assert comparison["rows"][0]["test"]["name"] == "paired t"
    assert comparison["differences"] == [{"kind": "params", "what": "params base", "base": "40", "candidate": "52"}]


def test_csv_markdown_and_latex_hold_the_same_rows(kept: Path) -> None:
    table = list(csv.DictReader(io.StringIO(benchctl_in(kept, "compare", "1", "--csv").out)))
    assert [(row["metric"], row["verdict"]) for row in table] == [("took", "worse"), ("rows", "equivalent")]
    markdown = benchctl_in(kept, "compare", "1", "--markdown").out.splitlines()
    assert markdown[3] == f"|{'---|' * 10}"
    assert markdown[-1] == "- differs: params base: 40 in the base, 52 in the candidate"
    latex = benchctl_in(kept, "compare", "1", "--latex").out
    assert latex.count(r" \\" + "\n") == 3
    assert latex.index(r"\begin{tabular}") < latex.index(r"\bottomrule") < latex.index(r"\end{tabular}")


def test_metric_and_margin_are_the_ones_asked_for(kept: Path) -> None:
    document = benchctl_in(kept, "compare", "1", "--metric", "took", "--margin", "took=60%", "--json").json()
    (row,) = document["comparisons"][0]["rows"]
    assert (row["metric"], row["margin"], row["verdict"]) == ("took", 0.6, "equivalent")


@pytest.mark.parametrize(
    ("condition", "code", "begin"),
    [
        ("took worse by 5%", 5, "failed (took worse by 5%): took: worse: 29.89 % higher"),
        ("took worse by 50%", 0, "passed (took worse by 50%): took: worse"),
        ("took better", 0, "passed (took better): took: worse"),
        ("any worse", 5, "failed (any worse): took: worse"),
    ],
)
def test_fail_if_decides_the_exit_code_and_says_why(kept: Path, condition: str, code: int, begin: str) -> None:
    ended = benchctl_in(kept, "compare", "1", "--fail-if", condition)
    assert ended.code == code
    assert ended.err.startswith(begin)


def test_fail_if_with_json_keeps_stdout_one_document(kept: Path) -> None:
    ended = benchctl_in(kept, "compare", "1", "--fail-if", "took worse by 5%", "--json")
    assert ended.code == 5
    assert [(one["metric"], one["status"]) for one in ended.json()["conditions"]] == [("took", "met")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("7",), 6, "No run '7'. Newest are run-002, run-001."),
        (("1:wall",), 2, "run-001 has no case 'wall'. Cases: wal, delete. Did you mean 'wal'?"),
        (("1", "--metric", "tok"), 2, f"no metric is called 'tok'. {METRICS}, load.duration. Did you mean 'took'?"),
        (
            ("1", "--fail-if", "tok worse"),
            2,
            f"--fail-if 'tok worse': no metric 'tok'. {METRICS}. Did you mean 'took'?",
        ),
        (("1", "--margin", "3"), 2, f"--margin {SHARE}, not '3'; of one metric: --margin p99=1%"),
        (("1", "--margin", "3%", "--margin", "4%"), 2, "--margin: all metrics can't have two; keep one"),
        (("1:", "2"), 2, "run-001 has no case ''. Cases: wal, delete"),
        (("1:wal", "1:wal"), 2, "run-001:wal and run-001:wal are the same trials; name two cases, or two runs"),
        (("1", "2", "1", "--save", "x"), 2, "--save keeps one run; name one candidate"),
        (("1", "--save", "run-9"), 2, f"{NO_BASELINE} 'run-9', which names a run; take a word, such as v1.2"),
        (("1", "--save", "../x"), 2, f"{NO_BASELINE} '../x': letters, digits, '.', '_' and '-', such as v1.2"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_with_its_cure(
    kept: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = benchctl_in(kept, "compare", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.splitlines()[0] == message


def test_two_forms_at_once_are_refused(kept: Path) -> None:
    ended = benchctl_in(kept, "compare", "1", "--json", "--latex")
    assert (ended.code, ended.json()["error"]["message"]) == (
        2,
        "--json and --latex are two forms of the same; choose one",
    )


def test_baseline_outlives_its_run(runs: Path) -> None:
    saved = benchctl_in(runs, "compare", "1:wal", "--metric", "took", "--save", "v1.2")
    assert (saved.code, saved.err) == (0, "saved  results/baselines/v1.2.json\n")
    before = benchctl_in(runs, "compare", "1:wal", "2:wal", "--json").json()["comparisons"][0]
    shutil.rmtree(runs / "results/run-001")
    after = benchctl_in(runs, "compare", "v1.2", "2", "--json").json()["comparisons"][0]
    assert after["base"] == "v1.2 (run-001)"
    assert after["rows"] == before["rows"]
    assert json.loads((runs / "results/baselines/v1.2.json").read_text())["schema"] == "benchctl/baseline@1"


def test_one_case_of_a_baseline_is_named_as_that_of_a_run(runs: Path) -> None:
    assert benchctl_in(runs, "compare", "1", "--save", "main").code == 0
    assert benchctl_in(runs, "compare", "main:delete", "2").out.startswith(
        "run-002:delete against main:delete (run-001): separate trials"
    )


def test_candidate_becomes_no_baseline_when_a_condition_is_met(runs: Path) -> None:
    ended = benchctl_in(runs, "compare", "1:wal", "1:delete", "--fail-if", "took worse", "--save", "main")
    assert ended.code == 5
    assert not (runs / "results/baselines").exists()
    assert benchctl_in(runs, "compare", "1:wal", "2:wal", "--save", "main").code == 0
    assert "Baselines: main. Did you mean 'main'?" in benchctl_in(runs, "compare", "mian", "2").err


def test_a_damaged_baseline_is_unreadable_in_one_line(runs: Path) -> None:
    (runs / "results/baselines").mkdir()
    (runs / "results/baselines/main.json").write_text("{")
    ended = benchctl_in(runs, "compare", "main", "2")
    assert ended.code == 6
    assert ended.err.startswith("results/baselines/main.json ")


def test_a_list_of_runs_shows_no_baselines(runs: Path) -> None:
    assert benchctl_in(runs, "compare", "1:wal", "--save", "main").code == 0
    assert len(benchctl_in(runs, "list").out.splitlines()) == 3


def test_run_without_a_measured_trial_is_no_baseline(tmp_path: Path) -> None:
    in_sequence = TWO_CASES.replace("seed: 7", "order: sequential")
    config_in(tmp_path, in_sequence.replace("command: echo", "command: exit 3; echo"))
    assert benchctl_in(tmp_path, "run", "-q").code == 1
    ended = benchctl_in(tmp_path, "compare", "1", "--save", "v1")
    why = "run-001 has no trial that was measured to its end; benchctl show tells why\n"
    assert (ended.code, ended.out, ended.err) == (2, "", why)
    assert not (tmp_path / "results" / "baselines").exists()
    ended = benchctl_in(tmp_path, "compare", "1:delete", "1:wal")
    assert (ended.code, ended.err) == (2, "case 'delete' of run-001 has no trial; benchctl show tells why\n")
