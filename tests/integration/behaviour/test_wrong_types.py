"""Values of a wrong type: refused alike by every store, and never turned into something else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.integration.behaviour.asking import put, read

from datalayer.errors import InvalidValueError, UnfitValueError
from datalayer.query import Update, Upsert, col
from datalayer.stores.contract import Store

WRONG = [
    ("raw", "text"),
    ("label", b"bytes"),
    ("whole", 1.0),
    ("whole", Decimal("1.0")),
    ("big", 2.5),
    ("small", True),
]


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(("column", "value"), WRONG)
async def test_value_of_a_wrong_type_is_refused(store: Store, column: str, value: Any, rows: int) -> None:
    """By insert, update and upsert, in one row and in many alike."""
    with pytest.raises(UnfitValueError):
        await put(store, "things", *({column: value} for _ in range(rows)))
    with pytest.raises(UnfitValueError):
        await store.upsert(Upsert("things", [{"id": n, column: value} for n in range(rows)], ("id",)))
    with pytest.raises(UnfitValueError):
        await store.update(Update("things", {column: value}, every_row=True))
    assert await read(store, "things") == []


@pytest.mark.parametrize("value", [0, 1])
async def test_number_is_no_boolean(store: Store, value: int) -> None:
    """In rows and in filters."""
    with pytest.raises(UnfitValueError):
        await put(store, "things", {"flag": value}, {"flag": value})
    with pytest.raises(UnfitValueError):
        await read(store, "things", col("flag").eq(value))


@pytest.mark.parametrize("document", [{"a": Decimal("1.5")}, [[Decimal(1)]], {"a": b"x"}, {"a": float("nan")}])
async def test_document_with_a_value_that_json_has_no_form_for_is_refused(store: Store, document: Any) -> None:
    """A Decimal would come back as text; in rows and in filters."""
    for rows in (1, 2):
        with pytest.raises(InvalidValueError):
            await put(store, "things", *({"doc": document} for _ in range(rows)))
    with pytest.raises(InvalidValueError):
        await read(store, "things", col("doc").contains(document))


@pytest.mark.parametrize("subject", ["sqlite", "supabase"], indirect=True)
@pytest.mark.parametrize(
    ("column", "value"),
    [("moment", "yesterday"), ("instant", "now"), ("day", "today"), ("clock", "allballs"), ("day", "1/8/2024")],
)
async def test_words_and_local_spellings_of_times_are_refused(store: Store, column: str, value: str) -> None:
    """PostgreSQL has words like these; ISO 8601 alone means the same everywhere."""
    with pytest.raises(UnfitValueError) as caught:
        await put(store, "things", {column: value})
    assert (caught.value.sqlstate, caught.value.columns) == ("22007", (column,))
    with pytest.raises(UnfitValueError):
        await read(store, "things", col(column).eq(value))
