"""Targets of a move that is killed: asked by plain SQL, so that nothing of the package judges its own work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeAlias

import psycopg
from psycopg import sql

TABLES = ("goods", "sales", "visits")

State: TypeAlias = dict[str, object]

_POSTGRES_QUESTIONS = {
    "tables": "select table_name from information_schema.tables where table_schema = 'public' order by 1",
    "references": "select conrelid::regclass::text, confrelid::regclass::text, conkey, confkey from pg_constraint"
    " where contype = 'f' order by 1, 2",
    "sequences": "select sequencename, last_value from pg_sequences order by 1",
    "words on tables": "select relname, obj_description(oid, 'pg_class') from pg_class"
    " where relname in ('goods', 'sales', 'visits') order by 1",
}


class Place(Protocol):
    """Where rows go."""

    url: str

    def state(self) -> State:
        """Return what is there: equal for equal rows, keys and leftovers."""

    def holds(self, question: str) -> bool:
        """Whether a question's first value is true; not so where its tables are missing."""

    def run(self, script: str) -> None:
        """Run statements."""


class PostgresPlace:
    """A database."""

    def __init__(self, dsn: str) -> None:
        self.url = dsn
        self._connection: psycopg.Connection | None = None

    def state(self) -> State:
        """Count and hash the rows inside of the server; list tables, references, sequences."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found: State = {name: connection.execute(query).fetchall() for name, query in _POSTGRES_QUESTIONS.items()}
            for name in TABLES:
                if (name,) in connection.execute(_POSTGRES_QUESTIONS["tables"]).fetchall():
                    query = sql.SQL("select count(*), sum(hashtextextended(t::text, 0)) from {} t")
                    found[name] = connection.execute(query.format(sql.Identifier(name))).fetchone()
        return found

    def holds(self, question: str) -> bool:
        """Ask over a connection that stays, for it is asked many times."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url, autocommit=True)
        try:
            row = self._connection.execute(question.encode()).fetchone()
        except psycopg.errors.UndefinedTable:
            return False
        return bool(row and row[0])

    def run(self, script: str) -> None:
        """Run statements."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(script.encode())

    def close(self) -> None:
        """Close what :meth:`holds` opened."""
        if self._connection is not None:
            self._connection.close()


class SqlitePlace:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def state(self) -> State:
        """Hash the rows in their order by value; list tables and references; look for damage."""
        if not self.path.exists():
            return {"tables": []}
        with closing(sqlite3.connect(self.path)) as connection:
            names = connection.execute("select name from sqlite_master where type = 'table' order by 1").fetchall()
            found: State = {"tables": names, "damage": connection.execute("pragma integrity_check").fetchall()}
            for name in TABLES:
                if (name,) in names:
                    rows = connection.execute(f"select * from {name}").fetchall()
                    found[name] = len(rows), sha256(repr(sorted(rows, key=repr)).encode()).hexdigest()
                    found[f"{name} references"] = connection.execute(f"pragma foreign_key_list({name})").fetchall()
        return found

    def holds(self, question: str) -> bool:
        """Ask without waiting for a lock."""
        try:
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=0)) as connection:
                row = connection.execute(question).fetchone()
        except sqlite3.OperationalError:
            return False
        return bool(row and row[0])

    def run(self, script: str) -> None:
        """Run statements."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(script)
