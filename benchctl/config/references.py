"""What the parts of a config say about each other: names that must exist, be unique, or fit together.

Works on a `Draft` (the right shape, not yet sure to make sense) and notes every problem in the document.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchctl.config.choosing import check_cases_have_stages, check_choice
from benchctl.config.columns import check_columns
from benchctl.config.commandline import args_flaw
from benchctl.config.document import Document, Place, shown
from benchctl.config.draft import Draft
from benchctl.config.drawing import check_plots
from benchctl.config.findings import References, check_slugs_differ, check_unique, listed
from benchctl.config.items import Item
from benchctl.config.measuring import check_metrics
from benchctl.config.naming import check_names_in_texts
from benchctl.config.placement import check_files, check_outputs
from benchctl.config.repeating import check_trials
from benchctl.template import did_you_mean, fill, names_in

MAX_GATEWAYS = 8
KINDS = ("command", "script", "copy", "task")


def check(document: Document, draft: Draft, directory: Path) -> list[str]:
    """Note every broken reference in the document; returns warnings.

    directory: the config's own, where scripts are found.
    """
    references = References(document, draft, directory)
    for part in (
        _check_hosts,
        _check_stages,
        check_outputs,
        check_columns,
        check_plots,
        check_metrics,
        check_trials,
        check_files,
        check_names_in_texts,
    ):
        part(references)
    return references.warnings


def check_plots_alone(document: Document, draft: Draft, directory: Path) -> None:
    """Note what is wrong with the plots, wherever the rest of the file is used or not."""
    check_plots(References(document, draft, directory))


def _check_hosts(references: References) -> None:
    for alias, host in references.draft.hosts.items():
        if "gateway" in host:
            _check_gateway(references, alias, host)


def _check_gateway(references: References, alias: str, host: Item) -> None:
    gateway, place = host["gateway"], host.at("gateway")
    if gateway == "local":
        references.problem(
            place, "local can't be a gateway; it is this machine. Remove the key for a direct connection"
        )
    elif gateway not in references.known_hosts:
        hosts = [name for name in references.aliases if name not in ("local", alias)]
        references.problem(place, f"no host is called {shown(gateway)}. {listed('Hosts', hosts, gateway)}".rstrip("."))
    elif len(cycle := _gateway_cycle(references.draft.hosts, alias)) > MAX_GATEWAYS + 1:
        references.problem(place, f"more than {MAX_GATEWAYS} gateways in a row; shorten the way")
    elif cycle:
        way = " -> ".join(cycle)
        references.problem(place, f"the gateways go round in a circle ({way}); one of them must be reached directly")


def _gateway_cycle(hosts: dict[str, Item], alias: str) -> list[str]:
    """The way from a host through its gateways when it leads back to itself or is too long, else nothing."""
    way, seen = [alias], {alias}
    while len(way) <= MAX_GATEWAYS + 1 and way[-1] in hosts and (gateway := hosts[way[-1]].get("gateway")):
        way.append(gateway)
        if gateway in seen:
            return way if gateway == alias else []
        seen.add(gateway)
    return way if len(way) > MAX_GATEWAYS + 1 else []


def _check_stages(references: References) -> None:
    stages = references.draft.stages
    if not stages and not references.document.is_bad(("stages",)):
        references.problem(("stages",), "there is no stage; a benchmark needs at least one")
    check_unique(references, stages, "stage")
    check_slugs_differ(references, stages, "stage")
    for stage in stages:
        _check_kind(references, stage)
        _check_host(references, stage.at("host"), stage.get("host", "local"))
        if "hosts" in stage:
            _check_spread(references, stage.at("hosts"), stage["hosts"])
        _check_companions(references, stage)
        _check_args(references, stage)
        check_choice(references, stage)
        if "script" in stage:
            _check_script(references, stage.at("script"), stage["script"])
        if "copy" in stage:
            _check_copy(references, stage["copy"])
        if "health_check" in stage:
            _check_health(references, stage["health_check"])
    _check_scopes(references, stages)
    check_cases_have_stages(references)


def _check_host(references: References, place: Place, host: str) -> None:
    if host not in references.known_hosts:
        hosts = listed("Hosts", references.aliases, host)
        references.problem(place, f"no host is called {shown(host)}. {hosts}".removesuffix("."))


def _check_spread(references: References, place: Place, hosts: tuple[str, ...]) -> None:
    """The aliases of `hosts:`, each once; `all` stands alone."""
    if not hosts:
        references.problem(place, "there is no host in the list; name some, or write all")
    if "all" in hosts:
        if len(hosts) > 1:
            references.problem(place, "all stands for every declared host; write it alone, or name the hosts")
        elif not references.draft.hosts and not references.document.is_bad(("hosts",)):
            references.problem(place, "all stands for every declared host, and hosts: declares none")
        return
    for number, host in enumerate(hosts):
        if host in hosts[:number]:
            references.problem((*place, number), f"{shown(host)} is there already; name each host once")
        else:
            _check_host(references, (*place, number), host)


def _check_scopes(references: References, stages: list[Item]) -> None:
    """What is done once around all trials comes before what each trial does."""
    of_trials = next((stage for stage in stages if stage.get("scope") != "run" and not stage.get("always")), None)
    for stage in stages[stages.index(of_trials) :] if of_trials else ():
        if stage.get("scope") == "run" and not stage.get("always"):
            first = shown(of_trials.get("name", "?")) if of_trials else ""
            references.problem(stage.at("scope"), f"runs once, before all trials; move the stage above {first}")


def _check_kind(references: References, stage: Item) -> None:
    """Exactly one of command, script, copy, task."""
    given = [kind for kind in KINDS if kind in stage]
    broken = references.document.is_bad(stage.place, *(stage.at(kind) for kind in KINDS))
    if len(given) > 1:
        names = " and ".join([", ".join(given[:-1]), given[-1]])
        references.problem(stage.at(given[-1]), f"a stage does one thing; keep one of {names}")
    elif not given and not broken:
        references.problem(stage.place, "the stage does nothing; give it one of command, script, copy or task")


@dataclass(frozen=True)
class _Companion:
    """A key of a stage that makes sense only beside others; `wrong` tells when it doesn't."""

    key: str
    wrong: Callable[[Item], bool]
    sentence: str


