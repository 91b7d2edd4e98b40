"""The types that tables need and a PostgreSQL target does not have: enums and domains are made, others refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import RefusedError
from datalayer.query import Row
from datalayer.stores.catalog import EnumType, OwnType, Table
from datalayer.stores.contract import StoreName
from datalayer.transfer.ddl.own_types import create_type, described
from datalayer.transfer.ddl.types import postgres_type

_UNKNOWN = "select name from unnest(%s::text[]) as name where to_regtype(name) is null"
_LABELS = "select enumlabel::text as label from pg_enum where enumtypid = to_regtype(%s)"


async def missing_types(
    connection: AsyncConnection[Row], tables: Sequence[Table], source: StoreName
) -> tuple[list[OwnType], list[str]]:
    """Return the types to make, each behind those that it needs, and notes on them.

    Raises:
        RefusedError: columns are of types that a copy cannot make, or that PostgreSQL cannot have.
    """
    wanted = {(t.name, c.name): postgres_type(c.type, source) for t in tables for c in t.columns}
    own = {} if source == "sqlite" else {found.name: found for table in tables for found in table.types}
    try:
        async with connection.transaction():
            unknown = await _unknown(connection, {*wanted.values(), *own})
    except psycopg.DataError:
        raise await _impossible(connection, wanted) from None
    made = [found for name, found in own.items() if name in unknown]
    names = {spelt for found in made for spelt in (found.name, f"{found.name}[]")}
    lost = [f"{table}.{column} ({name})" for (table, column), name in wanted.items() if name in unknown - names]
    if lost:
        raise RefusedError(
            f"the target does not have the type of {', '.join(lost)}; a copy makes enums and domains, no composite"
            " types and none of extensions: create the type or its extension there first"
        )
    notes = [f"the {described(found)} is made in the target" for found in made]
    for name, found in own.items():
        if name not in unknown and isinstance(found, EnumType):
            notes += await _lacking_labels(connection, found)
    return made, notes


async def make_types(connection: AsyncConnection[Row], types: Iterable[OwnType]) -> None:
    """Make types that are missing."""
    for own in types:
        await connection.execute(create_type(own).encode())


async def _unknown(connection: AsyncConnection[Row], names: Iterable[str]) -> set[str]:
    cursor = await connection.execute(_UNKNOWN, [sorted(names)])
    return {row["name"] for row in await cursor.fetchall()}


async def _impossible(connection: AsyncConnection[Row], wanted: Mapping[tuple[str, str], str]) -> RefusedError:
    """Find the columns whose lengths or digits are beyond what the type can have."""
    found = []
    for (table, column), name in wanted.items():
        try:
            async with connection.transaction():
                await _unknown(connection, [name])
        except psycopg.DataError as error:
            found.append(f"{table}.{column} ({name}: {error.diag.message_primary})")
    return RefusedError(
        f"PostgreSQL has no such type: {'; '.join(found)}; change the columns in the source, or create the tables in"
        " the target first"
    )


async def _lacking_labels(connection: AsyncConnection[Row], enum: EnumType) -> list[str]:
    there = {row["label"] for row in await (await connection.execute(_LABELS, [enum.name])).fetchall()}
    lacking = [label for label in enum.labels if label not in there]
    if not lacking:
        return []
    return [f"the {described(enum)} of the target lacks {', '.join(lacking)}: a row with such a label stops the copy"]
