"""SQLite: every change of a row becomes an entry of the same transaction, however it is made."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.integration.outbox.writes import TABLES, changed, contents, noted, statements

from datalayer.errors import ConfigurationError, SelectionError, StoreError, WritesHeldError
from datalayer.outbox.capture import sqlite as capture
from datalayer.outbox.capture.status import Interference
from datalayer.outbox.keys import decode_key
from datalayer.query import Delete, Insert, Row, Select, Update, Upsert, asc, col
from datalayer.stores.sqlite import SqliteStore

_ITEMS = "create table items (id integer primary key, name text unique)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "capture.sqlite3"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    """Lend a store on the file."""
    opened = await SqliteStore.open(path)
    yield opened
    await opened.close()


@pytest.fixture
def door(path: Path, store: SqliteStore) -> Iterator[sqlite3.Connection]:
    """Lend a connection of another program to the same file: nothing of ours is registered there."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma foreign_keys = on")
    yield connection
    connection.close()


def entries(door: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Take all entries, in order, out of the outbox."""
    found = door.execute("select aggregatetype, aggregateid, type from datalayer_outbox order by version").fetchall()
    door.execute("delete from datalayer_outbox")
    return found


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[sqlite3.Connection]:
    """Lend a connection to a file whose three tables are armed."""
    path = tmp_path_factory.mktemp("capture") / "watched.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma foreign_keys = on")
    connection.executescript(TABLES)
    opened = await SqliteStore.open(path)
    await capture.install(opened)
    await opened.close()
    yield connection
    connection.close()


@given(writes=st.lists(st.tuples(statements(), st.sampled_from(["commit", "commit", "rollback"])), max_size=12))
@hypothesis_settings(max_examples=60)
def test_outbox_has_the_keys_that_changed(watched: sqlite3.Connection, writes: list[tuple[str, str]]) -> None:
    """No changed key is left out; what is noted besides was written without a difference, never undone."""

    def ask(query: str) -> list[tuple[object, ...]]:
        return watched.execute(query).fetchall()

    watched.executescript("delete from kids; delete from parents; delete from pairs; delete from datalayer_outbox")
    tags = count(1)
    for statement, end in writes:
        before = contents(ask)
        watched.execute("begin")
        watched.execute(statement.replace("{tag}", str(next(tags) * 100)))
        watched.execute(end)
        after, found = contents(ask), noted(ask)
        assert changed(before, after) <= found, statement
        assert all(key in after[table] and "update" in statement for table, key in found - changed(before, after))
        assert end == "commit" or not found
        watched.execute("delete from datalayer_outbox")


async def test_install_arms_every_table_once_and_again_changes_nothing(
    store: SqliteStore, door: sqlite3.Connection
) -> None:
    """An install may be run at any time; the second finds nothing to do and keeps the database's identity."""
    door.execute(_ITEMS)
    first = await capture.install(store)
    second = await capture.install(store)
    assert (first.armed, second.armed, first.settled) == (("items",), (), True)
    assert isinstance(first.status.id, UUID)
    assert first.status == second.status
    assert first.status.is_current


async def test_contract_verbs_leave_entries(store: SqliteStore, door: sqlite3.Connection) -> None:
    """Keys made by the store, filtered updates and deletes are captured, several rows a statement."""
    door.execute("create table people (id integer primary key, name text, age int4)")
    await capture.install(store)
    await store.insert(Insert("people", [{"name": "Anna", "age": 1}, {"name": "Boris", "age": 2}]))
    await store.upsert(Upsert("people", [{"id": 2, "name": "Vera"}, {"id": 7, "name": "Gleb"}], ("id",)))
    await store.update(Update("people", {"age": 3}, col("age").is_null()))
    await store.delete(Delete("people", every_row=True))
    assert entries(door) == [
        *(("people", key, "upsert") for key in ("[1]", "[2]", "[2]", "[7]", "[7]")),
        *(("people", key, "delete") for key in ("[1]", "[2]", "[7]")),
    ]


async def test_rows_displaced_by_replace_are_captured(store: SqliteStore, door: sqlite3.Connection) -> None:
    """INSERT OR REPLACE deletes whoever holds a unique value, and fires no delete trigger for it."""
    door.execute("create table items (id integer primary key, name text unique, a int4, b int4, unique (a, b))")
    await capture.install(store)
    door.execute("insert into items values (1, 'a', 1, 1), (2, 'b', 2, 2), (3, 'c', 3, 3)")
    entries(door)
    door.execute("insert or replace into items values (9, 'a', 2, 2)")
    assert sorted(entries(door)) == [("items", "[1]", "delete"), ("items", "[2]", "delete"), ("items", "[9]", "upsert")]
    door.execute("update or replace items set name = 'c' where id = 9")
    assert sorted(entries(door)) == [("items", "[3]", "delete"), ("items", "[9]", "upsert")]
    door.execute("replace into items values (9, 'd', 4, 4)")
    assert entries(door) == [("items", "[9]", "upsert")]
    assert door.execute("select id from items").fetchall() == [(9,)]


async def test_keys_of_every_kind_are_read_back_exactly(store: SqliteStore, door: sqlite3.Connection) -> None:
    """What the trigger writes decodes to the key that the store reads."""
    door.execute("""
        create table "Odd ""Table" (
            "a b" integer not null, n decimal_text not null, m numeric not null, t text not null, u uuid not null,
            d date not null, c time not null, s timestamp not null, z timestamptz not null, r bytea not null,
            y boolean not null, v text, primary key ("a b", n, m, t, u, d, c, s, z, r, y)) without rowid
    """)
    await capture.install(store)
    base: Row = {
        "a b": 2**62, "n": "1.50", "m": "0.1", "t": 'q"\\\n\u0001ü', "u": UUID(int=7), "d": "2025-01-31",
        "c": "10:00:00.25", "s": "2025-01-31 10:00:00.000001", "z": "2025-01-31T10:00:00.5+03:00", "r": b"\x00\xff",
        "y": True, "v": "first",
    }  # fmt: skip
    others: list[Row] = [{"m": str(1 / 3)}, {"m": "123456789.123456"}, {"m": "7"}, {"y": False, "r": b"", "t": ""}]
    for other in [Row(), *others]:
        await store.insert(Insert('Odd "Table', [base | other]))
    table = (await store.catalog(refresh=True)).tables['Odd "Table']
    stored = {tuple(row[name] for name in table.primary_key) for row in await store.select(Select(table.name))}
    assert {decode_key(table, text) for _, text, _ in entries(door)} == stored
    assert len(stored) == 5


async def test_payload_names_the_key_s_columns(store: SqliteStore, door: sqlite3.Connection) -> None:
    """Other carriers read the key without knowing the order of its columns."""
    door.execute('create table pairs (a int4 not null, "b\'c" text not null, primary key (a, "b\'c"))')
    await capture.install(store)
    door.execute("insert into pairs values (1, 'x')")
    (payload,) = door.execute("select payload from datalayer_outbox").fetchone()
    assert json.loads(payload) == {"a": 1, "b'c": "x"}


async def test_column_added_after_the_install_is_followed(store: SqliteStore, door: sqlite3.Connection) -> None:
    """A change of nothing but a new column is a change."""
    door.execute(_ITEMS)
    await capture.install(store)
    door.execute("insert into items values (1, 'a')")
    door.execute("alter table items add column later text")
    entries(door)
    door.execute("update items set later = 'x'")
    assert entries(door) == [("items", "[1]", "upsert")]
    assert (await capture.status(store)).armed == ("items",)


async def test_row_without_a_key_is_refused(store: SqliteStore, door: sqlite3.Connection) -> None:
    """SQLite takes NULL in a primary key; such a row could not be found on the other store."""
    door.execute("create table loose (k text primary key, v text)")
    await capture.install(store)
    with pytest.raises(sqlite3.IntegrityError, match="DL002"):
        door.execute("insert into loose values (null, 'x')")
    door.execute("insert into loose values ('a', 'x')")
    assert entries(door) == [("loose", '["a"]', "upsert")]


async def test_fence_refuses_writes(store: SqliteStore, door: sqlite3.Connection) -> None:
    """Every kind of write is refused by its own error while the fence stands, and works afterwards."""
    door.execute(_ITEMS)
    await capture.install(store)
    await store.insert(Insert("items", [{"name": "a"}]))
    await capture.fence(store)
    assert (await capture.status(store)).fenced
    for write in (
        store.insert(Insert("items", [{"name": "b"}])),
        store.update(Update("items", {"name": "c"}, every_row=True)),
        store.delete(Delete("items", every_row=True)),
    ):
        with pytest.raises(WritesHeldError) as caught:
            await write
        assert caught.value.sqlstate == "DL001"
    await capture.unfence(store)
    await store.delete(Delete("items", every_row=True))


async def test_fence_refuses_a_write_before_its_values_are_looked_at(
    store: SqliteStore, door: sqlite3.Connection
) -> None:
    """A key that is taken, a value that is missing: whatever else is wrong, the writer hears of the fence."""
    door.execute("create table words (id integer primary key, word text not null)")
    await capture.install(store)
    door.execute("insert into words values (1, 'a'), (2, 'b')")
    await capture.fence(store)
    for write in (
        "insert into words values (1, 'late')",
        "insert into words (word) values (null)",
        "update words set id = 1 where id = 2",
        "update words set word = null",
        "insert or replace into words values (1, 'late')",
        "delete from words",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="DL001"):
            door.execute(write)


async def test_install_renews_the_triggers_of_an_older_script(store: SqliteStore, door: sqlite3.Connection) -> None:
    """What an older package left is told, and replaced also where nothing is to be armed."""
    door.execute(_ITEMS)
    await capture.install(store)
    door.execute("drop trigger datalayer_capture_before_insert_items")
    door.execute("update datalayer_control set script = 1")
    told = await capture.status(store)
    assert (told.outdated, told.is_current) == (("items",), False)
    told = (await capture.install(store, [])).status
    assert (told.armed, told.is_current) == (("items",), True)


async def test_versions_of_entries_and_marks_are_one_sequence(store: SqliteStore, door: sqlite3.Connection) -> None:
    """A version is given once, also when the tables have been emptied."""
    door.execute(_ITEMS)
    await capture.install(store)
    mark = {"aggregatetype": "items", "aggregateid": "*", "type": "sweep"}
    versions = []
    for _ in range(3):
        door.execute("insert into items (name) values (null), (null)")
        versions += [row["version"] for row in await store.select(Select("datalayer_outbox", order=(asc("version"),)))]
        versions += [row["version"] for row in (await store.insert(Insert("datalayer_marks", [mark]))).rows]
        door.execute("delete from datalayer_outbox")
        door.execute("delete from datalayer_marks")
    assert versions == sorted(set(versions))
    assert len(versions) == 9


async def test_bookkeeping_is_written_through_the_contract(store: SqliteStore) -> None:
    """Every bookkeeping table fills in its own identity and times."""
    await capture.install(store)
    entry = {"aggregatetype": "t", "aggregateid": "[1]", "type": "upsert", "payload": {"id": 1}}
    (stored,) = (await store.insert(Insert("datalayer_outbox", [entry]))).rows
    assert isinstance(stored["id"], UUID)
    assert (stored["tries"], stored["payload"], stored["dead_at"]) == (0, {"id": 1}, None)
    assert stored["created_at"].tzinfo is not None


@pytest.mark.parametrize(
    ("table", "reason"),
    [("create table t (a int)", "no primary key"), ("create table t (a real primary key)", "REAL")],
)
async def test_table_without_a_usable_key_is_refused_by_name(
    store: SqliteStore, door: sqlite3.Connection, table: str, reason: str
) -> None:
    """The message names the table and says what to do; nothing is made."""
    door.execute(table)
    with pytest.raises(SelectionError, match=f"\\bt\\b.*{reason}.*leave"):
        await capture.install(store, ["t"])
    assert not (await capture.status(store)).installed


async def test_status_tells_what_is_outdated_and_what_interferes(store: SqliteStore, door: sqlite3.Connection) -> None:
    """A renamed table's entries would carry its old name; a trigger of the user's own changes applied rows."""
    door.executescript(
        _ITEMS
        + """;
        create trigger loud after insert on items begin update items set name = upper(name) where id = new.id; end;
        create trigger quiet after insert on items when not (select active from datalayer_applying)
        begin select 1; end;
    """
    )
    told = (await capture.install(store)).status
    assert told.interfering == (Interference("items", "loud"),)
    door.execute("alter table items rename to goods")
    told = await capture.status(store)
    assert (told.armed, told.outdated, told.is_current) == ((), ("goods",), False)
    told = (await capture.install(store)).status
    assert (told.armed, told.outdated) == (("goods",), ())


async def test_newer_script_in_the_file_is_not_overwritten(store: SqliteStore, door: sqlite3.Connection) -> None:
    """An older package must not undo a newer one's install."""
    await capture.install(store)
    door.execute("update datalayer_control set script = 99")
    with pytest.raises(ConfigurationError, match=r"version 99.*upgrade"):
        await capture.install(store)


async def test_uninstall_leaves_writes_as_they_were(store: SqliteStore, door: sqlite3.Connection) -> None:
    """Triggers and bookkeeping are gone, but for the switch that the salon's triggers ask; the user's rows stay."""
    door.execute(_ITEMS)
    await capture.install(store)
    door.execute("insert into items values (1, 'a')")
    assert await capture.uninstall(store)
    assert not await capture.uninstall(store)
    door.execute("insert into items values (2, 'b')")
    left = door.execute("select name from sqlite_master where name like 'datalayer%'").fetchall()
    assert left == [("datalayer_applying",)]
    assert door.execute("select count(*) from items").fetchone() == (2,)


async def test_write_of_a_program_without_our_functions_is_captured(
    store: SqliteStore, door: sqlite3.Connection
) -> None:
    """The triggers use nothing but SQLite's own, so any program writes as before."""
    door.execute("create table prices (id decimal_text primary key not null, amount decimal_text)")
    await capture.install(store)
    door.execute("insert into prices values ('1.5', '2')")
    assert entries(door) == [("prices", '["1.5"]', "upsert")]
    with pytest.raises(StoreError):
        await store.insert(Insert("prices", [{"id": "1.5"}]))
