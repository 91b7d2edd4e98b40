"""Names of scenarios and variants, as figures, targets and charts have them."""

from __future__ import annotations

from typing import Final

RAW: Final = "raw psycopg"
#: The baseline once more: how far it is from 1 is how far any other ratio may be off.
RAW_AGAIN: Final = "raw psycopg, again"
RAW_TYPED: Final = "raw psycopg + model_validate"
OURS: Final = "datalayer"
OURS_DICTS: Final = "datalayer, dicts"
ASYNCPG: Final = "asyncpg"
CORE: Final = "SQLAlchemy core (psycopg)"
CORE_ASYNCPG: Final = "SQLAlchemy core (asyncpg)"
ORM: Final = "SQLAlchemy ORM (psycopg)"
ORM_ASYNCPG: Final = "SQLAlchemy ORM (asyncpg)"
ALCHEMY: Final = "advanced-alchemy (psycopg)"
ALCHEMY_ASYNCPG: Final = "advanced-alchemy (asyncpg)"
SUPABASE: Final = "supabase-py"
SUPABASE_TYPED: Final = "supabase-py + TypeAdapter"
EXECUTEMANY: Final = "psycopg executemany"
ROW_BY_ROW: Final = "psycopg, row by row"
BY_HAND: Final = "psycopg COPY + temporary table"
#: What no client can be quicker than: the rows are at the server already.
SERVER_ALONE: Final = "the server alone, from a table of ready rows"

AS_JSON: Final = "datalayer, one JSON parameter"
BY_COPY: Final = "datalayer, COPY"

SINGLE_READ: Final = "single-row read"
KEYED_LIST: Final = "1,000 rows by key"
TYPED_LIST: Final = "list of 1,000 typed rows"
DICT_LIST: Final = "list of 1,000 rows as dicts"
FILTERED_PAGE: Final = "filtered page of 100 rows"
KEYSET_PAGE: Final = "keyset page of 100 rows"
UPSERT: Final = "upsert returning the row"
DUAL_UPSERT: Final = "upsert in dual-write, PostgreSQL the primary, one every 5 ms"
DUAL_UPSERT_BUSY: Final = "upsert in dual-write, PostgreSQL the primary, one after another"
SHADOW_READ: Final = "single-row read with shadow reads"
PLAIN: Final = "one store"
CAPTURED: Final = "dual-write, no relay running"
RELAYED: Final = "dual-write, the relay in the same process"
AWAY: Final = "dual-write, the secondary away"
SHADOWED: Final = "5 % of reads shadowed"
THREE_WRITES: Final = "transaction of three writes"
IMPORT: Final = "cold start: import"
FIRST_ROW: Final = "cold start: connect and read a row"
CALL: Final = "call"
CALL_SUPABASE: Final = "over Supabase"
CALL_POSTGRES: Final = "on PostgreSQL"
#: How the names of the scenarios of :func:`moving` end.
MOVING: Final = "rows moved and compared"
PSQL: Final = "psql \\copy, piped"
PGLOADER: Final = "pgloader"
COPY: Final = "datalayer copy"
COPY_ALONE: Final = "datalayer copy, 1 job"
BARE_SUMS: Final = "bare hash_record_extended, both sides at once"
BARE_SUMS_IN_TURN: Final = "bare hash_record_extended, one side after the other"
RELADIFF: Final = "reladiff"
VERIFY: Final = "datalayer verify"
VERIFY_STRONG: Final = "datalayer verify --strong"
VERIFY_UNLIKE: Final = "datalayer verify, PostgreSQL and PostgreSQL with a column of another type"
VERIFY_SQLITE: Final = "datalayer verify, PostgreSQL and SQLite"
VERIFY_CHANGED: Final = "datalayer verify, 10 rows changed"

BETWEEN_SERVERS: Final = "PostgreSQL to PostgreSQL"
FROM_REST: Final = "PostgREST to PostgreSQL"
TO_REST: Final = "PostgreSQL to PostgREST"


def relaying(keys: int) -> str:
    """Name the relay of so many keys."""
    return f"relay of {keys:,} keys"


def bulk_upsert(rows: int) -> str:
    """Name the bulk upsert of so many rows."""
    return f"bulk upsert of {rows:,} rows, half existing"


def bulk_strategies(rows: int) -> str:
    """Name the comparison of the ways to upsert so many rows."""
    return f"two ways to upsert {rows:,} rows"


def streaming(rows: int) -> str:
    """Name the reading of a whole table of so many rows."""
    return f"streaming {rows:,} rows"


def keeping(rows: int) -> str:
    """Name the reading of so many rows into one list."""
    return f"memory: {rows:,} rows in a list"


def copying(rows: int) -> str:
    """Name the copy of a table to another server."""
    return f"copy {rows:,} rows into an empty table of another server"


def copying_sqlite(rows: int) -> str:
    """Name the copy of a table out of a SQLite file."""
    return f"copy {rows:,} rows out of SQLite into an empty table"


def verifying(rows: int) -> str:
    """Name the comparison of a table with its copy on another server."""
    return f"verify {rows:,} rows on two servers"


def verifying_unlike(rows: int) -> str:
    """Name the comparison of a table with its copy on an unlike store."""
    return f"verify {rows:,} rows on unlike stores"


def moving(rows: int) -> str:
    """Name the memory of the commands that move so many rows."""
    return f"memory: {rows:,} {MOVING}"


def callers(count: int) -> str:
    """Name single-row reads by so many callers at once."""
    return f"single-row read, {count} caller{'s' if count > 1 else ''} on 10 connections"


def growing_read(variant: str) -> str:
    """Name the point read as its table grows."""
    return f"single-row read as the table grows, {variant}"


def growing_upsert(variant: str) -> str:
    """Name the upsert as its table grows."""
    return f"upsert as the table grows, {variant}"
