"""From a command line to an exit code."""

from __future__ import annotations

import sys

import click

from benchctl.cli.console import Wanted, fail, kept, leave
from benchctl.cli.group import cli
from benchctl.errors import BenchctlError, UsageError

INTERNAL_ERROR = 70
CTRL_C = 130


def main() -> None:
    """The console script."""
    try:
        run_command_line()
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else 1 if end.code else 0)
    leave(0)


def run_command_line() -> None:
    """Errors of ours in our words, bugs of ours in one line."""
    for stream in (sys.stdout, sys.stderr):
        if stream:  # what the terminal's encoding does not know is shown as ?
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    wanted = Wanted(json="--json" in sys.argv[1:])
    try:
        cli.main(prog_name="benchctl", standalone_mode=False, obj=wanted)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        fail(usage_error(error), wanted)
    except (click.Abort, KeyboardInterrupt):
        fail(BenchctlError("stopped by Ctrl-C"), wanted, code="interrupted", exit_code=CTRL_C)
    except BenchctlError as error:
        fail(error, wanted)
    except Exception as error:
        text = f"benchctl made a mistake of its own ({type(error).__name__}); the traceback is in {kept(error)}"
        fail(BenchctlError(text), wanted, code="internal-error", exit_code=INTERNAL_ERROR)


def usage_error(error: click.ClickException) -> UsageError:
    """click's complaint in our form."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "benchctl"
    text = error.format_message()
    return UsageError(f"{command}: {text[:1].lower()}{text[1:]}", hint=f"{command} --help lists what there is")
