"""`benchctl export`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from benchctl.cli.console import INCOMPLETE, print_json, say
from benchctl.cli.group import cli
from benchctl.cli.options import json_option, results_option
from benchctl.cli.selecting import find_record


@cli.command(
    short_help="Export rows, metrics, or whole runs for a paper.",
    epilog="Example: benchctl export run-001 run-002 --archive paper.tar.gz",
)
@click.argument("runs", metavar="RUN...", nargs=-1)
@click.option("--output", "outputs", metavar="OUTPUT", multiple=True, help="Only the rows of this output. Repeatable.")
@click.option("--format", metavar="FORMAT", help="Of the rows: csv (the default) or parquet.")
@click.option("-o", "--out", "to", type=click.Path(), metavar="FOLDER", help="Where to. Default: export.")
@click.option("--archive", type=click.Path(), metavar="FILE.tar.gz", help="Whole runs in one archive instead.")
@click.option(
    "-e", "--env", metavar="KEY=VALUE", multiple=True, help="A variable to mask in the archive, as `run` had it."
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@results_option
@json_option
def export(  # noqa: PLR0913 - click hands each option over by its name
    runs: Sequence[str], *, outputs: Sequence[str], format: str | None, to: str | None, archive: str | None,
    env: Sequence[str], force: bool, results: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write what a RUN measured for other programs: rows of outputs, each with its run, case, trial and host, and the
    metrics of all trials. Several runs go into the same files.

    RUN: run-012, 12, latest (the default), latest~1, its uid, or the path of its directory; run-012:wal is one of its
    cases.

    With --archive whole runs go into one file, with checksums and a page that says what it is; secrets are masked.
    """
    import benchctl
    from benchctl.choices import environment
    from benchctl.reports.export_page import export_json, export_lines, remark_lines

    records = [find_record(run, results) for run in runs or ["latest"]]
    done = benchctl.export(records, outputs, format=format, to=to, archive=archive, env=environment(env), force=force)
    for line in remark_lines(done.notes, done.missing):
        click.echo(line, err=True)
    if as_json:
        print_json(export_json(done.paths, done.rows, done.notes, missing=done.missing))
    else:
        for line in export_lines(done.paths, done.rows):
            say(line)
    sys.exit(INCOMPLETE if done.missing else 0)
