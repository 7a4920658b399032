"""Where runs are kept: `--results`, BENCHCTL_RESULTS, or what the config in the current directory says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

CONFIG_NAMES = ("config.yaml", "benchmark.yaml")

ParseOutputDir = Callable[[str], str | None]


def results_root(option: Path | str | None = None, parse: ParseOutputDir = lambda _: None) -> Path:
    """Where runs are kept: the option, BENCHCTL_RESULTS, output_dir of ./config.yaml, ./results.

    parse: gives the output_dir of a config's text that is written in an unusual way.
    """
    given = option or os.environ.get("BENCHCTL_RESULTS") or _configured_output_dir(parse)
    return Path(os.path.expanduser(given or "results"))


def _configured_output_dir(parse: ParseOutputDir) -> str | None:
    """`benchmark: output_dir:` of the config file in the current directory, if there is one."""
    for name in CONFIG_NAMES:
        try:
            text = Path(name).read_text("utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return None
        try:
            return output_dir_in(text)
        except NotPlain:
            return parse(text)
    return None


class NotPlain(Exception):
    """A text that only a YAML parser understands."""


_VALUE = r"""(?:"[^"\\\n]*" | '(?:[^'\n]|'')*' | \[[^\[\]{}"'\#\n]*\]
    | [\w./~$](?:[^\#:,\[\]{}\n]|(?<=\S)[\#:](?=\S))*)"""
_ENTRY = rf"""["']?(?P<key>\w+)["']?[ \t]*:(?:[ \t]+(?P<value>{_VALUE}))?"""
_LINE = re.compile(rf"(?P<indent>[ ]+){_ENTRY}[ \t]*(?:[ \t]\#.*)?", re.VERBOSE)
_FLOW = re.compile(rf"\s*{_ENTRY}\s*(?:,|\Z)", re.VERBOSE)
_BENCHMARK = re.compile(r"^[\"']?benchmark[\"']?[ \t]*:(.*(?:\n(?:[ \t#].*)?)*)", re.MULTILINE)


def output_dir_in(text: str) -> str | None:
    """The output_dir that a config file's text gives; None when it gives none. Raises NotPlain.

    A reader of this one key where a config is written as most are: looking at old runs needs no YAML parser, which
    takes longer to import than the list takes to print.
    """
    if "output_dir" not in text:
        return None
    benchmarks = _BENCHMARK.findall(text)
    if len(benchmarks) != 1:
        raise NotPlain
    body = re.sub(r"\n(?:[ \t]*(?:#.*)?(?:\n|\Z))+", "\n", benchmarks[0]).rstrip("\n")
    flow = re.fullmatch(r"\s*\{([^{}]*)\}[ \t]*(?:#.*)?\s*", body)
    entries = _flow_entries(flow[1]) if flow else _block_entries(body)
    return _unquoted(entries.get("output_dir") or "")


def _flow_entries(inside: str) -> dict[str, str | None]:
    found = list(_FLOW.finditer(inside))
    if "".join(match[0] for match in found) != inside.rstrip():
        raise NotPlain
    return {match["key"]: match["value"] for match in found}


def _block_entries(body: str) -> dict[str, str | None]:
    head, *lines = body.split("\n")
    found = [_LINE.fullmatch(line) for line in lines]
    if head.partition("#")[0].strip() or len({match and match["indent"] for match in found}) > 1 or None in found:
        raise NotPlain
    return {match["key"]: match["value"] for match in found if match}


def _unquoted(value: str) -> str | None:
    if value.startswith("["):
        raise NotPlain
    if value[:1] == "'":
        return value[1:-1].replace("''", "'") or None
    if value[:1] == '"':
        return value[1:-1] or None
    return None if value.strip() in ("", "~", "null", "Null", "NULL") else value.strip()
