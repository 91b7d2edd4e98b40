"""Rows by their keys, as one store has them now; and what the secondary's ledger says of keys."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from datalayer.errors import ConfigurationError
from datalayer.outbox.entries import Key
from datalayer.outbox.keys import encode_key, key_of, keys_filter
from datalayer.outbox.tables import CONTROL, LEDGER
from datalayer.query import Row, Select, col
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store

#: Keys that one question names. PostgREST's have to fit a URL; several go out at a time instead.
_KEYS: Final = {"postgres": 1000, "sqlite": 500, "supabase": 150}
_LONG_KEYS: Final = {"postgres": 50, "sqlite": 50, "supabase": 20}
_QUESTIONS_AT_ONCE: Final = 4


async def read_rows(
    store: Store, table: Table, keys: Sequence[Key], *, columns: tuple[str, ...] | None = None
) -> dict[Key, Row]:
    """Return the rows that are there, by key, with all columns unless some are named."""
    size = (_KEYS if len(table.primary_key) == 1 else _LONG_KEYS)[store.name]
    gate = asyncio.Semaphore(_QUESTIONS_AT_ONCE)

    async def some(part: Sequence[Key]) -> list[Row]:
        async with gate:
            return await store.select(Select(table.name, keys_filter(table, part), columns=columns))

    parts = [keys[start : start + size] for start in range(0, len(keys), size)]
    found = await asyncio.gather(*map(some, parts))
    return {key_of(table, row): row for rows in found for row in rows}


async def ledger_versions(store: Store, origin: UUID, table: Table, keys: Sequence[Key]) -> dict[Key, int]:
    """Return what the ledger in ``store`` has for keys; 0 for those that it does not know."""
    versions = dict.fromkeys(keys, 0)
    by_text = {encode_key(table, key): key for key in keys}
    texts, size = list(by_text), _KEYS[store.name]
    for start in range(0, len(texts), size):
        where = (
            col("origin").eq(origin)
            & col("aggregatetype").eq(table.name)
            & col("aggregateid").in_(texts[start : start + size])
        )
        for row in await store.select(Select(LEDGER, where, columns=("aggregateid", "version"))):
            versions[by_text[row["aggregateid"]]] = row["version"]
    return versions


async def identity_of(store: Store) -> UUID:
    """Return the identity of a store's database, from its bookkeeping.

    Raises:
        ConfigurationError: there is none, or row security hides it.
    """
    rows = await store.select(Select(CONTROL, columns=("id",)))
    if len(rows) != 1:
        raise ConfigurationError(
            f"{store.name} shows no {CONTROL}: install the bookkeeping, and use a key or user that passes row security"
        )
    identity: UUID = rows[0]["id"]
    return identity


async def sees_everything(store: Store) -> bool:
    """Whether the canary row is seen, which row security hides from everybody whom it would hide other rows from."""
    return len(await store.select(Select(CONTROL, columns=("id",)))) == 1


def equal_rows(one: Row, other: Row, columns: Iterable[str]) -> bool:
    """Whether two rows have the same values in these columns; NaN equals itself, and 1 is not True."""
    return all(_equal(one[name], other[name]) for name in columns)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return type(one) is type(other) and bool(one == other)
