"""`benchctl list`, `show`, `logs` and `plot`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from benchctl.cli.console import INCOMPLETE, print_json, say, terminal_width
from benchctl.cli.group import cli
from benchctl.cli.options import Command, json_option, results_option
from benchctl.cli.selecting import find_record, find_run


@cli.command(
    "list", short_help="List the kept runs, newest first (also: ls).", epilog="Example: benchctl list --limit 5"
)
@click.option(
    "-l", "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0 for all."
)
@results_option
@json_option
def list_(limit: int, results: str | None, as_json: bool) -> None:
    """List the kept runs, newest first: how each went, how long it took, and why it failed."""
    from datetime import datetime

    import benchctl
    from benchctl.reports import listing

    rows = listing.newest(benchctl.open_store(results), limit or None)
    if as_json:
        print_json(listing.list_json(rows))
    else:
        say(listing.list_table(rows, datetime.now().astimezone(), terminal_width()))


@cli.command(short_help="Show what a run was and how it went.", epilog="Example: benchctl show latest~1")
@click.argument("run", default="latest")
@results_option
@json_option
def show(run: str, results: str | None, as_json: bool) -> None:
    """Show what a RUN was and how it went.

    RUN: run-012, 12, latest (the default), latest~1 for the one before, its uid, or the path of its directory;
    run-012:wal is one of its cases.
    """
    from benchctl.reports.run_page import run_json, run_text
    from benchctl.reports.text import fitted

    record = find_record(run, results)
    if as_json:
        print_json(run_json(record))
    else:
        text, width = run_text(record), terminal_width()
        say(text if width is None else fitted(text, width))


@cli.command(
    short_help="Print the logs of a run, or of one of its stages.", epilog="Example: benchctl logs latest load -f"
)
@click.argument("run", default="latest")
@click.argument("stage", required=False)
@click.option(
    "--trial", metavar="TRIAL", help="Only of this trial, by its number, its directory's name, or w1 of a warm-up."
)
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on with what is added, until the run is over.")
@results_option
def logs(run: str, stage: str | None, *, trial: str | None, follows: bool, results: str | None) -> None:
    """Print the logs of a RUN, of all its stages or of one STAGE, as `stage.host | line`.

    RUN: run-012, 12, latest (the default), latest~1, its uid, or the path of its directory; run-012:wal is one of its
    cases. Lines of several trials begin with the trial's name.
    """
    from benchctl.reports.logs import Wanting, follow, log_lines

    directory, case = find_run(run, results)
    wanted = Wanting(stage, case, trial)
    for line in follow(directory, wanted) if follows else log_lines(directory, wanted):
        say(line)


def plot_options(command: Command) -> Command:
    from benchctl.plot_options import OPTIONS

    for option in reversed(OPTIONS):
        settings: dict[str, Any] = {"metavar": option.metavar, "multiple": option.is_repeatable, "help": option.text}
        command = click.option(f"--{option.name}", option.key, **settings)(command)
    return command


@cli.command(
    short_help="Draw plots from the files that runs keep.",
    epilog="Example: benchctl plot run-001 run-002 --type ecdf --y latency --style paper -o ecdf.pdf",
)
@click.argument("runs", metavar="RUN...", nargs=-1)
@click.option("--name", "names", metavar="PLOT", multiple=True, help="Only this plot of the config. Repeatable.")
@plot_options
@click.option("-o", "--out", "to", type=click.Path(), metavar="PATH", help="Where to: a folder, or one picture's file.")
@click.option("--config", type=click.Path(), metavar="FILE", help="Plots of this file instead of the run's own.")
@results_option
@json_option
def plot(runs: Sequence[str], *, as_json: bool, results: str | None, **given: Any) -> None:
    """Draw the plots of the config that a RUN was made with, or of FILE. Several runs are drawn in one picture each.

    RUN: run-012, 12, latest (the default), latest~1, its uid, or the path of its directory. The pictures go where the
    run has them, or to PATH.

    With --output, --type, --x or --y a plot is drawn that the config has not. The options below them change plots of
    the config as well; their values are those of a config.
    """
    import benchctl
    from benchctl.plot_options import called, given_keys

    records = [find_record(run, results) for run in runs or ["latest"]]
    places: dict[str, Any] = {name: given[name] for name in ("to", "config")}
    drawn = benchctl.plot(records, given["names"], **places, called=called, **given_keys(given))
    missing = [one for one in drawn if one.status != "drawn"]
    if as_json:
        print_json({"schema": "benchctl/plots@1", "plots": [one.to_json() for one in drawn]})
    for one in drawn:
        if one.status == "drawn" and not as_json:
            say(str(one.path))
    for one in missing:
        click.echo(f"plot {one.name!r} was not drawn: {one.reason}", err=True)
    if not drawn:
        click.echo("there is nothing to draw: no output has a data_schema and a number that varies", err=True)
    sys.exit(0 if drawn and not missing else INCOMPLETE)
