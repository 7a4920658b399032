"""`benchctl copy`."""

from __future__ import annotations

import click

from benchctl.choices import Watching
from benchctl.cli.console import print_json, say
from benchctl.cli.group import cli
from benchctl.cli.options import json_option


@cli.command(
    short_help="Copy a file or folder from host to host.", epilog="Example: benchctl copy db:/var/log/db/ app:/tmp/"
)
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option(
    "--config",
    type=click.Path(),
    metavar="CONFIG",
    help="What the hosts are. Default: config.yaml, else benchmark.yaml.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@json_option
def copy(source: str, target: str, *, config: str | None, quiet: bool, as_json: bool) -> None:
    """Copy the file or folder SRC to DST, each HOST:PATH with a host of CONFIG, or a path of this machine.

    Between two other hosts it streams through this machine and is not stored here. A file replaces a file; a folder
    replaces nothing. Below a DST that ends with a slash it keeps its name.
    """
    import dataclasses

    import benchctl
    from benchctl.reports.copy_page import copy_json, copy_text

    with Watching(quiet=quiet, verbose=False) as listeners:
        copied = dataclasses.asdict(benchctl.copy(source, target, config=config, listeners=listeners))
    if as_json:
        print_json(copy_json(copied))
    elif not quiet:
        say(copy_text(copied))
