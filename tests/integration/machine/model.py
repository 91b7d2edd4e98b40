"""What the primary has after a write, told without a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.integration.machine.tables import DEFAULTS, KEYS, TABLES

from datalayer.outbox.entries import Key
from datalayer.query import Delete, Insert, Row, Update, Upsert, Written, col, where_equal
from datalayer.stores.contract import Session

#: Rows by table and key.
State: TypeAlias = dict[str, dict[Key, Row]]
Question: TypeAlias = Insert | Upsert | Update | Delete
#: From the state before and the rows that the store returned to the state after.
Effect: TypeAlias = Callable[[State, Sequence[Row]], State]


class RefusedError(Exception):
    """The write breaks a constraint."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write and what it does."""

    question: Question
    effect: Effect

    async def send(self, session: Session, *, timeout: float | None = None) -> Written:
        """Ask a store or a transaction to do it."""
        match self.question:
            case Insert():
                return await session.insert(self.question, timeout=timeout)
            case Upsert():
                return await session.upsert(self.question, timeout=timeout)
            case Update():
                return await session.update(self.question, timeout=timeout)
            case Delete():
                return await session.delete(self.question, timeout=timeout)


def empty() -> State:
    """Return no rows."""
    return {table: {} for table in TABLES}


def keyed(rows: Mapping[str, Iterable[Row]]) -> State:
    """Return rows by their keys."""
    return {table: {key_of(table, row): row for row in rows[table]} for table in TABLES}


def key_of(table: str, row: Mapping[str, Any]) -> Key:
    """Return a row's key."""
    return tuple(row[name] for name in KEYS[table])


def put(table: str, rows: Sequence[Mapping[str, Any]], by: tuple[str, ...] | None = None) -> Write:
    """Insert rows, or with ``by`` upsert them by it."""
    names = by or KEYS[table]

    def effect(state: State, returned: Sequence[Row]) -> State:
        after = _copied(state)
        made = {tuple(row[name] for name in names): row for row in returned} if None not in names else {}
        for place, given in enumerate(rows):
            stored = _stored(after[table].values(), given, by) if by else None
            # Only the server knows the keys that it makes.
            made_here = made.get(tuple(given.get(name) for name in names)) if by else _at(returned, place)
            known = {name: made_here[name] for name in KEYS[table]} if made_here else {}
            row = {**(stored or {**DEFAULTS[table], **known}), **given}
            if stored is None and by is None and key_of(table, row) in after[table]:
                raise RefusedError
            after[table][key_of(table, row)] = row
        return _checked(after)

    return Write(Upsert(table, rows, by) if by else Insert(table, rows), effect)


def change(table: str, key: Key, changes: Mapping[str, Any]) -> Write:
    """Change one row, its key included."""

    def effect(state: State, returned: Sequence[Row]) -> State:
        after = _copied(state)
        row = after[table].pop(key, None)
        if row is not None:
            row = {**row, **changes}
            if key_of(table, row) in after[table]:
                raise RefusedError
            after[table][key_of(table, row)] = row
        return _checked(after)

    return Write(Update(table, changes, where_equal(**dict(zip(KEYS[table], key, strict=True)))), effect)


def change_matching(table: str, column: str, value: Any, changes: Mapping[str, Any]) -> Write:
    """Change the rows that have a value; their keys and unique values stay."""

    def effect(state: State, returned: Sequence[Row]) -> State:
        after = _copied(state)
        for key, row in after[table].items():
            if row[column] == value:
                after[table][key] = {**row, **changes}
        return _checked(after)

    return Write(Update(table, changes, where_equal(**{column: value})), effect)


def remove(table: str, column: str, values: Sequence[Any]) -> Write:
    """Delete the rows that have one of the values."""

    def effect(state: State, returned: Sequence[Row]) -> State:
        after = _copied(state)
        gone = {key for key, row in after[table].items() if row[column] in values}
        after[table] = {key: row for key, row in after[table].items() if key not in gone}
        if table == "authors":
            ids = {key[0] for key in gone}
            after["books"] = {key: row for key, row in after["books"].items() if row["author"] not in ids}
            after["authors"] = {
                key: {**row, "boss": None} if row["boss"] in ids else row for key, row in after["authors"].items()
            }
        return after

    return Write(Delete(table, col(column).in_(values) if len(values) != 1 else col(column).eq(values[0])), effect)


def _checked(state: State) -> State:
    authors = state["authors"]
    for unique in ("code", "rank"):
        values = [row[unique] for row in authors.values() if row[unique] is not None]
        if len(values) != len(set(values)):
            raise RefusedError
    bosses = {row["boss"] for row in authors.values()} - {None}
    parents = {row["author"] for row in state["books"].values()}
    if not {(number,) for number in bosses | parents} <= authors.keys():
        raise RefusedError
    return state


def _copied(state: State) -> State:
    return {table: dict(rows) for table, rows in state.items()}


def _stored(rows: Iterable[Row], given: Mapping[str, Any], by: tuple[str, ...]) -> Row | None:
    return next((row for row in rows if all(row[name] == given[name] for name in by)), None)


def _at(rows: Sequence[Row], place: int) -> Row | None:
    return rows[place] if place < len(rows) else None
