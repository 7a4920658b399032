"""The page in an archive: what it is, how to check it, how to run it again, what was masked."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import benchctl
from benchctl.exports.ends import ends
from benchctl.runs.files import time_text
from benchctl.runs.record import HostRecord, RunRecord

_FLAGS = {"skip": "--skip", "only_stage": "--only-stage", "case": "--case"}


@dataclass(frozen=True)
class Story:
    """What the page tells. unseen: compressed files; left_out: no plain files; unknown: variables; missing: outputs."""

    records: Sequence[RunRecord]
    scrubbed: Sequence[str]
    unseen: Sequence[str]
    left_out: Sequence[str]
    unknown: Sequence[str]
    missing: Sequence[str]


def readme(story: Story) -> str:
    """The page, as Markdown."""
    names = ", ".join(dict.fromkeys(record.benchmark for record in story.records))
    parts = [
        f"# {names}\n\nBenchmark runs with all that was kept of them, exported by benchctl {benchctl.__version__}.\n",
        *(_run(record) for record in story.records),
        _missing(story),
        _CONTENTS,
        _CHECKING,
        _again(story.records),
        _secrets(story),
    ]
    return "\n".join(part for part in parts if part)


_CONTENTS = """\
## What is here

| file | |
|---|---|
| `metrics.csv` | the metrics of every trial that counts, each with its unit |
| `metrics_by_case.csv` | those of each case: mean, n and 95 % interval |
| `metrics.json` | both |
| `runs/RUN/metadata.json` | the run: its config, hosts and their facts, versions, trials |
| `runs/RUN/config.yaml`, `runs/RUN/scripts/` | the config as it was run, and every script as it was sent |
| `runs/RUN/trials/`, or in `runs/RUN/` for a single trial | outputs, logs, and `trial.json` with a trial's details |
| `runs/RUN/plots/` | the pictures, each with a file that says what it was made of |
| `SHA256SUMS` | the sums of all other files |
"""
_CHECKING = """\
## Checking it

    sha256sum -c SHA256SUMS

## Looking at it

    benchctl show runs/RUN
    benchctl export runs/RUN        (rows as CSV, in declared units)
"""


def _run(record: RunRecord) -> str:
    started = time_text(record.started) if record.started else "?"
    measured, made = sum(trial.counts for trial in record.trials), sum(not trial.warmup for trial in record.trials)
    about = [
        f"## {record.id}\n",
        f"{record.description}\n" if record.description else "",
        f"- {record.status}, {measured} of {made} trials measured to their end, started {started}, uid {record.uid}",
        f"- note: {record.note}" if record.note else "",
        f"- code: {_code(record.git)}" if record.git else "",
        f"- versions: {', '.join(f'{name} {version}' for name, version in record.versions.items())}",
        *(f"- host {alias}: {_host(host)}" for alias, host in record.hosts.items()),
    ]
    return "\n".join(line for line in about if line) + "\n"


def _code(git: Mapping[str, Any]) -> str:
    return f"commit {git.get('commit')}" + (", with changes that were not committed" if git.get("dirty") else "")


def _host(host: HostRecord) -> str:
    facts = host.facts
    known = [f"{facts[key]}" for key in ("os", "kernel", "cpu_model") if facts.get(key)]
    known += [f"{facts['cores']} cores"] if facts.get("cores") else []
    known += [f"{facts['memory_bytes'] / 2**30:.1f} GiB"] if facts.get("memory_bytes") else []
    return ", ".join(known) or "nothing is known of it"


def _again(records: Sequence[RunRecord]) -> str:
    commands = "\n".join(f"    {_command(record)}" for record in records)
    return f"""\
## Running it again

    pip install benchctl=={benchctl.__version__}

Put the scripts of `runs/RUN/scripts/` where the config names them, beside it. Passwords are `***` in the kept config:
write your own, or take them from the environment with `${{NAME}}`. Hosts are those of the config; change their `ip`.

{commands}
"""


def _command(record: RunRecord) -> str:
    options = record.options
    words = ["benchctl", "run", f"runs/{record.id}/config.yaml"]
    words += [word for name, value in (options.get("set") or {}).items() for word in ("--set", f"{name}={value}")]
    words += [word for name in options.get("env") or () for word in ("-e", f"{name}=VALUE")]
    words += [word for key, flag in _FLAGS.items() for name in options.get(key) or () for word in (flag, str(name))]
    words += ["--repeat", str(options["repeat"])] if options.get("repeat") else []
    return shlex.join(words)


def _missing(story: Story) -> str:
    texts = [*ends(story.records), *story.missing]
    return "## What is missing\n\n" + "".join(f"- {text}\n" for text in texts) if texts else ""


def _secrets(story: Story) -> str:
    listed = {
        "In these a secret was masked as `***`; their sums in `metadata.json` and `trial.json` are of what they were "
        "before:": story.scrubbed,
        "These are compressed, and were not looked into for secrets:": story.unseen,
        "These are links or no plain files, and were left out:": story.left_out,
        "The values of these variables were not looked for:": story.unknown,
    }
    parts = [
        f"{text}\n\n" + "\n".join(f"- `{name}`" for name in names) + "\n" for text, names in listed.items() if names
    ]
    nothing = "No secret that is known was found in these files.\n"
    return "\n".join(["## Secrets\n", *(parts if story.scrubbed else [nothing, *parts])])
