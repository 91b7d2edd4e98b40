"""What every repository writes, shown on clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.repositories.conftest import NOW
from tests.integration.repositories.samples import SALON, client

from datalayer.errors import (
    BatchItemError,
    InvalidValueError,
    MissingConflictTargetError,
    NotNullViolationError,
    RepeatedKeyError,
    UniqueViolationError,
    UnknownColumnError,
    UnsafeWriteError,
)
from datalayer.models import Client
from datalayer.query import Duplicates, col
from datalayer.repositories import RepositorySet
from datalayer.repositories.ahead import PART_ROWS
from datalayer.stores.contract import Store
from datalayer.tasks import end


async def test_insert_returns_the_row_as_stored(repositories: RepositorySet) -> None:
    """With the store's defaults, after the rules for writing."""
    row = await repositories.clients.insert(client(1, name=" Анна ", phone="8 (968) 648-44-88"))
    assert row.id > 0
    assert (row.name, row.phone, row.visit_count, row.blacklisted) == ("Анна", "79686484488", 0, False)
    assert row == await repositories.clients.get(id=row.id)


async def test_insert_takes_a_model_of_which_the_set_fields_count(repositories: RepositorySet) -> None:
    """Defaults of the model are left to the store."""
    row = await repositories.clients.insert(Client(yclients_id=1, phone="89686484488"))
    assert row.visit_count == 0


async def test_insert_of_an_existing_key_is_refused(repositories: RepositorySet) -> None:
    """The error is the store's own."""
    await repositories.clients.insert(client(1))
    with pytest.raises(UniqueViolationError):
        await repositories.clients.insert(client(1))


async def test_insert_of_a_row_without_a_required_column_is_refused(repositories: RepositorySet) -> None:
    """The store says which one."""
    with pytest.raises(NotNullViolationError) as caught:
        await repositories.clients.insert({"yclients_id": 1})
    assert caught.value.columns == ("phone",)


async def test_insert_many_returns_rows_in_the_order_given(repositories: RepositorySet) -> None:
    """Rows may differ in their columns."""
    rows = await repositories.clients.insert_many([client(3), client(1, name="Анна"), client(2)])
    assert [(row.yclients_id, row.name) for row in rows] == [(3, None), (1, "Анна"), (2, None)]


async def test_upsert_writes_by_the_natural_key_and_keeps_absent_columns(repositories: RepositorySet) -> None:
    """The same client twice is one row, and what the second call does not say stays."""
    first = await repositories.clients.upsert(client(1, name="Анна", email="a@example.com"))
    second = await repositories.clients.upsert(client(1, name="Анна-Мария"))
    assert (second.id, second.name, second.email) == (first.id, "Анна-Мария", "a@example.com")
    assert await repositories.clients.count() == 1


async def test_upsert_of_a_row_that_was_read_changes_nothing_else(repositories: RepositorySet) -> None:
    """Read, change one field, write: the rest is as it was."""
    row = await repositories.clients.upsert(client(1, name="Анна", tags=["vip"], ai_context={"a": [1, None]}))
    row.name = "Мария"
    written = await repositories.clients.upsert(row)
    assert written.model_dump(exclude={"updated_at"}) == row.model_dump(exclude={"updated_at"})


async def test_upsert_needs_its_conflict_target(repositories: RepositorySet) -> None:
    """A row without its key is refused before anything is sent."""
    with pytest.raises(InvalidValueError, match="company_id: is required"):
        await repositories.clients.upsert({"yclients_id": 1, "phone": "89686484488"})
    with pytest.raises(InvalidValueError, match="yclients_id: is required"):
        await repositories.clients.upsert(client(1, yclients_id=None))


async def test_upsert_takes_another_conflict_target(repositories: RepositorySet) -> None:
    """Any unique key of the table will do."""
    row = await repositories.clients.upsert(client(1))
    changed = await repositories.clients.upsert({"id": row.id, **client(2)}, target=("id",))
    assert (changed.id, changed.yclients_id) == (row.id, 2)


async def test_upsert_stamps_the_present(repositories: RepositorySet) -> None:
    """From the clock given, in UTC without zone as the column is, whatever the row says."""
    row = await repositories.clients.upsert(client(1, updated_at="2020-01-01T00:00:00Z"))
    assert row.updated_at == NOW.replace(tzinfo=None)


async def test_upsert_many_keeps_columns_that_rows_do_not_have(repositories: RepositorySet) -> None:
    """Each row writes its own columns, not those of the first."""
    await repositories.clients.upsert_many([client(1, name="Анна", email="a@example.com"), client(2, name="Ольга")])
    rows = await repositories.clients.upsert_many([client(2, email="o@example.com"), client(1, name="Мария")])
    assert [(row.yclients_id, row.name, row.email) for row in rows] == [
        (2, "Ольга", "o@example.com"),
        (1, "Мария", "a@example.com"),
    ]


