"""Opening: where the interface lives, and clear errors where it does not."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest
from tests.integration.supabase.proxy import Fault, FaultyProxy, reply

from datalayer.errors import AccessDeniedError, ConfigurationError, InvalidValueError, UnavailableError
from datalayer.query import Insert, Select
from datalayer.servers.postgrest import PostgrestServer
from datalayer.servers.tokens import signed_key
from datalayer.stores.supabase import SupabaseStore


async def test_interface_is_found_at_the_root_and_under_supabases_path(rest: PostgrestServer) -> None:
    """A bare PostgREST and Supabase are opened by the same URL of the host, with or without the path."""
    async with FaultyProxy(rest.url, prefix="/rest/v1") as proxy:
        for url in (rest.url, proxy.url, f"{proxy.url}/", f"{proxy.url}/rest/v1"):
            store = await SupabaseStore.open(url, rest.service_key)
            written = await store.insert(Insert("log", [{"line": 1}]))
            assert written.rows == [{"line": 1}]
            assert (await store.health()).healthy
            await store.close()


@pytest.mark.parametrize("key", ["s3cret", signed_key("service_role", "s3cret" * 8), signed_key("nobody", "x" * 40)])
async def test_wrong_key_is_refused_at_once(rest: PostgrestServer, key: str) -> None:
    """No retry, and the key is not in the message."""
    started = perf_counter()
    with pytest.raises(AccessDeniedError, match="SUPABASE_SERVICE_ROLE_KEY") as caught:
        await SupabaseStore.open(rest.url, key)
    assert perf_counter() - started < 2
    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["", "line\nbreak", "ключ"])
async def test_key_that_cannot_be_one_is_a_configuration_error(rest: PostgrestServer, key: str) -> None:
    """An empty variable, a pasted line break: said before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        await SupabaseStore.open(rest.url, key)
    assert "SUPABASE_KEY" in caught.value.variables


@pytest.mark.parametrize("url", ["", "postgresql://host/db", "host:3000", "ftp://host", "https://"])
async def test_url_that_is_not_http_is_a_configuration_error(url: str) -> None:
    """The message says what a URL looks like."""
    with pytest.raises(ConfigurationError, match="https://HOST"):
        await SupabaseStore.open(url, "key")


async def test_absent_host_is_said_within_the_timeout() -> None:
    """Nothing listens at port 1."""
    started = perf_counter()
    with pytest.raises(UnavailableError, match="SUPABASE_URL"):
        await SupabaseStore.open("http://127.0.0.1:1", "key", timeout=1.0)
    assert perf_counter() - started < 1.5


async def test_silent_host_is_given_up_at_the_timeout(rest: PostgrestServer) -> None:
    """A host that accepts and never answers costs the timeout, not more."""
    async with FaultyProxy(rest.url) as proxy:
        proxy.script.append(Fault.STALL)
        started = perf_counter()
        with pytest.raises(Exception, match="in time"):
            await SupabaseStore.open(proxy.url, rest.service_key, timeout=0.3)
        assert 0.25 < perf_counter() - started < 1.5


@pytest.mark.parametrize("answer", [reply(200, body="<html>"), reply(200, body="[]"), reply(404)])
async def test_other_server_is_a_configuration_error(rest: PostgrestServer, answer: bytes) -> None:
    """A web page is not a PostgREST; the message says where it was found."""
    async with FaultyProxy(rest.url) as proxy:
        proxy.script.extend([answer, answer])
        with pytest.raises(ConfigurationError) as caught:
            await SupabaseStore.open(proxy.url, rest.service_key)
        assert proxy.url in str(caught.value)
    assert caught.value.variables == ("SUPABASE_URL",)


async def test_table_without_a_right_is_denied_and_not_called_unknown(rest: PostgrestServer) -> None:
    """A key that sees no tables learns why."""
    store = await SupabaseStore.open(rest.url, rest.anon_key)
    assert (await store.catalog()).tables == {}
    assert (await store.health()).healthy
    with pytest.raises(AccessDeniedError) as caught:
        await store.select(Select("notes"))
    assert (caught.value.operation, caught.value.table, caught.value.sqlstate) == ("select", "notes", "42501")
    await store.close()


async def test_page_size_below_any_cap_is_refused(rest: PostgrestServer) -> None:
    """A page of fewer than 100 rows could not be told from the last."""
    with pytest.raises(InvalidValueError, match="page_rows"):
        await SupabaseStore.open(rest.url, rest.service_key, page_rows=50)


async def test_close_leaves_nothing_behind_and_may_be_called_twice(rest: PostgrestServer) -> None:
    """No task stays, later calls fail at once, and supabase-py's client is ours to look at."""
    before = asyncio.all_tasks()
    store = await SupabaseStore.open(rest.url, rest.service_key)
    assert str(store.client.rest_url).startswith(rest.url)
    await store.select(Select("notes"))
    await store.close()
    await store.close()
    assert asyncio.all_tasks() == before
    started = perf_counter()
    with pytest.raises(UnavailableError, match="closed"):
        await store.select(Select("notes"))
    assert (await store.health()).error == "UnavailableError"
    assert perf_counter() - started < 0.5
