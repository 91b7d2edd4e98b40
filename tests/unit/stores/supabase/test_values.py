"""Values on their way out and in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.unit.stores.supabase.tables import column

from datalayer.errors import InvalidValueError, UnfitValueError, UnsupportedOperationError
from datalayer.query import JSON_NULL
from datalayer.stores.catalog import Kind
from datalayer.stores.supabase.values import body, decoder, encode, literal, selected

MOSCOW = timezone(timedelta(hours=3))
NUMERIC, JSONB, TEXT = (column("c", kind) for kind in (Kind.NUMERIC, Kind.JSONB, Kind.TEXT))


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        (Kind.NUMERIC, Decimal("1.10"), "1.10"),
        (Kind.NUMERIC, Decimal("NaN"), "NaN"),
        (Kind.NUMERIC, 0.1, "0.1"),
        (Kind.DOUBLE, float("-inf"), "-inf"),
        (Kind.DOUBLE, -0.0, "-0.0"),
        (Kind.BIGINT, 2**63 - 1, 2**63 - 1),
        (Kind.BOOLEAN, True, True),
        (Kind.UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Kind.BYTEA, b"\x00\xff", "\\x00ff"),
        (Kind.DATE, date(2024, 2, 29), "2024-02-29"),
        (Kind.TIME, time(9, 5, 0, 1), "09:05:00.000001"),
        (Kind.TIMESTAMP, datetime(2024, 1, 1, 10), "2024-01-01T10:00:00"),
        (Kind.TIMESTAMP, datetime(2024, 1, 1, 10, tzinfo=MOSCOW), "2024-01-01T07:00:00"),
        (Kind.TIMESTAMPTZ, datetime(2024, 1, 1, 10), "2024-01-01T10:00:00+00:00"),
        (Kind.TIMESTAMPTZ, datetime(2024, 1, 1, 10, tzinfo=MOSCOW), "2024-01-01T10:00:00+03:00"),
        (Kind.TEXT, None, None),
        (Kind.JSONB, {"a": [None, 1.5]}, {"a": [None, 1.5]}),
    ],
)
def test_encode_sends_numbers_and_times_as_exact_text(kind: Kind, value: Any, sent: Any) -> None:
    """No number passes through a float, no time loses its zone."""
    assert encode(value, column("c", kind)) == sent


def test_array_elements_are_encoded_one_by_one() -> None:
    """At any depth, NULL elements as they are."""
    assert encode([[Decimal("1.0"), None]], column("c", Kind.NUMERIC, declared="numeric[]")) == [["1.0", None]]


def test_json_null_cannot_be_written_but_asked_for() -> None:
    """PostgREST would store SQL NULL; in a filter the document null is a literal like others."""
    with pytest.raises(UnsupportedOperationError, match="'c'"):
        encode(JSON_NULL, JSONB)
    assert literal(JSON_NULL, JSONB) == "null"
    assert body([{"c": {"a": JSON_NULL}}]) == b'[{"c":{"a":null}}]'


def test_nul_is_refused_wherever_it_stands() -> None:
    """In a text, in an array, in a document; an escaped backslash before u0000 is harmless."""
    for call in (
        lambda: encode("a\0", TEXT),
        lambda: literal(["x", "\0"], column("c", declared="text[]")),
        lambda: literal({"a": "\0"}, JSONB),
        lambda: body([{"c": {"\0": 1}}]),
    ):
        with pytest.raises(UnfitValueError, match="NUL"):
            call()
    assert body({"c": "\\u0000"}) == b'{"c":"\\\\u0000"}'


def test_value_without_a_form_is_refused_by_column() -> None:
    """An object of a strange class is no value."""
    with pytest.raises(UnfitValueError, match="object") as caught:
        encode(object(), TEXT)
    assert caught.value.columns == ("c",)
    with pytest.raises(InvalidValueError):
        body({"c": {"a": object()}})


@pytest.mark.parametrize(
    ("kind", "value", "sqlstate"),
    [
        (Kind.BOOLEAN, 1, "42804"),
        (Kind.BYTEA, "text", "42804"),
        (Kind.TEXT, b"bytes", "42804"),
        (Kind.DATE, datetime(2024, 1, 1, 10), "22007"),
        (Kind.DATE, "2024-01-01T10:00", "22007"),
        (Kind.TIMESTAMP, "yesterday", "22007"),
        (Kind.TIMESTAMPTZ, "now", "22007"),
        (Kind.TIME, "noon", "22007"),
    ],
)
def test_value_of_a_wrong_type_is_refused_in_rows_and_filters(kind: Kind, value: Any, sqlstate: str) -> None:
    """Before it is sent: the server would make something of it."""
    for call in (encode, literal):
        with pytest.raises(UnfitValueError) as caught:
            call(value, column("c", kind))
        assert (caught.value.sqlstate, caught.value.columns) == (sqlstate, ("c",))


def test_document_with_a_value_without_a_form_is_refused_by_column() -> None:
    """A Decimal would come back as text."""
    for call in (encode, literal):
        with pytest.raises(InvalidValueError) as caught:
            call({"a": Decimal("1.5")}, JSONB)
        assert caught.value.field == "c"


@pytest.mark.parametrize(
    ("kind", "declared", "written"),
    [
        (Kind.INTEGER, None, "c"),
        (Kind.NUMERIC, None, "c::text"),
        (Kind.DOUBLE, None, "c::text"),
        (Kind.JSONB, None, "c::text"),
        (Kind.JSONB, "jsonb[]", "c::_text"),
        (Kind.TEXT, "text[]", "c"),
        (Kind.TEXT, "character varying(20)", "c"),
        (Kind.TEXT, "interval", "c::text"),
        (Kind.TEXT, "public.mood[]", "c::_text"),
    ],
)
def test_columns_whose_json_form_is_not_exact_are_selected_as_text(
    kind: Kind, declared: str | None, written: str
) -> None:
    """Numbers with a point, documents, and types that have no portable kind."""
    assert selected(column("c", kind, declared=declared)) == written


@pytest.mark.parametrize(
    ("kind", "received", "value"),
    [
        (Kind.NUMERIC, "1.10", Decimal("1.10")),
        (Kind.DOUBLE, "-0", -0.0),
        (Kind.JSONB, '{"a": null}', {"a": None}),
        (Kind.BYTEA, "\\x00ff", b"\x00\xff"),
        (Kind.TIMESTAMPTZ, "2024-01-01T10:00:00.000001+03:00", datetime(2024, 1, 1, 7, 0, 0, 1, tzinfo=UTC)),
        (Kind.TIMESTAMP, "2024-01-01T10:00:00.1", datetime(2024, 1, 1, 10, 0, 0, 100000)),
    ],
)
def test_decoder_makes_exact_python_values(kind: Kind, received: str, value: Any) -> None:
    """The inverse of what the server writes."""
    decode = decoder(column("c", kind))
    assert decode is not None
    assert (repr(decode(received)), type(decode(received))) == (repr(value), type(value))


def test_decoder_tells_json_null_from_sql_null_in_arrays_too() -> None:
    """A document null is JSON_NULL, an absent element None."""
    alone, listed = decoder(JSONB), decoder(column("c", Kind.JSONB, declared="jsonb[]"))
    assert alone is not None
    assert listed is not None
    assert alone("null") is JSON_NULL
    assert listed(["null", None, ["1"]]) == [JSON_NULL, None, [1]]