async def test_upsert_many_names_every_bad_row_and_writes_nothing(repositories: RepositorySet) -> None:
    """One bad row of a batch stops it, and all that is bad is said at once."""
    rows = [client(1), client(2, phone="123"), client(3), client(4, company_id=None, name="x", visit_count="many")]
    with pytest.raises(BatchItemError, match="nothing was written") as caught:
        await repositories.clients.upsert_many(rows)
    problems = {(problem.index, problem.field) for problem in caught.value.problems}
    assert problems == {(1, "phone"), (3, "company_id"), (3, "visit_count")}
    assert await repositories.clients.count() == 0


@pytest.mark.parametrize("verb", ["insert_many", "upsert_many"])
async def test_batches_have_1_to_500_rows(repositories: RepositorySet, verb: str) -> None:
    """More is for the verb that has no bound, which the refusal names; none is a mistake."""
    write = getattr(repositories.clients, verb)
    with pytest.raises(InvalidValueError, match="rows: the batch is empty"):
        await write([])
    with pytest.raises(InvalidValueError, match="use sync_many"):
        await write([client(n) for n in range(1, 502)])
    assert len(await write([client(n) for n in range(1, 501)])) == 500


async def test_sync_many_writes_any_number_of_rows_and_reports(repositories: RepositorySet) -> None:
    """From any iterable, by the natural key."""
    await repositories.clients.insert(client(1, email="a@example.com"))

    def rows() -> Iterator[dict[str, Any]]:
        yield from (client(n, name=f"Клиент {n}") for n in range(1, 1305))

    report = await repositories.clients.sync_many(rows(), batch_rows=500)
    assert (report.rows, report.batches) == (1304, 3)
    assert report.duration_seconds > 0
    assert await repositories.clients.count() == 1304
    assert (await repositories.clients.get(yclients_id=1)).email == "a@example.com"


async def test_sync_many_of_nothing_reports_nothing(repositories: RepositorySet) -> None:
    """A source without changes is a normal one."""
    report = await repositories.clients.sync_many([])
    assert (report.rows, report.batches) == (0, 0)


async def test_sync_many_names_every_bad_row_and_writes_nothing(repositories: RepositorySet) -> None:
    """Also when whole batches were sent before the first bad row came."""
    rows = [client(n, **({"phone": "1"} if n in (8, 10) else {})) for n in range(1, 11)]
    with pytest.raises(BatchItemError) as caught:
        await repositories.clients.sync_many(rows, batch_rows=3)
    assert caught.value.indexes == (7, 9)
    assert await repositories.clients.count() == 0


