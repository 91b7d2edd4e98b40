"""What every repository reads, shown on clients."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from tests.integration.repositories.samples import SALON, client

from datalayer.errors import InvalidValueError, MultipleRowsError, NotFoundError, SchemaError, UnknownColumnError
from datalayer.query import Select, asc, col, desc
from datalayer.repositories import BaseRepository, RepositorySet
from datalayer.stores.contract import Store


async def test_get_returns_the_one_row_that_matches(repositories: RepositorySet) -> None:
    """By any columns, typed."""
    await repositories.clients.insert_many([client(1, name="Анна"), client(2)])
    assert (await repositories.clients.get(yclients_id=1, company_id=SALON)).name == "Анна"
    assert (await repositories.clients.get(col("name").is_not_null())).yclients_id == 1


async def test_get_raises_when_there_is_none(repositories: RepositorySet) -> None:
    """The error names the table and the columns, not their values."""
    with pytest.raises(NotFoundError, match="no row in clients was found by yclients_id") as caught:
        await repositories.clients.get(yclients_id=31337)
    assert "31337" not in str(caught.value)


async def test_find_answers_none_when_there_is_none(repositories: RepositorySet) -> None:
    """None is a normal answer."""
    assert await repositories.clients.find(yclients_id=1) is None


async def test_get_and_find_raise_when_there_are_several(repositories: RepositorySet) -> None:
    """One of several is never picked by chance."""
    await repositories.clients.insert_many([client(1), client(2)])
    with pytest.raises(MultipleRowsError, match="clients"):
        await repositories.clients.get(company_id=SALON)
    with pytest.raises(MultipleRowsError, match="clients"):
        await repositories.clients.find(company_id=SALON)


async def test_find_takes_none_as_null(repositories: RepositorySet) -> None:
    """A keyword of None finds rows that have no value there."""
    await repositories.clients.insert_many([client(1, email="a@example.com"), client(2)])
    found = await repositories.clients.find(email=None)
    assert found is not None
    assert found.yclients_id == 2


@pytest.mark.parametrize("verb", ["get", "find", "list", "count", "exists", "delete"])
async def test_a_mistyped_column_is_told_with_the_nearest_one(repositories: RepositorySet, verb: str) -> None:
    """On every verb that takes columns as keywords."""
    with pytest.raises(UnknownColumnError, match="did you mean 'visit_count'"):
        await getattr(repositories.clients, verb)(visit_cuont=1)


async def test_list_is_ordered_and_paged(repositories: RepositorySet) -> None:
    """By the order given, ties by the primary key; else by the repository's own order."""
    await repositories.clients.insert_many([client(n, visit_count=n % 2) for n in (3, 1, 4, 2)])
    by_visits = await repositories.clients.list(order=(desc("visit_count"),), company_id=SALON)
    assert [row.yclients_id for row in by_visits] == [3, 1, 4, 2]
    page = await repositories.clients.list(order=(asc("yclients_id"),), limit=2, offset=1)
    assert [row.yclients_id for row in page] == [2, 3]
    assert [row.yclients_id for row in await repositories.clients.list()] == [3, 1, 4, 2]


async def test_list_takes_a_filter_and_columns_together(repositories: RepositorySet) -> None:
    """Both must hold."""
    await repositories.clients.insert_many([client(n, visit_count=n, blacklisted=n > 2) for n in range(1, 5)])
    rows = await repositories.clients.list(col("visit_count").gte(2), blacklisted=False)
    assert [row.yclients_id for row in rows] == [2]


async def test_list_has_a_limit_of_100_and_refuses_more_than_1000(repositories: RepositorySet) -> None:
    """The refusal names the verb that has no bound."""
    await repositories.clients.insert_many([client(n) for n in range(1, 102)])
    assert len(await repositories.clients.list()) == 100
    assert len(await repositories.clients.list(limit=1000)) == 101
    with pytest.raises(InvalidValueError, match="limit: is 1,000 at most; use iterate"):
        await repositories.clients.list(limit=1001)


@pytest.mark.parametrize("page_rows", [1, 7, 25, 1000])
async def test_iterate_yields_every_row_once_in_order(repositories: RepositorySet, page_rows: int) -> None:
    """Whatever the page, with NULLs and ties in the order."""
    rows = [client(n, visit_count=None if n % 5 == 0 else n % 3) for n in range(1, 26)]
    await repositories.clients.insert_many(rows)
    order = (desc("visit_count").nulls(first=False),)
    seen = [
        row.yclients_id
        async for row in repositories.clients.iterate(order=order, page_rows=page_rows, company_id=SALON)
    ]
    expected = sorted(rows, key=lambda row: (row["visit_count"] is None, -(row["visit_count"] or 0)))
    assert seen == [row["yclients_id"] for row in expected]


