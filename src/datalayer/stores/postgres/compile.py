"""Questions compiled to SQL, once per shape."""

from __future__ import annotations

from datalayer.query import Count, Delete, Select, Update
from datalayer.query.order import OrderBy
from datalayer.stores.catalog import Table
from datalayer.stores.postgres.building import Builder
from datalayer.stores.postgres.names import assigned, quote, read
from datalayer.stores.postgres.statement import Statement
from datalayer.stores.postgres.values import write_encoder


def select(question: Select, table: Table) -> Statement:
    """Compile a select; its values are the filter's, then limit, then offset."""
    build = Builder(table)
    columns = question.columns or tuple(table.by_name)
    listed = ", ".join(read(table.by_name[name]) for name in columns)
    sql = f"SELECT {listed} FROM {quote(table.name)}{build.where(question.where)}{order(question.order)}"
    if question.limit is not None:
        sql += " LIMIT %s"
        build.take(None)
    if question.offset:
        sql += " OFFSET %s"
        build.take(None)
    return build.statement(sql)


def count(question: Count, table: Table) -> Statement:
    """Compile a count."""
    build = Builder(table)
    return build.statement(f"SELECT count(*) AS count FROM {quote(table.name)}{build.where(question.where)}")


def update(question: Update, table: Table) -> Statement:
    """Compile an update; its values are the changes', then the filter's."""
    build = Builder(table)
    assignments = []
    for name in question.changes:
        column = table.by_name[name]
        build.take(write_encoder(column.type))
        assignments.append(f"{quote(name)} = {assigned(column)}")
    sql = f"UPDATE {quote(table.name)} SET {', '.join(assignments)}{build.where(question.where)}"
    return build.statement(sql + returning(table, wanted=question.returning))


def delete(question: Delete, table: Table) -> Statement:
    """Compile a delete."""
    build = Builder(table)
    sql = f"DELETE FROM {quote(table.name)}{build.where(question.where)}"
    return build.statement(sql + returning(table, wanted=question.returning))


def order(parts: OrderBy) -> str:
    """Return the ORDER BY clause; NULL placement is written only where it differs from the server's own."""
    if not parts:
        return ""
    words = []
    for part in parts:
        word = quote(part.column) + (" DESC" if part.descending else "")
        if part.nulls_first != part.descending:
            word += " NULLS FIRST" if part.nulls_first else " NULLS LAST"
        words.append(word)
    return f" ORDER BY {', '.join(words)}"


def returning(table: Table, *, wanted: bool) -> str:
    """Return the RETURNING clause for all columns, or nothing."""
    return f" RETURNING {', '.join(map(read, table.columns))}" if wanted else ""
