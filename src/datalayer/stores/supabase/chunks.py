"""How a batch is cut into requests: grouped by columns, bounded in size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from datalayer.stores.catalog import Table

#: Bounds of one request's body. Everything below is one statement, all or nothing.
CHUNK_BYTES: Final = 4_000_000
CHUNK_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one request.

    Args:
        columns: the request's columns; a row may lack some of an insert's.
        places: where the rows stand in the batch.
    """

    columns: tuple[str, ...]
    places: tuple[int, ...]
    rows: tuple[Mapping[str, Any], ...]


def insert_chunks(rows: Sequence[Mapping[str, Any]], table: Table) -> list[Chunk]:
    """Chunk an insert: rows of different columns share a request, so that the batch stays one statement."""
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return list(_cut(columns or (_any_column(table),), list(enumerate(rows))))


def upsert_chunks(rows: Sequence[Mapping[str, Any]]) -> list[Chunk]:
    """Chunk an upsert: one request per set of columns, since an absent column must keep its stored value."""
    groups: dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(sorted(row)), []).append((place, row))
    return [chunk for columns, members in groups.items() for chunk in _cut(columns, members)]


def _cut(columns: tuple[str, ...], rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[Chunk]:
    start, size = 0, 0
    for end, (_, row) in enumerate(rows):
        weight = _weight(row)
        if end > start and (end - start >= CHUNK_ROWS or size + weight > CHUNK_BYTES):
            yield _chunk(columns, rows[start:end])
            start, size = end, 0
        size += weight
    yield _chunk(columns, rows[start:])


def _chunk(columns: tuple[str, ...], rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Chunk:
    return Chunk(columns, tuple(place for place, _ in rows), tuple(row for _, row in rows))


def _weight(row: Mapping[str, Any]) -> int:
    """Estimate a row's bytes in a body, cheaply: names, and texts in full."""
    return sum(len(name) + _size(value) for name, value in row.items())


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return 2 * len(value) + 4
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value)) + 4
    if isinstance(value, dict):
        return sum(len(key) + _size(inner) for key, inner in value.items()) + 4
    return 24


def _any_column(table: Table) -> str:
    """Name a column for rows that name none: its default is asked for, as for all others."""
    free = (column.name for column in table.columns if column.nullable and not column.generated)
    return next(free, table.columns[0].name)
