"""Which rows a reader wants, and in which order: the filter above the list, as its address says it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from benchctl.dashboard.rows import Row

PER_PAGE, MOST_PER_PAGE = 50, 500
LONGEST = 200  # of what is looked for
CHOICES = 30  # values offered for a filter

Key = Callable[[Row], Any]
SORTS: dict[str, Key] = {
    "run": lambda row: row.number,
    "status": lambda row: row.status or None,
    "name": lambda row: row.benchmark.lower() or None,
    "started": lambda row: row.started or None,
    "took": lambda row: row.duration_s,
    "trials": lambda row: row.trials[1] or None,
    "tags": lambda row: " ".join(row.tags) or None,
    "git": lambda row: (row.branch, row.commit) if row.git else None,
}


class BadFilter(Exception):
    """A filter makes no sense; says which and what would."""


@dataclass(frozen=True)
class Filter:
    """What is wanted; empty is all. sort: a column, `metric:NAME` or `param:NAME`. since, until: days in UTC, both
    included. columns: params to show, with commas.
    """

    q: str = ""
    status: str = ""
    tag: str = ""
    host: str = ""
    param: str = ""  # NAME=VALUE
    since: str = ""
    until: str = ""
    sort: str = "run"
    order: str = "desc"
    columns: str = ""
    page: int = 1
    per_page: int = PER_PAGE

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filter:
        """As an address says it. Raises BadFilter."""
        texts = {name: given.get(name, "").strip() for name in ("q", "status", "tag", "host", "param", "columns")}
        for name, text in texts.items():
            if len(text) > LONGEST:
                raise BadFilter(f"{name}: at most {LONGEST} characters")
        days = {name: _day(name, given.get(name, "").strip()) for name in ("since", "until")}
        sort, order = given.get("sort", "run"), given.get("order", "desc")
        if sort not in SORTS and not sort.startswith(("metric:", "param:")):
            raise BadFilter(f"sort: one of {', '.join(SORTS)}, metric:NAME, param:NAME")
        if order not in ("asc", "desc"):
            raise BadFilter("order: asc or desc")
        page = _whole("page", given.get("page", "1"), 1_000_000)
        per_page = _whole("per_page", given.get("per_page", str(PER_PAGE)), MOST_PER_PAGE)
        return cls(**texts, **days, sort=sort[:LONGEST], order=order, page=page, per_page=per_page)

    @property
    def query(self) -> dict[str, str]:
        """What is not as it is by itself, for an address; without the page."""
        plain = Filter()
        return {k: str(v) for k, v in vars(self).items() if v != getattr(plain, k) and k != "page"}

    @property
    def narrows(self) -> bool:
        return bool(self.query.keys() - {"sort", "order", "per_page", "columns"})

    def wants(self, row: Row) -> bool:
        return (
            (not self.status or row.status == self.status)
            and (not self.tag or self.tag in row.tags)
            and (not self.host or self.host in row.hosts)
            and (not self.param or _has(row, self.param))
            and (not self.since or row.started[:10] >= self.since)
            and (not self.until or (row.started != "" and row.started[:10] <= self.until))
            and all(word in row.text for word in self.q.lower().split())
        )

    def sifted(self, rows: Sequence[Row]) -> list[Row]:
        """Those that are wanted, in the order that is."""
        return self.sorted([row for row in rows if self.wants(row)] if self.narrows else rows)

    def sorted(self, rows: Sequence[Row]) -> list[Row]:
        """Rows without a value come last, whichever way."""
        if self.sort == "run":
            return list(rows if self.order == "desc" else reversed(rows))
        key = SORTS.get(self.sort) or _key(self.sort)
        known = [(value, row) for row in rows if (value := key(row)) is not None]
        there = {row.id for _, row in known}
        known.sort(key=lambda pair: pair[0], reverse=self.order == "desc")
        return [*(row for _, row in known), *(row for row in rows if row.id not in there)]


@dataclass(frozen=True)
class Page:
    """The rows of one page, and how many there are in all."""

    rows: Sequence[Row]
    number: int
    pages: int
    found: int


def page_of(rows: Sequence[Row], wanted: Filter) -> Page:
    """rows: newest first."""
    found = wanted.sifted(rows)
    pages = max(-(-len(found) // wanted.per_page), 1)
    number = min(wanted.page, pages)
    begin = (number - 1) * wanted.per_page
    return Page(found[begin : begin + wanted.per_page], number, pages, len(found))


def choices(rows: Sequence[Row]) -> dict[str, list[tuple[str, int]]]:
    """For each filter the most frequent values, with how many runs have them."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("status", "tag", "host", "param")}
    for row in rows:
        counts["status"][row.status] += 1
        counts["tag"].update(row.tags)
        counts["host"].update(row.hosts)
        counts["param"].update(f"{name}={value}" for name, values in row.params.items() for value in values)
    return {name: found.most_common(CHOICES) for name, found in counts.items()}


def _has(row: Row, param: str) -> bool:
    name, equals, value = param.partition("=")
    return value in row.params.get(name, ()) if equals else name in row.params


def _key(sort: str) -> Key:
    """Of a metric its lowest mean; of a param its first value, numbers before texts."""
    kind, _, name = sort.partition(":")

    def metric(row: Row) -> float | None:
        return next((one.low for one in row.metrics if one.name == name), None)

    def param(row: Row) -> tuple[bool, float, str] | None:
        values = row.params.get(name)
        return _natural(values[0]) if values else None

    return metric if kind == "metric" else param


def _natural(text: str) -> tuple[bool, float, str]:
    try:
        number = float(text)
    except ValueError:
        return True, 0.0, text
    return (False, number, "") if math.isfinite(number) else (True, 0.0, text)


def _day(name: str, text: str) -> str:
    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadFilter(f"{name}: a day such as 2026-11-25, not {text[:40]!r}") from error


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most):
        raise BadFilter(f"{name}: a number from 1 to {most:,}")
    return int(text)
