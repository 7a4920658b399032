"""The plots that a command wants: those of a config, also of one kept with a run, perhaps changed, or a new one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchctl.config import references, schema
from benchctl.config.document import Document
from benchctl.config.draft import Draft, draft_plots
from benchctl.config.draft import draft as read_draft
from benchctl.config.loader import plot_of
from benchctl.config.model import Plot
from benchctl.config.picture import FORMATS
from benchctl.config.yaml_file import read
from benchctl.errors import Problem, UsageError
from benchctl.template import did_you_mean

NEW = ("source", "type", "x", "y")  # any of these keys makes a plot of its own
_PATH = re.compile(r"plots\[(?P<number>\d+)\](?:\.(?P<key>\w+))?.*")

Values = Mapping[str, Any]  # a plot as the config has it: texts and lists of them by key


@dataclass(frozen=True)
class Wanted:
    """Which plots, and how they are to look.

    names: of the config's; none for all. changes: other values for keys of each; with one of `NEW` they are a plot of
    their own. called: what a key is called where it was given, for messages.
    """

    names: Sequence[str] = ()
    changes: Values = field(default_factory=dict)
    called: Callable[[str], str] = str

    @property
    def is_new(self) -> bool:
        return any(key in self.changes for key in NEW)


def load_plots(path: str | Path, overrides: Mapping[str, str], wanted: Wanted, chosen: Sequence[Values]) -> list[Plot]:
    """The wanted plots of a config file, whose hosts and scripts may be gone.

    overrides: values for its `vars`. chosen: the plots where the file has no `plots:`. Raises ConfigError with the
    problems of its plots and of the outputs they are made of, UsageError with those of what is wanted.
    """
    document = read(Path(os.path.abspath(os.path.expanduser(path))), str(path), schema.LISTS)
    root: Any = document.root
    says_plots = "plots" in root
    root["plots"] = [] if wanted.is_new else _changed(root.get("plots", [dict(plot) for plot in chosen]), wanted)
    draft = read_draft(document)
    if wanted.is_new:
        draft.plots = draft_plots(document, [_new(draft, wanted.changes)])
    draft.variables.update({name: value for name, value in overrides.items() if name in draft.variables})
    references.check_plots_alone(document, draft, Path(path).parent)
    _refuse_problems(document, wanted)
    variables = {f"vars.{name}": value for name, value in draft.variables.items()}
    plots = [plot_of(document, plot, variables) for plot in draft.plots]
    return plots if wanted.is_new else _named(plots, wanted.names, says_plots=says_plots)


def _changed(plots: Any, wanted: Wanted) -> Any:
    for plot in plots if isinstance(plots, list) else []:
        if isinstance(plot, dict) and (not wanted.names or plot.get("name") in wanted.names):
            plot.update(wanted.changes)
            if "format" in wanted.changes and isinstance(plot.get("export_path"), str):
                plot["export_path"] = _with_suffix(plot["export_path"], str(plot["format"]))
    return plots


def _with_suffix(path: str, suffix: str) -> str:
    stem, dot, given = path.rpartition(".")
    return f"{stem}.{suffix}" if dot and given.lower() in FORMATS else path


def _new(draft: Draft, changes: Values) -> dict[str, Any]:
    """A plot that the config has not: of its only output with a data_schema, over its first timestamp, unless said."""
    outputs = {output["name"]: output for output in draft.outputs() if "name" in output and "data_schema" in output}
    plot = {key: [value] if key in ("x", "y") and isinstance(value, str) else value for key, value in changes.items()}
    if "source" not in plot and len(outputs) == 1:
        plot["source"] = next(iter(outputs))
    if plot.get("type") == "time_series" and plot.get("source") in outputs:
        columns = outputs[plot["source"]]["data_schema"]["columns"]
        stamps = [name for name, column in columns.items() if column.get("type") == "timestamp"]
        given = plot.get("x", [])
        plot["x"] = given if set(stamps) & set(given) else [*stamps[:1], *given]
    parts = [plot.get("source", ""), plot.get("type", ""), *plot.get("y", [])[:3]]
    return {"name": "-".join(filter(None, parts))[:90]} | plot


def _refuse_problems(document: Document, wanted: Wanted) -> None:
    """Problems of what was asked for are those of a command, and have no line in a file."""
    about = [p for p in document.problems if p.path.startswith("plots") or ".data_schema" in p.path or not p.path]
    asked = [sentence for problem in about if (sentence := _as_asked(problem, wanted))]
    if asked:
        raise UsageError("\n".join(dict.fromkeys(asked)))
    document.problems[:] = about
    if about:
        document.raise_problems()


def _as_asked(problem: Problem, wanted: Wanted) -> str | None:
    """The problem in the command's words, where it is one of what was asked for."""
    found = _PATH.fullmatch(problem.path)
    if not found or not (wanted.is_new or found["key"] in wanted.changes):
        return None
    text = re.sub(r"(?<=^a plot needs )'(\w+)'$", lambda missing: wanted.called(missing[1]), problem.text)
    return f"{wanted.called(found['key'])}: {text}" if found["key"] else text


def _named(plots: list[Plot], names: Sequence[str], *, says_plots: bool) -> list[Plot]:
    there = {plot.name: plot for plot in plots}
    if not there and says_plots:
        raise UsageError("the config says `plots: []`; name another file with --config, or say what to draw: --output")
    for name in names:
        if name not in there:
            listed = f"Plots: {', '.join(there)}." if there else "There are none."
            hint = did_you_mean(name, there)
            raise UsageError(f"no plot is called {name!r}. {listed}{hint}".removesuffix("."))
    return [plot for plot in plots if not names or plot.name in names]
