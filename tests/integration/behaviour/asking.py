"""Short ways to say what most tests say: put rows in, read rows back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datalayer.query import Filter, Insert, Row, Select, asc, col
from datalayer.stores.contract import Session


async def put(session: Session, table: str, *rows: Row) -> list[Row]:
    """Insert rows and return them as stored."""
    written = await session.insert(Insert(table, rows))
    assert written.count == len(rows)
    return written.rows


async def read(session: Session, table: str, where: Filter | None = None) -> list[Row]:
    """Return matching rows by id."""
    return await session.select(Select(table, where, order=(asc("id"),)))


async def labels(session: Session, where: Filter | None = None) -> list[str]:
    """Return the labels of matching things in the order they were put in."""
    found = await session.select(Select("things", where, order=(asc("id"),), columns=("label",)))
    return [row["label"] for row in found]


async def round_trip(session: Session, column: str, values: Sequence[Any]) -> list[Any]:
    """Put one thing per value; check that what the insert returned is what a select reads; return the values read."""
    stored = await put(session, "things", *({column: value} for value in values))
    found = await read(session, "things", col("id").in_(row["id"] for row in stored))
    assert exactly([row[column] for row in found], [row[column] for row in stored])
    assert [row["id"] for row in found] == [row["id"] for row in stored]
    return [row[column] for row in found]


def exactly(left: Any, right: Any) -> bool:
    """Equal in value and type at every depth; NaN equals itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(exactly, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(exactly(left[key], right[key]) for key in left)
    return bool(left == right) or (left != left and right != right)
