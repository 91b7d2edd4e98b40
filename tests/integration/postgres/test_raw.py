"""Raw SQL: literal text, parameters apart, typed results."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from pydantic import BaseModel

from datalayer.errors import InvalidValueError, MultipleRowsError, SchemaError
from datalayer.query import Insert
from datalayer.stores.postgres import PostgresStore


class Total(BaseModel):
    """A row of the query below."""

    name: str
    total: Decimal


@dataclass
class Name:
    """The same, smaller, as a dataclass."""

    name: str


@pytest.fixture(autouse=True)
async def rows(store: PostgresStore) -> None:
    """Two rows to ask for."""
    await store.insert(Insert("items", [{"name": "a", "amount": 1}, {"name": "b", "amount": 2}]))


async def test_fetch_all_answers_models(store: PostgresStore) -> None:
    """Each row becomes the type that was asked for."""
    found = await store.fetch_all("select name, amount * %(n)s as total from items order by 1", {"n": 3}, rows=Total)
    assert found == [Total(name="a", total=Decimal(3)), Total(name="b", total=Decimal(6))]


async def test_fetch_one_answers_a_row_or_none_and_refuses_two(store: PostgresStore) -> None:
    """One row, none, or an error; never a silent first."""
    assert await store.fetch_one("select name from items where name = %s", ["a"], rows=Name) == Name("a")
    assert await store.fetch_one("select name from items where name = %s", ["z"]) is None
    with pytest.raises(MultipleRowsError):
        await store.fetch_one("select name from items")


async def test_percent_signs_are_plain_without_parameters(store: PostgresStore) -> None:
    """A query without parameters needs no escaping."""
    assert len(await store.fetch_all("select 1 from items where name like '%'")) == 2


async def test_execute_answers_how_many_rows_it_touched(store: PostgresStore) -> None:
    """A statement without a result tells its row count."""
    assert await store.execute("update items set amount = 0") == 2


async def test_a_result_that_does_not_fit_its_type_names_row_and_field_but_no_value(store: PostgresStore) -> None:
    """The message helps without giving data away."""
    with pytest.raises(InvalidValueError, match="row 0 of the result does not fit Total") as caught:
        await store.fetch_all("select 'secret' as total, name from items order by name", rows=Total)
    assert "secret" not in str(caught.value)
    assert caught.value.field == "total"


async def test_a_slip_in_the_sql_keeps_the_servers_words(store: PostgresStore) -> None:
    """The text is the programmer's own, so the server's hint may be quoted."""
    with pytest.raises(SchemaError, match="syntax error"):
        await store.fetch_all("selec 1")
