"""A YAML file as plain mappings, lists and text, with the line of everything in it.

Nothing is converted: `22:22`, `no` and `3.10` arrive as they were written. Only yaml is used from outside.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from benchctl.config.document import Document, Mark, Place, Value, shown
from benchctl.config.yaml_errors import complaint, quote_braces
from benchctl.errors import ConfigError, Problem
from benchctl.template import did_you_mean

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 100_000  # counted as if every alias were written out

_NULLS = ("", "~", "null", "Null", "NULL")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map")}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(path: Path, file: str, lists: Container[tuple[str, ...]] = ()) -> Document:
    """The document in a file. Raises ConfigError when there is none to speak of.

    file: how the user named it, for messages. lists: places, without their numbers, where a mapping stands for a list
    of it alone.
    """
    data, mode = _bytes(path, file)
    document = parse(data, file, lists)
    document.mode = mode
    return document


def parse(data: bytes, file: str, lists: Container[tuple[str, ...]] = ()) -> Document:
    """The document that these bytes of a file are, as `read` gives it. Raises ConfigError."""
    document = Document(file, _text(data, file), hashlib.sha256(data).hexdigest())
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
        document.refuse(*complaint(document, error))


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
            self._problem(node, place, quote_braces(source.strip("{}")))
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
