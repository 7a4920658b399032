"""What the checks of a config look at and add to, and the checks that several nouns share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchctl.config.document import Document, Place, path_text, shown
from benchctl.config.draft import Draft
from benchctl.config.items import Item
from benchctl.config.model import slug
from benchctl.template import did_you_mean, fill_known


@dataclass
class References:
    """Everything the checks look at; `warnings` collects what is allowed but unwise."""

    document: Document
    draft: Draft
    directory: Path  # the config's own
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def aliases(self) -> list[str]:
        """Every host's alias in the file's order; local is always one."""
        root = self.document.root
        hosts = root.get("hosts") if isinstance(root, dict) else None
        declared = list(hosts) if isinstance(hosts, dict) else []
        return declared if "local" in declared else [*declared, "local"]

    @cached_property
    def known_hosts(self) -> frozenset[str]:
        return frozenset(self.aliases)

    @cached_property
    def outputs(self) -> dict[str, Item]:
        return {output["name"]: output for output in self.draft.outputs() if "name" in output}

    @property
    def has_broken_cases(self) -> bool:
        """Whether there are none because of a problem that is told already."""
        return any(place[0] in ("cases", "matrix", "exclude", "include") for place in self.document.bad if place)

    def hosts_of(self, stage: Item) -> tuple[str, ...]:
        """The aliases of the hosts that a stage runs on, as far as there are such; `local` where there are none."""
        given = stage.get("hosts", (stage.get("host", "local"),))
        hosts = tuple(self.draft.hosts) if given == ("all",) else given
        return tuple(host for host in hosts if host in self.known_hosts) or ("local",)

    def with_variables(self, text: str) -> str:
        """The text with the names of variables filled in; other names stay."""
        return fill_known(text, {f"vars.{name}": value for name, value in self.draft.variables.items()})

    def problem(self, place: Place, sentence: str, *, needle: str = "") -> None:
        self.document.problem(place, sentence, needle=needle)

    def warn(self, place: Place, sentence: str) -> None:
        line = self.document.line(place)
        self.warnings.append(f"{self.document.file}:{line}: {path_text(place)}: {sentence}")


def listed(title: str, names: Collection[str], word: str) -> str:
    """`Hosts: db, local. Did you mean 'db'?`, cut when there are many."""
    first = list(names)[:20]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return (
        f"{title}: {', '.join(first)}{more}.{did_you_mean(word, names)}" if first else f"There are no {title.lower()}."
    )


def check_unique(references: References, items: Iterable[Item], noun: str) -> None:
    """Names must differ; the second one is the problem."""
    seen: dict[str, Item] = {}
    for item in items:
        name = item.get("name")
        if name is None:
            continue
        if name in seen:
            line = references.document.line(seen[name].at("name"))
            references.problem(item.at("name"), f"{noun} {shown(name)} is there already, on line {line}; rename one")
        else:
            seen[name] = item
            _check_slug(references, item.at("name"), name)


def _check_slug(references: References, place: Place, name: str) -> None:
    if not slug(name):
        references.problem(place, f"no file name can be made from {shown(name)}; use a letter from A to Z or a digit")
    elif len(slug(name)) > 100:
        references.problem(place, "the name is longer than 100 characters; shorten it")


def check_slugs_differ(references: References, items: Iterable[Item], noun: str) -> None:
    """`a b` and `a-b` would share their files, and `a_b` one name with them in Invoke."""
    seen: dict[str, str] = {}
    for item in items:
        name = item.get("name")
        if name is None or not slug(name):
            continue
        other = seen.setdefault(slug(name).replace("_", "-").lower(), name)
        if other != name:
            sentence = f"{noun}s {shown(other)} and {shown(name)} would share their file names; rename one"
            references.problem(item.at("name"), sentence)
