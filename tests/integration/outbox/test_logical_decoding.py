"""The outbox as a reader of the write-ahead log sees it: what Debezium's outbox event router is given."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from datalayer.outbox.capture import postgres as capture
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.stores.postgres import PostgresStore

_CHANGES = b"""
    select data from pg_logical_slot_get_binary_changes(
        'reader', null, null, 'proto_version', '1', 'publication_names', 'outbox')
"""


@dataclass(frozen=True)
class Decoded:
    """An insert in the log: its table, its columns' types, its values as texts."""

    table: str
    types: dict[str, str]
    values: dict[str, str | None]


@pytest.fixture(scope="module")
def logged() -> Iterator[str]:
    """Lend a database whose log can be decoded, as Debezium asks for."""
    with EmbeddedPostgres({"wal_level": "logical"}) as server:
        yield server.create_database("logged")


async def test_log_shows_the_columns_that_the_outbox_event_router_takes_by_default(logged: str) -> None:
    """Each entry is an insert with id, aggregatetype, aggregateid, type and payload; a row of NULL is none of them.

    Source: Debezium's documentation, "Outbox Event Router", basic outbox table.
    """
    with psycopg.connect(logged, autocommit=True) as door:
        door.execute("create table clients (id integer, word text, primary key (id, word))")
        store = await PostgresStore.open(logged)
        await capture.install(store)
        await store.close()
        door.execute("create publication outbox for table datalayer_outbox with (publish = 'insert')")
        door.execute("select pg_create_logical_replication_slot('reader', 'pgoutput')")
        with door.transaction():
            door.execute("insert into clients values (42, 'a\"b')")
            door.execute("delete from clients")
        door.execute("truncate clients")
        inserts = _inserts(door)
        seen = [i.values for i in inserts]
        stored = door.execute("select version::text, id::text from datalayer_outbox order by version").fetchall()
    assert {i.table for i in inserts} == {"datalayer_outbox"}
    router = {"id": "uuid", "aggregatetype": "text", "aggregateid": "text", "type": "text", "payload": "json"}
    assert router.items() <= inserts[0].types.items()
    assert inserts[0].types["version"] == "bigint"
    assert [(v["version"], v["id"]) for v in seen] == stored
    assert len({UUID(str(v["id"])) for v in seen}) == 3
    assert [(v["aggregatetype"], v["aggregateid"], v["type"]) for v in seen] == [
        ("clients", '[42,"a\\"b"]', "upsert"),
        ("clients", '[42,"a\\"b"]', "delete"),
        ("clients", "*", "truncate"),
    ]
    payloads = [v["payload"] for v in seen]
    assert [p and json.loads(p) for p in payloads] == [{"id": 42, "word": 'a"b'}] * 2 + [None]


def _inserts(door: psycopg.Connection) -> list[Decoded]:
    """Read what the slot holds, message by message, as the protocol of logical replication writes it."""
    tables: dict[int, tuple[str, dict[str, str]]] = {}
    found: list[Decoded] = []
    for (message,) in door.execute(_CHANGES).fetchall():
        if message[:1] == b"R":
            (number,) = struct.unpack_from(">I", message, 1)
            _, name, rest = message[5:].split(b"\0", 2)
            tables[number] = (name.decode(), _columns(door, rest))
        elif message[:1] == b"I":
            (number,) = struct.unpack_from(">I", message, 1)
            name_, types = tables[number]
            found.append(Decoded(name_, types, dict(zip(types, _values(message[6:]), strict=True))))
    return found


def _columns(door: psycopg.Connection, rest: bytes) -> dict[str, str]:
    (count,) = struct.unpack_from(">H", rest, 1)
    place, columns = 3, {}
    for _ in range(count):
        name, _, _ = rest[place + 1 :].partition(b"\0")
        place += 1 + len(name) + 1
        oid, modifier = struct.unpack_from(">Ii", rest, place)
        place += 8
        (found,) = door.execute("select format_type(%s, %s)", [oid, modifier]).fetchone() or ("",)
        columns[name.decode()] = found
    return columns


def _values(row: bytes) -> list[str | None]:
    (count,) = struct.unpack_from(">H", row, 0)
    place, values = 2, list[str | None]()
    for _ in range(count):
        kind = row[place : place + 1]
        place += 1
        if kind == b"n":
            values.append(None)
            continue
        (length,) = struct.unpack_from(">I", row, place)
        values.append(row[place + 4 : place + 4 + length].decode())
        place += 4 + length
    return values
