"""A noun of the config with its values converted, and how it is read: held to its schema, its problems noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from voluptuous import Invalid, MultipleInvalid
from voluptuous.error import RequiredFieldInvalid

from benchctl.config.document import Document, Place, shown
from benchctl.config.schema import Noun
from benchctl.config.values import kind_of
from benchctl.template import closest, did_you_mean


@dataclass
class Item:
    """One noun of the config: where it is, and its converted values by key; what was wrong is absent."""

    place: Place
    values: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def at(self, *parts: str | int) -> Place:
        return (*self.place, *parts)


class ItemReader:
    """Applies the nouns' schemas, noting problems in the document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def item(self, noun: Noun, value: Any, place: Place, *, missing: bool = False) -> Item:
        """A noun from a mapping; None counts as an empty one. missing: its absence has been noted."""
        if missing:
            return Item(place)
        if value is not None and not isinstance(value, dict):
            self.document.problem(place, f"must be a mapping with the keys of {noun.name}, not {kind_of(value)}")
            return Item(place)
        return Item(place, self._shaped(noun, value or {}, place))

    def _shaped(self, noun: Noun, value: dict[str, Any], place: Place) -> dict[str, Any]:
        try:
            shaped = noun.schema(value)
        except MultipleInvalid as errors:
            misspelled = {closest(key, noun.key_names()) for key in value if key not in noun.key_names()}
            for error in sorted(errors.errors, key=noun.rank):
                self._refuse(noun, error, place, misspelled)
            bad = {error.path[0] for error in errors.errors}
            return self._rest(noun, {key: inner for key, inner in value.items() if key not in bad})
        return {str(key): inner for key, inner in shaped.items()}

    def _rest(self, noun: Noun, value: dict[str, Any]) -> dict[str, Any]:
        """The good keys of a bad mapping, so that their contents are checked too."""
        checks = {str(key): check for key, check in noun.schema.schema.items()}
        return {key: checks[key](inner) for key, inner in value.items()}

    def _refuse(self, noun: Noun, error: Invalid, place: Place, misspelled: set[str | None]) -> None:
        key = str(error.path[0])
        if isinstance(error, RequiredFieldInvalid):
            if key not in misspelled:
                self.document.missing((*place, key), f"{noun.name} needs {key!r}")
        elif error.error_message == "extra keys not allowed":
            hint = did_you_mean(key, noun.key_names())
            sentence = f"{shown(key)} is not a key of {noun.name}.{hint} Keys: {', '.join(noun.key_names())}"
            self.document.problem((*place, key), sentence)
            self.document.bad.add((*place, closest(key, noun.key_names()) or key))
        else:
            inner: list[Any] = error.path[1:]
            self.document.problem((*place, key, *inner), _sentence(key, error.error_message))
            self.document.bad.add((*place, key))

    def items(self, read: Callable[[Any, Place], Item], values: list[Any], place: Place) -> list[Item]:
        return [read(value, (*place, number)) for number, value in enumerate(values)]


def _sentence(key: str, message: str) -> str:
    """A check's message as a sentence: one that begins with a verb gets the key as its subject."""
    verbs = ("is ", "has ", "means ")
    return f"{key!r} {message}" if message.startswith(verbs) else message
