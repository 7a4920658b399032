"""`benchctl compare`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from benchctl.cli.console import print_json, say, terminal_width
from benchctl.cli.group import cli
from benchctl.cli.options import Command, json_option, results_option
from benchctl.cli.selecting import saying_where_else
from benchctl.errors import UsageError

FORMS = {
    "markdown": "Print tables in Markdown.",
    "latex": "Print tables in LaTeX, for a paper; they need booktabs.",
    "csv": "Print every number in full, a line for each metric of each case.",
}


def form_options(command: Command) -> Command:
    """One option for each form; the one that is given last counts."""
    for form, text in reversed(FORMS.items()):
        command = click.option(f"--{form}", "form", flag_value=form, help=text)(command)
    return command


@cli.command(
    short_help="Compare runs or cases, with how sure one may be.",
    epilog='Example: benchctl compare run-001 run-002 --fail-if "p99 worse by 5%"',
)
@click.argument("base", default="latest")
@click.argument("candidates", metavar="[CANDIDATE]...", nargs=-1)
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric, declared or not. Repeatable."
)
@click.option(
    "--margin",
    "margins",
    metavar="SHARE",
    multiple=True,
    help="What makes no difference: 5%, or p99=1% for one metric. Default: the config's, else 3%.",
)
@click.option(
    "--fail-if",
    metavar="CONDITION",
    multiple=True,
    help='End with exit code 5 if this is so: "p99 worse by 5%", "any worse". Repeatable.',
)
@click.option(
    "--save", metavar="NAME", help="Keep the candidate, or the only run, as the baseline NAME, unless --fail-if is met."
)
@form_options
@results_option
@json_option
def compare(base: str, candidates: Sequence[str], *, as_json: bool, form: str | None, **given: Any) -> None:
    """Compare each CANDIDATE with BASE (default: latest), metric by metric and case by case: estimates and their ratio
    with 95 % intervals, a test, and a verdict, or how many more trials would bring one. docs/compare.md defends each.

    BASE, CANDIDATE: run-012, latest~1, a uid or a path; run-012:wal is one case of it; or a baseline that was saved.
    Cases of two runs pair by name. Without a CANDIDATE the cases of BASE are compared with its first one, or with the
    one that is named: run-012:wal.
    """
    from benchctl.compare_choices import CompareChoices

    if as_json and form:
        raise UsageError(f"--json and --{form} are two forms of the same; choose one")
    with saying_where_else():
        answer = CompareChoices([base, *candidates], **given).answer()
    if as_json:
        print_json(answer.document())
    elif answer.comparisons:
        say(answer.text(form, terminal_width()))
    for one in answer.outcomes:
        click.echo(one.sentence, err=True)
    if answer.saved:
        click.echo(f"saved  {answer.saved}", err=True)
    sys.exit(answer.exit_code)
