"""The table that comparisons are tried on: its keys, its rows, and changes of one row with what each is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.integration.transfer.sql import run

from datalayer.stores.postgres import PostgresStore

ROWS: Final = 3000
_SCRIPT: Final = """
    create table t (
        {columns}, name text, amount numeric(12,4), ratio double precision, at timestamptz, tags text[], doc jsonb,
        raw bytea, ok boolean, note varchar(20)
    );
    insert into t ({names}, name, amount, ratio, at, tags, doc, raw, ok, note)
    select {values}, 'name ' || n, n / 8.0, n / 3.0, '2024-01-01Z'::timestamptz + n * interval '1.000001 s',
           array['a' || n, null], jsonb_build_object('n', n, 'list', jsonb_build_array(n, 'x', n % 3 = 0)), int4send(n),
           n % 2 = 0, null
    from generate_series(1, {rows}) n
"""


@dataclass(frozen=True, slots=True)
class KeyedBy:
    """A key of the table.

    Args:
        columns: as they are declared.
        values: of row ``n``.
        at: the condition that finds row ``n``.
    """

    columns: str
    names: str
    values: str
    at: str

    def change(self, statement: str, row: int) -> str:
        """Return the statement that changes one row."""
        return statement.format(at=self.at.format(n=row))


KEYS: Final = {
    "whole number": KeyedBy("id int primary key", "id", "n", "id = {n}"),
    "wide apart": KeyedBy(
        "id bigint primary key",
        "id",
        "(n - 1500) * 6000000000000000",
        "id = ({n} - 1500) * 6000000000000000",
    ),
    "text": KeyedBy("id text primary key", "id", "'k' || n", "id = 'k{n}'"),
    "composite": KeyedBy(
        "a int, b uuid, primary key (a, b)", "a, b", "n % 7, md5(n::text)::uuid", "b = md5('{n}')::uuid"
    ),
}

Called: TypeAlias = tuple[str, tuple[str, ...]]
#: Takes away a row; what that is called depends on the side.
DELETE: Final = "delete from t where {at}"
CHANGES: Final[dict[str, Called]] = {
    "update t set name = name || ' ' where {at}": ("unequal value", ("name",)),
    "update t set amount = amount + 1 where {at}": ("unequal value", ("amount",)),
    "update t set amount = trunc(amount, 1) where {at}": ("unequal precision", ("amount",)),
    "update t set ratio = null where {at}": ("unequal null", ("ratio",)),
    "update t set ratio = ratio * (1 + 1e-15::float8) where {at}": ("unequal precision", ("ratio",)),
    "update t set note = '' where {at}": ("unequal null", ("note",)),
    "update t set at = date_trunc('second', at) where {at}": ("unequal precision", ("at",)),
    "update t set tags = tags || 'z'::text where {at}": ("unequal value", ("tags",)),
    "update t set doc = jsonb_set(doc, '{{n}}', to_jsonb(doc->>'n')) where {at}": ("unequal type", ("doc",)),
    "update t set raw = raw || '\\x00' where {at}": ("unequal value", ("raw",)),
    "update t set ok = not ok where {at}": ("unequal value", ("ok",)),
}
#: Rows to change, all over the table: the eighths of their numbers have three decimal places.
CHANGED_ROWS: Final = [8 * (37 * number % 375) + 1 for number in range(4 * (len(CHANGES) + 1))]


async def make(store: PostgresStore, key: KeyedBy) -> None:
    """Create and fill the table."""
    await run(store, _SCRIPT.format(columns=key.columns, names=key.names, values=key.values, rows=ROWS))
