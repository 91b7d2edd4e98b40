"""The PostgreSQL that follows goes away: the application goes on, by a policy, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.integration.request_capture.following import follow
from tests.integration.request_capture.place import Place

from datalayer.errors import ConfigurationError, StoreTimeoutError, UnavailableError
from datalayer.outbox.operations import Operation, OperationJournal
from datalayer.outbox.requests import AwayPolicy, RequestCapture
from datalayer.outbox.spool import Spool
from datalayer.query import Insert, Upsert
from datalayer.routing.request_capture import RequestCaptureStore, key_lookup


def with_policy(place: Place, policy: AwayPolicy, spool: Spool | None) -> RequestCaptureStore:
    """Return the store as another process would have it."""
    requests = RequestCapture(
        OperationJournal(place.reach), key_lookup(place.supabase), spool=spool, policy=policy, lifetime_seconds=0.2
    )
    return RequestCaptureStore(place.supabase, requests, timeout=0.5)


@pytest.fixture
async def reopened(place: Place) -> AsyncIterator[Spool]:
    """Lend the spool as a restarted process finds it."""
    spool = await Spool.open(place.spool_path, place.proxy.url)
    yield spool
    await spool.close()


async def test_writes_go_on_over_the_spool_and_are_handed_over(place: Place) -> None:
    """While PostgreSQL is away callers see no error; when it is back all is settled and the spool is empty."""
    await place.store.insert(Insert("parents", [{"code": "before"}]))
    await place.line.cut()
    for number in range(5):
        await place.store.upsert(Upsert("parents", [{"code": "during", "n": number}], ("code",)))
    assert await place.spool.count() == 5
    await place.mend()
    await follow(place)
    assert await place.spool.count() == 0
    assert place.primary("select code, n from parents order by id") == [("before", 0), ("during", 4)]
    assert place.behind("select code, n from parents order by id") == [("before", 0), ("during", 4)]


async def test_spool_covers_a_write_of_a_process_that_died(place: Place, reopened: Spool) -> None:
    """An operation that was open at the crash gets a whole lifetime in PostgreSQL, then it is resolved."""
    await place.line.cut()
    await place.store.insert(Insert("parents", [{"code": "a"}]))
    # The process dies before the answer's knowledge is on the disk: the operation is there as it began.
    await place.spool._run(
        lambda connection: connection.execute("update operations set resolved = 0, marks = null").close()
    )
    await place.mend()
    requests = RequestCapture(
        OperationJournal(place.reach), key_lookup(place.supabase), spool=reopened, lifetime_seconds=0.2
    )
    await requests.settle()
    assert place.operations() == 1
    assert await reopened.count() == 0
    await follow(place)
    assert place.behind("select code from parents") == [("a",)]


async def test_strict_policy_refuses_before_anything_is_sent(place: Place) -> None:
    """Under ``strict`` nothing is written that could not be covered."""
    store = with_policy(place, "strict", None)
    await place.line.cut()
    with pytest.raises(UnavailableError, match="DATALAYER_SECONDARY_DOWN"):
        await store.insert(Insert("parents", [{"code": "a"}]))
    assert place.primary("select count(*) from parents") == [(0,)]
    await place.mend()


async def test_gap_policy_remembers_the_table(place: Place) -> None:
    """Under ``gap`` the write goes on, and its whole table is compared when PostgreSQL is back."""
    store = with_policy(place, "gap", None)
    await place.line.cut()
    await store.insert(Insert("parents", [{"code": "a"}]))
    await place.mend()
    await store.capture.settle()
    assert place.operations() == 1
    await follow(place)
    assert place.behind("select code from parents") == [("a",)]


async def test_spool_that_refuses_becomes_a_gap(place: Place, reopened: Spool) -> None:
    """The application does not go down because this machine's disk is full as well."""
    store = with_policy(place, "spool", reopened)
    await reopened.close()
    await place.line.cut()
    await store.insert(Insert("parents", [{"code": "a"}]))
    await place.mend()
    with pytest.raises(UnavailableError):
        await store.capture.settle()
    await follow(place)
    assert place.behind("select code from parents") == [("a",)]


