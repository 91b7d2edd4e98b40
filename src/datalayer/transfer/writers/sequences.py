"""Sequences of PostgreSQL moved behind the farthest number that a copy brought."""

from __future__ import annotations

from typing import Final

from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.catalog import Table
from datalayer.stores.sql_names import literal, quote

#: Those that identity columns own, and those that defaults ask, whoever owns them.
_SEQUENCES: Final = b"""
    select s.seqrelid::regclass::text as name, a.attname as column, s.seqincrement > 0 as up, s.seqmin, s.seqmax
    from pg_attribute a
    join pg_depend d on (d.refclassid, d.refobjid, d.refobjsubid) = ('pg_class'::regclass, a.attrelid, a.attnum)
        and d.classid = 'pg_class'::regclass and d.deptype = 'i'
    join pg_sequence s on s.seqrelid = d.objid
    where a.attrelid = %(table)s::regclass and a.attname = any(%(columns)s)
    union
    select s.seqrelid::regclass::text, a.attname, s.seqincrement > 0, s.seqmin, s.seqmax
    from pg_attribute a join pg_attrdef f on (f.adrelid, f.adnum) = (a.attrelid, a.attnum)
    join pg_depend d on (d.classid, d.objid, d.refclassid) = ('pg_attrdef'::regclass, f.oid, 'pg_class'::regclass)
    join pg_sequence s on s.seqrelid = d.refobjid
    where a.attrelid = %(table)s::regclass and a.attname = any(%(columns)s)
"""


async def advance_sequences(connection: AsyncConnection[Row], table: Table) -> None:
    """Make the next generated numbers come behind every stored one; a sequence is never moved back."""
    numbered = [column.name for column in table.columns if column.identity]
    if not numbered:
        return
    cursor = await connection.execute(_SEQUENCES, {"table": quote(table.name), "columns": numbered})
    for found in await cursor.fetchall():
        farthest, farther = ("max", "greatest") if found["up"] else ("min", "least")
        # Numbers beyond the sequence's own are somebody else's, and it would refuse them.
        column, sequence = quote(found["column"]), f"{literal(found['name'])}::regclass"
        query = f"""
            select setval({sequence}, {farther}(number, pg_sequence_last_value({sequence})))
            from (select {farthest}({column})::bigint as number from {quote(table.name)}
                  where {column} between {found["seqmin"]} and {found["seqmax"]}) as stored
            where number is not null
        """
        await connection.execute(query.encode())
