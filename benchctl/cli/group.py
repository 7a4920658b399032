"""The command `benchctl` without its commands: their groups, names, help and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import click

from benchctl import __version__
from benchctl.cli.console import give_up, say

GROUPS = {
    "Begin": ("init", "validate"),
    "Run": ("run", "plan", "resume", "calibrate"),
    "Look at runs": ("list", "show", "logs", "plot", "compare", "serve"),
    "Move files": ("copy", "export"),
}
EXIT_CODES = """\b
Exit codes:
  0    done
  1    the benchmark, or a copy, failed
  2    the command line or the config makes no sense; nothing was started
  3    done, but incomplete
  4    a host could not be reached, or refused us
  5    a threshold of compare --fail-if was crossed
  6    there is no such run, or it can't be read
  70   a mistake in benchctl itself
  130  stopped by Ctrl-C (129 by SIGHUP, 143 by SIGTERM)"""


def show_help(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        say(context.get_help())
        context.exit()


def show_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        say(f"benchctl {__version__}")
        context.exit()


class Documented(click.Command):
    """A command whose help ends in our words where it can't be written."""

    def get_help_option(self, context: click.Context) -> click.Option | None:
        option = super().get_help_option(context)
        if option:
            option.callback = show_help
        return option


class Commands(Documented, click.Group):
    """Commands in groups, short names for some, and a guess for a name that there is not."""

    command_class = Documented

    aliases: ClassVar[Mapping[str, str]] = {"ls": "list"}

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return super().get_command(context, self.aliases.get(name, name))

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        from benchctl.template import did_you_mean

        if args and self.get_command(context, args[0]) is None and not args[0].startswith("-"):
            names = ", ".join(name for names in GROUPS.values() for name in names)
            context.fail(f"there is no command {args[0]!r}. Commands: {names}.{did_you_mean(args[0], self.commands)}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self.commands[name].get_short_help_str(64)) for name in names])

    def invoke(self, context: click.Context) -> Any:
        """A reader that went away (`benchctl list | head -1`) is no error."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            give_up(sys.stdout, sys.stderr)
            sys.exit(0)


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Run distributed benchmarks from one YAML file, over SSH or on this machine, and keep every run.

    `benchctl COMMAND --help` says more about a command.
    """
