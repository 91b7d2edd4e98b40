"""Rows of a batch that have the same key: the stated policy, the same on every store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from datalayer.errors import RepeatedKeyError
from datalayer.query import Duplicates, Row, Upsert


@dataclass(frozen=True, slots=True)
class Distinct:
    """A batch with one row for each key.

    Args:
        keys: in the order in which they first come.
        rows: one for each key.
        places: for each row that was given, where in ``rows`` its key is; None where no key is repeated.
    """

    keys: list[Any]
    rows: list[Mapping[str, Any]]
    places: list[int] | None

    def as_given(self, stored: Sequence[Any]) -> list[Any]:
        """Answer as many as were given of what there is one of for each key."""
        return list(stored) if self.places is None else [stored[place] for place in self.places]


def distinct(question: Upsert) -> Distinct:
    """Leave one row for each key; the caller's rows are not changed.

    Raises:
        RepeatedKeyError: a key is repeated, and the policy is "error".
    """
    rows = list(question.rows)
    if len(rows) == 1:
        return Distinct([None], rows, None)
    keys = list(map(key_of(question.target), rows))
    seen = hashable(keys)
    if len(set(seen)) == len(rows):
        return Distinct(keys, rows, None)
    firsts: dict[Hashable, int] = {}
    places = [firsts.setdefault(key, len(firsts)) for key in seen]
    return Distinct(
        [key for _, key in _firsts(places, keys)],
        _chosen(rows, places, question.duplicates, question.target),
        places,
    )


def key_of(target: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what takes the key out of a row: a value, or a tuple of several."""
    return itemgetter(*target)


def hashable(keys: Sequence[Any]) -> Sequence[Hashable]:
    """Return keys that can be compared by hash: lists in them, of array columns, become tuples."""
    try:
        set(keys)
    except TypeError:
        return [_frozen(key) for key in keys]
    return keys


def _frozen(key: Any) -> Hashable:
    if isinstance(key, list | tuple):
        return tuple(map(_frozen, key))
    return repr(key) if isinstance(key, dict | set | bytearray) else key


def _firsts(places: Sequence[int], values: Sequence[Any]) -> list[tuple[int, Any]]:
    """Return index and value of the first of each place."""
    found: dict[int, tuple[int, Any]] = {}
    for index, (place, value) in enumerate(zip(places, values, strict=True)):
        found.setdefault(place, (index, value))
    return list(found.values())


def _chosen(
    rows: Sequence[Mapping[str, Any]], places: Sequence[int], duplicates: Duplicates, target: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    firsts = _firsts(places, rows)
    if duplicates == "first":
        return [row for _, row in firsts]
    if duplicates == "error":
        pairs = [(index, firsts[place][0]) for index, place in enumerate(places)]
        raise RepeatedKeyError([(index, first) for index, first in pairs if index != first], target)
    merged = [dict(row) for _, row in firsts]
    for row, place in zip(rows, places, strict=True):
        merged[place].update(row)
    return list(merged)


class KeysSeen:
    """The same policies over batches that are written one after the other; keeps every key but for "last".

    ``left_out`` grows with the rows that :meth:`once` drops.
    """

    def __init__(self, target: tuple[str, ...], duplicates: Duplicates) -> None:
        self._target = target
        self._duplicates = duplicates
        self._firsts: dict[Hashable, int] = {}
        self._rows = 0
        self.left_out = 0

    def once(self, batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """Yield batches without the rows that the policy leaves out, and without any from a mistake on.

        Raises:
            RepeatedKeyError: at the end, where the policy is "error"; names every repeated row.
        """
        if self._duplicates == "last":
            yield from batches
            return
        repeated: list[tuple[int, int]] = []
        for batch in batches:
            fresh, again = self._split(batch)
            repeated += again
            self.left_out += len(again)
            yield [] if self._duplicates == "error" and repeated else fresh
        if self._duplicates == "error" and repeated:
            raise RepeatedKeyError(repeated, self._target)

    def _split(self, batch: Sequence[Row]) -> tuple[list[Row], list[tuple[int, int]]]:
        """Return the rows whose keys are new, and of the others index and first index."""
        fresh, again = [], []
        keys = hashable(list(map(key_of(self._target), batch)))
        for index, (key, row) in enumerate(zip(keys, batch, strict=True), self._rows):
            first = self._firsts.setdefault(key, index)
            if first == index:
                fresh.append(row)
            else:
                again.append((index, first))
        self._rows += len(batch)
        return fresh, again
