"""What a metric may be made of: its output, column, stage and the other metrics exist, and fit together."""

from __future__ import annotations

from collections.abc import Iterator

from benchctl.config import undeclared
from benchctl.config.document import Place, shown
from benchctl.config.findings import References, check_unique, listed
from benchctl.config.items import Item
from benchctl.config.precision import Precision
from benchctl.expression import names_in
from benchctl.units import did_you_mean_unit, dimension, factor

KINDS = ("json", "regex", "value")  # the keys that make a metric something else than a column's
NEEDED = {
    "column": ("source", "aggregate"),
    "json": ("source",),
    "regex": ("stage",),
    "value": (),
}
BESIDE = {  # which other keys mean something
    "column": ("source", "column", "aggregate"),
    "json": ("source", "json", "aggregate"),
    "regex": ("stage", "regex", "aggregate"),
    "value": ("value",),
}
OF_HOSTS = ("avg", "median", "min", "max", "sum")  # what makes one number of several hosts'
OF_ROWS = ("count", "rate")  # which need no column
NO_ROWS = ("time", "data", "number", "data per time", "time per time")  # what no number of rows is measured in


def check_metrics(references: References) -> None:
    check_unique(references, references.draft.metrics, "metric")
    for metric in references.draft.metrics:
        _Metric(references, metric).check()
    _check_circles(references)


def check_precision(references: References, place: Place, precision: Precision) -> None:
    """Notes a problem unless its metric is there, and in a unit of the same kind as far as is known."""
    check_metric_name(references, place, precision.metric)
    units = undeclared_units(references)
    for metric in (one for one in references.draft.metrics if "name" in one):
        units[metric["name"]] = metric.get("unit") or _unit_of_column(references, metric)
    try:
        if precision.metric in units:
            precision.allowed(1.0, units[precision.metric])
    except ValueError as error:
        references.problem(place, str(error))


def _unit_of_column(references: References, metric: Item) -> str | None:
    """What a metric of a column is in by itself."""
    if metric.get("aggregate") in OF_ROWS:
        return "1/s" if metric["aggregate"] == "rate" else None
    output = references.outputs.get(metric.get("source", ""))
    columns = output["data_schema"]["columns"] if output and "data_schema" in output else {}
    return columns[metric["column"]].get("unit") if metric.get("column") in columns else None


def check_metric_name(references: References, place: Place, name: str) -> None:
    """Notes a problem unless a metric of that name, declared or not, is there."""
    declared = [metric["name"] for metric in references.draft.metrics if "name" in metric]
    others = undeclared_units(references)
    if name not in declared and name not in others and not _may_be_broken(references):
        known = listed("Metrics", [*declared, *others], name)
        references.problem(place, f"no metric is called {shown(name)}. {known}".removesuffix("."))


def _may_be_broken(references: References) -> bool:
    """Whether a metric's name is missing because of a problem that is told already."""
    return any("name" not in metric for metric in references.draft.metrics)


def undeclared_units(references: References) -> dict[str, str | None]:
    """By name the metrics that a trial of this config has without being told, as far as can be known before."""
    return dict(_undeclared(references))


def _undeclared(references: References) -> Iterator[tuple[str, str | None]]:
    for output in references.outputs.values():
        columns = output["data_schema"]["columns"] if "data_schema" in output else {}
        for name, column in columns.items():
            if column.get("type") in ("integer", "float"):
                for how in undeclared.AGGREGATES:
                    yield undeclared.of_column(output["name"], name, how), column.get("unit")
        if any(column.get("type") == "timestamp" for column in columns.values()):
            yield undeclared.rate_of(output["name"]), "1/s"
    for stage in references.draft.stages:
        if "name" in stage:
            yield undeclared.duration_of(stage["name"]), "s"
            if "health_check" in stage:
                yield undeclared.ready_of(stage["name"]), "s"


