"""PostgreSQL: every change of a row becomes an entry of the same transaction, however it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.integration.outbox.writes import ITEMS, TABLES, changed, contents, entries, noted, statements

from datalayer.errors import WritesHeldError
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.keys import decode_key
from datalayer.query import Delete, Insert, Update, Upsert, col
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="module")
async def watched(datalayer_postgres: FoundServer) -> AsyncIterator[psycopg.Connection]:
    """Lend a connection to a database whose three tables are armed."""
    with datalayer_postgres.fresh_database() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TABLES.encode())
        store = await PostgresStore.open(dsn)
        await capture.install(store)
        await store.close()
        yield connection


@given(writes=st.lists(st.tuples(statements(), st.sampled_from(["commit", "commit", "rollback"])), max_size=12))
@hypothesis_settings(max_examples=60)
def test_outbox_has_exactly_the_keys_that_changed(watched: psycopg.Connection, writes: list[tuple[str, str]]) -> None:
    """Inserts, upserts, updates of many rows, key changes, deletes and cascades leave their keys; undone ones none."""

    def ask(query: str) -> list[tuple[object, ...]]:
        return watched.execute(query.encode()).fetchall()

    watched.execute("delete from kids; delete from parents; delete from pairs; delete from datalayer_outbox")
    tags = count(1)
    for statement, end in writes:
        before = contents(ask)
        watched.execute("begin")
        watched.execute(statement.replace("{tag}", str(next(tags) * 100)).encode())
        watched.execute(end.encode())
        assert noted(ask) == changed(before, contents(ask)), statement
        watched.execute("delete from datalayer_outbox")


async def test_contract_verbs_leave_entries(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """Keys made by the server, filtered updates and deletes are captured without the store's help."""
    door.execute("create table people (id serial primary key, name text, age int)")
    await capture.install(postgres)
    await postgres.insert(Insert("people", [{"name": "Anna", "age": 1}, {"name": "Boris", "age": 2}]))
    await postgres.upsert(Upsert("people", [{"id": 2, "name": "Vera"}, {"id": 7, "name": "Gleb"}], ("id",)))
    await postgres.update(Update("people", {"age": 3}, col("age").is_null()))
    await postgres.delete(Delete("people", col("name").eq("Anna")))
    assert entries(door) == [
        ("people", "[1]", "upsert"),
        ("people", "[2]", "upsert"),
        ("people", "[2]", "upsert"),
        ("people", "[7]", "upsert"),
        ("people", "[7]", "upsert"),
        ("people", "[1]", "delete"),
    ]


