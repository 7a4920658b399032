"""A config as items: each level of it is held to its noun's schema, so that every problem is found at once.

What comes out are `Item`s of converted values; whether names refer to anything is left to `references`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from voluptuous import Invalid, MultipleInvalid

from benchctl.config.data_schema import DataSchemaReader
from benchctl.config.document import Document, Place, shown
from benchctl.config.items import Item, ItemReader
from benchctl.config.model import Case
from benchctl.config.schema import (
    BENCHMARK,
    CASE,
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
)
from benchctl.config.values import any_text, kind_of, list_of
from benchctl.config.yaml_file import unfit
from benchctl.names import VARIABLE_NAME, VARIABLE_RULE


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


class _Reader(ItemReader):
    """Reads each noun of a config in its own way."""

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
            schemas = DataSchemaReader(self.document)
            output.values["data_schema"] = schemas.data_schema(output["data_schema"], output.at("data_schema"))
        elif not self.document.is_bad(output.at("data_schema")):
            for key in ("on_bad_rows", "delimiter", "min_rows"):
                if key in output:
                    self.document.problem(output.at(key), f"{key!r} means nothing without a data_schema; add one")
        return output
