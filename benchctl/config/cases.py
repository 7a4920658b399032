"""The cases of a config: those it lists, or every combination of its matrix."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping

from benchctl.config.document import Document, Place, shown
from benchctl.config.draft import Draft
from benchctl.config.items import Item
from benchctl.config.model import Case
from benchctl.template import did_you_mean

MOST_CASES = 1000
LONGEST_NAME = 100
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null"})  # say nothing without their parameter


def expand(document: Document, draft: Draft) -> tuple[Case, ...]:
    """Every case, in the order of the file; none where the config has none. What is wrong is noted."""
    _check_company(document)
    if _has(document, "cases"):
        return _listed(document, draft.given_cases)
    return _of_matrix(document, draft) if _has(document, "matrix") else ()


def of_stage(stage: Item, cases: tuple[Case, ...]) -> frozenset[str] | None:
    """The cases in which alone a stage is done, by its `only` and `when`; None for every case."""
    if "only" not in stage and "when" not in stage:
        return None
    names = stage.get("only", tuple(case.name for case in cases))
    return frozenset(case.name for case in cases if case.name in names and _matches(case, stage.get("when", {})))


def _matches(case: Case, wanted: Mapping[str, Iterable[str]]) -> bool:
    return all(case.params.get(name, None) in set(values) for name, values in wanted.items())


def _check_company(document: Document) -> None:
    if _has(document, "cases") and _has(document, "matrix"):
        document.problem(("matrix",), "a config has cases or a matrix; keep one of them")
    for key in ("exclude", "include"):
        if _has(document, key) and not _has(document, "matrix"):
            document.problem((key,), f"{key} changes what a matrix makes, and there is none")


def _has(document: Document, key: str) -> bool:
    return isinstance(document.root, dict) and key in document.root


# Listed


def _listed(document: Document, items: list[Item]) -> tuple[Case, ...]:
    if not items and not document.is_bad(("cases",)):
        document.problem(("cases",), "there is no case in the list; add one, or remove the key")
    cases = [(_case_of(document, item), item.at("name") if "name" in item else item.place) for item in items]
    return _unique(document, [(case, place) for case, place in cases if case])


def _case_of(document: Document, item: Item) -> Case | None:
    if "name" in item:
        return Case(item["name"], item["params"])
    if document.is_bad(item.at("name"), item.at("params")):
        return None
    if not item["params"]:
        document.problem(item.place, "a case needs a name, or params to make one from")
        return None
    return _named(document, item["params"], item.place)


# The matrix


def _of_matrix(document: Document, draft: Draft) -> tuple[Case, ...]:
    matrix = draft.matrix
    if not matrix and not document.is_bad(("matrix",)):
        document.problem(("matrix",), "there is no parameter in the matrix; add one, or remove the key")
    for name, values in matrix.items():
        _check_values(document, name, values)
    if any(place[:1] == ("matrix",) for place in document.bad):
        return ()
    size = math.prod(map(len, matrix.values()))
    if size > MOST_CASES:
        document.problem(("matrix",), f"makes {size:,} cases; at most {MOST_CASES:,} are taken. Leave out some values")
        return ()
    product = [dict(zip(matrix, values, strict=True)) for values in itertools.product(*matrix.values())]
    kept = [params for params in product if not _is_excluded(params, draft.exclude)]
    _check_exclude(document, draft, product)
    _check_include(document, draft)
    if not kept and not draft.include:
        document.problem(("exclude",), f"leaves none of the {size} cases of the matrix")
    combined = [(params, ("matrix",)) for params in kept]
    combined += [(params, ("include", number)) for number, params in enumerate(draft.include)]  # type: ignore[misc]
    cases = [(_named(document, params, place), place) for params, place in combined]
    return _unique(document, [(case, place) for case, place in cases if case])


def _check_values(document: Document, name: str, values: tuple[str, ...]) -> None:
    if not values:
        document.problem(("matrix", name), f"{shown(name)} has no value, so there is no case; give it some")
    for number, value in enumerate(values):
        if value in values[:number]:
            document.problem(("matrix", name, number), f"{shown(value)} is there already; name each value once")


def _is_excluded(params: Mapping[str, str], exclude: Iterable[Mapping[str, str]]) -> bool:
    return any(params.items() >= wanted.items() for wanted in exclude if wanted)


def _check_exclude(document: Document, draft: Draft, product: list[dict[str, str]]) -> None:
    for number, wanted in enumerate(draft.exclude):
        place: Place = ("exclude", number)
        if not wanted and not document.is_bad(place):
            document.problem(place, "says nothing; name the parameters of the cases to leave out")
        elif not _note_unknown(document, draft, wanted, place) and not any(
            params.items() >= wanted.items() for params in product
        ):
            document.problem(place, "leaves out no case of the matrix; look at its values")


def _check_include(document: Document, draft: Draft) -> None:
    for number, params in enumerate(draft.include):
        place: Place = ("include", number)
        missing = [name for name in draft.matrix if name not in params]
        if not _note_unknown(document, draft, params, place) and missing:
            document.problem(place, f"gives no {', '.join(missing)}; a case has every parameter of the matrix")


def _note_unknown(document: Document, draft: Draft, params: Mapping[str, str], place: Place) -> bool:
    unknown = [name for name in params if name not in draft.matrix]
    for name in unknown:
        names = f"Parameters: {', '.join(draft.matrix)}.{did_you_mean(name, draft.matrix)}".removesuffix(".")
        document.problem((*place, name), f"the matrix has no {shown(name)}. {names}")
    return bool(unknown)


# Names


def _named(document: Document, params: Mapping[str, str], place: Place) -> Case | None:
    """A case called after its values: `wal-clients-8`. A value that begins with a letter stands for itself."""
    name = "-".join(_part(*item) for item in params.items())
    if len(name) > LONGEST_NAME:
        sentence = f"a name made of so many parameters is longer than {LONGEST_NAME} characters: {name[:40]}..."
        document.problem(place, f"{sentence} Write cases: with names of your own")
        return None
    return Case(name, params)


def _part(name: str, value: str) -> str:
    ascii_value = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    short = re.sub("[^A-Za-z0-9_.]+", "-", ascii_value).strip("-._")
    if short[:1].isalpha() and short.lower() not in _WORDS:
        return short
    return f"{name}-{short}".strip("-_")


def _unique(document: Document, cases: list[tuple[Case, Place]]) -> tuple[Case, ...]:
    """Names that are one directory on some file system are refused."""
    taken: dict[str, Case] = {}
    for case, place in cases:
        other = taken.setdefault(case.name.lower(), case)
        if other is not case:
            document.problem(place, _clash(case, other))
    return tuple(taken.values())


def _clash(case: Case, other: Case) -> str:
    if case.params == other.params:
        return f"case {shown(case.name)} is there already; remove one"
    return f"two cases would be called {shown(case.name)}: {_text(other)} and {_text(case)}; name them under cases:"


def _text(case: Case) -> str:
    return " ".join(f"{name}={value}" for name, value in case.params.items()) or "no parameters"
