"""Columns as statements name them."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from datalayer.stores import sql_names
from datalayer.stores.catalog import Column, ColumnType
from datalayer.stores.postgres.values import cast_name


def read(column: Column) -> str:
    """Return the column as it is asked for."""
    name = quote(column.name)
    return f"{name}::text[] AS {name}" if is_foreign_array(column.type) else name


def is_foreign_array(column_type: ColumnType) -> bool:
    """Whether it is an array of a type that psycopg has not met: it would come as one text unless it is cast."""
    return column_type.array and psycopg.adapters.types.get(cast_name(column_type.declared)) is None


def names(columns: Iterable[str]) -> str:
    """Return quoted names, joined by commas."""
    return ", ".join(map(quote, columns))


def quote(name: str) -> str:
    """Quote an identifier; ``%`` is doubled because the text has placeholders."""
    return escaped(sql_names.quote(name))


def escaped(text: str) -> str:
    """Double each ``%``, because the text has placeholders."""
    return text.replace("%", "%%")


def comparable(column: Column) -> str:
    """Return the column as it can be compared: type json has no operators, jsonb has."""
    return (
        f"{quote(column.name)}::jsonb" if column.type.is_json and column.type.declared == "json" else quote(column.name)
    )


def assigned(column: Column) -> str:
    """Return the placeholder of a value of the column."""
    return f"%s::{escaped(cast_name(column.type.declared))}" if column.type.array else "%s"
