"""What a plot may draw: its output and columns exist, and fit its type."""

from __future__ import annotations

from benchctl.config.document import shown
from benchctl.config.findings import References, check_slugs_differ, check_unique, listed
from benchctl.config.items import Item
from benchctl.config.placement import check_export_path

GROUPS = ("host", "case", "run")  # what rows may be told apart by beside their own strings


def check_plots(references: References) -> None:
    check_unique(references, references.draft.plots, "plot")
    check_slugs_differ(references, references.draft.plots, "plot")
    for plot in references.draft.plots:
        if "export_path" in plot:
            check_export_path(references, plot)
        columns = _source_columns(references, plot)
        if columns is not None and "type" in plot:
            _Plot(references, plot, columns).check()


def _source_columns(references: References, plot: Item) -> dict[str, Item] | None:
    """The columns of a plot's output, or None when there are none to speak of (which has been noted)."""
    source = plot.get("source")
    if source is None:
        return None
    outputs = references.outputs
    if source not in outputs:
        outputs_there = listed("Outputs", outputs, source)
        references.problem(plot.at("source"), f"no output is called {shown(source)}. {outputs_there}".removesuffix("."))
        return None
    if "data_schema" in outputs[source]:
        columns: dict[str, Item] = outputs[source]["data_schema"]["columns"]
        return columns
    if not references.document.is_bad(outputs[source].at("data_schema")):
        sentence = f"output {shown(source)} has no data_schema, so nothing is known of its columns; add one there"
        references.problem(plot.at("source"), sentence)
    return None


class _Plot:
    """The rules of a plot's x and y, which depend on its type and on the types of the columns."""

    def __init__(self, references: References, plot: Item, columns: dict[str, Item]) -> None:
        self.references = references
        self.plot = plot
        self.columns = columns

    def check(self) -> None:
        """Whether the columns exist; if so, whether they can be drawn by this type of plot."""
        for axis in ("x", "y"):
            self._check_columns_exist(axis)
        self._check_groups()
        if self.references.document.is_bad(self.plot.at("x"), self.plot.at("y")):
            return
        if all("type" in self.columns[name] for axis in ("x", "y") for name in self._names(axis)):
            kinds = {"time_series": self._time_series, "boxplot": self._boxplot}
            kinds.get(self.plot["type"], self._distribution)()
            self._check_companions()

    def _names(self, axis: str, *types: str) -> list[str]:
        names: tuple[str, ...] = self.plot.get(axis, ())
        return [name for name in names if not types or self.columns[name]["type"] in types]

    def _problem(self, axis: str, sentence: str) -> None:
        self.references.problem(self.plot.at(axis) if axis in self.plot else self.plot.place, sentence)

    def _check_columns_exist(self, axis: str) -> None:
        seen: set[str] = set()
        for name in self._names(axis):
            if name not in self.columns:
                columns = listed("Columns", self.columns, name)
                source = shown(self.plot["source"])
                self._problem(axis, f"output {source} has no column {shown(name)}. {columns}".removesuffix("."))
            elif name in seen:
                self._problem(axis, f"column {shown(name)} is named twice; keep one")
            seen.add(name)

    def _check_groups(self) -> None:
        """What rows are told apart by: strings of the file, or what we know of each row."""
        strings = [name for name, column in self.columns.items() if column.get("type") == "string"]
        seen: set[str] = set()
        for name in self._names("group_by"):
            if name in seen:
                self._problem("group_by", f"{shown(name)} is named twice; keep one")
            elif name in self.columns and "type" in self.columns[name] and name not in strings:
                kind = self.columns[name]["type"]
                choices = ", ".join([*strings, *GROUPS])
                self._problem("group_by", f"column {shown(name)} is a {kind}; group by a string or by ours: {choices}")
            elif name not in self.columns and name not in GROUPS:
                choices = listed("Groups", [*strings, *GROUPS], name)
                source = shown(self.plot["source"])
                self._problem("group_by", f"output {source} has no column {shown(name)}. {choices}".removesuffix("."))
            seen.add(name)

    def _time_series(self) -> None:
        stamps = self._names("x", "timestamp")
        if len(stamps) != 1:
            self._problem("x", f"a time_series needs exactly one timestamp as its x{self._candidates('timestamp')}")
        elif not self._names("y"):
            self._problem("y", f"a time_series needs at least one y{self._candidates('integer', 'float')}")
        self._check_numbers("y")
        self._note_unused("timestamp", "string")

    def _check_companions(self) -> None:
        """The keys that mean something for some types only."""
        kind, how = self.plot["type"], self.plot.get("aggregation")
        if how in ("count", "rate") and kind != "time_series":
            self._problem("aggregation", f"{how} is of rows in a window of time, and a {kind} has none")
        elif how and kind in ("ecdf", "percentiles"):
            self._problem("aggregation", f"'aggregation' means nothing for {kind}, which shows all of them; remove it")
        if "window" in self.plot and not (self._names("x", "timestamp") and kind in ("time_series", "boxplot")):
            self._problem("window", "'window' means nothing without a timestamp on x of a time_series or boxplot")
        if "time_axis" in self.plot and kind != "time_series":
            self._problem("time_axis", f"'time_axis' means nothing for a {kind}; remove it")

    def _distribution(self) -> None:
        if self._names("y"):
            self._check_numbers("y")
            self._note_unused("string")
        elif self._names("x"):
            self._check_values_on_x()
        else:
            self._problem("y", f"{self._a_kind} needs at least one y{self._candidates('integer', 'float')}")

    @property
    def _a_kind(self) -> str:
        return {"ecdf": "an ecdf", "percentiles": "a percentiles plot"}.get(self.plot["type"], "a histogram")

    def _check_values_on_x(self) -> None:
        """Without y the numbers on x are the values, and a string there still groups."""
        if not self._names("x", "integer", "float"):
            self._problem("x", f"{self._a_kind} needs a number on x or y{self._candidates('integer', 'float')}")
        self._note_unused("integer", "float", "string")

    def _boxplot(self) -> None:
        if not self._names("y"):
            self._problem("y", f"a boxplot needs at least one y{self._candidates('integer', 'float')}")
        self._check_numbers("y")
        self._note_unused("string", "timestamp")

    def _check_numbers(self, axis: str) -> None:
        for name in self._names(axis, "string", "timestamp"):
            kind = self.columns[name]["type"]
            candidates = self._candidates("integer", "float")
            self._problem(axis, f"column {shown(name)} is a {kind}, but values to draw are numbers{candidates}")

    def _candidates(self, *types: str) -> str:
        names = [name for name, column in self.columns.items() if column.get("type") in types][:10]
        kinds = " or ".join(types)
        return f"; columns of type {kinds}: {', '.join(names)}" if names else f"; there is no column of type {kinds}"

    def _note_unused(self, *used: str) -> None:
        for name in self._names("x"):
            if self.columns[name]["type"] not in used:
                self.references.warn(self.plot.at("x"), f"column {name!r} is not used by a {self.plot['type']}")
