"""`benchctl serve`, and the script `benchctl-serve`."""

from __future__ import annotations

import os
import sys

import click

from benchctl.cli.group import cli
from benchctl.cli.options import results_option


@cli.command(short_help="Show the runs in a browser.", epilog="Example: benchctl serve --port 8080")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 takes a free one.")
@click.option(
    "--allowed-host", "names", metavar="NAME", multiple=True, help="Another name it is reached by. Repeatable."
)
@results_option
def serve(host: str, port: int, *, names: tuple[str, ...], results: str | None) -> None:
    """Show the kept runs in a browser: a list, a page for each, comparisons, and runs as they go on. It only reads.

    Only this machine can look, unless another --host is given: then a link with a token is printed, and nobody gets
    in without it (BENCHCTL_SERVE_TOKEN sets it). Ctrl-C stops it.
    """
    import benchctl
    from benchctl.dashboard.serving import flushed
    from benchctl.dashboard.serving import serve as serve_runs

    token = os.environ.get("BENCHCTL_SERVE_TOKEN", "")
    serve_runs(benchctl.open_store(results).root, host, port, names=names, token=token, say=flushed)


def main() -> None:
    """The console script `benchctl-serve`: the same as `benchctl serve`."""
    from benchctl.cli.command_line import main as command_line

    sys.argv[1:1] = ["serve"]
    command_line()
