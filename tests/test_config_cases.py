"""Cases and trials of a config: what a matrix makes, how cases are called, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_config_schema import complaints

import benchctl
from benchctl.config.model import Benchmark, Case, Trials

HEAD = "benchmark: {name: x}\nstages:\n  - {name: a, command: 'true'}\n"


def loaded(directory: Path, more: str, head: str = HEAD) -> Benchmark:
    (directory / "config.yaml").write_text(head + more)
    return benchctl.load(directory / "config.yaml")


def names(benchmark: Benchmark) -> list[str]:
    return [case.name for case in benchmark.cases]


def test_a_matrix_is_the_product_of_its_values_in_their_order(tmp_path: Path) -> None:
    benchmark = loaded(tmp_path, "matrix: {journal: [wal, delete], clients: [1, 8]}\n")
    assert benchmark.cases == (
        Case("wal-clients-1", {"journal": "wal", "clients": "1"}),
        Case("wal-clients-8", {"journal": "wal", "clients": "8"}),
        Case("delete-clients-1", {"journal": "delete", "clients": "1"}),
        Case("delete-clients-8", {"journal": "delete", "clients": "8"}),
    )


def test_what_is_excluded_is_left_out_and_what_is_included_comes_last(tmp_path: Path) -> None:
    more = "matrix: {j: [wal, del], n: [1, 8]}\nexclude: [{j: del, n: 8}]\ninclude: {j: off, n: 1}\n"
    assert names(loaded(tmp_path, more)) == ["wal-n-1", "wal-n-8", "del-n-1", "j-off-n-1"]


def test_values_of_parameters_keep_their_text(tmp_path: Path) -> None:
    more = "matrix: {version: [3.10, 012], at: [22:22], on: [no, ~x]}\n"
    assert [dict(case.params) for case in loaded(tmp_path, more).cases][:2] == [
        {"version": "3.10", "at": "22:22", "on": "no"},
        {"version": "3.10", "at": "22:22", "on": "~x"},
    ]


def test_a_listed_case_may_be_called_after_its_parameters(tmp_path: Path) -> None:
    more = "cases: [{name: big, params: {size: 4 KiB}}, {params: {size: 4 KiB, mode: fast/safe}}]\n"
    assert names(loaded(tmp_path, more)) == ["big", "size-4-KiB-fast-safe"]


def test_trials_have_defaults_and_keys(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").trials == Trials(repeat=1, warmup=0, order="interleaved", seed=None)
    given = loaded(tmp_path, "trials: {repeat: 5, warmup: 1, order: random, seed: 7}\n")
    assert given.trials == Trials(repeat=5, warmup=1, order="random", seed=7)


def test_a_stage_is_done_in_the_cases_that_only_and_when_leave(tmp_path: Path) -> None:
    head = (
        "benchmark: {name: x}\nmatrix: {j: [wal, del], n: [1, 8]}\nstages:\n"
        "  - {name: every, command: 'true'}\n"
        "  - {name: one, command: 'true', only: wal-n-1}\n"
        "  - {name: some, command: 'true', when: {j: wal}}\n"
        "  - {name: both, command: 'true', only: [wal-n-1, del-n-8], when: {n: [8, 1], j: del}}\n"
    )
    assert [stage.cases for stage in loaded(tmp_path, "", head).stages] == [
        None,
        {"wal-n-1"},
        {"wal-n-1", "wal-n-8"},
        {"del-n-8"},
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("cases: []\n", "cases: there is no case in the list; add one, or remove the key"),
        ("matrix: {}\n", "matrix: there is no parameter in the matrix; add one, or remove the key"),
        ("matrix: {a: []}\n", "matrix.a: 'a' has no value, so there is no case; give it some"),
        ("matrix: {a: [1, 2, 1]}\n", "matrix.a[2]: '1' is there already; name each value once"),
        (f"matrix: {{a: {list(range(40))}, b: {list(range(40))}}}\n",
         "matrix: makes 1,600 cases; at most 1,000 are taken. Leave out some values"),
        ("matrix: {a: [1, 2]}\nexclude: [{a: 1}, {a: 2}]\n", "exclude: leaves none of the 2 cases of the matrix"),
        ("matrix: {a: [1, 2]}\nexclude: [{a: 3}]\n",
         "exclude[0]: leaves out no case of the matrix; look at its values"),
        ("matrix: {alpha: [1, 2]}\nexclude: [{alpah: 1}]\n",
         "exclude[0].alpah: the matrix has no 'alpah'. Parameters: alpha. Did you mean 'alpha'?"),
        ("matrix: {a: [1], b: [2]}\ninclude: [{a: 3}]\n",
         "include[0]: gives no b; a case has every parameter of the matrix"),
        ("matrix: {a: [1]}\ninclude: [{a: 1}]\n", "include[0]: case 'a-1' is there already; remove one"),
        ("include: [{a: 1}]\n", "include: include changes what a matrix makes, and there is none"),
        ("cases: [{name: a}]\nmatrix: {a: 1}\n", "matrix: a config has cases or a matrix; keep one of them"),
        ("cases: [{name: a}, {name: A}]\n", "cases[1].name: case 'A' is there already; remove one"),
        ("matrix: {a: [x/y, x-y]}\n",
         "matrix: two cases would be called 'x-y': a=x/y and a=x-y; name them under cases:"),
        ("cases: [{}]\n", "cases[0]: a case needs a name, or params to make one from"),
        ("cases: [{name: ../../etc}]\n",
         "cases[0].name: '../../etc' can't name a case, whose directory is called after it; use up to 100 letters,"
         " digits, - _ and ., beginning with a letter or digit"),
        ("cases: [{name: a, params: {PATH-1: x}}]\n",
         "cases[0].params.PATH-1: 'PATH-1' can't be a parameter, since it is a variable of every command too; use"
         " letters, digits and _"),
        ("trials: {repeat: 0}\n", "trials.repeat: must be a whole number from 1 to 10000, not '0'"),
        ("trials: {order: interleave}\n",
         "trials.order: must be interleaved, sequential or random, not 'interleave'. Did you mean 'interleaved'?"),
    ],
)  # fmt: skip
def test_cases_that_make_no_sense_are_told(tmp_path: Path, more: str, expected: str) -> None:
    assert complaints(tmp_path, HEAD + more) == [expected]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("only: wla", "only: no case is called 'wla'. Cases: wal, del. Did you mean 'wal'?"),
        ("when: {jurnal: wal}", "when.jurnal: no case has a parameter 'jurnal'. Parameters: journal. Did you mean"
         " 'journal'?"),
        ("when: {journal: wall}", "when.journal: 'journal' is never 'wall'. Values: wal, delete. Did you mean 'wal'?"),
        ("only: wal, when: {journal: delete}", "when: no case is left in which the stage is done"),
        ("only: wal, scope: run", "only: the stage is done once, around all cases; remove only"),
        ("env: {X: '{{params.jurnal}}'}", "env.X: {{params.jurnal}}: no case has a parameter 'jurnal'. Parameters:"
         " journal. Did you mean 'journal'?"),
        ("scope: run, env: {X: '{{params.journal}}'}", "env.X: {{params.journal}}: the stage is done once, around all"
         " trials; write the value out, or remove scope: run"),
    ],
)  # fmt: skip
def test_a_stage_that_names_what_no_case_has_is_told(tmp_path: Path, stage: str, expected: str) -> None:
    cases = "cases: [{name: wal, params: {journal: wal}}, {name: del, params: {journal: delete}}]\n"
    text = f"benchmark: {{name: x}}\n{cases}stages: [{{name: a, command: 'true', {stage}}}]\n"
    assert complaints(tmp_path, text) == [f"stages[0].{expected}"]


def test_a_parameter_must_be_one_of_every_case_of_its_stage(tmp_path: Path) -> None:
    cases = "cases: [{name: wal, params: {journal: wal}}, {name: plain}]\n"
    stages = "stages:\n  - {name: every, command: 'true'}\n  - {name: a, command: 'echo {{params.journal}}'}\n"
    text = f"benchmark: {{name: x}}\n{cases}{stages}"
    assert complaints(tmp_path, text) == [
        "stages[1].command: {{params.journal}}: case 'plain' has no such parameter; give it one, or leave the stage out"
        " there by only"
    ]
    assert complaints(tmp_path, text.replace("{name: a,", "{name: a, only: wal,")) == []


def test_without_cases_there_are_no_parameters(tmp_path: Path) -> None:
    text = "benchmark: {name: x}\nstages: [{name: a, command: 'echo {{params.x}}', when: {x: 1}}]\n"
    assert complaints(tmp_path, text) == [
        "stages[0].when: when chooses among cases, and there are none",
        "stages[0].command: {{params.x}}: params come with cases, and there are none",
    ]


def test_a_case_in_which_no_stage_is_done_is_told(tmp_path: Path) -> None:
    text = "benchmark: {name: x}\nmatrix: {j: [wal, del]}\nstages: [{name: a, command: 'true', only: wal}]\n"
    assert complaints(tmp_path, text) == [
        "matrix: no stage is done in case 'del'; leave it out, or give it one by only or when"
    ]