@pytest.mark.parametrize("salon", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mistake", [BatchItemError, RepeatedKeyError])
async def test_sync_many_lets_others_run_also_behind_a_mistake(
    repositories: RepositorySet, mistake: type[Exception]
) -> None:
    """The rows behind it are looked at too, a part at a time."""
    parts, turns, turns_at = 8, 0, []

    async def run_beside() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def rows() -> Iterator[dict[str, Any]]:
        yield client(1, phone="1") if mistake is BatchItemError else client(1)
        for number in range(1, parts * PART_ROWS):
            if number % PART_ROWS == 0:
                turns_at.append(turns)
            yield client(number)

    beside = asyncio.create_task(run_beside())
    with pytest.raises(mistake):
        await repositories.clients.sync_many(rows(), duplicates="error")
    await end(beside)
    assert len(set(turns_at)) == parts - 1


async def test_sync_many_tells_the_first_of_two_mistakes(store: Store, repositories: RepositorySet) -> None:
    """A batch that the store refuses, before a later one with a bad row; without transactions all rows come first."""
    rows = [client(1, name="a"), client(2, name="b"), client(3, phone="1", name="c")]
    expected = BatchItemError if store.name == "supabase" else MissingConflictTargetError
    with pytest.raises(expected):
        await repositories.clients.sync_many(rows, target=("name",), batch_rows=2)
    assert await repositories.clients.count() == 0


@pytest.mark.parametrize("salon", ["sqlite", "postgres"], indirect=True)
async def test_sync_many_works_inside_a_transaction(store: Store, repositories: RepositorySet) -> None:
    """It goes away with the transaction around it."""

    async def change_my_mind() -> None:
        async with store.transaction() as transaction:
            inside = RepositorySet(transaction)
            assert (await inside.clients.sync_many([client(1), client(2)])).rows == 2
            assert await inside.clients.count() == 2
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    assert await repositories.clients.count() == 0


async def test_sync_many_counts_new_rows_where_the_store_can_tell(repositories: RepositorySet, store: Store) -> None:
    """Rows that were there, from an earlier batch of the same sync too, were updated."""
    await repositories.clients.insert_many([client(1), client(2)])
    rows = [client(n % 6 + 1, name=str(n)) for n in range(1, 9)]
    report = await repositories.clients.sync_many(rows, batch_rows=4)
    assert (report.rows, report.batches) == (8, 2)
    known = store.name != "supabase"
    assert (report.inserted, report.updated) == ((4, 4) if known else (None, None))


@pytest.mark.parametrize("batch_rows", [2, 100])
async def test_sync_many_takes_the_last_or_the_first_of_several(repositories: RepositorySet, batch_rows: int) -> None:
    """Whether they come in one batch or in several."""
    rows = [client(1, name="a", email="a@example.com"), client(2, name="b"), client(3), client(1, name="c")]
    policies: list[tuple[Duplicates, str]] = [("last", "c"), ("first", "a")]
    for duplicates, name in policies:
        await repositories.clients.delete(every_row=True)
        report = await repositories.clients.sync_many(iter(rows), duplicates=duplicates, batch_rows=batch_rows)
        row = await repositories.clients.get(yclients_id=1)
        assert (report.rows, row.name, row.email) == (4, name, "a@example.com")
        assert await repositories.clients.count() == 3


@pytest.mark.parametrize("batch_rows", [2, 100])
async def test_sync_many_may_refuse_repeats(repositories: RepositorySet, batch_rows: int) -> None:
    """By their places among all rows, of any batch; nothing is written."""
    rows = [client(n) for n in (1, 2, 3, 1, 2, 4)]
    with pytest.raises(RepeatedKeyError) as caught:
        await repositories.clients.sync_many(rows, duplicates="error", batch_rows=batch_rows)
    assert caught.value.pairs == ((3, 0), (4, 1))
    assert await repositories.clients.count() == 0


async def test_upsert_many_says_what_a_repeated_key_means(repositories: RepositorySet) -> None:
    """The last row counts unless told otherwise."""
    rows = [client(1, name="a"), client(1, name="b")]
    assert [row.name for row in await repositories.clients.upsert_many(rows)] == ["b", "b"]
    assert [row.name for row in await repositories.clients.upsert_many(rows, duplicates="first")] == ["a", "a"]
    with pytest.raises(RepeatedKeyError, match="row 0 has the same key"):
        await repositories.clients.upsert_many(rows, duplicates="error")


async def test_update_changes_the_rows_that_match(repositories: RepositorySet) -> None:
    """By the rules for writing; answers how many."""
    await repositories.clients.insert_many([client(n, visit_count=n) for n in range(1, 4)])
    assert await repositories.clients.update({"name": " Анна "}, col("visit_count").gt(1)) == 2
    assert await repositories.clients.update({"name": "Мария"}, yclients_id=9) == 0
    assert [row.name for row in await repositories.clients.list()] == [None, "Анна", "Анна"]
    with pytest.raises(InvalidValueError, match="phone"):
        await repositories.clients.update({"phone": "123"}, yclients_id=1)


async def test_update_returning_answers_the_rows_as_stored(repositories: RepositorySet) -> None:
    """One round trip for a change and its result."""
    await repositories.clients.insert_many([client(1), client(2)])
    rows = await repositories.clients.update_returning({"blacklisted": True}, yclients_id=2)
    assert [(row.yclients_id, row.blacklisted) for row in rows] == [(2, True)]


async def test_delete_removes_the_rows_that_match(repositories: RepositorySet) -> None:
    """Answers how many."""
    await repositories.clients.insert_many([client(n) for n in range(1, 4)])
    assert await repositories.clients.delete(col("yclients_id").in_([1, 3]), company_id=SALON) == 2
    assert [row.yclients_id for row in await repositories.clients.list()] == [2]


async def test_changes_without_a_filter_are_refused_unless_every_row_is_meant(repositories: RepositorySet) -> None:
    """A forgotten filter does no harm."""
    await repositories.clients.insert_many([client(1), client(2)])
    with pytest.raises(UnsafeWriteError, match="every_row"):
        await repositories.clients.update({"name": "x"})
    with pytest.raises(UnsafeWriteError, match="every_row"):
        await repositories.clients.delete()
    assert await repositories.clients.update({"name": "x"}, every_row=True) == 2
    assert await repositories.clients.delete(every_row=True) == 2


async def test_a_mistyped_column_in_an_update_is_told(repositories: RepositorySet) -> None:
    """In the changes by the model, in the filter by the store."""
    with pytest.raises(InvalidValueError, match="did you mean 'name'"):
        await repositories.clients.update({"nmae": "x"}, yclients_id=1)
    with pytest.raises(UnknownColumnError, match="did you mean 'yclients_id'"):
        await repositories.clients.update({"name": "x"}, yclient_id=1)
