"""Names in a text: `{{hosts.db}}` and friends, and what was probably meant by a wrong name.

Ours is `{{ word(.word)* }}`, with `| quote` after it if wished, whose first word is one of `ROOTS`.
Every other text passes through untouched, such as `{{.Names}}` or `${#a}`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

ROOTS = ("hosts", "run", "case", "trial", "params", "vars", "stage")

_WORD = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
NAME_PATTERN = rf"\{{\{{\s*(?P<name>(?:{'|'.join(ROOTS)})(?:\.{_WORD})*)\s*(?:\|\s*(?P<filter>\w+)\s*)?\}}\}}"
_OURS = re.compile(NAME_PATTERN)
_NEARLY_OURS = re.compile(rf"\{{\{{\s*(?:{'|'.join(ROOTS)})\s*(?:[.|][^{{}}\n]{{0,200}}\}}{{0,2}}|\}}\}})")
_OTHER_ROOT = re.compile(rf"\{{\{{\s*(?P<root>{_WORD})(?P<rest>(?:\.{_WORD})+)\s*(?:\|\s*quote\s*)?\}}\}}")


class Name(NamedTuple):
    """One of our names in a text; `filter` is "" or "quote", `offset` is where its braces begin."""

    name: str
    filter: str
    offset: int


class Flaw(NamedTuple):
    """Something in a text that looks like a name of ours and is none."""

    sentence: str
    offset: int


def names_in(text: str) -> list[Name]:
    """Every well-formed name of ours, in order; whether it stands for anything is not checked."""
    return [Name(match["name"], match["filter"] or "", match.start()) for match in _matches(text)]


def flaws_in(text: str) -> list[Flaw]:
    """What must be refused in a text: unknown filters, broken names and near misses of our roots."""
    return sorted([*_broken_names(text), *_near_misses(text)], key=lambda flaw: flaw.offset)


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with each of our names replaced by its value; values are not looked into again.

    values: by dotted name, as `names_in` gives it. Raises LookupError for a name without a value.
    """

    def value(match: re.Match[str]) -> str:
        if match["filter"] not in (None, "quote"):
            return match[0]
        if match["name"] not in values:
            raise LookupError(f"{match[0]} has no value here. Names: {', '.join(sorted(values))}")
        found = values[match["name"]]
        return shlex.quote(found) if match["filter"] else found

    return _OURS.sub(value, text)


def fill_known(text: str, values: Mapping[str, str]) -> str:
    """As `fill`, but names without a value stay as they stand."""
    unknown = {name.name: f"{{{{{name.name}}}}}" for name in names_in(text) if name.name not in values}
    return fill(text, {**values, **unknown})


def _matches(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _OURS.finditer(text) if match["filter"] in (None, "quote"))


def _broken_names(text: str) -> Iterator[Flaw]:
    well_formed = {match.start() for match in _matches(text)}
    for match in _NEARLY_OURS.finditer(text):
        if match.start() in well_formed:
            continue
        whole = _OURS.match(text, match.start())
        if whole:
            sentence = f"{whole[0]} has an unknown filter {whole['filter']!r}; the only one is 'quote'"
        elif match[0].endswith("}}"):
            sentence = f"{match[0]} is not a name; write it as {{{{hosts.db}}}} or {{{{hosts.db | quote}}}}"
        else:
            sentence = f"{match[0].strip()[:60]!r} opens {{{{ without closing it by }}}}"
        yield Flaw(sentence, match.start())


def _near_misses(text: str) -> Iterator[Flaw]:
    for match in _OTHER_ROOT.finditer(text):
        root = _root_nearly_named(match["root"])
        if root:
            yield Flaw(f"{match[0]} is not a name of ours. Did you mean {{{{{root}{match['rest']}}}}}?", match.start())


def _root_nearly_named(word: str) -> str | None:
    """The root that is one slip away from `word`, if it is not one itself."""
    if word in ROOTS:
        return None
    return next((root for root in ROOTS if _distance(word.lower(), root) <= 1), None)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`" Did you mean 'db'?"` on a strong match among `choices`, else ""."""
    found = closest(word, choices)
    return f" Did you mean {found!r}?" if found is not None else ""


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` was probably meant to be, or None when none is near enough.

    Near is: equal but for case and -/_, one or a few slips away by length, or the only one that begins so.
    """
    candidates = [choice for choice in choices if choice != word][:500]  # bounded: a file may be hostile
    if len(word) > 60 or not word:
        return None
    scored = [(_distance(_plain(word), _plain(choice)), choice) for choice in candidates if len(choice) <= 60]
    near = [pair for pair in scored if pair[0] <= _slips_allowed(len(word)) and pair[0] < len(word)]
    if near:
        return min(near, key=lambda pair: pair[0])[1]
    begun = [choice for choice in candidates if len(word) >= 3 and _plain(choice).startswith(_plain(word))]
    return begun[0] if len(begun) == 1 else None


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _slips_allowed(length: int) -> int:
    return 1 if length <= 4 else 2 if length <= 9 else 3


@lru_cache(maxsize=4096)
def _distance(one: str, other: str) -> int:
    """Letters to insert, drop, change or swap with a neighbour (optimal string alignment); 9 when far apart."""
    if abs(len(one) - len(other)) > 3:
        return 9
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
