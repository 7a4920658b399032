"""A YAML file as plain mappings, lists and text, with the line of everything in it.

Nothing is converted: `22:22`, `no` and `3.10` arrive as they were written. Only yaml is used from outside.
"""

from __future__ import annotations

import hashlib
import re
import stat
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from benchctl.errors import ConfigError, Problem
from benchctl.redact import Redactor
from benchctl.template import did_you_mean

Value = str | None | list[Any] | dict[str, Any]
Place = tuple[str | int, ...]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 100_000  # counted as if every alias were written out

MAX_PROBLEMS = 200

_NULLS = ("", "~", "null", "Null", "NULL")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map")}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNQUOTED_BRACES = re.compile(r"^\s*(?:- +)*(?:[^\s'\"#][^'\"#]*:\s+|- +)\{\{(?P<inside>[^{}]*)\}\}")
_BRACES = re.compile(r"\{\{(?P<inside>[^{}]*)\}\}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class Mark(NamedTuple):
    """Where a value is: the line to name, and the characters of its text when it is a scalar."""

    line: int
    start: int
    end: int


@dataclass
class Document:
    """A file that was read: its root value, and where each value stands.

    `problems` holds what is wrong without keeping the rest from being read, such as repeated keys.
    """

    file: str  # as the user named it
    text: str
    sha256: str
    root: Value = None
    marks: dict[Place, Mark] = field(default_factory=dict)
    moved: dict[Place, Place] = field(default_factory=dict)
    mode: int = 0  # the file's permission bits
    problems: list[Problem] = field(default_factory=list)
    bad: set[Place] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)  # what no message may show

    def problem(self, place: Place, sentence: str, *, needle: str = "", line: int = 0) -> None:
        """Note what is wrong at a place; a second sentence about a value that is broken already is dropped.

        needle: the part of a long text that is meant; line: where it is, when the place doesn't tell.
        """
        found = Problem(self.file, line or self.line(place, needle), path_text(place), sentence)
        if line or needle or place not in self.bad:
            self.problems.append(found)
        self.bad.add(place)
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems.append(Problem(self.file, found.line, "", "there may be more; mend these first"))
            self.raise_problems()

    def missing(self, place: Place, sentence: str) -> None:
        """Note that a value is not there; the sentence is about what should hold it."""
        holder = place[:-1]
        self.problem(holder, sentence, line=self.line(holder))
        self.bad.discard(holder)
        self.bad.add(place)

    def is_bad(self, *places: Place) -> bool:
        """Whether any of these values has a problem of its own."""
        return any(place in self.bad for place in places)

    def line(self, place: Place, needle: str = "") -> int:
        """The line of a value, or of the nearest thing around it; of `needle` inside it, if that is found."""
        mark = self.mark(place)
        if needle and (found := self.text.find(needle, mark.start, mark.end)) >= 0:
            return self.line_at(found)
        return mark.line

    def mark(self, place: Place) -> Mark:
        real = self.real(place)
        nearest = (real[:length] for length in range(len(real), -1, -1))
        return next((self.marks[around] for around in nearest if around in self.marks), Mark(1, 0, 0))

    def real(self, place: Place) -> Place:
        """Where a value stands in the file, when it was reached by another spelling's path."""
        real: Place = ()
        for part in place:
            real = self.moved.get((*real, part), (*real, part))
        return real

    def line_at(self, offset: int) -> int:
        return bisect_right(self._line_ends, offset - 1) + 1

    @cached_property
    def _line_ends(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    def refuse(self, sentence: str, line: int = 0) -> NoReturn:
        """Give up: what is wrong keeps the rest from being read."""
        self.problems.append(Problem(self.file, line, "", sentence))
        self.raise_problems()

    def raise_problems(self) -> NoReturn:
        """Raise ConfigError with the problems in the order of their lines, each once, secrets masked."""
        found = dict.fromkeys((problem.line, problem.path, problem.text) for problem in self.problems)
        ordered = sorted(found, key=lambda problem: problem[0])
        mask = Redactor(self.secrets).text
        raise ConfigError([Problem(self.file, line, path, mask(text)) for line, path, text in ordered])


def path_text(place: Sequence[str | int]) -> str:
    """A place as people write it: `stages[2].host`; odd keys are quoted and cut."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_key_text(part)}" for part in place]
    return "".join(parts).removeprefix(".")


def _key_text(key: str) -> str:
    return key if re.fullmatch(r"[\w -]{1,60}", key) and key.isprintable() else shown(key)


def shown(value: str) -> str:
    """A value in quotes for a message: on one line, and cut when it is long."""
    return repr(value if len(value) <= 60 else value[:60] + "...")


def read(path: Path, file: str, lists: Container[tuple[str, ...]] = ()) -> Document:
    """The document in a file. Raises ConfigError when there is none to speak of.

    file: how the user named it, for messages. lists: places, without their numbers, where a mapping stands for a list
    of it alone.
    """
    data, mode = _bytes(path, file)
    document = Document(file, _text(data, file), hashlib.sha256(data).hexdigest(), mode=mode)
    root = _composed(document)
    if root is None or (isinstance(root, ScalarNode) and root.style is None and root.value in _NULLS):
        document.refuse("the file is empty; a config needs at least benchmark: and stages:")
    if not isinstance(root, MappingNode):
        kind = "a list" if isinstance(root, SequenceNode) else "a single text"
        line = document.line_at(root.start_mark.index)
        document.refuse(f"this is {kind}; a config is a mapping with keys such as benchmark: and stages:", line)
    document.root = _Walk(document, lists).value(root, ())
    return document


def _bytes(path: Path, file: str) -> tuple[bytes, int]:
    """What a file holds, and its permission bits."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            _refuse(file, f"this is a directory; name the file in it{yaml_files_in(path)}")
        if not stat.S_ISREG(mode):
            _refuse(file, "this is not a regular file; a config is read from a file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _refuse(
            file, f"there is no such file{yaml_files_in(path.parent)}{did_you_mean(path.name, _names(path.parent))}"
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        _refuse(file, f"can't be read: {reason}")
    if len(data) > MAX_BYTES:
        _refuse(file, "the file is larger than 1 MiB; a config is a page or two of text")
    return data, mode


def _refuse(file: str, sentence: str, line: int = 0) -> NoReturn:
    raise ConfigError([Problem(file, line, "", sentence)]) from None


def _names(directory: Path) -> list[str]:
    try:
        return sorted(
            entry.name for entry in directory.iterdir() if entry.suffix in (".yaml", ".yml") and entry.is_file()
        )
    except OSError:
        return []


def yaml_files_in(directory: Path) -> str:
    """The end of a sentence that names the YAML files of a directory."""
    names = _names(directory)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f". YAML files there: {', '.join(names[:10])}{more}." if names else "; there are no YAML files there"


def _text(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        _refuse(file, f"this is not UTF-8 ({byte}); save the file as UTF-8", line)
    odd = _UNPRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        _refuse(file, f"character U+{ord(odd[0]):04X} can't stand in a YAML file; remove it", line)
    return text


class _TooDeep(Exception):
    """Nested deeper than any config; `index` is where."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class _Loader(yaml.BaseLoader):
    """Composes nodes without guessing types, and counts depth before Python's own limit is met."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise _TooDeep(self.get_mark().index)
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _composed(document: Document) -> Node | None:
    try:
        loader = _Loader(document.text)
        return loader.get_single_node()
    except _TooDeep as error:
        document.refuse(f"this is nested more than {MAX_DEPTH} levels deep", document.line_at(error.index))
    except yaml.YAMLError as error:
        document.refuse(*_sentence(document, error))


def _sentence(document: Document, error: yaml.YAMLError) -> tuple[str, int]:
    """PyYAML's complaint in one sentence, with its line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = document.line_at(mark.index) if mark else 1
    opened = getattr(error, "context_mark", None)
    opened_line = document.line_at(opened.index) if opened else line
    lines = document.text.split("\n")
    for number in (line, opened_line):
        found = _UNQUOTED_BRACES.match(lines[number - 1])
        if _LACKS_COMMA in str(error) and not found:
            found = _BRACES.search(_QUOTED.sub("", lines[number - 1]))
        if found:
            return _quote_braces(found["inside"]), number
    if "\t" in re.match(r"[\s-]*", lines[line - 1])[0]:  # type: ignore[index]  # always matches
        return "a tab is used for indentation; YAML allows only spaces there", line
    problem = str(getattr(error, "problem", None) or error)
    return _in_our_words(problem, opened_line), opened_line if _NEVER_CLOSED in problem else line


_NEVER_CLOSED = "found unexpected end of stream"
_LACKS_COMMA = "expected ',' or"


_IN_OUR_WORDS = (
    ("'\\t'", "a tab stands where YAML allows only spaces"),
    ("mapping values are not allowed", "a ': ' where no key can be; indent the line properly, or put quotes around it"),
    (_NEVER_CLOSED, "the quote that opens here is never closed"),
    ("found undefined alias", "{alias} stands for nothing; put quotes around a text that begins with *"),
    ("but found another document", "a second document begins here; a config is one document, without --- inside"),
    ("could not find expected ':'", "the key on line {opened} has no ':' after it"),
    ("expected <block end>", "this does not belong to what began on line {opened}; check indentation and quotes"),
    (_LACKS_COMMA, "the list or mapping opened on line {opened} lacks a ',' or its closing bracket"),
    ("that cannot start any token", "a plain text can't begin so; put quotes around it"),
    ("sequence entries are not allowed", "a list can't begin here; put it on a line of its own"),
    ("expected '<document start>'", "this stands further to the left than what is above it; check the indentation"),
    ("expected the node content", "a value is missing here; remove what is too much, or put quotes around a text"),
    ("duplicate anchor", "an anchor is defined twice"),
)


def _in_our_words(problem: str, opened: int) -> str:
    problem = " ".join(problem.split())[:200]
    alias = re.search(r"undefined alias '(.*)'", problem)
    for theirs, ours in _IN_OUR_WORDS:
        if theirs in problem:
            name = shown("*" + alias[1]) if alias else ""
            return f"this is not YAML: {ours.format(opened=opened, alias=name)}"
    return f"this is not YAML: {problem}"


def _quote_braces(inside: str) -> str:
    name = "{{" + inside.strip()[:60] + "}}"
    return f'YAML reads {{{{ as a mapping; put quotes around the text with {name}, as in "{name}"'


class _Walk:
    """Turns composed nodes into plain values, noting marks and problems in the document."""

    def __init__(self, document: Document, lists: Container[tuple[str, ...]]) -> None:
        self.document = document
        self.lists = lists
        self.count = 0
        self.open: list[Node] = []

    def value(self, node: Node, place: Place) -> Value:
        self._count(node)
        self._mark(node, place)
        if node.tag not in _PLAIN_TAGS:
            self._problem(node, place, f"the YAML tag {shown(_short_tag(node.tag))} is not supported; remove it")
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        self.open.append(node)
        try:
            return self._list(node, place) if isinstance(node, SequenceNode) else self._mapping(node, place)
        finally:
            self.open.pop()

    def _count(self, node: Node) -> None:
        self.count += 1
        line = self._line(node)
        if any(node is outer for outer in self.open):
            self.document.refuse("an alias stands inside what it stands for; remove it", line)
        if self.count > MAX_NODES:
            self.document.refuse(
                f"the file holds more than {MAX_NODES:,} values, those of its aliases counted; shorten it", line
            )
        if len(self.open) > MAX_DEPTH:
            self.document.refuse(f"this is nested more than {MAX_DEPTH} levels deep", line)

    def _mark(self, node: Node, place: Place) -> None:
        outer = self.document.marks.get(place)
        line = outer.line if outer else self._line(node)
        self.document.marks[place] = Mark(line, node.start_mark.index, node.end_mark.index)

    def _line(self, node: Node) -> int:
        return self.document.line_at(node.start_mark.index)

    def _problem(self, node: Node, place: Place, sentence: str) -> None:
        self.document.problem(place, sentence, line=self._line(node))

    def _scalar(self, node: ScalarNode, place: Place) -> str | None:
        if node.style is None and node.value in _NULLS:
            return None
        if flaw := unfit(node.value):
            self._problem(node, place, flaw)
        return str(node.value)

    def _list(self, node: Node, place: Place) -> Value:
        return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]

    def _mapping(self, node: Node, place: Place) -> Value:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[tuple[Node, Node]] = []
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode) and key_node.value == "<<" and key_node.style is None:
                merged += self._merged(value_node, place)
                continue
            key = self._key(key_node, place)
            if key is None:
                continue
            if key in lines:
                both = f"lines {lines[key]} and {self._line(key_node)}"
                self._problem(key_node, (*place, key), f"{shown(key)} is given twice, on {both}; keep one")
                continue
            lines[key] = self._line(key_node)
            result[key] = self._entry(key_node, value_node, (*place, key))
        self._add_merged(result, merged, place)
        return result

    def _entry(self, key_node: Node, value_node: Node, place: Place) -> Value:
        self.document.marks[place] = Mark(self._line(key_node), 0, 0)
        if isinstance(value_node, MappingNode) and tuple(part for part in place if isinstance(part, str)) in self.lists:
            return [self.value(value_node, (*place, 0))]
        return self.value(value_node, place)

    def _key(self, node: Node, place: Place) -> str | None:
        self._count(node)
        if isinstance(node, ScalarNode):
            if flaw := unfit(node.value):
                self._problem(node, place, flaw)
                return None
            return str(node.value)
        source = self.document.text[node.start_mark.index - 1 : node.end_mark.index + 1]
        if source.startswith("{{"):
            self._problem(node, place, _quote_braces(source.strip("{}")))
        else:
            self._problem(node, place, "a key must be plain text, not a list or a mapping")
        return None

    def _merged(self, node: Node, place: Place) -> Iterable[tuple[Node, Node]]:
        """The entries that `<<: *anchor` (or a list of anchors) brings in; earlier ones win."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        pairs: list[tuple[Node, Node]] = []
        for source in sources:
            self._count(source)
            if isinstance(source, MappingNode):
                pairs += source.value
            else:
                self._problem(node, place, "<< takes in another mapping (*name) or a list of them")
        return pairs

    def _add_merged(self, result: dict[str, Any], pairs: list[tuple[Node, Node]], place: Place) -> None:
        for key_node, value_node in pairs:
            key = self._key(key_node, place)
            if key == "<<":
                self._problem(key_node, place, "<< in a mapping that is itself taken in by << is not supported")
            elif key is not None and key not in result:
                result[key] = self._entry(key_node, value_node, (*place, key))


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def unfit(text: str) -> str | None:
    """Why a text can go into no file and no command line, or None."""
    if "\0" in text:
        return "the text holds a NUL character; remove it"
    if re.search("[\ud800-\udfff]", text):
        return "the text holds half a character (a lone surrogate); remove it"
    return None
