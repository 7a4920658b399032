"""Options and arguments that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from benchctl.cli.console import Wanted

Command = TypeVar("Command", bound=Callable[..., Any])


def results_option(command: Command) -> Command:
    text = "Where runs are kept. Default: BENCHCTL_RESULTS, else the config's output_dir, else ./results."
    return click.option("--results", type=click.Path(), metavar="DIRECTORY", help=text)(command)


def json_option(command: Command) -> Command:
    def note(context: click.Context, _: click.Parameter, value: bool) -> bool:
        context.find_object(Wanted).json = value  # type: ignore[union-attr]
        return value

    text = "Print one JSON document on stdout and nothing else there."
    return click.option("--json", "as_json", is_flag=True, callback=note, is_eager=True, help=text)(command)


def set_option(command: Command) -> Command:
    text = "Another value for one of the config's vars. Repeatable."
    return click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help=text)(command)


def case_option(command: Command) -> Command:
    text = "Make the trials of this case alone. Repeatable."
    return click.option("--case", "cases", metavar="CASE", multiple=True, help=text)(command)


def repeat_option(command: Command) -> Command:
    text = "How many trials of each case, in place of the config's."
    return click.option("--repeat", type=click.IntRange(1, 10_000), metavar="N", help=text)(command)


config_argument = click.argument("config", required=False, type=click.Path())
