"""The script in Supabase: captured over HTTP, kept from strangers, seen the same from both sides."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import UUID

import pytest
from tests.integration.outbox.supabase.project import Project

from datalayer.errors import (
    AccessDeniedError,
    SchemaError,
    StoreError,
    UnknownTableError,
    WritesHeldError,
)
from datalayer.layer.sequences import advance_keys
from datalayer.outbox.applying.functions import FunctionApplier
from datalayer.outbox.entries import Change
from datalayer.outbox.keys import decode_key
from datalayer.query import Delete, Insert, Select, Update, Upsert, asc, col
from datalayer.stores.supabase import SupabaseStore


async def test_writes_over_http_leave_entries_that_are_read_over_http(store: SupabaseStore) -> None:
    """Keys made by the server, batches, filtered updates, deletes and cascades; the outbox is a table like any."""
    await store.insert(Insert("items", [{"name": "a"}, {"name": "b"}]))
    await store.insert(Insert("prices", [{"item": 1, "day": "2025-01-31", "price": Decimal("1.5")}]))
    await store.upsert(Upsert("items", [{"name": "b", "amount": 2}, {"name": "c", "amount": 3}], ("name",)))
    await store.update(Update("items", {"amount": 7}, col("amount").is_null()))
    await store.delete(Delete("items", col("id").eq(1)))
    entries = await store.select(Select("datalayer_outbox", order=(asc("version"),)))
    assert [(e["aggregatetype"], e["aggregateid"], e["type"]) for e in entries] == [
        ("items", "[1]", "upsert"),
        ("items", "[2]", "upsert"),
        ("prices", '[1,"2025-01-31"]', "upsert"),
        ("items", "[2]", "upsert"),
        ("items", "[4]", "upsert"),
        ("items", "[1]", "upsert"),
        ("items", "[1]", "delete"),
        ("prices", '[1,"2025-01-31"]', "delete"),
    ]
    prices = (await store.catalog()).tables["prices"]
    (row,) = [e for e in entries if e["aggregatetype"] == "prices" and e["type"] == "delete"]
    assert decode_key(prices, row["aggregateid"])[0] == 1
    claim = Update("datalayer_outbox", {"claimed_by": "me"}, col("version").in_([e["version"] for e in entries]))
    assert (await store.update(claim)).count == 8
    await store.delete(Delete("datalayer_outbox", col("claimed_by").eq("me")))
    assert await store.select(Select("datalayer_outbox")) == []


async def test_strangers_neither_see_nor_touch_the_bookkeeping(installed: Project, store: SupabaseStore) -> None:
    """Tables, functions and the sequence are the service role's, whatever the project's default privileges say."""
    await store.insert(Insert("items", [{"name": "a"}]))
    stranger = await SupabaseStore.open(installed.server.url, installed.server.anon_key)
    try:
        assert not [name for name in (await stranger.catalog()).tables if name.startswith("datalayer_")]
        for table in ("datalayer_control", "datalayer_outbox", "datalayer_ledger"):
            with pytest.raises((AccessDeniedError, UnknownTableError)):
                await stranger.select(Select(table))
        for function, arguments in (
            ("datalayer_apply", {"origin": str(UUID(int=1)), "changes": {"keys": [], "steps": []}}),
            ("datalayer_status", {}),
            ("datalayer_fence", {}),
            ("datalayer_checksum", {"name": "items", "columns": [], "key": [], "cut": {"mask": 0}}),
        ):
            with pytest.raises((AccessDeniedError, SchemaError)):
                await stranger.call_function(function, arguments, writes=True)
    finally:
        await stranger.close()
    reachable = installed.door.execute("""
        select p.oid::regprocedure::text, r.rolname from pg_proc p, pg_roles r
        where p.proname like 'datalayer%' and r.rolname in ('anon', 'authenticated')
            and has_function_privilege(r.oid, p.oid, 'execute')
        union all
        select c.relname, r.rolname from pg_class c, pg_roles r
        where c.relname like 'datalayer%' and c.relkind in ('r', 'S') and r.rolname in ('anon', 'authenticated')
            and case c.relkind when 'S' then has_sequence_privilege(r.oid, c.oid, 'usage')
                else has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate') end
    """).fetchall()
    assert reachable == []


async def test_stranger_s_write_is_captured_all_the_same(installed: Project) -> None:
    """Whoever may write a table needs no right on the outbox: the trigger has its own."""
    stranger = await SupabaseStore.open(installed.server.url, installed.server.anon_key)
    try:
        await stranger.insert(Insert("items", [{"name": "a"}]))
    finally:
        await stranger.close()
    assert installed.door.execute("select aggregateid from datalayer_outbox").fetchall() == [("[1]",)]


async def test_status_is_the_same_over_http_and_over_the_direct_address(
    installed: Project, store: SupabaseStore
) -> None:
    """The service role sees what the owner sees."""
    from datalayer.outbox.capture.installed import status_of

    direct = await installed.direct()
    try:
        seen = await status_of(store)
        assert seen == await status_of(direct)
        assert seen.armed == ("items", "prices")
        assert list(seen.unusable) == ["loose"]
        assert seen.is_current
    finally:
        await direct.close()


async def test_keys_are_generated_behind_those_that_were_brought_along(store: SupabaseStore) -> None:
    """On the way back to Supabase its sequences move behind the other store's keys, over HTTP, and never back."""
    row = {"id": 500, "name": "brought", "amount": None}
    assert await FunctionApplier(store).apply(UUID(int=1), [Change("items", (500,), 1, row)]) == 1
    await advance_keys(store)
    assert (await store.insert(Insert("items", [{"name": "made"}]))).rows[0]["id"] == 501
    await store.delete(Delete("items", every_row=True))
    await advance_keys(store)
    assert (await store.insert(Insert("items", [{"name": "next"}]))).rows[0]["id"] == 502


