"""What the names in a benchmark's text stand for, and the environment of its commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchctl.config.model import Benchmark, Case, HostConfig, Stage
from benchctl.template import fill

VARIABLE_NAME = "(?!BENCHCTL_)[A-Za-z_][A-Za-z0-9_]*"
VARIABLE_RULE = "can't be set; use letters, digits and _, not beginning with a digit or with BENCHCTL_, which is ours"


@dataclass(frozen=True)
class Circumstances:
    """Which run and trial a stage runs in; `trial` is its number, "w1" of a warm-up, "" around all trials."""

    benchmark: Benchmark
    run_id: str
    run_uid: str
    run_directory: Path
    case: Case | None
    trial: str
    environment: Mapping[str, str]  # from `run -e`

    @property
    def case_name(self) -> str | None:
        return self.case.name if self.case else None

    @property
    def params(self) -> Mapping[str, str]:
        return self.case.params if self.case else {}

    def values(self, alias: str) -> dict[str, str]:
        """Every name that a template of a stage may use on one of its hosts."""
        return known_names(self.benchmark) | {
            "run.id": self.run_id,
            "run.dir": str(self.run_directory),
            "case": self.case_name or "",
            "trial": self.trial,
            "stage.host": alias,
            **{f"params.{name}": value for name, value in self.params.items()},
        }

    def environment_of(self, stage: Stage, alias: str) -> dict[str, str]:
        """The variables of the stage's commands on a host: what the run was given wins over the config's `env`,
        which alone holds templates, and that over the case's parameters; nobody changes ours, by which a run's
        processes are known.
        """
        names = self.values(alias)
        return {
            **self.params,
            **{name: fill(value, names) for name, value in stage.env.items()},
            **self.environment,
            "BENCHCTL_RUN_ID": self.run_id,
            "BENCHCTL_RUN_UID": self.run_uid,
            "BENCHCTL_RUN_DIR": str(self.run_directory),
            "BENCHCTL_STAGE": stage.name,
            "BENCHCTL_HOST": alias,
            "BENCHCTL_CASE": self.case_name or "",
            "BENCHCTL_TRIAL": self.trial,
            **{f"BENCHCTL_HOST_{_variable(h.alias)}": address(h) for h in self.benchmark.hosts.values()},
        }


def known_names(benchmark: Benchmark) -> dict[str, str]:
    """The names that stand for the same in every run: those of hosts and variables."""
    names = {f"vars.{name}": value for name, value in benchmark.vars.items()}
    for host in benchmark.hosts.values():
        names |= _host_names(host)
    return names


def address(host: HostConfig) -> str:
    """The data-plane address that {{hosts.ALIAS}} gives."""
    return host.address or host.ip or "127.0.0.1"


def _host_names(host: HostConfig) -> dict[str, str]:
    prefix = f"hosts.{host.alias}"
    return {
        prefix: address(host),
        f"{prefix}.ip": host.ip or "127.0.0.1",
        f"{prefix}.username": host.username or "",
        f"{prefix}.port": str(host.port or 22),
        f"{prefix}.name": host.alias,
    }


def _variable(alias: str) -> str:
    return re.sub(r"\W", "_", alias).upper()
