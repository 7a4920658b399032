"""What a developer of benchctl does often: `inv --list`, or `inv check` for all that has to hold."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from invoke import Context, task

HERE = Path(__file__).parent


@task(help={"select": "only the tests whose names match, as pytest's -k", "fast": "stop at the first failure"})
def test(context: Context, select: str = "", fast: bool = False) -> None:
    """Run the tests; they need OpenSSH's server."""
    arguments = ["-x"] * fast + ["-k", select] * bool(select)
    _python(context, "pytest", *arguments)


@task
def lint(context: Context) -> None:
    """Look for mistakes without running anything: ruff and mypy."""
    _python(context, "ruff", "check", ".")
    _python(context, "ruff", "format", "--check", ".")
    _python(context, "mypy")


@task
def check(context: Context) -> None:
    """Do what the continuous integration does: lint, and the tests on the oldest and the newest Python."""
    _run(context, ".ci/run")


@task
def demo(context: Context) -> None:
    """Run the sample project's benchmark."""
    _run(context, str(Path(sys.executable).with_name("benchctl")), "run", "sample_project/config.yaml")


@task
def gallery(context: Context) -> None:
    """Draw the pictures of docs/plots.md anew."""
    _run(context, sys.executable, "docs/gallery/draw.py")


@task
def shots(context: Context) -> None:
    """Take the pictures of docs/dashboard.md anew."""
    _run(context, sys.executable, "docs/dashboard/shots.py")


def _python(context: Context, module: str, *arguments: str) -> None:
    """Run a module with the Python that runs Invoke, so that nothing outside its environment is called."""
    _run(context, sys.executable, "-m", module, *arguments)


def _run(context: Context, *command: str) -> None:
    with context.cd(str(HERE)):
        context.run(shlex.join(command), pty=sys.stdout.isatty())
