"""What makes no sense from a caller of the API, and that the command line says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_cli_console import benchctl_in, config_in

import benchctl
from benchctl.errors import UsageError

RULE = "can't be set; use letters, digits and _, not beginning with a digit or with BENCHCTL_, which is ours"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"env": {"A;touch pwned": "x"}}, f"env: 'A;touch pwned' {RULE}"),
        ({"env": {"BENCHCTL_STAGE": "x"}}, f"env: 'BENCHCTL_STAGE' {RULE}"),
        ({"env": {"A\n": "x"}}, f"env: 'A\\n' {RULE}"),
        ({"env": {"A": 5}}, "env: the value of 'A' must be a text such as '5', not 5"),
        ({"env": {5: "x"}}, "env: 5 is no name; write it as a text"),
        ({"env": {"A": "a\0b"}}, "env: the value of 'A' holds a NUL character; remove it"),
        ({"env": ["A=x"]}, "env must be a mapping of names and texts, not ['A=x']"),
        ({"skip": "part"}, "skip must be a list such as ['part'], not the text 'part'"),
        ({"only": "part"}, "only must be a list such as ['part'], not the text 'part'"),
        ({"tags": "nightly"}, "tags must be a list such as ['nightly'], not the text 'nightly'"),
        ({"tags": [5]}, "tags: 5 is no text; write it as '5'"),
        ({"skip": None}, "skip must be a list, not None"),
        ({"note": 5}, "note must be a text, not 5"),
        ({"listeners": [3]}, "listeners: 3 can't be called; give functions that take an event"),
        ({"overrides": {"word": 5}}, "overrides: the value of 'word' must be a text such as '5', not 5"),
    ],
)
def test_an_argument_of_run_that_makes_no_sense_is_told_before_anything_is_made(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    benchmark = benchctl.load(config_in(tmp_path))
    with pytest.raises(UsageError) as caught:
        benchctl.run(benchmark, results=tmp_path / "results", **options)
    assert caught.value.message == message
    assert not (tmp_path / "results").exists()


def test_an_override_that_is_no_text_is_told_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        benchctl.load(config_in(tmp_path), overrides={"word": 5})  # type: ignore[dict-item]
    assert caught.value.message == "overrides: the value of 'word' must be a text such as '5', not 5"


def test_a_text_that_no_file_name_can_have_here_is_told_before_anything_runs(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    stage = "{name: a, command: touch ran, outputs: {name: o, remote_path: 'ü x.csv'}}"
    (tmp_path / "config.yaml").write_bytes(f"benchmark: {{name: x}}\nstages: [{stage}]\n".encode())
    ended = benchctl_in(tmp_path, "run", env=ascii_only)
    assert (ended.code, ended.err) == (
        2,
        "the config holds '\\xfc', which the locale's encoding (ascii) does not have\n"
        "    hint  set LC_ALL=C.UTF-8, or PYTHONUTF8=1\n",
    )
    assert not (tmp_path / "ran").exists()
    config_in(tmp_path)
    assert benchctl_in(tmp_path, "run", "-q", env=ascii_only).code == 0


def test_a_variable_of_ours_is_refused_on_the_command_line_too(tmp_path: Path) -> None:
    config_in(tmp_path)
    ended = benchctl_in(tmp_path, "run", "-e", "BENCHCTL_STAGE=x")
    assert (ended.code, ended.err) == (2, f"-e: 'BENCHCTL_STAGE' {RULE}\n")
