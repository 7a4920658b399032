"""Reads a config file into a `Benchmark`, or says everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from benchctl.config import cases, references, schema
from benchctl.config.document import Document
from benchctl.config.draft import Draft
from benchctl.config.draft import draft as read_draft
from benchctl.config.items import Item
from benchctl.config.masking import exposed_passwords, masked
from benchctl.config.model import (
    UNTIL_MAX,
    UNTIL_MIN,
    Benchmark,
    Column,
    Copy,
    DataSchema,
    HealthCheck,
    HostConfig,
    Metric,
    OfJson,
    OfLog,
    OfRows,
    Output,
    Plot,
    Stage,
    Trials,
    Until,
    slug,
)
from benchctl.config.picture import FORMATS
from benchctl.config.yaml_file import read, unfit, yaml_files_in
from benchctl.errors import ConfigError, Problem
from benchctl.template import did_you_mean, fill_known, names_in

DEFAULT_NAMES = ("config.yaml", "benchmark.yaml")


def load(path: str | Path | None = None, *, overrides: Mapping[str, str] | None = None) -> Benchmark:
    """The benchmark that a config file describes, checked as a whole; nothing is touched but the file.

    path: None takes config.yaml, else benchmark.yaml, of the current directory.
    overrides: values for declared `vars:`, as from `--set`.
    Raises ConfigError with every problem, in the order of the file's lines.
    """
    file = _default_path() if path is None else path
    try:
        absolute = Path(os.path.abspath(os.path.expanduser(file)))
    except ValueError as error:
        raise ConfigError([Problem(str(file), 0, "", f"can't be read: {error}")]) from error
    document = read(absolute, str(file), schema.LISTS)
    draft = read_draft(document)
    draft.variables.update(_overrides(document, draft, overrides or {}))
    draft.cases = cases.expand(document, draft)
    warnings = [*exposed_passwords(document), *references.check(document, draft, absolute.parent)]
    if document.problems:
        document.raise_problems()
    return _benchmark(document, draft, absolute, warnings)


def _default_path() -> str:
    for name in DEFAULT_NAMES:
        if Path(name).exists():
            return name
    text = f"there is no such file here, and no benchmark.yaml; name a file{yaml_files_in(Path())}"
    raise ConfigError([Problem("config.yaml", 0, "", text)])


def _overrides(document: Document, draft: Draft, overrides: Mapping[str, str]) -> dict[str, str]:
    """The overrides of declared variables; the others are noted as problems."""
    accepted = {}
    for name, value in overrides.items():
        flaw = _override_flaw(name, value, draft.variables)
        if flaw is None:
            accepted[name] = value
        elif not document.is_bad(("vars",), ("vars", name)):
            line = document.line(("vars",)) if ("vars",) in document.marks else 0
            document.problems.append(Problem(document.file, line, f"--set {name}", flaw))
    return accepted


def _override_flaw(name: str, value: str, variables: Mapping[str, str]) -> str | None:
    if name not in variables:
        there = f"Variables: {', '.join(variables)}." if variables else "The config declares none under vars:."
        return f"no variable is called {name!r}. {there}{did_you_mean(name, variables)}".removesuffix(".")
    if names_in(value):
        return "names such as {{hosts.db}} are not filled in in a variable"
    return unfit(value)


# From a draft that makes sense to the model


def _benchmark(document: Document, draft: Draft, path: Path, warnings: list[str]) -> Benchmark:
    text, masked_document = masked(document)
    variables = {f"vars.{name}": value for name, value in draft.variables.items()}
    return Benchmark(
        **draft.benchmark.values,
        path=path,
        file=document.file,
        text=text,
        sha256=document.sha256,
        document=masked_document,
        hosts=_hosts(document, draft, path.parent),
        stages=tuple(_stage(document, draft, stage, variables) for stage in draft.stages),
        plots=tuple(plot_of(document, plot, variables) for plot in draft.plots),
        says_plots=draft.has_plots,
        metrics=_metrics(document, draft),
        cases=draft.cases,
        trials=_trials(draft.trials),
        vars=draft.variables,
        secrets=frozenset(document.secrets),
        warnings=tuple(warnings),
    )


def _trials(trials: Item) -> Trials:
    values = dict(trials.values)
    limits = {key: values.pop(key) for key in ("min", "max") if key in values}
    if "until" in values:
        limits.setdefault("min", min(UNTIL_MIN, limits.get("max", UNTIL_MAX)))
        values["until"] = Until(values["until"], **limits, budget_s=values.pop("budget", None))
    return Trials(**values)


def _hosts(document: Document, draft: Draft, directory: Path) -> dict[str, HostConfig]:
    hosts = {alias: _host(document, alias, host, directory) for alias, host in draft.hosts.items()}
    return hosts if "local" in hosts else {**hosts, "local": HostConfig("local")}


def _host(document: Document, alias: str, host: Item, directory: Path) -> HostConfig:
    values = dict(host.values)
    if "connect_timeout" in values:
        values["connect_timeout_s"] = values.pop("connect_timeout")
    if "key_file" in values:
        values["key_file"] = str(directory / os.path.expanduser(values["key_file"]))
    return HostConfig(alias=alias, **values, line=document.line(host.place))


def _stage(document: Document, draft: Draft, stage: Item, variables: Mapping[str, str]) -> Stage:
    values = dict(stage.values)
    values["cases"] = cases.of_stage(stage, draft.cases)
    for key in ("only", "when"):
        values.pop(key, None)
    values["timeout_s"] = values.pop("timeout", None)
    if "backoff" in values:
        values["backoff_s"] = values.pop("backoff")
    values["is_spread"] = "hosts" in values
    given = values.get("hosts", (values.pop("host", "local"),))
    values["hosts"] = tuple(draft.hosts) if given == ("all",) else given
    values["outputs"] = tuple(_output(document, output, variables) for output in values.pop("outputs", []))
    if "health_check" in values:
        values["health_check"] = _health_check(document, values["health_check"])
    if "copy" in values:
        values["copy"] = _copy(values["copy"])
        values["hosts"] = (values["copy"].from_host,)
    if "task" in values:
        values["task_line"] = document.line(stage.at("task"))
    return Stage(slug=slug(values["name"]), **values, line=document.line(stage.place))


def _health_check(document: Document, health: Item) -> HealthCheck:
    values = dict(health.values)
    for key in ("timeout", "interval"):
        if key in values:
            values[f"{key}_s"] = values.pop(key)
    return HealthCheck(**values, line=document.line(health.place))


def _copy(copy: Item) -> Copy:
    from_host, _, from_path = copy["from"].partition(":")
    to_host, _, to_path = copy["to"].partition(":")
    return Copy(from_host, from_path, to_host, to_path)


def _output(document: Document, output: Item, variables: Mapping[str, str]) -> Output:
    """Variables are filled in now: where it is kept, and whether it is copied out, depends on them."""
    values = dict(output.values)
    if "local_path" in values:
        values["local_path"] = os.path.expanduser(fill_known(values["local_path"], variables))
    if "data_schema" in values:
        values["data_schema"] = _data_schema(values["data_schema"])
    return Output(**values, line=document.line(output.place))


def _data_schema(data_schema: Item) -> DataSchema:
    columns = [Column(name, **column.values) for name, column in data_schema["columns"].items()]
    return DataSchema(data_schema["format"], tuple(columns))


def plot_of(document: Document, plot: Item, variables: Mapping[str, str]) -> Plot:
    """A plot as the model has it; variables: by `vars.NAME`."""
    values = dict(plot.values)
    for key, unit in (("window", "s"), ("width", "in"), ("height", "in")):
        if key in values:
            values[f"{key}_{unit}"] = values.pop(key)
    if "export_path" in values:
        values["export_path"] = os.path.expanduser(fill_known(values["export_path"], variables))
        suffix = PurePosixPath(values["export_path"]).suffix.lower().removeprefix(".")
        if suffix in FORMATS:
            values.setdefault("format", suffix)
    return Plot(**values, line=document.line(plot.place))


def _metrics(document: Document, draft: Draft) -> tuple[Metric, ...]:
    stages = {output["name"]: stage["name"] for stage in draft.stages for output in stage.get("outputs", [])}
    return tuple(
        Metric(
            metric["name"],
            metric["value"] if "value" in metric else _measured(metric, stages),
            better=metric.get("better"),
            unit=metric.get("unit"),
            line=document.line(metric.place),
        )
        for metric in draft.metrics
    )


def _measured(metric: Item, stages: Mapping[str, str]) -> OfRows | OfJson | OfLog:
    """stages: by output, which brings it home."""
    if "regex" in metric:
        return OfLog(metric["stage"], metric["regex"], metric.get("aggregate"))
    stage, source = stages[metric["source"]], metric["source"]
    if "json" in metric:
        return OfJson(stage, source, metric["json"], metric.get("aggregate"))
    return OfRows(stage, source, metric["aggregate"], metric.get("column"))
