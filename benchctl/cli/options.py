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


def choosing_options(command: Command) -> Command:
    """Which stages of which trials are made, and with which variables: what `run` and `plan` both take."""
    options = (
        click.option(
            "-e", "--env", metavar="KEY=VALUE", multiple=True, help="A variable for every command. Repeatable."
        ),
        click.option("--skip", metavar="STAGE", multiple=True, help="Leave a stage out. Repeatable."),
        click.option("--only-stage", "only", metavar="STAGE", multiple=True, help="Run only this stage. Repeatable."),
        click.option(
            "--case", "cases", metavar="CASE", multiple=True, help="Make the trials of this case alone. Repeatable."
        ),
        click.option(
            "--repeat",
            type=click.IntRange(1, 10_000),
            metavar="N",
            help="How many trials of each case, in place of the config's.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


config_argument = click.argument("config", required=False, type=click.Path())
