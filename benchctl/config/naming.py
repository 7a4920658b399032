"""Names in texts, such as {{hosts.db}}: each stands for something where it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from benchctl.config.cases import of_stage
from benchctl.config.document import Place, Value, shown
from benchctl.config.findings import References, listed
from benchctl.config.items import Item
from benchctl.template import Name, did_you_mean, flaws_in, names_in

_HOST_PARTS = ("ip", "username", "port", "name")


def check_names_in_texts(references: References) -> None:
    filled = dict(_filled_places(references))
    for place, text in _texts(references.document.root, ()):
        if "{{" not in text:
            continue
        outer = next((place[:length] for length in range(len(place), 0, -1) if place[:length] in filled), None)
        if outer is None and references.document.is_bad(place):
            continue
        for flaw in flaws_in(text) if outer else []:
            references.problem(place, flaw.sentence, needle=_braces(text, flaw.offset))
        for name in names_in(text):
            sentence = _name_flaw_in(references, name, *filled[outer]) if outer else _NOT_FILLED
            if sentence:
                braces = _braces(text, name.offset)
                references.problem(place, f"{braces}: {sentence}", needle=braces)


def _braces(text: str, offset: int) -> str:
    """`{{hosts.db}}` as it stands at an offset; its first line when it is not closed there."""
    line = text[offset : offset + 200].partition("\n")[0]
    return line[: line.find("}}") + 2] if "}}" in line else line


_NOT_FILLED = "names are not filled in here, only in command, args, env, cwd, paths and targets"


NO_STAGE = ""  # stands for the host of what belongs to no stage


def _filled_places(references: References) -> Iterator[tuple[Place, tuple[tuple[str, ...], Item | None]]]:
    """The values in which names are filled in, with the hosts on which each is used, and its stage."""
    for stage in references.draft.stages:
        hosts = references.hosts_of(stage)
        for key in ("command", "args", "env", "cwd", "copy"):
            yield stage.at(key), (hosts, stage)
        yield stage.at("health_check", "target"), (hosts, stage)
        for output in stage.get("outputs", []):
            yield output.at("remote_path"), (hosts, stage)
            yield output.at("local_path"), (("local",), stage)
    for plot in references.draft.plots:
        yield plot.at("export_path"), ((NO_STAGE,), None)


def _texts(value: Value, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, (dict, list)):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield from _texts(inner, (*place, key))


def _name_flaw_in(references: References, name: Name, hosts: tuple[str, ...], stage: Item | None) -> str | None:
    """Why a name stands for nothing in a stage, or in a plot, or None."""
    root, *rest = name.name.split(".")
    if root in ("params", "case", "trial") and stage and stage.get("scope") == "run":
        return "the stage is done once, around all trials; write the value out, or remove scope: run"
    if root == "params":
        return _param_flaw(references, rest, stage)
    return next(filter(None, (_name_flaw_on(references, name, host) for host in hosts)), None)


def _param_flaw(references: References, rest: list[str], stage: Item | None) -> str | None:
    """Every case that a stage is done in must have the parameter."""
    only = of_stage(stage, references.draft.cases) if stage else None
    cases = [case for case in references.draft.cases if only is None or case.name in only]
    if not cases:
        return None if references.has_broken_cases else "params come with cases, and there are none"
    if len(rest) != 1:
        return "write it as {{params.NAME}}"
    names = list(dict.fromkeys(name for case in cases for name in case.params))
    if rest[0] not in names:
        return f"no case has a parameter {shown(rest[0])}. {listed('Parameters', names, rest[0])}".removesuffix(".")
    lacking = next((case.name for case in cases if rest[0] not in case.params), None)
    return lacking and f"case {shown(lacking)} has no such parameter; give it one, or leave the stage out there by only"


def _name_flaw_on(references: References, name: Name, host: str) -> str | None:
    """Why a name stands for nothing on a host, or None."""
    root, *rest = name.name.split(".")
    if root == "hosts":
        return _host_name_flaw(references, rest, host)
    if root == "vars":
        return _variable_flaw(references, rest)
    known = {"run": ["id", "dir"], "stage": ["host"]}.get(root, [])
    if root == "stage" and host == NO_STAGE:
        return "a plot belongs to no stage; write the host out"
    if not known:
        return f"{root} has no parts; write {{{{{root}}}}}" if rest else None
    if len(rest) == 1 and rest[0] in known:
        return None
    return f"there is no such name. Names: {', '.join(f'{root}.{part}' for part in known)}"


def _variable_flaw(references: References, rest: list[str]) -> str | None:
    if len(rest) != 1:
        return "write it as {{vars.NAME}}"
    if rest[0] in references.draft.variables or references.document.is_bad(("vars",), ("vars", rest[0])):
        return None
    variables = listed("Variables", references.draft.variables, rest[0])
    return f"no variable is called {shown(rest[0])}. {variables}".removesuffix(".")


def _host_name_flaw(references: References, rest: list[str], host: str) -> str | None:
    if not rest:
        return "write it as {{hosts.ALIAS}}"
    alias, parts = rest[0], rest[1:]
    if alias not in references.known_hosts:
        return f"no host is called {shown(alias)}. {listed('Hosts', references.aliases, alias)}".removesuffix(".")
    if parts and (len(parts) > 1 or parts[0] not in _HOST_PARTS):
        hint = did_you_mean(parts[0], _HOST_PARTS)
        return f"a host has no {shown('.'.join(parts))}. Parts: {', '.join(_HOST_PARTS)}.{hint}".removesuffix(".")
    if alias == "local":
        return _local_name_flaw(references, parts, host)
    return None


def _local_name_flaw(references: References, parts: list[str], host: str) -> str | None:
    """`local` has an address for other hosts only when one is given."""
    if parts == ["name"]:
        return None
    if parts and parts != ["ip"]:
        return f"local is not reached over SSH and has no {parts[0]}"
    if parts and host not in ("local", NO_STAGE):
        return f"{host} can't reach this machine by its ip; write {{{{hosts.local}}}} for its address"
    local = references.draft.hosts.get("local", Item(("hosts", "local")))
    has_address = "address" in local or references.document.is_bad(local.at("address"))
    if has_address or host in ("local", NO_STAGE):
        return None
    cure = "give it one under hosts, as in local: {address: 192.168.9.5}"
    return f"{host} needs an address to reach this machine by; {cure}"
