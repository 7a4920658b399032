"""`benchctl init` and `validate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchctl.choices import Choices
from benchctl.cli.console import kept_stdout, print_json, problem_json, say, warn
from benchctl.cli.group import cli
from benchctl.cli.options import config_argument, json_option, set_option
from benchctl.errors import ConfigError, Problem


@cli.command(
    short_help="Check a config: all its problems, each with its line.", epilog="Example: benchctl validate config.yaml"
)
@config_argument
@set_option
@json_option
def validate(config: str | None, settings: Sequence[str], as_json: bool) -> None:
    """Check CONFIG (default: config.yaml, else benchmark.yaml): all its problems at once, each with its line.

    Nothing is started, and no host is asked.
    """
    import benchctl
    from benchctl.reports.plan_page import schedule_text
    from benchctl.reports.text import count

    choices = Choices(config, settings)
    try:
        benchmark = choices.load()
        with kept_stdout():
            plan = benchctl.compile_plan(benchmark)
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(error.message, err=True)
        print_json(verdict(config or error.problems[0].file, error.problems))
        sys.exit(error.exit_code)
    warn(benchmark.warnings)
    if as_json:
        made = {"cases": len(plan.schedule.cases), "trials": len(plan.schedule.sure)}
        made |= {"trials_max": len(plan.schedule.order)}
        print_json(verdict(str(benchmark.path), warnings=benchmark.warnings) | made)
    else:
        parts = [count(len(benchmark.stages), "stage")]
        parts += [count(len(plan.schedule.cases), "case")] if plan.schedule.cases else []
        parts += [] if plan.schedule.is_single else [schedule_text(plan.schedule)]
        say(f"{config or benchmark.path.name}: {benchmark.name}, {', '.join(parts)}, no problems")


def verdict(config: str, problems: Sequence[Problem] = (), warnings: Sequence[str] = ()) -> dict[str, Any]:
    """What `validate --json` prints; of a config without problems the number of its cases and trials too."""
    return {
        "schema": "benchctl/validate@1",
        "config": config,
        "problems": [problem_json(problem) for problem in problems],
        "warnings": list(warnings),
    }


@cli.command(short_help="Write a first benchmark that runs at once.", epilog="Example: benchctl init my-benchmark")
@click.argument("directory", default=".", type=click.Path())
def init(directory: str) -> None:
    """Write a first benchmark into DIRECTORY (default: this one): a commented config.yaml and a script.

    It runs at once. What is already there is not touched.
    """
    import shlex

    from benchctl.scaffold import write_template

    written, spared = write_template(Path(directory))
    for path in written:
        say(f"wrote {path}")
    for path in spared:
        say(f"left {path} as it is")
    place = "" if Path(directory) == Path() else f"cd {shlex.quote(directory)} && "
    say(f"next: {place}benchctl run")
