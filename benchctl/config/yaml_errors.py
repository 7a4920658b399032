"""What PyYAML has against a text, in words that say where and how to mend it."""

from __future__ import annotations

import re

import yaml

from benchctl.config.document import Document, shown

_UNQUOTED_BRACES = re.compile(r"^\s*(?:- +)*(?:[^\s'\"#][^'\"#]*:\s+|- +)\{\{(?P<inside>[^{}]*)\}\}")
_BRACES = re.compile(r"\{\{(?P<inside>[^{}]*)\}\}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def complaint(document: Document, error: yaml.YAMLError) -> tuple[str, int]:
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
            return quote_braces(found["inside"]), number
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


def quote_braces(inside: str) -> str:
    """The complaint about braces that YAML takes for a mapping of a mapping."""
    name = "{{" + inside.strip()[:60] + "}}"
    return f'YAML reads {{{{ as a mapping; put quotes around the text with {name}, as in "{name}"'
