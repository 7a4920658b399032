"""`benchctl export`: rows, metrics and archives of kept runs, as its callers ask for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchctl.errors import ConfigError, UsageError
from benchctl.exports.archive import Archived
from benchctl.exports.ends import ends, uncollected, without_rows
from benchctl.exports.metrics import METRICS, write_metrics
from benchctl.exports.placing import Delivery, check_free, delivery
from benchctl.redact import SHORTEST
from benchctl.runs.files import file_name
from benchctl.runs.record import RunRecord
from benchctl.signals import raising_on_signals
from benchctl.template import did_you_mean

FORMATS = ("csv", "parquet")


@dataclass(frozen=True)
class Exported:
    """What was written. rows: of each output. notes: what is to be said of it. missing: what should be there and is
    not, and what is not as it was recorded.
    """

    paths: tuple[Path, ...]
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    archive: Archived | None = None


def export_tables(
    records: Sequence[RunRecord], outputs: Sequence[str], folder: Path, *, format: str, force: bool
) -> Exported:
    """The rows of some outputs, or of all that have any, and the metrics: all of them, or none where something fails.

    Raises UsageError, DataError, OutputError, and Interrupted for SIGTERM and SIGHUP.
    """
    if format not in FORMATS:
        raise UsageError(
            f"there is no format {format!r}. Formats: {', '.join(FORMATS)}.{did_you_mean(format, FORMATS)}"
        )
    names = list(dict.fromkeys(outputs)) or outputs_with_rows(records)
    targets = {name: _target_name(name, format) for name in names}
    if len(set(targets.values())) < len(targets):
        raise UsageError("some outputs would have the same file; export them one by one with --output and --out")
    for target in [*targets.values(), *METRICS]:
        check_free(folder / target, force=force)
    rows, missing = dict[str, int](), ends(records)
    notes = [] if outputs else [f"{name} has no data_schema, and so no rows" for name in without_rows(records)]
    missing += [] if outputs else uncollected(records, besides=names)
    with raising_on_signals(), delivery(folder, force=force) as made:
        for name, target in targets.items():
            rows[name], told, lost = _export_rows(records, name, target, made, format=format)
            notes += told
            missing += lost
        write_metrics(records, made)
    return Exported(made.paths, rows, tuple(notes), tuple(missing))


def _target_name(output: str, format: str) -> str:
    name = f"{file_name(output)}.csv" if format == "csv" else file_name(output)
    return f"rows-{name}" if name in METRICS else name


def _export_rows(
    records: Sequence[RunRecord], name: str, target: str, made: Delivery, *, format: str
) -> tuple[int, list[str], list[str]]:
    """How many there are, what is to be said of them, and what they lack."""
    from benchctl.exports.parquet import check_installed, notes_on_folders, write_parquet

    if format == "parquet":
        check_installed()
    from benchctl.analysis.exporting import ExportTable  # loads pandas
    from benchctl.exports.csv_files import write_csv
    from benchctl.exports.describing import missing, notes_on_columns

    table = ExportTable(records, name)
    write = write_csv if format == "csv" else write_parquet
    written = write(table, target, made)
    guessed = notes_on_folders(table) if format == "parquet" else []
    left_out = [f"left out: {text}" for text in notes_on_columns(table)]
    notes = [f"{name}: {note}" for note in [*left_out, *table.notes, *guessed]]
    return sum(count for _, count in written), notes, [f"{name}: {text}" for text in missing(table, written)]


def outputs_with_rows(records: Sequence[RunRecord]) -> list[str]:
    """The outputs with a data_schema of which something was collected, in order."""
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
    secrets = secrets_of(records, literal, env, os.environ)
    with raising_on_signals():
        done = write_archive(records, path, secrets, force=force)
    if secrets.short:
        notes.append(f"passwords of the config with less than {SHORTEST} characters were not masked: {secrets.short}")
    listed = {
        "a secret was masked in": done.scrubbed,
        "compressed, and not looked into for secrets:": done.unseen,
        "left out, as it is no plain file:": done.left_out,
    }
    notes += [f"{text} {name}" for text, names in listed.items() for name in names]
    notes += [f"the value of {name} was not looked for; -e {name}=VALUE masks it" for name in done.unknown]
    return Exported((path,), {}, tuple(notes), (*ends(records), *done.missing), done)
