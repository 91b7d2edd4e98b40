"""Declared types of created columns."""

from __future__ import annotations

import pytest

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.transfer.ddl.types import postgres_type, sqlite_type


@pytest.mark.parametrize(
    ("kind", "declared", "array", "expected"),
    [
        (Kind.BIGINT, "INTEGER", False, "bigint"),
        (Kind.SMALLINT, "smallint", False, "bigint"),
        (Kind.REAL, "float4", False, "double precision"),
        (Kind.TEXT, "NVARCHAR(160)", False, "varchar(160)"),
        (Kind.TEXT, "TEXT", False, "text"),
        (Kind.NUMERIC, "NUMERIC(10,2)", False, "numeric(10,2)"),
        (Kind.NUMERIC, "decimal_text", False, "numeric"),
        (Kind.JSONB, "json_text", False, "jsonb"),
        (Kind.TIMESTAMP, "DATETIME", False, "timestamp"),
        (Kind.TEXT, "text[]", True, "text[]"),
    ],
)
def test_postgres_type_holds_every_value_of_a_sqlite_column(
    kind: Kind, declared: str, array: bool, expected: str
) -> None:
    """A column of SQLite becomes one of PostgreSQL that no value of it overflows."""
    assert postgres_type(ColumnType(kind, declared, array), "sqlite") == expected


def test_postgres_type_keeps_the_declaration_of_another_postgres() -> None:
    """Between two PostgreSQL servers a type stays as it is declared."""
    assert postgres_type(ColumnType(Kind.TEXT, "character varying(20)"), "postgres") == "character varying(20)"
    assert postgres_type(ColumnType(Kind.TEXT, "public.mood"), "supabase") == "public.mood"


@pytest.mark.parametrize(
    ("kind", "declared", "array", "expected"),
    [
        (Kind.INTEGER, "integer", False, "integer"),
        (Kind.NUMERIC, "numeric(12,2)", False, "decimal_text(12, 2)"),
        (Kind.NUMERIC, "numeric", False, "decimal_text"),
        (Kind.NUMERIC, "numeric(5,-2)", False, "decimal_text"),
        (Kind.TEXT, "character varying(20)", False, "varchar(20)"),
        (Kind.TEXT, "public.mood", False, "text"),
        (Kind.JSONB, "jsonb", False, "json_text"),
        (Kind.TIMESTAMPTZ, "timestamp(3) with time zone", False, "timestamptz"),
        (Kind.DOUBLE, "double precision", False, "double precision"),
        (Kind.INTEGER, "integer[]", True, '"int[]"'),
        (Kind.TEXT, "text[]", True, '"text[]"'),
    ],
)
def test_sqlite_type_keeps_values_exact(kind: Kind, declared: str, array: bool, expected: str) -> None:
    """Numbers and documents are declared as text where SQLite's own types would round or reformat them."""
    assert sqlite_type(ColumnType(kind, declared, array), "postgres") == expected


def test_sqlite_type_keeps_the_declaration_of_another_sqlite() -> None:
    """Between two SQLite files a type stays as it is declared, quoted where it is more than words."""
    assert sqlite_type(ColumnType(Kind.TEXT, "NVARCHAR(160)"), "sqlite") == "NVARCHAR(160)"
    assert sqlite_type(ColumnType(Kind.TEXT, 'te"xt[]', True), "sqlite") == '"te""xt[]"'
