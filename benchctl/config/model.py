"""A benchmark as its config file describes it: frozen values, one class per noun.

Everything is converted and checked; templates (`{{hosts.db}}`) are still in the text, since they are
filled in per trial and host.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchctl.config.precision import Precision
    from benchctl.expression import Expression

UNTIL_MIN = 5  # trials of a case, unless the config says otherwise
UNTIL_MAX = 50


def slug(name: str) -> str:
    """What a file name is made from: letters, digits, _ and single dashes; "" when nothing of the name is left."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub("[^A-Za-z0-9_]+", "-", ascii_name).strip("-_")


def is_pattern(remote_path: str) -> bool:
    """Whether it holds a wildcard of its own: neither in a name nor as the mask of a secret in a kept config."""
    return bool(re.search(r"[*?\[]", re.sub(r"\{\{.*?\}\}|\*\*\*", "", remote_path)))


class Secret(str):
    """A string that does not show itself in a repr."""

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class HostConfig:
    """One entry of `hosts:`. None means: not given, ask ~/.ssh/config, then the default."""

    alias: str
    ip: str | None = None  # never None but for `local`
    username: str | None = None
    port: int | None = None
    key_file: str | None = None
    key_password: Secret | None = None
    password: Secret | None = None
    gateway: str | None = None  # another host's alias
    address: str | None = None  # the data-plane address; what {{hosts.ALIAS}} gives, default ip
    connect_timeout_s: float = 10.0
    host_key: str = "accept-new"  # accept-new | strict | off | SHA256:...
    line: int = 0

    @property
    def is_local(self) -> bool:
        return self.alias == "local"


@dataclass(frozen=True)
class HealthCheck:
    """When a stage is ready. `target` may hold templates."""

    type: Literal["port", "http", "file", "process", "command"]
    target: str
    timeout_s: float = 30.0
    retries: int = 0
    interval_s: float | None = None  # None: the kind's own rhythm
    status: int = 200
    must_start: bool = False
    line: int = 0


@dataclass(frozen=True)
class Column:
    """A declared column of a CSV output; `unit` is a label as written."""

    name: str
    type: Literal["timestamp", "integer", "float", "string"]
    unit: str | None = None


@dataclass(frozen=True)
class DataSchema:
    format: Literal["csv"]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Output:
    """A file, a folder or the files of a pattern, to be brought home.

    `local_path` None: the remote name; for a pattern, the output's own.
    """

    name: str
    remote_path: str
    local_path: str | None = None
    data_schema: DataSchema | None = None
    optional: bool = False
    collect: Literal["end", "now"] = "end"
    on_bad_rows: Literal["flag", "fail", "ignore"] = "flag"
    delimiter: str = ","
    min_rows: int = 1
    line: int = 0

    @property
    def kept_as(self) -> str:
        """Where it is kept, relative to the trial's directory. May hold templates."""
        if self.local_path is None:
            return slug(self.name) if self.is_pattern else PurePosixPath(self.remote_path).name
        return PurePosixPath(self.local_path).name if self.is_copied else self.local_path.rstrip("/")

    @property
    def is_pattern(self) -> bool:
        """Whether `remote_path` holds `*`, `?` or `[`. What is filled in is taken as it is."""
        return is_pattern(self.remote_path)

    @property
    def is_copied(self) -> bool:
        """Whether `local_path` is absolute, and gets a copy beside what is kept with the run."""
        return self.local_path is not None and self.local_path.startswith("/")


@dataclass(frozen=True)
class Copy:
    """`copy: {from: "db:/tmp/a", to: "app:/tmp/"}`, split at the host's alias."""

    from_host: str
    from_path: str
    to_host: str
    to_path: str


@dataclass(frozen=True)
class Case:
    """One combination of parameters; its name is the start of a directory's."""

    name: str
    params: Mapping[str, str]


@dataclass(frozen=True)
class Until:
    """Each case is repeated until a metric is known as exactly as this, or one of the limits is reached.

    budget_s: for all trials of the run together.
    """

    precision: Precision
    min: int = UNTIL_MIN
    max: int = UNTIL_MAX
    budget_s: float | None = None


@dataclass(frozen=True)
class Trials:
    """How often each case is measured, and in which order; seed None: drawn at the run's start.

    until: in place of `repeat`.
    """

    repeat: int = 1
    warmup: int = 0
    order: Literal["interleaved", "sequential", "random"] = "interleaved"
    seed: int | None = None
    until: Until | None = None

    @property
    def most(self) -> int:
        """How many trials a case has at most, without its warm-ups."""
        return self.until.max if self.until else self.repeat


