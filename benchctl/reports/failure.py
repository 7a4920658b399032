"""How a run ended, in words: the last thing `run` prints, and the last thing on a run's page."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from benchctl.config.peek import output_dir_in
from benchctl.reports.text import clean, duration, pairs
from benchctl.runs.failure import Failure, shortened
from benchctl.runs.root import results_root

REASONS_SHOWN = 5


def failure_text(error: Failure, *, run_id: str = "", kept: Path | str = "") -> str:
    """What failed where, its command, its last lines, a cure, and where all of it is kept."""
    lines = [clean(line) for line in error.message.split("\n")] or [clean(error.code)]
    details = [
        ("trial", clean(error.trial or "")),
        ("command", _block(shortened(error.command or ""))),
        ("stderr", "\n".join(clean(line) for line in error.stderr)),
        ("others", clean(", ".join(f"{status} on {host}" for host, status in error.others.items()))),
        ("hint", _block(error.hint)),
        ("kept", _kept(error, run_id, kept)),
    ]
    return "\n".join([*lines, *pairs(details)])


def ending_text(  # noqa: PLR0913 - all that is known at the end
    run_id: str,
    status: str,
    *,
    duration_s: float | None,
    error: Failure | None,
    kept: Path | str,
    reasons: Sequence[str] = (),
    trials: str = "",
    may_resume: bool = False,
) -> str:
    """The end of a run: one line for how it went, then why, when something went wrong.

    reasons: why it is incomplete. trials: how several of them went. may_resume: some of them are still to come.
    """
    after = f" after {duration(duration_s)}" if duration_s is not None else ""
    head = f"{clean(run_id)} {clean(status)}{after}{f' ({trials})' if trials else ''}".strip()
    if error:
        go_on = f"\n    next  benchctl resume {_word(selector(run_id, kept))}" if may_resume else ""
        return f"{head}\n\n{failure_text(error, run_id=run_id, kept=kept)}{go_on}"
    show = show_command(run_id, kept)
    details = [("because", "\n".join(_first_of(reasons, show))), ("kept", clean(kept)), ("next", show)]
    return "\n".join([head, *pairs(details)])


def show_command(run_id: str, kept: Path | str) -> str:
    """The command that prints a run's page; nothing when nothing names the run."""
    found_by = selector(run_id, kept)
    return f"benchctl show {_word(found_by)}" if found_by else ""


def _first_of(reasons: Sequence[str], show: str) -> list[str]:
    """The first reasons, a line each, and where the others are found."""
    lines = [clean(reason) for reason in reasons[:REASONS_SHOWN]]
    left_out = len(reasons) - len(lines)
    return [*lines, f"... and {left_out} more ({show})"] if left_out else lines


def _block(text: str) -> str:
    return "\n".join(clean(line) for line in text.rstrip("\n").split("\n"))


def _kept(error: Failure, run_id: str, kept: Path | str) -> str:
    if not str(kept):
        return ""
    found_by = selector(run_id, kept)
    return f"{clean(kept)} ({logs_command(found_by, error.stage, error.trial)})" if found_by else clean(kept)


def selector(run_id: str, kept: Path | str) -> str:
    """What names a run for a command that is given here: its id where runs are looked for, else its directory's path.

    Asks the current directory where that is, since that is where the command will be typed.
    """
    path = str(kept)
    if not (run_id and path):
        return run_id
    root, name = os.path.split(path)
    if name == run_id and os.path.realpath(root) == os.path.realpath(results_root(parse=output_dir_in)):
        return run_id
    return path if "/" in path else f"./{path}"


def logs_command(found_by: str, stage: str | None = None, trial: str | None = None) -> str:
    """The command that prints the logs of a run, of one of its stages or trials; `found_by` as `selector` gives it."""
    chosen = [*([_word(stage)] if stage else []), *([f"--trial {_word(trial)}"] if trial else [])]
    return " ".join(["benchctl logs", _word(found_by), *chosen])


def _word(text: str) -> str:
    return shlex.quote(clean(text))
