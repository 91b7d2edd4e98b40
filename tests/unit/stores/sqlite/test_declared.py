"""Declared types as portable kinds."""

from __future__ import annotations

import pytest

from datalayer.stores.catalog import Kind
from datalayer.stores.sqlite.declared import Affinity, read_declared


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("INTEGER", Kind.BIGINT),
        ("int", Kind.BIGINT),
        ("UNSIGNED BIG INT", Kind.BIGINT),
        ("MEDIUMINT", Kind.INTEGER),
        ("int4", Kind.INTEGER),
        ("TINYINT(1)", Kind.SMALLINT),
        ("NVARCHAR(160)", Kind.TEXT),
        ("CHARACTER VARYING (20)", Kind.TEXT),
        ("CLOB", Kind.TEXT),
        ("STRING", Kind.TEXT),
        ("", Kind.TEXT),
        ("NUMERIC(10,2)", Kind.NUMERIC),
        ("Decimal", Kind.NUMERIC),
        ("decimal_text(12, 2)", Kind.NUMERIC),
        ("SOMETHING ELSE", Kind.NUMERIC),
        ("POINT", Kind.BIGINT),
        ("double  precision", Kind.DOUBLE),
        ("FLOAT", Kind.DOUBLE),
        ("float4", Kind.REAL),
        ("DATETIME", Kind.TIMESTAMP),
        ("timestamp(6) without time zone", Kind.TIMESTAMP),
        ("TIMESTAMP(6) WITH TIME ZONE", Kind.TIMESTAMPTZ),
        ("timestamptz", Kind.TIMESTAMPTZ),
        ("json_text", Kind.JSONB),
        ("json", Kind.JSON),
        ("BLOB", Kind.BYTEA),
        ("LONGBLOB", Kind.BYTEA),
        ("bool", Kind.BOOLEAN),
        ("uuid", Kind.UUID),
    ],
)
def test_declared_type_has_a_sensible_kind(declared: str, kind: Kind) -> None:
    """What other programs write as a type is understood, in any case and spacing."""
    found = read_declared(declared)
    assert found.type.kind is kind
    assert not found.type.array


@pytest.mark.parametrize(
    ("declared", "kind"), [("text[]", Kind.TEXT), ("int4[][]", Kind.INTEGER), ("uuid[3]", Kind.UUID)]
)
def test_brackets_make_an_array(declared: str, kind: Kind) -> None:
    """Any number of brackets is one array of the kind before them."""
    found = read_declared(declared).type
    assert (found.kind, found.array, found.declared) == (kind, True, declared)


def test_limits_are_the_numbers_in_parentheses() -> None:
    """Length, or precision and scale."""
    assert read_declared("varchar(20)").limits == (20,)
    assert read_declared("numeric( 12 , 2 )").limits == (12, 2)
    assert read_declared("text").limits == ()


def test_decimal_text_keeps_digits_as_text() -> None:
    """Only a text affinity keeps every digit."""
    assert read_declared("decimal_text").decimal_text
    assert read_declared("decimal_text").affinity is Affinity.TEXT
    assert not read_declared("decimal").decimal_text


@pytest.mark.parametrize(
    ("declared", "default", "loose"),
    [
        ("timestamp", None, False),
        ("timestamptz", "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')", False),
        ("timestamp", "null", False),
        ("TIMESTAMP", "CURRENT_TIMESTAMP", True),
        ("DATETIME", None, True),
        ("date", "CURRENT_DATE", False),
    ],
)
def test_timestamps_of_other_spelling_are_loose(declared: str, default: str | None, loose: bool) -> None:
    """Where other hands write timestamps, they are compared by what they mean, not as text."""
    assert read_declared(declared, default).loose is loose
