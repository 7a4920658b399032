"""The kept copy of a config: without its secrets, and still the same benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchctl.config.loader import load
from benchctl.config.masking import masked_text
from benchctl.config.model import Copy
from benchctl.config.yaml_file import read
from benchctl.redact import Redactor

WORDS = ("bench", "succeeded", "status", "failed", "local", "trials", "command", "true", "stages", "latency", "port")

EVERYWHERE = """\
# WORD is what it is called, WORD
benchmark: {name: WORD, description: the "WORD" of all, tags: [WORD, x]}
hosts:
  WORD-1: {ip: 10.0.0.5, username: WORD, password: &p WORD} # WORD
vars: {WORD: WORD, other: &o WORD}
stages:
  - &s name: WORD
    host: WORD-1
    command: | # WORD
      echo WORD {{hosts.WORD-1}} {{vars.WORD}}
      WORD
    background: true
    env: {WORD: WORD, name: WORD}
    args:
    - WORD
    - 'it''s WORD'
    - *o
    - >-
      echo
      WORD
    - WORD
      two
    health_check: {type: port, target: "8080"}
    outputs: {name: WORD, remote_path: WORD.csv, data_schema: {WORD: {type: float, unit: WORD}}}
  - name: second
    copy: {from: "WORD-1:/tmp/WORD", to: WORD-1:/x}
plots:
  - {name: p, source: WORD, type: histogram, y: WORD, title: WORD}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config.yaml"


@pytest.mark.parametrize("word", WORDS)
def test_a_password_that_is_an_ordinary_word_leaves_the_config_valid_and_its_names_as_they_were(
    config: Path, word: str
) -> None:
    config.write_text(EVERYWHERE.replace("WORD", word))
    benchmark = load()
    config.write_text(benchmark.text)
    again = load()
    assert again.document == benchmark.document
    assert list(again.hosts) == [f"{word}-1", "local"]
    assert [(stage.name, stage.hosts) for stage in again.stages] == [(word, (f"{word}-1",)), ("second", (f"{word}-1",))]
    assert again.stages[0].command == f"echo *** {{{{hosts.{word}-1}}}} {{{{vars.{word}}}}}\n***\n"
    assert again.stages[0].args == ("***", "it's ***", "***", "echo ***", "*** two")
    assert again.stages[0].env == {word: "***", "name": "***"}
    assert (again.description, again.tags) == ('the "***" of all', ("***", "x"))
    assert again.stages[1].copy == Copy(f"{word}-1", "/tmp/***", f"{word}-1", "/x")
    assert again.text.startswith("# *** is what it is called, ***\n")


def test_the_same_word_from_the_environment_is_masked_alike(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VM_PASSWORD", "bench")
    config.write_text(EVERYWHERE.replace("WORD", "bench").replace("&p bench", '"${VM_PASSWORD}"'))
    config.write_text(load().text)
    assert load().stages[0].args[0] == "***"
    assert 'password: "${VM_PASSWORD}"' in config.read_text()


def test_a_secret_is_found_however_yaml_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        'p: &p s3cret\nq: "s3cr\\u0065t x"\nr: |\n  s3cret\n  more\ns: echo s3cret # s3cret\nt: "\\x7f s3cret"\n'
    )
    text = masked_text(read(path, "c"), {("p",)}, Redactor(["s3cret"]))
    assert text == 'p: &p \'***\'\nq: "*** x"\nr: |\n  ***\n  more\ns: echo *** # ***\nt: "\\x7F ***"\n'
    path.write_text(text)
    assert read(path, "c").root == {"p": "***", "q": "*** x", "r": "***\nmore\n", "s": "echo ***", "t": "\x7f ***"}


def test_without_secrets_the_text_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a: 'x' # y\n")
    assert masked_text(read(path, "c"), set(), Redactor()) == "a: 'x' # y\n"