def _is_copy(stage: Item) -> bool:
    return "copy" in stage


def _runs_no_command(stage: Item) -> bool:
    return ("copy" in stage or "task" in stage) and not ("command" in stage or "script" in stage)


_COMPANIONS = (
    _Companion("args", _is_copy, "a copy runs no command that could take args; remove them"),
    _Companion(
        "background",
        lambda stage: _runs_no_command(stage) and stage["background"],
        "only a command or script can go on in the background; remove it",
    ),
    _Companion(
        "may_exit",
        lambda stage: bool(stage["may_exit"] and not stage.get("background") and "health_check" not in stage),
        "may_exit is for a stage that goes on in the background; add background: true or a health_check, or remove it",
    ),
    _Companion("host", lambda stage: "hosts" in stage, "a stage has host or hosts; keep one of them"),
    _Companion("hosts", _is_copy, "a copy names its hosts itself, as in from: db:/tmp/a; remove hosts"),
    _Companion(
        "timeout",
        lambda stage: bool(stage.get("background")) and "health_check" not in stage,
        "a stage in the background is not waited for; remove timeout, or add a health_check that it is to pass in time",
    ),
    _Companion(
        "backoff",
        lambda stage: not stage.get("retries"),
        "backoff is the wait before a retry; add retries, or remove it",
    ),
    _Companion(
        "always",
        lambda stage: bool(stage["always"] and stage.get("background")),
        "an always stage runs at the end and is waited for; remove background",
    ),
    _Companion(
        "always",
        lambda stage: bool(stage["always"] and stage.get("continue_on_error")),
        "after an always stage everything goes on in any case; remove continue_on_error",
    ),
    _Companion("health_check", _is_copy, "a copy is complete when it has ended; remove the health_check"),
    _Companion("host", _is_copy, "a copy names its hosts itself, as in from: db:/tmp/a; remove host"),
    _Companion("env", _is_copy, "a copy runs no command that could see env; remove it"),
    _Companion("cwd", _is_copy, "a copy has no working directory; write full paths, and remove cwd"),
    _Companion("outputs", _is_copy, "a copy brings nothing home; put outputs on a stage of the host that has them"),
)