async def test_iterate_filters_every_page(repositories: RepositorySet) -> None:
    """The filter holds on the pages after the first too."""
    await repositories.clients.insert_many([client(n, visit_count=n) for n in range(1, 11)])
    where = col("visit_count").gt(8) | col("visit_count").lt(3)
    seen = [row.yclients_id async for row in repositories.clients.iterate(where, page_rows=1)]
    assert seen == [1, 2, 9, 10]


async def test_iterate_by_the_primary_key_is_not_disturbed_by_changes(repositories: RepositorySet) -> None:
    """Every row comes once while others are changed, added and deleted."""
    await repositories.clients.insert_many([client(n, visit_count=n) for n in range(1, 5)])
    rows = repositories.clients.iterate(order=(), page_rows=2)
    seen = [(await anext(rows)).yclients_id, (await anext(rows)).yclients_id]
    await repositories.clients.update({"visit_count": 9}, yclients_id=1)
    await repositories.clients.delete(yclients_id=2)
    await repositories.clients.insert(client(5, visit_count=0))
    seen += [row.yclients_id async for row in rows]
    assert seen == [1, 2, 3, 4, 5]


async def test_dicts_answer_the_same_questions_without_models(repositories: RepositorySet, store: Store) -> None:
    """Every column of the table, as the store has it, through the same verbs, order and pages."""
    await repositories.clients.insert_many([client(n, visit_count=-n) for n in (1, 2, 3)])
    dicts = repositories.clients.dicts
    stored = await store.select(Select("clients", order=(asc("id"),)))
    order = (desc("yclients_id"),)
    assert await dicts.list(order=order, limit=2) == [stored[2], stored[1]]
    assert await dicts.list(col("visit_count").lt(-1), offset=1) == [stored[2]]
    assert await dicts.get(yclients_id=2) == await dicts.find(yclients_id=2) == stored[1]
    assert await dicts.find(yclients_id=4) is None
    assert [row async for row in dicts.iterate(order=order, page_rows=1)] == stored[::-1]
    assert (await dicts.count(), await dicts.exists(yclients_id=4)) == (3, False)
    with pytest.raises(NotFoundError, match="no row in clients was found by yclients_id"):
        await dicts.get(yclients_id=4)


async def test_iterate_refuses_empty_pages(repositories: RepositorySet) -> None:
    """A page has at least one row."""
    with pytest.raises(InvalidValueError, match="page_rows"):
        await anext(aiter(repositories.clients.iterate(page_rows=0)))


async def test_count_and_exists(repositories: RepositorySet) -> None:
    """Both take filters and columns."""
    await repositories.clients.insert_many([client(n, visit_count=n) for n in range(1, 5)])
    assert await repositories.clients.count() == 4
    assert await repositories.clients.count(col("visit_count").gt(1), company_id=SALON) == 3
    assert await repositories.clients.exists(visit_count=4)
    assert not await repositories.clients.exists(col("visit_count").gt(4))


class _NarrowClient(BaseModel):
    id: int
    phone: int


class _NarrowClients(BaseRepository[_NarrowClient]):
    model = _NarrowClient
    table = "clients"
    key = ("id",)


@pytest.mark.parametrize("verb", ["get", "list"])
async def test_a_row_that_does_not_fit_its_model_is_told_by_column(
    store: Store, repositories: RepositorySet, verb: str
) -> None:
    """The model and the table differ: says where, without the value."""
    await store_raw_phone(repositories)
    with pytest.raises(SchemaError, match=r"_NarrowClient\.phone") as caught:
        await getattr(_NarrowClients(store), verb)()
    assert caught.value.columns == ("phone",)
    assert caught.value.table == "clients"
    assert "31337x" not in str(caught.value)
    assert caught.value.__context__ is None


async def store_raw_phone(repositories: RepositorySet) -> None:
    """Put a phone into the table that no rule for writing would let through."""

    class RawClient(BaseModel):
        id: int
        yclients_id: int
        phone: str

    class RawClients(BaseRepository[RawClient]):
        model = RawClient
        table = "clients"
        key = ("id",)

    await repositories.repository(RawClients).insert({"yclients_id": 1, "phone": "31337x"})
