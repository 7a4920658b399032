"""The shape of a config: one voluptuous schema per noun says which keys it has, and what the values must look like."""

from __future__ import annotations

from typing import Any, NamedTuple

from voluptuous import Invalid, Optional, Required, Schema
from voluptuous.error import RequiredFieldInvalid

from benchctl.config.picture import FORMATS, PALETTES, STYLES
from benchctl.config.values import (
    Check,
    address,
    aggregate,
    any_text,
    as_is,
    boolean,
    case_name,
    command,
    delimiter,
    duration,
    duration_or_auto,
    duration_or_none,
    expression,
    height,
    host_key,
    integer,
    json_path,
    list_of,
    listing,
    mapping,
    metric_name,
    not_over_ssh,
    number_pattern,
    one_of,
    precision,
    secret,
    share,
    task_name,
    text,
    user_name,
    width,
)


class Noun(NamedTuple):
    """A mapping of the config: its name for messages, and what each key's value must be."""

    name: str
    schema: Schema

    def rank(self, error: Invalid) -> int:
        """Orders errors: those of given keys as they came, then missing keys (which come at random) as listed."""
        return self.key_names().index(str(error.path[0])) if isinstance(error, RequiredFieldInvalid) else -1

    def key_names(self) -> list[str]:
        return [str(key) for key, check in self.schema.schema.items() if check is not not_over_ssh]


def _each(check: Check, *keys: str) -> dict[Any, Check]:
    return {Optional(key): check for key in keys}


# The nouns. Keys are in the order in which messages list them.

CONFIG = Noun(
    "a config",
    Schema(
        {
            Required("benchmark"): mapping,
            Optional("hosts"): mapping,
            Optional("vars"): mapping,
            Required("stages"): listing,
            Optional("plots"): listing,
            Optional("metrics"): listing,
            Optional("cases"): listing,
            Optional("matrix"): mapping,
            Optional("exclude"): listing,
            Optional("include"): listing,
            Optional("trials"): mapping,
        }
    ),
)

BENCHMARK = Noun(
    "benchmark",
    Schema(
        {
            Required("name"): text,
            Optional("output_dir"): text,
            Optional("description"): any_text,
            Optional("tags"): list_of(text),
            Optional("shell"): text,
            Optional("processes"): list_of(text),
        }
    ),
)

HOST = Noun(
    "a host",
    Schema(
        {
            Required("ip"): address,
            Optional("username"): user_name,
            Optional("port"): integer(1, 65535),
            Optional("key_file"): text,
            Optional("key_password"): secret,
            Optional("password"): secret,
            Optional("gateway"): text,
            Optional("address"): address,
            Optional("connect_timeout"): duration,
            Optional("host_key"): host_key,
        }
    ),
)

_SSH_KEYS = ("ip", "username", "port", "key_file", "key_password", "password", "gateway", "connect_timeout", "host_key")


LOCAL_HOST = Noun(
    "the host local",
    Schema({Optional("address"): address, **_each(not_over_ssh, *_SSH_KEYS)}),
)

STAGE = Noun(
    "a stage",
    Schema(
        {
            Required("name"): text,
            Optional("host"): text,
            Optional("hosts"): list_of(text),
            Optional("command"): command,
            Optional("script"): text,
            Optional("copy"): mapping,
            Optional("task"): task_name,
            Optional("args"): list_of(any_text),
            Optional("env"): mapping,
            Optional("cwd"): text,
            Optional("timeout"): duration_or_none,
            Optional("background"): boolean,
            Optional("may_exit"): boolean,
            Optional("retries"): integer(0, 1000),
            Optional("backoff"): duration,
            Optional("always"): boolean,
            Optional("continue_on_error"): boolean,
            Optional("scope"): one_of("trial", "run"),
            Optional("skip"): boolean,
            Optional("health_check"): mapping,
            Optional("outputs"): listing,
            Optional("only"): list_of(text),
            Optional("when"): mapping,
        }
    ),
)

CASE = Noun("a case", Schema({Optional("name"): case_name, Optional("params"): mapping}))

TRIALS = Noun(
    "trials",
    Schema(
        {
            Optional("repeat"): integer(1, 10_000),
            Optional("warmup"): integer(0, 1000),
            Optional("order"): one_of("interleaved", "sequential", "random"),
            Optional("seed"): integer(0, 10**15),
            Optional("until"): precision,
            Optional("min"): integer(2, 10_000),
            Optional("max"): integer(2, 10_000),
            Optional("budget"): duration,
        }
    ),
)

HEALTH_CHECK = Noun(
    "a health check",
    Schema(
        {
            Required("type"): one_of("port", "http", "file", "process", "command"),
            Required("target"): command,
            Optional("timeout"): duration,
            Optional("retries"): integer(0, 10_000),
            Optional("interval"): duration,
            Optional("status"): integer(100, 599),
            Optional("must_start"): boolean,
        }
    ),
)

COPY = Noun("copy", Schema({Required("from"): text, Required("to"): text}))

OUTPUT = Noun(
    "an output",
    Schema(
        {
            Required("name"): text,
            Required("remote_path"): text,
            Optional("local_path"): text,
            Optional("data_schema"): as_is,
            Optional("optional"): boolean,
            Optional("collect"): one_of("end", "now"),
            Optional("on_bad_rows"): one_of("flag", "fail", "ignore"),
            Optional("delimiter"): delimiter,
            Optional("min_rows"): integer(0, 10**15),
        }
    ),
)

COLUMN = Noun(
    "a column",
    Schema({Required("type"): one_of("timestamp", "integer", "float", "string"), Optional("unit"): text}),
)

PLOT = Noun(
    "a plot",
    Schema(
        {
            Required("name"): text,
            Optional("title"): text,
            Required("source"): text,
            Required("type"): one_of("time_series", "histogram", "boxplot", "ecdf", "percentiles"),
            Optional("x"): list_of(text),
            Optional("y"): list_of(text),
            Optional("aggregation"): one_of("avg", "median", "p95", "p99", "min", "max", "count", "rate"),
            Optional("window"): duration_or_auto,
            Optional("group_by"): list_of(text),
            Optional("time_axis"): one_of("elapsed", "clock"),
            Optional("scale"): one_of("auto", "linear", "log"),
            Optional("style"): one_of(*STYLES),
            Optional("palette"): one_of(*PALETTES),
            Optional("width"): width,
            Optional("height"): height,
            Optional("dpi"): integer(50, 600),
            Optional("format"): one_of(*FORMATS),
            Optional("export_path"): text,
        }
    ),
)

METRIC = Noun(
    "a metric",
    Schema(
        {
            Required("name"): metric_name,
            Optional("source"): text,
            Optional("column"): text,
            Optional("aggregate"): aggregate,
            Optional("json"): json_path,
            Optional("stage"): text,
            Optional("regex"): number_pattern,
            Optional("value"): expression,
            Optional("unit"): text,
            Optional("better"): one_of("lower", "higher"),
            Optional("margin"): share,  # comparisons read it in the document that a run keeps
        }
    ),
)


LISTS = {
    ("stages",),
    ("stages", "outputs"),
    ("plots",),
    ("metrics",),
    ("cases",),
    ("exclude",),
    ("include",),
}  # where a single mapping stands for a list of one
