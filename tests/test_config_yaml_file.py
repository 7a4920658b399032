"""What is said of a file that is no YAML, or none to speak of."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchctl.config.document import Document, path_text
from benchctl.config.yaml_file import read
from benchctl.errors import ConfigError


def document(directory: Path, text: str | bytes) -> Document:
    path = directory / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, "config.yaml")


def refusal(directory: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        document(directory, text)
    return str(error.value)


def test_scalars_stay_as_they_are_written(tmp_path: Path) -> None:
    text = "a: 22:22\nb: no\nc: 012\nd: 3.10\ne: 2026-01-01\nf: 1e3\n"
    root = {"a": "22:22", "b": "no", "c": "012", "d": "3.10", "e": "2026-01-01", "f": "1e3"}
    assert document(tmp_path, text).root == root


def test_nothing_differs_from_an_empty_text(tmp_path: Path) -> None:
    root = document(tmp_path, "a:\nb: ~\nc: null\nd: ''\ne: \"~\"\nf: []\n").root
    assert root == {"a": None, "b": None, "c": None, "d": "", "e": "~", "f": []}


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    found = document(tmp_path, "a:\n  - b: 1\n    c:\n      - x\n  - |\n    one\n    two\n")
    places = [("a",), ("a", 0), ("a", 0, "c"), ("a", 0, "c", 0), ("a", 1), ("a", 1, "nowhere")]
    assert [found.line(place) for place in places] == [1, 2, 3, 4, 5, 5]
    assert found.line(("a", 1), "two") == 7


def test_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    found = document(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert found.root == {"a": "1", "b": "2"}
    assert found.line(("b",)) == 2


def test_anchors_and_merges_are_filled_in(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{z: 0}, *a]}\n"
    root = {"a": {"x": "1", "y": "2"}, "b": {"x": "1", "y": "3"}, "c": {"z": "0", "x": "1", "y": "2"}}
    assert document(tmp_path, text).root == root


NOT_YAML = "config.yaml:{}: this is not YAML: {}"
QUOTES = 'YAML reads {{ as a mapping; put quotes around the text with {{hosts.db}}, as in "{{hosts.db}}"'
MAPPING = "a config is a mapping with keys such as benchmark: and stages:"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "config.yaml: the file is empty; a config needs at least benchmark: and stages:"),
        ("# nothing\n", "config.yaml: the file is empty; a config needs at least benchmark: and stages:"),
        ("~\n", "config.yaml: the file is empty; a config needs at least benchmark: and stages:"),
        ("\n- a\n", f"config.yaml:2: this is a list; {MAPPING}"),
        ("hello\n", f"config.yaml:1: this is a single text; {MAPPING}"),
        ("a:\n\tb: 1\n", "config.yaml:2: a tab is used for indentation; YAML allows only spaces there"),
        (
            "a: b: c\n",
            NOT_YAML.format(1, "a ': ' where no key can be; indent the line properly, or put quotes around it"),
        ),
        (
            "a: {b: 1\nc: 2\n",
            NOT_YAML.format(2, "the list or mapping opened on line 1 lacks a ',' or its closing bracket"),
        ),
        ("a: {b: 'c', d: echo {{hosts.db}}}\n", f"config.yaml:1: {QUOTES}"),
        (
            "a: {b: 'echo {{hosts.db}}' c}\n",
            NOT_YAML.format(1, "the list or mapping opened on line 1 lacks a ',' or its closing bracket"),
        ),
        (
            "a: [ , b]\n",
            NOT_YAML.format(1, "a value is missing here; remove what is too much, or put quotes around a text"),
        ),
        (
            "a:\n" + "- {b: c}\n" * 34_000,
            "config.yaml:33334: the file holds more than 100,000 values, those of its aliases counted; shorten it",
        ),
        ('a: 1\nb: "x\nc: 2\n', NOT_YAML.format(2, "the quote that opens here is never closed")),
        ("a: *x\n", NOT_YAML.format(1, "'*x' stands for nothing; put quotes around a text that begins with *")),
        (
            "a: 1\n---\nb: 2\n",
            NOT_YAML.format(2, "a second document begins here; a config is one document, without --- inside"),
        ),
        (
            "a: 1\n b: 2\n",
            NOT_YAML.format(2, "a ': ' where no key can be; indent the line properly, or put quotes around it"),
        ),
        ("a: {{hosts.db}}:80\n", f"config.yaml:1: {QUOTES}"),
        ("a:\n  - {{ hosts.db }} x\n", f"config.yaml:2: {QUOTES}"),
        ("a: &a\n  - *a\n", "config.yaml:1: an alias stands inside what it stands for; remove it"),
        (BOMB, "config.yaml:1: the file holds more than 100,000 values, those of its aliases counted; shorten it"),
        ("[" * 3000, "config.yaml:1: this is nested more than 32 levels deep"),
        (b"a: 1\nb: \xe9\n", "config.yaml:2: this is not UTF-8 (byte 0xe9 at offset 8); save the file as UTF-8"),
        ("a: 1".encode("utf-16"), "config.yaml:1: this is not UTF-8 (byte 0xff at offset 0); save the file as UTF-8"),
        ("a: 1\nb: \a\n", "config.yaml:2: character U+0007 can't stand in a YAML file; remove it"),
        (b"#" * 1024 * 1025, "config.yaml: the file is larger than 1 MiB; a config is a page or two of text"),
    ],
)
def test_unreadable_document_gets_one_sentence(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "config.yaml:3: a: 'a' is given twice, on lines 1 and 3; keep one"),
        (
            "a: !!python/name:os.system\n",
            "config.yaml:1: a: the YAML tag '!!python/name:os.system' is not supported; remove it",
        ),
        ("a: {{hosts.db}}\n", f"config.yaml:1: a: {QUOTES}"),
        ("? [a]\n: b\n", "config.yaml:1: a key must be plain text, not a list or a mapping"),
        ('a: "x\\0y"\n', "config.yaml:1: a: the text holds a NUL character; remove it"),
        ('a: "\\ud800"\n', "config.yaml:1: a: the text holds half a character (a lone surrogate); remove it"),
        ("a: {<<: x}\n", "config.yaml:1: a: << takes in another mapping (*name) or a list of them"),
    ],
)
def test_odd_value_is_noted_and_the_rest_is_read(tmp_path: Path, text: str, message: str) -> None:
    found = document(tmp_path, f"{text}z: 1\n")
    assert isinstance(found.root, dict)
    assert found.root["z"] == "1"
    assert [str(problem) for problem in found.problems] == [message]


def test_missing_file_is_told_with_the_names_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").touch()
    with pytest.raises(ConfigError) as error:
        read(tmp_path / "bnech.yaml", "bnech.yaml")
    there = "YAML files there: bench.yaml. Did you mean 'bench.yaml'?"
    assert str(error.value) == f"bnech.yaml: there is no such file. {there}"


def test_directory_is_told_with_the_files_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, "dir")
    assert str(error.value) == "dir: this is a directory; name the file in it; there are no YAML files there"


def test_device_is_not_read() -> None:
    with pytest.raises(ConfigError) as error:
        read(Path("/dev/zero"), "/dev/zero")
    assert str(error.value) == "/dev/zero: this is not a regular file; a config is read from a file"


def test_problems_stop_at_two_hundred(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "a: 1\n" * 5000).splitlines()
    assert len(lines) == 201
    assert lines[-1] == "config.yaml:201: there may be more; mend these first"


def test_paths_are_written_as_people_write_them() -> None:
    assert path_text(("stages", 2, "env", "a b", "x\ny")) == "stages[2].env.a b.'x\\ny'"
