"""The runs that a command names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchctl.errors import RunNotFound

if TYPE_CHECKING:
    from benchctl.runs.record import RunRecord
    from benchctl.runs.store import RunDirectory


def find_record(selector: str, results: str | None) -> RunRecord:
    """A run, or one case of it. Raises RunNotFound, with where else to look."""
    import benchctl

    with saying_where_else():
        return benchctl.find(selector, results=results)


def find_run(selector: str, results: str | None) -> tuple[RunDirectory, str | None]:
    """The directory of a run, and the case that was named with it. Raises RunNotFound, with where else to look."""
    import benchctl

    with saying_where_else():
        return benchctl.open_store(results).select(selector)


@contextmanager
def saying_where_else() -> Iterator[None]:
    try:
        yield
    except RunNotFound as error:
        hint = "runs that are kept elsewhere: --results DIRECTORY, or the path of the run's own directory"
        raise RunNotFound(error.message, hint=hint) from error
