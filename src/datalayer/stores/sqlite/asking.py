"""What runs on a connection's thread: a question is checked, compiled, bound, executed and decoded in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from datalayer.errors import SchemaError
from datalayer.query import Count, Delete, Row, Select, Update, Upsert, Written
from datalayer.query.filters import Shape
from datalayer.stores.checks import check_change, check_select
from datalayer.stores.sqlite import compile as compiler
from datalayer.stores.sqlite import foreign_keys
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import Facts, Schema, read_schema
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.rows import stored_rows
from datalayer.stores.sqlite.statements import Statement

T = TypeVar("T")
#: What compares stored values with given ones.
Comparing: TypeAlias = Select | Count | Update | Delete | Upsert


class Asker:
    """Asks questions of connections of one database.

    Its state, the schema as last read, is only ever replaced as a whole, so the threads of several connections may
    share it.
    """

    def __init__(self) -> None:
        self._known: Schema | None = None

    def forget_schema(self) -> None:
        """Read the schema anew at the next question."""
        self._known = None

    def schema(self, connection: sqlite3.Connection, *, refresh: bool = False) -> Schema:
        """Return the live schema."""
        known = self._known
        if known is None or refresh:
            known = self._known = read_schema(connection)
        return known

    def facts(self, table: str) -> Facts | None:
        """Return what is known of a table, without asking."""
        return self._known.facts.get(table) if self._known else None

    def checked(self, connection: sqlite3.Connection, check: Callable[[Schema], T]) -> T:
        """Apply ``check`` to the schema; a schema that seems too old is read again once."""
        fresh = self._known is None
        try:
            return check(self.schema(connection))
        except SchemaError:
            if fresh:
                raise
            return check(self.schema(connection, refresh=True))

    def comparing(self, connection: sqlite3.Connection, facts: Facts, question: Comparing) -> Facts:
        """Return the facts to compile a question with, by what it compares."""
        return facts

    def select(self, connection: sqlite3.Connection, question: Select) -> list[Row]:
        """Return the rows that match."""
        statement, values = self.selecting(connection, question)
        found, _ = statement.execute(connection, values)
        return statement.rows(found)

    def selecting(self, connection: sqlite3.Connection, question: Select) -> tuple[Statement, list[Any]]:
        """Return a select's statement and its bound values."""
        facts = self.checked(connection, lambda schema: _asked_facts(question, schema, "select"))
        where, limit = question.where, question.limit
        facts = self.comparing(connection, facts, question)
        paged = limit is not None or question.offset > 0
        key = ("select", _shape(question), question.order, question.columns, paged)
        statement = facts.compiled(key, lambda: compiler.select(question, facts))
        values = [] if where is None else list(where.values())
        if paged:
            values += [-1 if limit is None else limit, question.offset]
        return statement, statement.bind(values)

    def count(self, connection: sqlite3.Connection, question: Count) -> int:
        """Return how many rows match."""
        asked = Select(question.table, question.where)
        facts = self.checked(connection, lambda schema: _asked_facts(asked, schema, "count"))
        facts = self.comparing(connection, facts, question)
        key = ("count", _shape(question))
        statement = facts.compiled(key, lambda: compiler.count(question, facts))
        values = statement.bind(() if question.where is None else question.where.values())
        [(rows,)], _ = statement.execute(connection, values)
        return int(rows)

    def update(self, connection: sqlite3.Connection, question: Update) -> Written:
        """Change the rows that match."""
        facts = self.checked(connection, lambda schema: _change_facts(question, schema, "update"))
        facts.check_identity([question.changes], "update")
        facts = self.comparing(connection, facts, question)
        key = ("update", _shape(question), tuple(question.changes), question.returning)
        statement = facts.compiled(key, lambda: compiler.update(question, facts))
        values = [*question.changes.values(), *(() if question.where is None else question.where.values())]
        return self._change(connection, question, facts, statement, statement.bind(values))

    def delete(self, connection: sqlite3.Connection, question: Delete) -> Written:
        """Delete the rows that match."""
        facts = self.checked(connection, lambda schema: _change_facts(question, schema, "delete"))
        facts = self.comparing(connection, facts, question)
        key = ("delete", _shape(question), question.returning)
        statement = facts.compiled(key, lambda: compiler.delete(question, facts))
        values = statement.bind(() if question.where is None else question.where.values())
        return self._change(connection, question, facts, statement, values)

    def _change(
        self,
        connection: sqlite3.Connection,
        question: Update | Delete,
        facts: Facts,
        statement: Statement,
        values: list[Any],
    ) -> Written:
        try:
            with atomic(connection, needed=question.returning and facts.has_triggers):
                returned, touched = statement.execute(connection, values)
                if not question.returning:
                    return Written(touched, [])
                rows = stored_rows(connection, statement, facts, returned)
            return Written(len(rows), rows)
        except sqlite3.IntegrityError as error:
            if foreign_keys.is_foreign_key(error):
                violation = self._broken_key(connection, question, facts, statement.operation)
                if violation is not None:
                    raise violation from None
            raise

    def _broken_key(
        self, connection: sqlite3.Connection, question: Update | Delete, facts: Facts, operation: str
    ) -> Exception | None:
        if isinstance(question, Update):
            found = foreign_keys.missing_parent(connection, facts, [question.changes], operation)
            if found is not None:
                return found
        return foreign_keys.remaining_child(connection, self.schema(connection), facts, question.where, operation)


def _asked_facts(question: Select, schema: Schema, operation: str) -> Facts:
    table = schema.catalog.table(question.table, store=STORE, operation=operation)
    check_select(question, table, store=STORE, operation=operation)
    return schema.facts[question.table]


def _change_facts(question: Update | Delete, schema: Schema, operation: str) -> Facts:
    table = schema.catalog.table(question.table, store=STORE, operation=operation)
    check_change(question, table, store=STORE, operation=operation)
    return schema.facts[question.table]


def _shape(question: Select | Count | Update | Delete) -> Shape | None:
    return None if question.where is None else question.where.shape
