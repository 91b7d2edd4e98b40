"""Rows of a table without a key into SQLite where rows are there already: brought as often as the source has them.

All rows of the source go into a temporary table first; then the missing ones are added in one transaction. Rows are
equal where all of their values are, and a row that the target has twice stands for two of the source.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from datalayer.stores.sql_names import quote, quote_all
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.spellings import by_value
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.writers.sqlite_triggers import triggers_away

_INCOMING: Final = "temp.datalayer_incoming"


def begin(connection: sqlite3.Connection, pair: TablePair) -> None:
    """Make the temporary table."""
    connection.execute(f"drop table if exists {_INCOMING}")
    columns = quote_all(pair.column_names)
    connection.execute(f"create temp table datalayer_incoming as select {columns} from main.{quote(pair.name)} limit 0")


def take(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Put stored values into the temporary table."""
    if rows:
        with atomic(connection):
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into {_INCOMING} values ({places})", rows)


def add_lacking(
    connection: sqlite3.Connection, pair: TablePair, facts: Facts, triggers: Sequence[tuple[str, str]]
) -> None:
    """Add the rows that the target lacks, and remove the temporary table."""
    columns, table = quote_all(pair.column_names), f"main.{quote(pair.name)}"
    alike = ", ".join(by_value(facts.codecs[name]).compared for name in pair.column_names)
    statement = f"""
        insert into {table} ({columns})
        with recursive
            lacking as materialized (
                select {columns}, sum(datalayer_weight) as datalayer_times
                from (select {columns}, 1 as datalayer_weight from {_INCOMING}
                      union all select {columns}, -1 from {table})
                group by {alike} having sum(datalayer_weight) > 0
            ),
            counted (datalayer_number) as (
                select 1 union all select datalayer_number + 1 from counted
                where datalayer_number < (select max(datalayer_times) from lacking)
            )
        select {columns} from lacking join counted on datalayer_number <= datalayer_times
    """
    with atomic(connection), triggers_away(connection, triggers):
        connection.execute(statement)
    connection.execute(f"drop table {_INCOMING}")
