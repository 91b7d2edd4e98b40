"""Names that a target has for something else than a table, as a view: no table of that name can be made."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

from datalayer.errors import RefusedError
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.wording import with_article

#: Tables are made in the first schema of the search path, where types have names of the same kind.
_POSTGRES: Final = b"""
    select c.relname as name, case when c.relispartition then 'partition' when c.relkind = 'v' then 'view'
           when c.relkind = 'm' then 'materialized view' when c.relkind = 'S' then 'sequence'
           when c.relkind = 'f' then 'foreign table' when c.relkind = 'c' then 'type' else 'index' end as word
    from pg_class c
    where c.relnamespace = to_regnamespace(quote_ident(current_schema())) and c.relname = any(%(names)s)
        and (c.relkind not in ('r', 'p') or c.relispartition)
    union all
    select t.typname, 'type' from pg_type t
    where t.typnamespace = to_regnamespace(quote_ident(current_schema())) and t.typname = any(%(names)s)
        and t.typrelid = 0 and t.typcategory <> 'A'
"""
_SQLITE: Final = """
    select name, case type when 'table' then 'virtual table' else type end as word from sqlite_master
    where type in ('table', 'view', 'index')
"""


async def taken_names(store: Store, names: Collection[str]) -> dict[str, str]:
    """Return which names of tables that are missing cannot be had, and for what the target has each."""
    if isinstance(store, PostgresStore):
        async with store.connection() as connection:
            rows = await (await connection.execute(_POSTGRES, {"names": list(names)})).fetchall()
            return {row["name"]: row["word"] for row in rows}
    return await store.read(partial(_taken_in_sqlite, names)) if isinstance(store, SqliteStore) else {}


async def refuse_taken_names(store: Store, tables: Iterable[Table]) -> None:
    """Raise RefusedError where a table cannot be made."""
    taken = await taken_names(store, [table.name for table in tables])
    if taken:
        name, word = next(iter(sorted(taken.items())))
        raise RefusedError(f"nothing was moved: {told(name, word)}; rename or drop it", table=name)


def told(name: str, word: str) -> str:
    """Say what is in the way of a table."""
    return f"the target has {with_article(word)} {name}, and a table of that name cannot be made"


def _taken_in_sqlite(names: Collection[str], connection: sqlite3.Connection) -> dict[str, str]:
    words = {name.lower(): word for name, word in connection.execute(_SQLITE)}
    return {name: words[name.lower()] for name in names if name.lower() in words}
