"""Databases on a server: create, drop, and the DSN of another database on the same server."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

#: PostgreSQL from which on a strategy can be named; by its own, every page of a new database goes through the log.
_STRATEGIES_SINCE: Final = 150000


def dsn_of(server_dsn: str, name: str) -> str:
    """Return the DSN with the database replaced; ``server_dsn`` is a ``postgresql://`` URL."""
    parts = urlsplit(server_dsn)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}{query}"


def create_database(server_dsn: str, name: str, *, template: str | None = None) -> str:
    """Create a database, a copy of ``template`` where given (nobody may be connected to it), and return its DSN.

    A server that does without fsync copies files: a sixth of the work. For others that means a checkpoint to wait for.
    """
    statement = sql.SQL("create database {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" template {}").format(sql.Identifier(template))
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        has_strategies = connection.info.server_version >= _STRATEGIES_SINCE
        if has_strategies and connection.execute("show fsync").fetchone() == ("off",):
            statement += sql.SQL(" strategy file_copy")
        connection.execute(statement)
    return dsn_of(server_dsn, name)


def drop_database(server_dsn: str, name: str) -> None:
    """Drop a database if it exists; whoever is connected to it is cut off."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
