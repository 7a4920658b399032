"""A config as items: each level of it is held to its noun's schema, so that every problem is found at once.

What comes out are `Item`s of converted values; whether names refer to anything is left to `references`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from voluptuous import Invalid, MultipleInvalid
from voluptuous.error import RequiredFieldInvalid

from benchctl.config.document import Document, Place, shown
from benchctl.config.model import Case
from benchctl.config.schema import (
    BENCHMARK,
    CASE,
    COLUMN,
    CONFIG,
    COPY,
    HEALTH_CHECK,
    HOST,
    LOCAL_HOST,
    METRIC,
    OUTPUT,
    PLOT,
    STAGE,
    TRIALS,
    Noun,
)
from benchctl.config.values import any_text, kind_of, list_of, one_of, timestamp_unit
from benchctl.config.yaml_file import unfit
from benchctl.names import VARIABLE_NAME, VARIABLE_RULE
from benchctl.template import closest, did_you_mean


@dataclass
class Item:
    """One noun of the config: where it is, and its converted values by key; what was wrong is absent."""

    place: Place
    values: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def at(self, *parts: str | int) -> Place:
        return (*self.place, *parts)


@dataclass
class Draft:
    """A config of the right shape, before its names are looked up."""

    benchmark: Item
    hosts: dict[str, Item]
    variables: dict[str, str]
    stages: list[Item]
    plots: list[Item]
    metrics: list[Item]
    given_cases: list[Item]
    matrix: dict[str, tuple[str, ...]]
    exclude: list[dict[str, str]]
    include: list[dict[str, str]]
    trials: Item
    cases: tuple[Case, ...] = ()  # what those make; filled in by `cases.expand`
    has_plots: bool = True  # whether there is a `plots:` at all

    def outputs(self) -> Iterator[Item]:
        for stage in self.stages:
            yield from stage.get("outputs", [])


def draft(document: Document) -> Draft:
    """The document's nouns with converted values; what is wrong is noted in the document and left out."""
    reader = _Reader(document)
    config = reader.item(CONFIG, document.root, ())
    return Draft(
        benchmark=reader.item(BENCHMARK, config.get("benchmark"), ("benchmark",), missing="benchmark" not in config),
        hosts=reader.hosts(config.get("hosts", {})),
        variables=reader.texts(config.get("vars", {}), ("vars",), _VAR_NAME),
        stages=reader.items(reader.stage, config.get("stages", []), ("stages",)),
        plots=reader.items(reader.plot, config.get("plots", []), ("plots",)),
        metrics=reader.items(reader.metric, config.get("metrics", []), ("metrics",)),
        given_cases=reader.items(reader.case, config.get("cases", []), ("cases",)),
        matrix=reader.choices(config.get("matrix", {}), ("matrix",)),
        exclude=reader.combinations(config.get("exclude", []), ("exclude",)),
        include=reader.combinations(config.get("include", []), ("include",)),
        trials=reader.item(TRIALS, config.get("trials"), ("trials",)),
        has_plots="plots" in config or document.is_bad(("plots",)),
    )


def draft_plots(document: Document, plots: list[Any]) -> list[Item]:
    """Plots that stand in no file, as `draft` has those that do."""
    reader = _Reader(document)
    return reader.items(reader.plot, plots, ("plots",))


ENVIRONMENT_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _NameRule(NamedTuple):
    pattern: str
    sentence: str


_VAR_NAME = _NameRule(
    "[A-Za-z0-9_][A-Za-z0-9_-]*", "is not a name that {{vars.NAME}} can hold; use letters, digits, _ and -"
)
_ENV_NAME = _NameRule(VARIABLE_NAME, VARIABLE_RULE)
_PARAM_NAME = _NameRule(
    VARIABLE_NAME, "can't be a parameter, since it is a variable of every command too; use letters, digits and _"
)
_ALIAS = _NameRule(
    "[A-Za-z0-9][A-Za-z0-9_-]{0,99}",
    "is not a host's alias; use up to 100 letters, digits, - and _, beginning with a letter or digit",
)