class _Metric:
    """The rules of one metric."""

    def __init__(self, references: References, metric: Item) -> None:
        self.references = references
        self.metric = metric
        self.given = [key for key in KINDS if key in metric]
        self.kind = self.given[0] if self.given else "column"

    def check(self) -> None:
        if self._is_one_thing() and self._has_its_keys():
            {"column": self._column, "json": self._json, "regex": self._regex, "value": self._value}[self.kind]()
        self._check_label()
        self._check_scope()

    def _check_scope(self) -> None:
        """What comes from a stage that is done once, around several trials, is the number of none of them."""
        stages = [stage for stage in self.references.draft.stages if stage.get("scope") == "run"]
        key = "stage" if self.kind == "regex" else "source"
        names = {stage.get("name") for stage in stages}
        if key == "source":
            names = {output.get("name") for stage in stages for output in stage.get("outputs", [])}
        if self.metric.get(key) in names - {None} and self._has_several_trials():
            what = "stage" if key == "stage" else "the stage of output"
            sentence = f"{what} {shown(self.metric[key])} is done once, around all trials, so no trial has this metric"
            self.references.warn(self.metric.at(key), f"{sentence}; take scope: trial")

    def _has_several_trials(self) -> bool:
        trials = self.references.draft.trials
        return bool(self.references.draft.cases) or "until" in trials or trials.get("repeat", 1) > 1

    def _check_label(self) -> None:
        """A unit that looks like a known one in another spelling is a label all the same, and that is said."""
        unit = self.metric.get("unit")
        if unit and not self._is_broken("unit") and (meant := did_you_mean_unit(unit)):
            self.references.warn(self.metric.at("unit"), f"unit {unit!r} is a label, and not a known unit.{meant}")

    def _problem(self, key: str, sentence: str) -> None:
        self.references.problem(self.metric.at(key), sentence)

    def _is_broken(self, *keys: str) -> bool:
        return self.references.document.is_bad(self.metric.place, *(self.metric.at(key) for key in keys))

    def _is_one_thing(self) -> bool:
        if len(self.given) > 1:
            self._problem(self.given[-1], f"a metric is one number; keep one of {' and '.join(self.given)}")
            return False
        if self.given or self._is_broken(*KINDS):
            return bool(self.given)
        if any(key in self.metric for key in BESIDE["column"]):
            return True
        sentence = "nothing says where its number comes from; give it source, column and aggregate"
        rest = ", or source and json, or stage and regex, or value"
        self.references.problem(self.metric.place, sentence + rest)
        return False

    def _has_its_keys(self) -> bool:
        needed = [key for key in NEEDED[self.kind] if key not in self.metric and not self._is_broken(key)]
        for key in needed:
            what = f"with {self.kind}" if self.given else "of a column"
            self.references.document.missing(self.metric.at(key), f"a metric {what} needs {key!r}")
        for key in ("source", "column", "aggregate", "stage"):
            if key in self.metric and key not in BESIDE[self.kind]:
                what = f"beside {self.kind}" if self.given else "for a metric of a column"
                self._problem(key, f"{key!r} means nothing {what}; remove it")
        return not needed and not self._is_broken(*NEEDED[self.kind])

    # A reduced column

    def _column(self) -> None:
        columns, how = self._columns_of_source(), self.metric["aggregate"]
        if columns is None or not self._has_column(columns, how):
            return
        if how == "rate":
            self._rate(columns)
        if how in OF_ROWS:
            self._unit_of_rows(how)
        else:
            self._number(columns, columns[self.metric["column"]])

    def _has_column(self, columns: dict[str, Item], how: str) -> bool:
        """Whether it names one that is there, or needs none."""
        name = self.metric.get("column")
        if name is None:
            if how not in OF_ROWS and not self._is_broken("column"):
                self.references.document.missing(self.metric.at("column"), f"{how} is of a column; name it as 'column'")
            return how in OF_ROWS
        if name not in columns:
            known = listed("Columns", columns, name)
            source = shown(self.metric["source"])
            self._problem("column", f"output {source} has no column {shown(name)}. {known}".removesuffix("."))
        return name in columns

    def _columns_of_source(self) -> dict[str, Item] | None:
        output = self._source()
        if output is None:
            return None
        if "data_schema" in output:
            columns: dict[str, Item] = output["data_schema"]["columns"]
            return columns
        if not self.references.document.is_bad(output.at("data_schema")):
            name = shown(self.metric["source"])
            cure = "add one there, or give json"
            self._problem("source", f"output {name} has no data_schema, so nothing is known of its columns; {cure}")
        return None

    def _source(self) -> Item | None:
        source, outputs = self.metric["source"], self.references.outputs
        if source not in outputs:
            known = listed("Outputs", outputs, source)
            self._problem("source", f"no output is called {shown(source)}. {known}".removesuffix("."))
        return outputs.get(source)

    def _rate(self, columns: dict[str, Item]) -> None:
        kinds = {column.get("type") for column in columns.values()}
        if "timestamp" not in kinds and None not in kinds:
            source = shown(self.metric["source"])
            self._problem("aggregate", f"a rate needs a timestamp, and output {source} has no column of that type")

    def _number(self, columns: dict[str, Item], column: Item) -> None:
        kind = column.get("type")
        if kind in ("string", "timestamp"):
            numbers = [name for name, other in columns.items() if other.get("type") in ("integer", "float")][:10]
            there = f"columns with numbers: {', '.join(numbers)}" if numbers else "there is no column with numbers"
            name, how = shown(self.metric["column"]), self.metric["aggregate"]
            self._problem("column", f"column {name} is a {kind}, and {how} is of numbers; {there}")
        elif kind and "unit" in self.metric and not self.references.document.is_bad(column.at("unit")):
            self._unit_of_column(column.get("unit"), self.metric["unit"])

    def _unit_of_column(self, own: str | None, wanted: str) -> None:
        """A column's unit can be told in another that measures the same; one without is labelled by the metric's."""
        try:
            factor(own or wanted, wanted)
        except ValueError as error:
            self._problem("unit", f"column {shown(self.metric['column'])} is in {own}: {error}".removesuffix("."))

    def _unit_of_rows(self, how: str) -> None:
        """Rows are things: of any name, by hundreds or thousands, and in a rate per any time."""
        unit = self.metric.get("unit", "1/s" if how == "rate" else "rows")
        measures = dimension(unit)
        if how == "rate" and (not measures or not measures.endswith(" per time") or measures in NO_ROWS):
            self._problem("unit", f"a rate is of rows per time, as 1/s, ops/s or ops/min are; {shown(unit)} is not")
        elif how == "count" and (measures in NO_ROWS or (measures or "").endswith(" per time")):
            self._problem(
                "unit", f"count is a number of rows, and {unit} measures {measures}; remove it, or name a row"
            )

    # One number of a JSON file or a log

    def _json(self) -> None:
        output = self._source()
        if output is None:
            return
        name = shown(self.metric["source"])
        if "data_schema" in output:
            self._problem("json", f"output {name} has a data_schema, so it is no JSON; give column and aggregate")
        elif "remote_path" in output and any(sign in output["remote_path"] for sign in "*?["):
            self._problem("source", f"output {name} stands for several files; json needs one")
        stage = next(stage for stage in self.references.draft.stages if output in stage.get("outputs", []))
        self._of_hosts(stage)

    def _regex(self) -> None:
        stages = {stage["name"]: stage for stage in self.references.draft.stages if "name" in stage}
        name = self.metric["stage"]
        if name not in stages:
            known = listed("Stages", stages, name)
            self._problem("stage", f"no stage is called {shown(name)}. {known}".removesuffix("."))
        elif "copy" in stages[name]:
            self._problem("stage", f"stage {shown(name)} is a copy, which has no log")
        else:
            self._of_hosts(stages[name])

    def _of_hosts(self, stage: Item) -> None:
        """What makes one number of several hosts' is never guessed: rates add up, latencies don't."""
        hosts, how = self.references.hosts_of(stage), self.metric.get("aggregate")
        if how is not None and how not in OF_HOSTS:
            choices = f"{', '.join(OF_HOSTS[:-1])} or {OF_HOSTS[-1]}"
            self._problem("aggregate", f"each host has one number; what makes one of all is {choices}, not {how}")
        elif how is None and len(hosts) > 1 and not self._is_broken("aggregate"):
            name = shown(stage.get("name", "?"))
            sentence = f"stage {name} runs on {len(hosts)} hosts; say what makes one number of theirs by aggregate:"
            self.references.problem(self.metric.place, f"{sentence} sum, avg, median, min or max")

    # Arithmetic

    def _value(self) -> None:
        for name in names_in(self.metric["value"]):
            if name != self.metric.get("name"):
                check_metric_name(self.references, self.metric.at("value"), name)


def _check_circles(references: References) -> None:
    """A value that is made of itself, on whatever way."""
    made_of = {
        metric["name"]: names_in(metric["value"])
        for metric in references.draft.metrics
        if "name" in metric and "value" in metric
    }
    for metric in references.draft.metrics:
        if way := _way_round(made_of, metric.get("name", ""), (), set()):
            circle = " -> ".join(way)
            references.problem(metric.at("value"), f"the metric is made of itself ({circle}); it must be of others")


def _way_round(made_of: dict[str, list[str]], name: str, way: tuple[str, ...], seen: set[str]) -> tuple[str, ...]:
    """From the first name of a way back to it, if that is possible; `seen` are names that don't lead there."""
    if way and name == way[0]:
        return (*way, name)
    if name in seen:
        return ()
    seen.add(name)
    ways = (_way_round(made_of, other, (*way, name), seen) for other in made_of.get(name, []))
    return next(filter(None, ways), ())