async def test_fence_holds_writes_over_http(store: SupabaseStore) -> None:
    """A refused write is its own error; nothing of it happened."""
    await store.call_function("datalayer_fence", {}, writes=True)
    with pytest.raises(WritesHeldError) as caught:
        await store.insert(Insert("items", [{"name": "a"}]))
    assert caught.value.sqlstate == "DL001"
    applier = FunctionApplier(store)
    assert await applier.apply(UUID(int=1), [Change("items", (1,), 1, {"id": 1, "name": "a", "amount": None})]) == 1
    await store.call_function("datalayer_unfence", {}, writes=True)
    await store.delete(Delete("items", col("id").eq(1)))


async def test_apply_writes_no_bookkeeping_and_no_unknown_table(store: SupabaseStore) -> None:
    """The function is for the user's tables; a ledger that could be written through it would guard nothing."""
    step = {"kind": "delete", "columns": ["only"], "keys": ["[true]"], "rows": [{"only": True}]}
    for table, kind in (("datalayer_control", AccessDeniedError), ("nowhere", StoreError)):
        changes = {"keys": [{"table": table, "key": "[true]", "version": 1}], "steps": [step | {"table": table}]}
        with pytest.raises(kind):
            await store.call_function("datalayer_apply", {"origin": str(UUID(int=1)), "changes": changes}, writes=True)
    assert await store.select(Select("datalayer_ledger")) == []


async def test_schema_that_postgrest_has_not_read_names_the_remedy(installed: Project, store: SupabaseStore) -> None:
    """What was just made is not seen over HTTP until PostgREST reads the schema again: the error says how."""
    installed.door.execute("create table fresh (id integer primary key)")
    try:
        with pytest.raises(UnknownTableError, match=r"notify pgrst, 'reload schema'"):
            await store.select(Select("fresh"))
        with pytest.raises(SchemaError, match=r"datalayer supabase install; .*notify pgrst, 'reload schema'"):
            await store.call_function("datalayer_nowhere", {}, writes=False)
    finally:
        installed.door.execute("drop table fresh")


async def test_status_with_the_anon_key_names_the_key(
    installed: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key in the wrong variable is the cause, and nothing else is told."""
    from datalayer.cli.app import run

    monkeypatch.setenv("SUPABASE_URL", installed.server.url)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", installed.server.anon_key)
    assert await asyncio.to_thread(run, ["supabase", "status"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "the key is the role anon's" in line
    assert "set SUPABASE_SERVICE_ROLE_KEY" in line