@dataclass(frozen=True)
class Stage:
    """One entry of `stages:`; exactly one of command, script, copy, task is given."""

    name: str
    slug: str  # what its file names are made from
    hosts: tuple[str, ...] = ("local",)  # aliases; of a copy, the one it reads from
    is_spread: bool = False  # given as `hosts:`: what it brings home goes to a folder per host
    command: str | None = None
    script: str | None = None  # beside the config file
    copy: Copy | None = None
    task: str | None = None  # an Invoke task of the project's tasks.py
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    timeout_s: float | None = None
    background: bool | None = None  # None: not said; the health check decides
    may_exit: bool = False
    retries: int = 0
    backoff_s: float = 1.0  # before the first of them; doubled before each further one
    always: bool = False
    continue_on_error: bool = False
    scope: Literal["trial", "run"] = "trial"
    skip: bool = False
    cases: frozenset[str] | None = None  # in which alone it is done; from `only` and `when`
    health_check: HealthCheck | None = None
    outputs: tuple[Output, ...] = ()
    line: int = 0
    task_line: int = 0  # where its task stands, which is looked up later than the rest

    @property
    def kind(self) -> Literal["command", "script", "copy", "task"]:
        if self.command is not None:
            return "command"
        if self.script is not None:
            return "script"
        return "copy" if self.copy is not None else "task"


@dataclass(frozen=True)
class Plot:
    """A picture to be made from one output; the user's own keys."""

    name: str
    source: str
    type: Literal["time_series", "histogram", "boxplot", "ecdf", "percentiles"]
    title: str | None = None
    x: tuple[str, ...] = ()
    y: tuple[str, ...] = ()
    aggregation: str | None = None
    window_s: float | None = None  # None: chosen by the data
    group_by: tuple[str, ...] = ()  # string columns, or host, case, run
    time_axis: Literal["elapsed", "clock"] = "elapsed"
    scale: Literal["auto", "linear", "log"] = "auto"  # of the values
    style: Literal["screen", "paper", "slides"] = "screen"
    palette: str = "colorblind"
    width_in: float | None = None  # None, also below: by the style
    height_in: float | None = None
    dpi: int | None = None
    format: Literal["png", "svg", "pdf"] = "png"
    export_path: str | None = None
    line: int = 0

    @property
    def kept_as(self) -> str:
        """Where it is kept, relative to the trial's directory: `plots/NAME.FORMAT` unless said otherwise."""
        if self.export_path is None:
            return f"plots/{slug(self.name)}.{self.format}"
        return f"plots/{PurePosixPath(self.export_path).name}" if self.is_copied else self.export_path

    @property
    def is_copied(self) -> bool:
        """Whether `export_path` is absolute, and gets a copy beside what is kept with the run."""
        return self.export_path is not None and self.export_path.startswith("/")

    @property
    def is_per_trial(self) -> bool:
        """Whether each trial has its own, as `export_path` tells them apart; else there is one of all."""
        return bool(re.search(r"\{\{\s*(case|trial|params)\b", self.export_path or ""))


@dataclass(frozen=True)
class OfRows:
    """A metric of an output's rows: of a `column`, or without one their count or rate."""

    stage: str  # that brings the output home
    source: str
    aggregate: str  # avg, median, min, max, sum, count, rate, std or p99.9
    column: str | None = None


@dataclass(frozen=True)
class OfJson:
    """A metric that an output's JSON holds at a path. of_hosts: what makes one number of several hosts'."""

    stage: str
    source: str
    path: tuple[str | int, ...]
    of_hosts: str | None = None


@dataclass(frozen=True)
class OfLog:
    """A metric that a stage's log holds in the only group of a regular expression."""

    stage: str
    regex: str
    of_hosts: str | None = None


@dataclass(frozen=True)
class Metric:
    """One number per trial. unit: what it is told in; None is a column's own."""

    name: str
    made_of: OfRows | OfJson | OfLog | Expression
    better: Literal["lower", "higher"] | None = None
    unit: str | None = None
    line: int = 0


@dataclass(frozen=True, repr=False)
class Benchmark:
    """A whole config file, valid in itself: names are unique, references and templates resolve."""

    name: str
    path: Path  # the config file, absolute
    text: str  # the file as it was given, secrets masked
    sha256: str  # of the file's bytes as they are
    document: Mapping[str, object]  # the parsed document, secrets masked, scalars as text
    hosts: Mapping[str, HostConfig]  # in the file's order; `local` is always there
    stages: tuple[Stage, ...]
    plots: tuple[Plot, ...] = ()
    says_plots: bool = True  # whether it has a `plots:`; without, some are chosen by the data
    metrics: tuple[Metric, ...] = ()
    cases: tuple[Case, ...] = ()  # none: there is one, without a name
    trials: Trials = Trials()
    vars: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    tags: tuple[str, ...] = ()
    shell: str = "sh -c"
    processes: tuple[str, ...] = ()  # commands that are part of the benchmark though no stage starts them
    output_dir: str = "results"
    secrets: frozenset[str] = frozenset()  # each a Secret: what no file, log line or process list may hold
    file: str = ""  # the config file as the user named it
    warnings: tuple[str, ...] = ()  # what is allowed but unwise, each with its file and line

    def __repr__(self) -> str:
        """Without what its texts say: a secret may be among them."""
        return f"<Benchmark {self.name!r} of {str(self.path)!r}: {len(self.stages)} stages>"

    @property
    def directory(self) -> Path:
        """Where local stages start and scripts are found: the config file's own folder."""
        return self.path.parent