async def test_gap_survives_the_end_of_its_process(place: Place, reopened: Spool) -> None:
    """The disk remembers each table that was written uncovered, once, until PostgreSQL is back."""
    store = with_policy(place, "gap", place.spool)
    await place.line.cut()
    for code in ("a", "b"):
        await store.insert(Insert("parents", [{"code": code}]))
    assert await reopened.count() == 1
    await place.mend()
    requests = RequestCapture(
        OperationJournal(place.reach), key_lookup(place.supabase), spool=reopened, lifetime_seconds=0.2
    )
    await requests.settle()
    await follow(place)
    assert place.behind("select code from parents order by code") == [("a",), ("b",)]


async def test_gap_expires_behind_the_longest_request_that_it_stands_for(place: Place, reopened: Spool) -> None:
    """A write that joins it may take longer than the one that opened it; also where another process hands it over."""
    for number, handing in enumerate((place.spool, reopened)):
        requests = RequestCapture(
            OperationJournal(place.reach), key_lookup(place.supabase), spool=place.spool, policy="gap"
        )
        await place.line.cut()
        for seconds in (1.0, 900.0, 2.0):
            await requests.begin(Operation(uuid4(), "parents", (), None, seconds))
        await place.mend()
        if handing is reopened:
            requests = RequestCapture(OperationJournal(place.reach), key_lookup(place.supabase), spool=reopened)
        await requests.settle()
        lasting = "select count(*) from datalayer_operations where expires_at > now() + interval '15 minutes'"
        assert place.behind(lasting) == [(number + 1,)]


async def test_expired_operations_that_cannot_be_looked_up_keep_none_from_its_turn(place: Place) -> None:
    """However many fail again and again, those behind them are resolved."""

    async def lookup(operation: Operation) -> list[str]:
        if operation.columns == ("code",):
            raise StoreTimeoutError("no answer in time", store="supabase", operation="select")
        return ["[1]"]

    requests = RequestCapture(OperationJournal(place.reach), lookup)
    place.change_following(
        "insert into datalayer_operations (aggregatetype, keys, target, expires_at)"
        " select 'parents', '[]', case when n > 250 then '[\"id\"]' else '[\"code\"]' end::json, now() - interval '1 h'"
        " - (n < 251)::int * interval '1 h' from generate_series(1, 260) n"
    )
    for _ in range(3):
        await requests.settle()
    assert (place.operations(), len(place.marks())) == (250, 10)


async def test_write_goes_on_where_postgresql_refuses_its_operation(place: Place) -> None:
    """A new database that answers with errors takes the application down no more than one that does not answer."""
    place.change_following("alter table datalayer_operations rename to elsewhere")
    await place.store.insert(Insert("parents", [{"code": "a"}]))
    assert await place.spool.count() == 1
    place.change_following("alter table elsewhere rename to datalayer_operations")
    await follow(place)
    assert place.behind("select code from parents") == [("a",)]


async def test_operation_on_a_table_that_is_gone_holds_up_no_other(place: Place) -> None:
    """What cannot be looked up any more is owed as a whole, and the ones behind it are resolved."""
    place.change_following(
        "insert into datalayer_operations (aggregatetype, keys, target, expires_at) values"
        """ ('gone', '["[1]"]', '["id"]', now() - interval '2 s'),"""
        """ ('parents', '["[1]"]', '["id"]', now() - interval '1 s')"""
    )
    await place.requests.settle()
    assert place.marks() == [("gone", "*"), ("parents", "[1]")]
    assert place.operations() == 0


async def test_write_is_not_sent_when_it_was_stopped_for_too_long_after_it_was_covered(place: Place) -> None:
    """Its operation might end before the request: the caller hears that nothing was written, and nothing is."""
    times = iter([0.0, 3600.0])
    store = RequestCaptureStore(place.supabase, place.requests, timeout=0.5, clock=times.__next__)
    with pytest.raises(UnavailableError, match="nothing was written"):
        await store.insert(Insert("parents", [{"code": "new"}]))
    assert place.primary("select count(*) from parents") == [(0,)]
    assert place.operations() == 0


async def test_spool_of_another_project_is_refused(place: Place) -> None:
    """Keys that were written for one primary would be looked up in another one: the file knows whose it is."""
    await place.line.cut()
    await place.store.insert(Insert("parents", [{"code": "a"}]))
    with pytest.raises(ConfigurationError, match="DATALAYER_SPOOL_PATH") as caught:
        await Spool.open(place.spool_path, "https://another.example")
    assert place.proxy.url in str(caught.value)
    assert await place.spool.count() == 1
    await place.mend()
    await follow(place)
    assert place.behind("select code from parents") == [("a",)]
