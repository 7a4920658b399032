"""Numbers put into groups by another column, each group in its own order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from benchctl.analysis.numbers import CHUNK, Numbers
from benchctl.analysis.spool import Room, Spool

PIECE = 1 << 14  # so many numbers of a group should lie side by side, so that it is read quickly,
BATCH = 1 << 20  # of no more than so many that are put in order at once


def partition(codes: Iterable[Any], values: Iterable[Any], groups: int) -> list[Numbers]:
    """The numbers of each group. codes: the group of every number, from 0; both in chunks that are cut alike.

    What is much is kept in a file without a name, with the numbers of a group side by side in every batch.
    """
    spool, found = None, _Places(groups)
    for code, part in _batches(zip(codes, values, strict=True), min(groups * PIECE, BATCH)):
        spool = spool or Spool(part.dtype, Room())
        small = code.astype(np.uint8) if groups <= 1 << 8 else code.astype(np.uint16) if groups <= 1 << 16 else code
        spool.add(part[np.argsort(small, kind="stable")])  # which is a radix sort up to 16 bits
        found.add(np.bincount(code, minlength=groups))
    return [found.numbers(spool, group) if spool else Numbers(0, lambda: iter(())) for group in range(groups)]


def _batches(pairs: Iterable[tuple[Any, Any]], size: int) -> Iterator[tuple[Any, Any]]:
    held: list[tuple[Any, Any]] = []
    count = 0
    for pair in pairs:
        held.append(pair)
        count += len(pair[0])
        if count >= size:
            yield _joined(held)
            held, count = [], 0
    if held:
        yield _joined(held)


def _joined(pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    codes, parts = zip(*pairs, strict=True)
    return pairs[0] if len(pairs) == 1 else (np.concatenate(codes), np.concatenate(parts))


class _Places:
    """Where in a spool the groups are: several times a piece of each."""

    def __init__(self, groups: int) -> None:
        self._begins: list[Any] = []
        self._counts: list[Any] = []
        self._end = 0
        self._groups = groups

    def add(self, counts: Any) -> None:
        """One more batch, with so many of each group."""
        ends = self._end + np.cumsum(counts)
        self._begins.append(ends - counts)
        self._counts.append(counts)
        self._end = int(ends[-1])

    def numbers(self, spool: Spool, group: int) -> Numbers:
        begins = [int(each[group]) for each in self._begins]
        counts = [int(each[group]) for each in self._counts]

        def chunks() -> Iterator[Any]:
            held: list[Any] = []
            for begin, count in zip(begins, counts, strict=True):
                if held and sum(map(len, held)) + count > CHUNK:
                    yield np.concatenate(held)
                    held = []
                if count:
                    held.append(spool.read(begin, begin + count))
            if held:
                yield np.concatenate(held)

        return Numbers(sum(counts), chunks)
