"""Imports point one way, and only one package knows each library: the tree is read, nothing of it is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "benchctl"

BASE = ("errors", "events", "units", "template", "redact", "names", "expression", "json_path")
LAYERS = {  # what may be imported at run time from where; itself always
    "errors": (),
    "events": (),
    "signals": ("errors",),
    "units": (),
    "redact": (),
    "template": (),
    "expression": ("template",),
    "json_path": ("template",),
    "names": ("config", *BASE),  # the model's dataclasses
    "config": BASE,
    "hosts": ("config", *BASE),
    "runs": ("", "errors", "events", "template", "units"),  # of benchctl itself its version
    "analysis": ("runs", "config", *BASE),
    "plots": ("analysis", "runs", "config", *BASE),
    "exports": ("", "analysis", "runs", "config", *BASE),  # of benchctl itself its version
    "exporting": ("signals", "exports", "analysis", "runs", "config", *BASE),
    "project_task": ("config", "hosts", *BASE),
    "schedule": ("config", *BASE),
    "plan": ("config", "hosts", "project_task", "schedule", *BASE),
    "workflow": ("plan", "schedule", "project_task", "runs", "hosts", "config", *BASE),
    "copying": ("signals", "plan", "hosts", "config", *BASE),
    "calibrating": ("analysis", "runs", "config", *BASE),
    "comparing": ("analysis", "reports", "runs", *BASE),
    "reports": ("analysis", "runs", "config", *BASE),
    "scaffold": ("errors",),
    "evaluating": ("workflow", "plots", "analysis", "runs", "config", *BASE),
    "given": ("names", "errors"),  # checks of the API and the front ends
    "": (
        "given",
        "evaluating",
        "plan",
        "workflow",
        "plots",
        "analysis",
        "copying",
        "calibrating",
        "comparing",
        "exporting",
        "reports",
        "runs",
        "config",
        *BASE,
    ),  # benchctl/__init__.py, the API
    "choices": ("", "given", "reports", "errors", "units"),  # shared by the front ends
    "plot_options": (),
    "compare_choices": ("", "analysis", "comparing", "reports", "runs", *BASE),
    "dashboard": ("", "comparing", "plots", "reports", "analysis", "runs", "config", *BASE),
    "cli": (
        "",
        "dashboard",
        "choices",
        "compare_choices",
        "plot_options",
        "scaffold",
        "reports",
        "runs",
        "config",
        *BASE,
    ),
    "tasks": ("", "dashboard", "choices", "compare_choices", "plot_options", "reports", "runs", "config", *BASE),
}
OWNERS = {  # library: who alone imports it
    "yaml": ("config",),
    "voluptuous": ("config",),
    "paramiko": ("hosts",),
    "cryptography": ("hosts",),  # paramiko's own, for the errors it raises
    "fabric": ("hosts", "plan"),  # the plan names Fabric's Config, which it makes once for all connections
    "invoke": ("hosts", "plan", "project_task", "tasks"),  # stages are Invoke tasks; `tasks` is a front end for inv
    "click": ("cli",),
    "numpy": ("analysis", "plots"),  # plots hand over what they draw in its arrays
    "pandas": ("analysis",),
    "scipy": ("analysis",),
    "zstandard": ("analysis",),
    "compression": ("analysis",),  # of the standard library, from Python 3.14 on
    "pyarrow": ("exports",),
    "matplotlib": ("plots",),
    "seaborn": ("plots",),
    "flask": ("dashboard",),
    "markupsafe": ("dashboard",),
    "waitress": ("dashboard",),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py").removeprefix("__init__")


def imported(path: Path) -> Iterator[str]:
    """The dotted names a module imports at run time, also inside functions; not those for type checkers alone."""
    yield from _names(ast.parse(path.read_text()))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports are not used here"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


def ours(name: str) -> str | None:
    """The layer of an imported name of ours; None for others."""
    head, _, rest = name.partition(".")
    if head != "benchctl":
        return None
    part = rest.partition(".")[0]
    is_module = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists()
    return part if part and is_module else ""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = layer(path)
    allowed = {here, *LAYERS[here]}
    wrong = {name for name in imported(path) if (target := ours(name)) is not None and target not in allowed}
    assert not wrong, f"{here or 'benchctl'} may import {sorted(allowed)} only"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_imported_by_its_owner_alone(path: Path) -> None:
    libraries = {name.partition(".")[0] for name in imported(path)} - sys.stdlib_module_names - {"benchctl"}
    wrong = {library for library in libraries if layer(path) not in OWNERS.get(library, ())}
    assert not wrong


def test_names_needs_no_more_of_the_config_than_its_model() -> None:
    """Reports read names, and must not load YAML by it."""
    names = [name for name in imported(PACKAGE / "names.py") if name.startswith("benchctl.config")]
    assert all(name.startswith("benchctl.config.model.") for name in names)
    assert {name.partition(".")[0] for name in imported(PACKAGE / "config/model.py")} <= sys.stdlib_module_names


def test_every_layer_named_here_is_there() -> None:
    there = {layer(path) for path in modules()}
    assert there <= LAYERS.keys()