class _Reader:
    """Applies the nouns' schemas, noting problems in the document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def item(self, noun: Noun, value: Any, place: Place, *, missing: bool = False) -> Item:
        """A noun from a mapping; None counts as an empty one. missing: its absence has been noted."""
        if missing:
            return Item(place)
        if value is not None and not isinstance(value, dict):
            self.document.problem(place, f"must be a mapping with the keys of {noun.name}, not {kind_of(value)}")
            return Item(place)
        return Item(place, self._shaped(noun, value or {}, place))

    def _shaped(self, noun: Noun, value: dict[str, Any], place: Place) -> dict[str, Any]:
        try:
            shaped = noun.schema(value)
        except MultipleInvalid as errors:
            misspelled = {closest(key, noun.key_names()) for key in value if key not in noun.key_names()}
            for error in sorted(errors.errors, key=noun.rank):
                self._refuse(noun, error, place, misspelled)
            bad = {error.path[0] for error in errors.errors}
            return self._rest(noun, {key: inner for key, inner in value.items() if key not in bad})
        return {str(key): inner for key, inner in shaped.items()}

    def _rest(self, noun: Noun, value: dict[str, Any]) -> dict[str, Any]:
        """The good keys of a bad mapping, so that their contents are checked too."""
        checks = {str(key): check for key, check in noun.schema.schema.items()}
        return {key: checks[key](inner) for key, inner in value.items()}

    def _refuse(self, noun: Noun, error: Invalid, place: Place, misspelled: set[str | None]) -> None:
        key = str(error.path[0])
        if isinstance(error, RequiredFieldInvalid):
            if key not in misspelled:
                self.document.missing((*place, key), f"{noun.name} needs {key!r}")
        elif error.error_message == "extra keys not allowed":
            hint = did_you_mean(key, noun.key_names())
            sentence = f"{shown(key)} is not a key of {noun.name}.{hint} Keys: {', '.join(noun.key_names())}"
            self.document.problem((*place, key), sentence)
            self.document.bad.add((*place, closest(key, noun.key_names()) or key))
        else:
            inner: list[Any] = error.path[1:]
            self.document.problem((*place, key, *inner), _sentence(key, error.error_message))
            self.document.bad.add((*place, key))

    def items(self, read: Callable[[Any, Place], Item], values: list[Any], place: Place) -> list[Item]:
        return [read(value, (*place, number)) for number, value in enumerate(values)]

    def hosts(self, values: dict[str, Any]) -> dict[str, Item]:
        shouted: dict[str, str] = {}
        for alias in values:
            other = shouted.setdefault(alias.upper().replace("-", "_"), alias)
            if other != alias:
                clash = f"hosts {shown(other)} and {shown(alias)} would share their environment variable; rename one"
                self.document.problem(("hosts", alias), clash)
            self._check_alias(alias)
        return {alias: self._host(alias, value) for alias, value in values.items()}

    def _check_alias(self, alias: str) -> None:
        place = ("hosts", alias)
        if alias == "all":
            self.document.problem(place, "'all' can't be an alias; it stands for every host")
        elif not re.fullmatch(_ALIAS.pattern, alias):
            self.document.problem(place, f"{shown(alias)} {_ALIAS.sentence}")

    def _host(self, alias: str, value: Any) -> Item:
        place = ("hosts", alias)
        if isinstance(value, dict):
            value = {key: self._from_environment(inner, (*place, key)) for key, inner in value.items()}
        host = self.item(LOCAL_HOST if alias == "local" else HOST, value, place)
        self.document.secrets.update(host[key] for key in ("password", "key_password") if key in host)
        return host

    def _from_environment(self, value: Any, place: Place) -> Any:
        """A host's value with each ${NAME} taken from the environment."""

        def taken(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if found is None or unfit(found):
                why = "is not set in the environment" if found is None else "holds bytes that are no text"
                self.document.problem(place, f"${{{match[1]}}} {why}; set it before starting benchctl")
            return found or ""

        return ENVIRONMENT_NAME.sub(taken, value) if isinstance(value, str) else value

    def texts(self, values: Mapping[str, Any], place: Place, rule: _NameRule) -> dict[str, str]:
        """A mapping from names that keep to a rule to texts."""
        found: dict[str, str] = {}
        for name, value in values.items():
            try:
                found[name] = any_text(value)
            except Invalid as error:
                self.document.problem((*place, name), error.error_message)
            if not re.fullmatch(rule.pattern, name):
                self.document.problem((*place, name), f"{shown(name)} {rule.sentence}")
        return found

    def case(self, value: Any, place: Place) -> Item:
        case = self.item(CASE, value, place)
        case.values["params"] = self.texts(case.get("params", {}), case.at("params"), _PARAM_NAME)
        return case

    def choices(self, values: Mapping[str, Any], place: Place) -> dict[str, tuple[str, ...]]:
        """A mapping from names of parameters to a text or several."""
        found: dict[str, tuple[str, ...]] = {}
        for name, value in values.items():
            try:
                found[name] = list_of(any_text)(value)
            except MultipleInvalid as errors:
                for error in errors.errors:
                    inner: list[Any] = error.path
                    self.document.problem((*place, name, *inner), error.error_message)
            except Invalid as error:
                self.document.problem((*place, name), error.error_message)
            if not re.fullmatch(_PARAM_NAME.pattern, name):
                self.document.problem((*place, name), f"{shown(name)} {_PARAM_NAME.sentence}")
        return found

    def combinations(self, values: list[Any], place: Place) -> list[dict[str, str]]:
        """A list of mappings from names of parameters to texts."""
        found = []
        for number, value in enumerate(values):
            if isinstance(value, dict):
                found.append(self.texts(value, (*place, number), _PARAM_NAME))
            else:
                sentence = f"must be a mapping such as {{clients: 8}}, not {kind_of(value)}"
                self.document.problem((*place, number), sentence)
        return found

    def stage(self, value: Any, place: Place) -> Item:
        stage = self.item(STAGE, value, place)
        if "when" in stage:
            stage.values["when"] = self.choices(stage["when"], stage.at("when"))
        if "env" in stage:
            stage.values["env"] = self.texts(stage["env"], stage.at("env"), _ENV_NAME)
        if "health_check" in stage:
            stage.values["health_check"] = self.item(HEALTH_CHECK, stage["health_check"], stage.at("health_check"))
        if "copy" in stage:
            stage.values["copy"] = self.item(COPY, stage["copy"], stage.at("copy"))
        if "outputs" in stage:
            stage.values["outputs"] = self.items(self.output, stage["outputs"], stage.at("outputs"))
        return stage

    def plot(self, value: Any, place: Place) -> Item:
        return self.item(PLOT, value, place)

    def metric(self, value: Any, place: Place) -> Item:
        return self.item(METRIC, value, place)

    def output(self, value: Any, place: Place) -> Item:
        output = self.item(OUTPUT, value, place)
        if "data_schema" in output:
            output.values["data_schema"] = self._data_schema(output["data_schema"], output.at("data_schema"))
        elif not self.document.is_bad(output.at("data_schema")):
            for key in ("on_bad_rows", "delimiter", "min_rows"):
                if key in output:
                    self.document.problem(output.at(key), f"{key!r} means nothing without a data_schema; add one")
        return output

    def _data_schema(self, value: Any, place: Place) -> Item:
        """A data schema: `format`, and `columns` by name, whichever way they were spelled."""
        entries = self._merged(value, place)
        if _is_columns_block(entries):
            for key in entries.keys() - {"format", "columns"}:
                self.document.problem((*place, key), f"{shown(key)} must go under columns:, beside the other columns")
            columns_place: Place = (*place, "columns")
            columns = self._merged(entries["columns"], columns_place)
        else:
            columns_place = place
            columns = {key: inner for key, inner in entries.items() if key != "format"}
        file_format = self._format(entries, place)
        found = {name: self._column(name, spec, (*columns_place, name)) for name, spec in columns.items()}
        if not columns and not self.document.is_bad(place, columns_place, (*place, "format")):
            self.document.problem(place, "declares no columns; add one, such as latency: {type: float, unit: ms}")
        return Item(place, {"format": file_format, "columns": found})

    def _format(self, entries: Mapping[str, Any], place: Place) -> str:
        value = entries.get("format", "csv")
        try:
            if isinstance(value, (dict, list)):
                raise Invalid("is the file's format, such as csv; a column called format goes under columns:")
            one_of("csv")(value)
        except Invalid as error:
            self.document.problem((*place, "format"), error.error_message)
        return "csv"

    def _column(self, name: str, value: Any, place: Place) -> Item:
        if not name.strip():
            self.document.problem(place, "a column needs a name, as in the file's header")
        if isinstance(value, str) or value is None:
            self.document.problem(place, "must be a mapping such as {type: float, unit: ms}")
            return Item(place)
        column = self.item(COLUMN, self._merged(value, place), place)
        if column.get("type") == "timestamp" and "unit" in column:
            try:
                timestamp_unit(column["unit"])
            except Invalid as error:
                self.document.problem(column.at("unit"), error.error_message)
        return column

    def _merged(self, value: Any, place: Place) -> dict[str, Any]:
        """A mapping, also when it is spelled as a list of one-key mappings."""
        if isinstance(value, dict):
            return value
        if not isinstance(value, list):
            self.document.problem(place, f"must be a mapping or a list of one-key mappings, not {kind_of(value)}")
            return {}
        merged: dict[str, Any] = {}
        for number, entry in enumerate(value):
            if not isinstance(entry, dict):
                self.document.problem((*place, number), f"must be a mapping of one key, not {kind_of(entry)}")
                continue
            for key, inner in entry.items():
                self._move(merged, place, number, key)
                merged.setdefault(key, inner)
        return merged

    def _move(self, merged: Mapping[str, Any], place: Place, number: int, key: str) -> None:
        """Note where a key of a list spelling really stands, and refuse it the second time."""
        if key in merged:
            self.document.problem((*place, number, key), f"{shown(key)} is given twice; keep one")
        else:
            self.document.moved[(*self.document.real(place), key)] = (*self.document.real(place), number, key)


def _is_columns_block(entries: Mapping[str, Any]) -> bool:
    """Whether `columns:` holds the columns, and is not itself a column of that name."""
    inner = entries.get("columns")
    if isinstance(inner, dict):
        return not all(isinstance(value, str) for value in inner.values()) or not inner.keys() & {"type", "unit"}
    return isinstance(inner, list) and not any(
        isinstance(entry, dict) and entry.keys() <= {"type", "unit"} for entry in inner
    )


def _sentence(key: str, message: str) -> str:
    """A check's message as a sentence: one that begins with a verb gets the key as its subject."""
    verbs = ("is ", "has ", "means ")
    return f"{key!r} {message}" if message.startswith(verbs) else message