def _check_companions(references: References, stage: Item) -> None:
    for companion in _COMPANIONS:
        if companion.key in stage and companion.wrong(stage):
            references.problem(stage.at(companion.key), companion.sentence)


def _check_args(references: References, stage: Item) -> None:
    if stage.get("args") and "command" in stage and (flaw := args_flaw(_sample(references, stage["command"]))):
        references.problem(stage.at("args"), flaw)


def _check_script(references: References, place: Place, script: str) -> None:
    """The script must be a readable file that names its interpreter."""
    if names_in(script):
        return
    path = references.directory / script
    try:
        if path.is_dir():
            references.problem(place, f"{shown(script)} is a directory; name the script in it")
            return
        with path.open("rb") as stream:
            first_line = stream.readline(1024)
    except FileNotFoundError:
        references.problem(place, f"there is no file {shown(script)} beside the config.{_nearby(path)}".rstrip("."))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        references.problem(place, f"{shown(script)} can't be read: {reason}")
    else:
        _check_interpreter(references, place, shown(script), first_line)


def _nearby(path: Path) -> str:
    """A hint from the names in the directory where a file was looked for."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())[:1000]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, 1, 0.75)
    return did_you_mean(path.name, names) or (f" Did you mean {near[0]!r}?" if near else "")


def _check_interpreter(references: References, place: Place, script: str, first_line: bytes) -> None:
    if first_line.startswith(b"\xef\xbb\xbf#!"):
        references.problem(place, f"{script} begins with a byte order mark; save it as UTF-8 without one")
    elif not re.match(rb"#!\s*\S", first_line):
        references.problem(place, f"{script} has no #! line; begin it with the interpreter to use, such as #!/bin/sh")
    elif first_line.endswith(b"\r\n"):
        references.problem(place, f"{script} has Windows line ends, which its interpreter won't take; save it with LF")


def _check_copy(references: References, copy: Item) -> None:
    for key in ("from", "to"):
        if key not in copy:
            continue
        alias, colon, path = copy[key].partition(":")
        if not colon or not path or not alias:
            references.problem(copy.at(key), f"must be HOST:PATH, such as db:/tmp/a, not {shown(copy[key])}")
        else:
            _check_host(references, copy.at(key), alias)


def _check_health(references: References, health: Item) -> None:
    kind, target = health.get("type"), health.get("target")
    if kind is None:
        return
    if "status" in health and kind != "http":
        references.problem(health.at("status"), f"status goes with an http check, not with {kind}; remove it")
    if health.get("must_start") and kind == "command":
        references.problem(health.at("must_start"), "a command check is not tried before its stage; remove must_start")
    if target is None:
        return
    if kind != "command" and "\n" in target:
        references.problem(health.at("target"), "must be on one line")
    elif kind in _TARGET_CHECKS and (sentence := _TARGET_CHECKS[kind](_sample(references, target))):
        references.problem(health.at("target"), f"{sentence}, not {shown(target)}")


def _sample(references: References, text: str) -> str:
    """A text as it may look when filled in: variables by their values, other names by a 1 that fits anywhere."""
    text = references.with_variables(text)
    return fill(text, {name.name: "1" for name in names_in(text)})


def _port_flaw(target: str) -> str | None:
    host, colon, port = target.rpartition(":")
    bracketed = re.fullmatch(r"\[[0-9a-fA-F:.%\w]+\]|[\w.-]+", host)
    if _is_port(port) and (not colon or bracketed):
        return None
    return "must be a port from 1 to 65535 or host:port, such as 5432 or 10.0.0.5:5432"


def _is_port(text: str) -> bool:
    return bool(re.fullmatch("[1-9][0-9]{0,4}", text)) and int(text) <= 65535


def _http_flaw(target: str) -> str | None:
    if _is_port(target) or re.fullmatch(r"/\S*", target) or _is_url(target):
        return None
    return "must be a port, a /path or a URL such as http://127.0.0.1:8080/health"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in text
    except ValueError:
        return False


_TARGET_CHECKS: dict[str, Callable[[str], str | None]] = {"port": _port_flaw, "http": _http_flaw}
