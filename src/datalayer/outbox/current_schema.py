"""The primary's schema, never older than the rows that are read after it: entries name keys, and no columns."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

#: One short row for each table, which another one takes the place of when a column comes, goes or changes.
_SHAPES: Final = """
    select t.name, md5(string_agg(concat_ws(':', a.attnum, a.attname, a.atttypid, a.atttypmod), ',' order by a.attnum))
        as shape
    from unnest(%s::text[]) t (name)
    join pg_attribute a on a.attrelid = to_regclass(quote_ident(t.name)) and a.attnum > 0 and not a.attisdropped
    group by t.name
"""


class CurrentSchema:
    """Reads a store's catalog again when its tables have changed: by a short question, or where there is none always.

    A value in a new column has an entry of its own, which is seen only after the column is there. So whoever asks here
    after the entry, and reads the row after that, misses no column.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shapes: dict[str, str] = {}

    async def catalog(self, tables: Collection[str]) -> Catalog:
        """Return the catalog as it is now, as far as these tables go."""
        shapes = await self._shapes_of(tables)
        if shapes and shapes.items() <= self._shapes.items():
            return await self._store.catalog()
        found = await self._store.catalog(refresh=True)
        self._shapes |= shapes
        return found

    async def _shapes_of(self, tables: Collection[str]) -> dict[str, str]:
        """Return what tells one shape of a table from another; PostgREST has nothing of that kind, nor a lost table."""
        if isinstance(self._store, PostgresStore):
            rows = await self._store.fetch_all(_SHAPES, [sorted(tables)])
            return {row["name"]: row["shape"] for row in rows} if len(rows) == len(tables) else {}
        if isinstance(self._store, SqliteStore):
            version = await self._store.run(lambda connection: connection.execute("pragma schema_version").fetchone())
            return {"": str(version[0])}
        return {}
