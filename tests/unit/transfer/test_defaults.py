"""Defaults read from one store and written for the other."""

from __future__ import annotations

import pytest
from tests.unit.transfer.tables import column

from datalayer.stores.catalog import Kind
from datalayer.transfer.ddl.defaults import Literal, Special, is_null, postgres_default, read_default, sqlite_default


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("now()", Special.NOW),
        ("CURRENT_TIMESTAMP", Special.NOW),
        ("timezone('utc'::text, now())", Special.NOW),
        ("(now() AT TIME ZONE 'utc'::text)", Special.NOW),
        ("strftime('%Y-%m-%d %H:%M:%f000', 'now')", Special.NOW),
        ("CURRENT_DATE", Special.TODAY),
        ("gen_random_uuid()", Special.RANDOM_UUID),
        ("'confirmed'::character varying", Literal("confirmed")),
        ("'it''s'::text", Literal("it's")),
        ("'{}'::text[]", Literal("{}")),
        ("'{\"a\": 1}'::jsonb", Literal('{"a": 1}')),
        ("'1'::numeric(10,2)", Literal("1")),
        ("0", Literal("0")),
        ("(-1)", Literal("-1")),
        ("(0)::numeric", Literal("0")),
        ("true", Literal("true")),
        ("'now'", Literal("now")),
        ("nextval('t_id_seq'::regclass)", None),
        ("my_function('a')", None),
        ("1 + 1", None),
        ("('a' || 'b')", None),
        ("'a'::text || 'b'::text", None),
    ],
)
def test_read_default_understands_the_common_ones(expression: str, expected: object) -> None:
    """Literals, now, today and a random uuid are understood, everything else is not guessed at."""
    assert read_default(expression) == expected


@pytest.mark.parametrize(
    ("default", "kind", "postgres", "sqlite"),
    [
        (Literal("0"), Kind.INTEGER, "'0'", "0"),
        (Literal("1.50"), Kind.NUMERIC, "'1.50'", "'1.50'"),
        (Literal("1.5"), Kind.INTEGER, None, None),
        (Literal("1"), Kind.BOOLEAN, "'true'", "1"),
        (Literal("false"), Kind.BOOLEAN, "'false'", "0"),
        (Literal("perhaps"), Kind.BOOLEAN, None, None),
        (Literal("it's"), Kind.TEXT, "'it''s'", "'it''s'"),
        (Literal("{}"), Kind.JSONB, "'{}'", "'{}'"),
        (Literal("2024-01-01"), Kind.DATE, None, None),
        (Special.NOW, Kind.TIMESTAMP, "now()", "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"),
        (Special.NOW, Kind.DATE, "current_date", "current_date"),
        (Special.NOW, Kind.TEXT, None, None),
        (Special.TODAY, Kind.DATE, "current_date", "current_date"),
    ],
)
def test_defaults_are_written_only_where_they_mean_the_same(
    default: Literal | Special, kind: Kind, postgres: str | None, sqlite: str | None
) -> None:
    """A default is written in the words of the target for a column of that kind, or not at all."""
    assert postgres_default(default, column("c", kind)) == postgres
    assert sqlite_default(default, column("c", kind)) == sqlite


@pytest.mark.parametrize("expression", ["NULL", "null", "(NULL)", "NULL::character varying", "(NULL::numeric(10,2))"])
def test_null_is_no_default(expression: str) -> None:
    """A column without a default has it anyway."""
    assert is_null(expression)


@pytest.mark.parametrize("expression", ["NULLIF('a'::text, 'b'::text)", "null_safe()", "'null'", "NULL || 'a'"])
def test_what_only_begins_like_null_is_a_default(expression: str) -> None:
    """It is left out with a note, and not without a word."""
    assert not is_null(expression)


def test_empty_array_is_the_only_array_default() -> None:
    """The empty array is spelt differently by the two stores."""
    assert postgres_default(Literal("[]"), column("c", Kind.TEXT, array=True)) == "'{}'"
    assert sqlite_default(Literal("{}"), column("c", Kind.TEXT, array=True)) == "'[]'"
    assert sqlite_default(Literal("{a}"), column("c", Kind.TEXT, array=True)) is None