async def test_truncate_is_one_entry_for_the_whole_table(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """TRUNCATE fires no row's trigger, and is owed all the same, its cascade included."""
    door.execute(TABLES)
    await capture.install(postgres)
    door.execute("insert into parents values (1, null, 1); insert into kids values (1, 1, 2)")
    entries(door)
    door.execute("truncate parents cascade")
    assert sorted(entries(door)) == [("kids", "*", "truncate"), ("parents", "*", "truncate")]


async def test_keys_of_every_kind_are_read_back_exactly(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """What the trigger writes decodes to the key that the store reads, whatever the session's settings."""
    door.execute("""
        create domain code as text;
        create type mood as enum ('calm', 'glad');
        create table "Odd ""Table" (
            "a b" integer, n numeric, t text, u uuid, d date, c time, m timestamp, z timestamptz, r bytea, y boolean,
            f char(4), o code, e mood, v text,
            primary key ("a b", n, t, u, d, c, m, z, r, y, f, o, e))
    """)
    await capture.install(postgres)
    door.execute("set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set bytea_output = 'escape'")
    door.execute("""
        insert into "Odd ""Table" values
        (7, 1.50, E'q"\\\\\n\u0001ü', gen_random_uuid(), '2025-01-31', '10:00:00.25', '2025-01-31 10:00:00.000001',
         '2025-01-31 10:00:00.5', '\\x00ff5c', true, 'ab', 'x', 'glad', 'first'),
        (-1, 100, '', gen_random_uuid(), '0044-03-15', '00:00', '9999-12-31 23:59:59.999999',
         '1970-01-01 00:00:00+00', '', false, '', '', 'calm', 'second')
    """)
    table = (await postgres.catalog(refresh=True)).tables['Odd "Table']
    texts = [text for _, text, _ in entries(door)]
    stored = [
        tuple(row[name] for name in table.primary_key)
        for row in await postgres.fetch_all('select * from "Odd ""Table" order by "a b" desc')
    ]
    assert [decode_key(table, text) for text in texts] == stored


async def test_partitions_are_captured_under_their_table(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """Rows written through the table, written to a partition, moved between two, or truncated there."""
    door.execute("""
        create table part (id int, region text, v text, primary key (id, region)) partition by list (region);
        create table part_a partition of part for values in ('a');
        create table part_b (v text, region text not null, id int not null);
        alter table part attach partition part_b for values in ('b');
    """)
    await capture.install(postgres)
    door.execute("insert into part values (1, 'a', 'x'); insert into part_b (id, region) values (2, 'b')")
    door.execute("update part set region = 'b' where id = 1")
    door.execute("truncate part_b")
    assert entries(door) == [
        ("part", '[1,"a"]', "upsert"),
        ("part", '[2,"b"]', "upsert"),
        ("part", '[1,"a"]', "delete"),
        ("part", '[1,"b"]', "upsert"),
        ("part", "*", "truncate"),
    ]
    door.execute("create table part_c partition of part for values in ('c')")
    assert (await capture.status(postgres)).outdated == ("part",)
    assert (await capture.install(postgres)).armed == ("part",)
    door.execute("truncate part_c")
    assert entries(door) == [("part", "*", "truncate")]


async def test_tables_of_other_schemas_in_the_search_path_are_captured(door: psycopg.Connection) -> None:
    """The bookkeeping is in one schema, the tables in any that the store sees."""
    door.execute("create schema other; create table other.things (id int primary key)")
    with psycopg.connect(door.info.dsn, password=door.info.password, options="-c search_path=public,other") as seeing:
        store = await PostgresStore.open(f"{door.info.dsn} options='-c search_path=public,other'")
        try:
            assert (await capture.install(store)).armed == ("things",)
            seeing.execute("insert into things values (1)")
            seeing.commit()
            assert entries(door) == [("things", "[1]", "upsert")]
            assert await capture.uninstall(store)
        finally:
            await store.close()


async def test_generated_and_json_columns_do_not_disturb(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """Only what really changed is noted, also where a column's type knows no equality."""
    door.execute("create table docs (id int primary key, d json, n int, twice int generated always as (n * 2) stored)")
    await capture.install(postgres)
    door.execute("""insert into docs values (1, '{"a": 1}', 1), (2, null, 2)""")
    entries(door)
    door.execute("update docs set d = d, n = n")
    assert entries(door) == []
    door.execute("""update docs set d = '{"a":1}'""")
    assert entries(door) == [("docs", "[1]", "upsert"), ("docs", "[2]", "upsert")]


async def test_armed_table_can_be_altered(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """Columns come, go and change their type as before; another key, or another type of it, needs an install."""
    door.execute("create table goods (id integer primary key, name text, old integer)")
    await capture.install(postgres)
    door.execute("insert into goods values (1, 'a', 1)")
    door.execute("alter table goods add column later text default 'x'")
    door.execute("alter table goods alter column name type varchar(50), drop column old")
    entries(door)
    door.execute("update goods set later = 'y'")
    door.execute("alter table goods alter column id type bigint")
    assert (await capture.status(postgres)).outdated == ("goods",)
    assert (await capture.install(postgres)).armed == ("goods",)
    door.execute("insert into goods values (5000000000, 'b')")
    door.execute("delete from goods where id = 1")
    assert entries(door) == [
        ("goods", "[1]", "upsert"),
        ("goods", "[5000000000]", "upsert"),
        ("goods", "[1]", "delete"),
    ]
    assert (await capture.status(postgres)).armed == ("goods",)
    door.execute("alter table goods drop constraint goods_pkey, add primary key (id, name)")
    assert (await capture.status(postgres)).outdated == ("goods",)
    assert (await capture.install(postgres)).armed == ("goods",)
    door.execute("update goods set name = 'c'")
    assert entries(door) == [("goods", '[5000000000,"c"]', "upsert"), ("goods", '[5000000000,"b"]', "delete")]


async def test_later_commit_of_a_key_has_the_higher_version(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """The version is taken while the row is locked, so who waits for the row gets his version after."""
    door.execute(ITEMS)
    await capture.install(postgres)
    door.execute("insert into items (name) values ('a')")
    entries(door)
    with door.transaction():
        door.execute("update items set name = 'first'")
        second = asyncio.create_task(postgres.update(Update("items", {"name": "second"}, col("id").eq(1))))
        await _until_somebody_waits(postgres, "transactionid")
        # A later version of another key must not hide that the waiting one comes after.
        door.execute("insert into items (name) values ('other')")
    await second
    order = [key for _, key, _ in entries(door)]
    assert order == ["[1]", "[2]", "[1]"]
    assert door.execute("select name from items where id = 1").fetchone() == ("second",)


async def test_rows_applied_from_another_store_leave_no_entries(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """An applied row must not come back as a change of this store's own."""
    door.execute(ITEMS)
    await capture.install(postgres)
    with door.transaction():
        door.execute("set local datalayer.applying = 'on'")
        door.execute("insert into items (name) values ('a'); update items set name = 'b'; truncate items")
    assert entries(door) == []
    door.execute("insert into items (name) values ('a')")
    assert entries(door) == [("items", "[2]", "upsert")]


async def test_writes_by_replication_are_captured(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """A session that plays replica skips ordinary triggers, and its changes are changes all the same."""
    door.execute(ITEMS)
    await capture.install(postgres)
    door.execute("set session_replication_role = replica")
    door.execute("insert into items (name) values ('a'); delete from items; truncate items")
    assert [kind for _, _, kind in entries(door)] == ["upsert", "delete", "truncate"]


async def test_whoever_may_write_the_table_is_captured(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """A role without any right on the bookkeeping writes as before, and cannot touch an entry."""
    door.execute(ITEMS)
    await capture.install(postgres)
    role = f"writer_{door.info.dbname}"
    door.execute(f"create role {role}; grant all on items to {role}; grant usage on schema public to {role}")
    try:
        door.execute(f"set role {role}")
        door.execute("insert into items (name) values ('a')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            door.execute("delete from datalayer_outbox")
        door.execute("reset role")
        assert entries(door) == [("items", "[1]", "upsert")]
    finally:
        door.execute("reset role")
        door.execute(f"drop owned by {role}; drop role {role}")


async def test_fence_waits_for_writers_and_then_refuses_writes(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """When the fence stands, every write that will ever commit has committed."""
    door.execute(ITEMS)
    await capture.install(postgres)
    with door.transaction():
        door.execute("insert into items (name) values ('before')")
        raising = asyncio.create_task(capture.fence(postgres))
        await _until_somebody_waits(postgres)
        assert not raising.done()
    await raising
    with pytest.raises(WritesHeldError) as caught:
        await postgres.insert(Insert("items", [{"name": "after"}]))
    assert caught.value.sqlstate == "DL001"
    assert (await capture.status(postgres)).fenced
    with door.transaction():
        door.execute("set local datalayer.applying = 'on'")
        door.execute("insert into items (name) values ('applied')")
    await capture.unfence(postgres)
    await postgres.insert(Insert("items", [{"name": "after"}]))
    assert [row[0] for row in door.execute("select name from items order by id")] == ["before", "applied", "after"]


@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_fence_refuses_a_write_before_its_values_are_looked_at(
    postgres: PostgresStore, door: psycopg.Connection, role: str
) -> None:
    """A key that the relay brought, a missing parent, a bad value: the writer hears of the fence all the same."""
    door.execute(ITEMS + "; create table notes (item bigint primary key references items, word text not null)")
    door.execute("create table part (id int primary key, name text) partition by range (id)")
    door.execute("create table part_1 partition of part for values from (0) to (9)")
    await capture.install(postgres)
    await capture.fence(postgres)
    with door.transaction():
        door.execute("set local datalayer.applying = 'on'")
        door.execute("insert into items (id, name) overriding system value values (1, 'brought'), (2, 'too')")
        door.execute("insert into notes values (1, 'x'); insert into part values (1, 'a')")
    door.execute(f"set session_replication_role = {role}")
    for write in (
        "insert into items (name) values ('late')",
        "insert into items (name) values ('too') on conflict (id) do update set name = excluded.name",
        "insert into notes values (9, 'no such item')",
        "insert into notes values (2, null)",
        "insert into part values (1, 'b')",
        "insert into part_1 values (1, 'b')",
        "update items set name = 'brought' where id = 2",
        "update part_1 set id = 20",
        "delete from items where id = 1",
        "truncate items cascade",
        "truncate part_1",
    ):
        with pytest.raises(psycopg.Error) as caught:
            door.execute(write)
        assert caught.value.sqlstate == "DL001", write
    assert entries(door) == []


async def test_rows_that_change_without_their_tables_statement_are_fenced(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """An update through a parent fires no statement's trigger of the child, nor does one of a partition that is new."""
    door.execute("create table parents (id int primary key); create table kids (primary key (id)) inherits (parents)")
    door.execute("create table part (id int primary key) partition by range (id)")
    await capture.install(postgres)
    door.execute("create table part_1 partition of part for values from (0) to (9)")
    door.execute("insert into kids values (1); insert into part values (1)")
    await capture.fence(postgres)
    await postgres.execute("drop trigger datalayer_capture_fence on parents")
    for write in ("update parents set id = 2", "insert into part_1 values (2)"):
        with pytest.raises(psycopg.Error) as caught:
            door.execute(write.encode())
        assert caught.value.sqlstate == "DL001", write


async def test_fence_holds_against_a_snapshot_from_before(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """A transaction whose snapshot does not show the fence cannot write behind it."""
    door.execute(ITEMS)
    await capture.install(postgres)
    door.execute("begin isolation level repeatable read")
    door.execute("select * from items")
    await capture.fence(postgres)
    with pytest.raises(psycopg.errors.SerializationFailure):
        door.execute("insert into items (name) values ('late')")
    door.execute("rollback")


async def _until_somebody_waits(store: PostgresStore, kind: str = "advisory") -> None:
    query = "select count(*) as n from pg_locks where locktype = %s and not granted"
    for _ in range(500):
        if await store.fetch_one(query, [kind]) != {"n": 0}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for the lock")
