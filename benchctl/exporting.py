"""`benchctl export`: rows, metrics and archives of kept runs, as its callers ask for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchctl.errors import ConfigError, UsageError
from benchctl.exports.archive import Archived
from benchctl.exports.placing import check_free
from benchctl.runs.files import file_name
from benchctl.runs.record import RunRecord
from benchctl.template import did_you_mean

FORMATS = ("csv", "parquet")


@dataclass(frozen=True)
class Exported:
    """What was written. rows: of each output. notes: what is to be said of it."""

    paths: tuple[Path, ...]
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()
    archive: Archived | None = None


def export_tables(
    records: Sequence[RunRecord], outputs: Sequence[str], folder: Path, *, format: str, force: bool
) -> Exported:
    """The rows of some outputs, or of all that have any, and the metrics. Raises UsageError, DataError, OutputError."""
    if format not in FORMATS:
        raise UsageError(
            f"there is no format {format!r}. Formats: {', '.join(FORMATS)}.{did_you_mean(format, FORMATS)}"
        )
    names = list(dict.fromkeys(outputs)) or outputs_with_rows(records)
    targets = {name: folder / _target_name(name, format) for name in names}
    if len(set(targets.values())) < len(targets):
        raise UsageError("some outputs would have the same file; export them one by one with --output and --out")
    for path in [*targets.values(), folder / "metrics.csv", folder / "metrics.json"]:
        check_free(path, force=force)
    paths, rows, notes = list[Path](), dict[str, int](), list[str]()
    for name, path in targets.items():
        made, rows[name], told = _export_rows(records, name, path, format=format, force=force)
        paths += made
        notes += told
    from benchctl.exports.metrics import write_metrics

    return Exported((*paths, *write_metrics(records, folder, force=force)), rows, tuple(notes))


def _target_name(output: str, format: str) -> str:
    return f"{file_name(output)}.csv" if format == "csv" else file_name(output)


def _export_rows(
    records: Sequence[RunRecord], name: str, path: Path, *, format: str, force: bool
) -> tuple[list[Path], int, list[str]]:
    if format == "parquet":
        from benchctl.exports.parquet import check_installed, write_parquet

        check_installed()
    from benchctl.analysis.exporting import ExportTable  # loads pandas
    from benchctl.exports.csv_files import write_csv
    from benchctl.exports.describing import notes_on_columns

    table = ExportTable(records, name)
    write = write_csv if format == "csv" else write_parquet
    paths, rows = write(table, path, force=force)
    left_out = [f"{name}: left out: {text}" for text in notes_on_columns(table)]
    return paths, rows, [*left_out, *(f"{name}: {note}" for note in table.notes)]


def outputs_with_rows(records: Sequence[RunRecord]) -> list[str]:
    """The outputs with a data_schema that were collected, in order."""
    found = [output for record in records for trial in record.counting for output in trial.outputs]
    return list(dict.fromkeys(one.name for one in found if one.data is not None and one.status == "collected"))


def export_archive(
    records: Sequence[RunRecord], path: Path, load_secrets: Callable[[RunRecord], frozenset[str]], *,
    env: Mapping[str, str], force: bool,
) -> Exported:  # fmt: skip
    """Whole runs as one archive. load_secrets: those of the config that a run was made with.

    Raises UsageError, OutputError.
    """
    from benchctl.exports.archive import write_archive
    from benchctl.exports.scrubbing import secrets_of

    literal, notes = frozenset[str](), list[str]()
    for record in records:
        try:
            literal |= load_secrets(record)
        except (ConfigError, UsageError, OSError):
            notes.append(
                f"{record.id}: the config {record.config.get('path')} can't be read any more, so that passwords "
                "written in it were masked only where the run did so"
            )
    done = write_archive(records, path, secrets_of(records, literal, env, os.environ), force=force)
    listed = {
        "a secret was masked in": done.scrubbed,
        "compressed, and not looked into for secrets:": done.unseen,
        "left out, as it is no plain file:": done.left_out,
    }
    notes += [f"{text} {name}" for text, names in listed.items() for name in names]
    notes += [f"the value of {name} was not looked for; -e {name}=VALUE masks it" for name in done.unknown]
    return Exported((path,), {}, tuple(notes), done)
