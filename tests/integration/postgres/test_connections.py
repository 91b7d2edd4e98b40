"""Connections that the server closed while they lay idle are found before they are used."""

import logging

import psycopg
import pytest

from datalayer.errors import AccessDeniedError, ConfigurationError, OutcomeUnknownError, UnavailableError
from datalayer.query import Count, Insert
from datalayer.stores.postgres import PostgresStore

_KILL_OTHERS = """
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""


async def test_an_idle_connection_that_the_server_closed_is_replaced_unnoticed(
    store: PostgresStore, datalayer_database: str
) -> None:
    """After a restart of the server the first write goes through, for nothing had been sent."""
    async with await psycopg.AsyncConnection.connect(datalayer_database, autocommit=True) as killer:
        await killer.execute(_KILL_OTHERS)
    written = await store.insert(Insert("items", [{"name": "after"}]))
    assert written.count == 1


async def test_a_connection_lost_during_a_write_leaves_its_outcome_unknown(store: PostgresStore) -> None:
    """The library says that it does not know, and how to find out."""
    with pytest.raises(OutcomeUnknownError, match="read the row"):
        await store.execute("select pg_terminate_backend(pg_backend_pid())")


async def test_a_connection_lost_inside_a_transaction_means_nothing_was_kept(store: PostgresStore) -> None:
    """Before the commit a lost connection is only unavailability: the transaction is gone."""

    async def lose_the_connection() -> None:
        async with store.transaction() as transaction:
            await transaction.insert(Insert("items", [{"name": "lost"}]))
            await transaction.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(UnavailableError):
        await lose_the_connection()
    assert await store.count(Count("items")) == 0


async def test_open_refuses_a_malformed_dsn_without_repeating_it() -> None:
    """A DSN holds a password; the message does not."""
    with pytest.raises(ConfigurationError) as caught:
        await PostgresStore.open("postgresql://user:hunter2@[broken/db")
    assert "hunter2" not in str(caught.value)


async def test_open_says_that_the_database_does_not_exist(datalayer_database: str) -> None:
    """The commonest slip of a DSN has its own words."""
    with pytest.raises(UnavailableError, match="database does not exist"):
        await PostgresStore.open(datalayer_database.replace("datalayer_test_", "datalayer_missing_"))


async def test_open_says_that_the_user_was_refused(datalayer_database: str) -> None:
    """A wrong user is not the same as a server that is away."""
    with pytest.raises(AccessDeniedError):
        await PostgresStore.open(
            datalayer_database.replace("postgres:", "nobody:", 1).replace("postgres@", "nobody@", 1)
        )


async def test_a_closed_store_says_so(datalayer_database: str) -> None:
    """Closing twice is fine; asking afterwards is a clear error."""
    store = await PostgresStore.open(datalayer_database)
    await store.close()
    await store.close()
    with pytest.raises(UnavailableError, match="closed"):
        await store.count(Count("items"))


async def test_attempts_of_another_pool_are_logged_as_before(
    store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """An application's own pool keeps its log, whatever ours does with its lines."""
    assert await store.count(Count("items")) == 0
    logger = logging.getLogger("psycopg.pool")
    logger.warning("error connecting in %r: %s", store.pool.name, "ours")
    logger.warning("error connecting in %r: %s", "pool-1", "theirs")
    logger.warning("rolling back returned connection: %s", "ours as well")
    assert [message.rsplit(": ")[1] for message in caplog.messages] == ["theirs", "ours as well"]
