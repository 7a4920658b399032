"""The order of a run's trials."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchctl
from benchctl.errors import ConfigError, UsageError
from benchctl.schedule import Schedule, make_schedule

CONFIG = "benchmark: {{name: x}}\nstages: [{{name: a, command: 'true'}}]\n{more}"
THREE = "matrix: {a: [x, y, z]}\n"


def scheduled(directory: Path, more: str, **options: object) -> Schedule:
    (directory / "config.yaml").write_text(CONFIG.format(more=more))
    return make_schedule(benchctl.load(directory / "config.yaml"), **options)  # type: ignore[arg-type]


def order(schedule: Schedule) -> list[str]:
    return [f"{one.case_name or ''}{'w' if one.is_warmup else ''}{one.number}" for one in schedule.order]


def test_without_cases_and_repeats_there_is_one_trial(tmp_path: Path) -> None:
    schedule = scheduled(tmp_path, "")
    assert order(schedule) == ["1"]
    assert schedule.is_single
    assert not scheduled(tmp_path, "trials: {repeat: 2}\n").is_single
    assert not scheduled(tmp_path, "cases: [{name: only}]\n").is_single


def test_interleaved_rounds_have_every_case_once_and_another_order_each(tmp_path: Path) -> None:
    schedule = scheduled(tmp_path, f"{THREE}trials: {{repeat: 20, seed: 7}}\n")
    rounds = [order(schedule)[i : i + 3] for i in range(0, 60, 3)]
    assert [sorted(one) for one in rounds] == [[f"x{n}", f"y{n}", f"z{n}"] for n in range(1, 21)]
    assert len({"".join(name[0] for name in one) for one in rounds}) > 3


def test_each_case_comes_first_about_as_often_as_the_others(tmp_path: Path) -> None:
    schedule = scheduled(tmp_path, f"{THREE}trials: {{repeat: 900, seed: 1}}\n")
    firsts = [name[0] for name in order(schedule)[::3]]
    assert all(250 < firsts.count(case) < 350 for case in "xyz")


def test_the_same_seed_gives_the_same_order_for_ever(tmp_path: Path) -> None:
    schedule = scheduled(tmp_path, f"{THREE}trials: {{repeat: 3, warmup: 1, seed: 7}}\n")
    assert order(schedule) == ["yw1", "xw1", "zw1", "y1", "x1", "z1", "x2", "z2", "y2", "z3", "x3", "y3"]


def test_a_case_that_is_left_out_changes_nothing_for_the_others(tmp_path: Path) -> None:
    more = f"{THREE}trials: {{repeat: 9, seed: 3}}\n"
    whole, part = scheduled(tmp_path, more), scheduled(tmp_path, more, cases=["x", "z"])
    assert [name for name in order(whole) if name[0] != "y"] == order(part)


def test_a_seed_is_drawn_where_none_is_given(tmp_path: Path) -> None:
    seeds = {scheduled(tmp_path, THREE).trials.seed for _ in range(5)}
    assert len(seeds) == 5
    assert None not in seeds


def test_sequential_makes_one_case_after_the_other_with_its_warm_ups_first(tmp_path: Path) -> None:
    more = "matrix: {a: [x, y]}\ntrials: {repeat: 2, warmup: 1, order: sequential}\n"
    assert order(scheduled(tmp_path, more)) == ["xw1", "x1", "x2", "yw1", "y1", "y2"]


def test_random_mixes_all_trials_after_all_warm_ups(tmp_path: Path) -> None:
    schedule = scheduled(tmp_path, f"{THREE}trials: {{repeat: 5, warmup: 1, order: random, seed: 7}}\n")
    assert sorted(order(schedule)[:3]) == ["xw1", "yw1", "zw1"]
    numbers = [int(name[1:]) for name in order(schedule)[3:]]
    assert sorted(numbers) == sorted(list(range(1, 6)) * 3)
    assert numbers != sorted(numbers)


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        (THREE, {"cases": ["xx"]}, "no case is called 'xx'. Cases: x, y, z. Did you mean 'x'?"),
        ("", {"cases": ["x"]}, "the config has no cases, so none is called 'x'"),
        (f"matrix: {{a: {list(range(20))}}}\n", {"repeat": 9000},
         "the run would have 180,000 trials; at most 100,000 are made"),
    ],
)  # fmt: skip
def test_what_can_not_be_made_is_told(tmp_path: Path, more: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        scheduled(tmp_path, more, **options)
    assert raised.value.message == message


def test_trials_that_would_write_one_file_are_refused_with_what_to_put_into_its_name(tmp_path: Path) -> None:
    output = "{name: o, remote_path: o.csv, local_path: '/tmp/%s.csv'}"
    config = "benchmark: {name: x}\nmatrix: {a: [x, y]}\nstages:\n  - name: a\n    command: 'true'\n    outputs:\n"
    path = tmp_path / "config.yaml"
    path.write_text(f"{config}      - {output % 'o'}\n")
    with pytest.raises(ConfigError) as raised:
        benchctl.compile_plan(benchctl.load(path), repeat=2)
    assert raised.value.message == (
        f"{path}:7: stages[0].outputs[0].local_path: '/tmp/o.csv' would be written by every trial; put {{{{case}}}} and"
        " {{trial}} into it"
    )
    path.write_text(f"{config}      - {output % '{{params.a}}-{{trial}}'}\n")
    assert len(benchctl.compile_plan(benchctl.load(path), repeat=2).schedule.order) == 4
