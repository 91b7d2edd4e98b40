"""The package's own tables: equal on both databases, with the keys, indexes and triggers that calls rely on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from tests.integration.migrations.conftest import Migratable

from datalayer import migrations
from datalayer.errors import ForeignKeyViolationError, UniqueViolationError
from datalayer.query import Insert, Row, Select, Update, Upsert, col
from datalayer.stores.catalog import Column, ColumnType, Kind, Table
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

#: Every upsert's conflict target, by the name that errors and hints use.
CONFLICT_TARGETS = {
    "companies_company_id_key": ("companies", ("company_id",)),
    "clients_yclients_id_company_id_key": ("clients", ("yclients_id", "company_id")),
    "services_yclients_id_company_id_key": ("services", ("yclients_id", "company_id")),
    "staff_yclients_id_company_id_key": ("staff", ("yclients_id", "company_id")),
    "staff_schedules_yclients_staff_id_date_company_id_key": (
        "staff_schedules",
        ("yclients_staff_id", "date", "company_id"),
    ),
    "bookings_yclients_record_id_company_id_key": ("bookings", ("yclients_record_id", "company_id")),
    "appointments_cache_yclients_record_id_key": ("appointments_cache", ("yclients_record_id",)),
    "dialog_contexts_user_id_key": ("dialog_contexts", ("user_id",)),
    "dialog_contexts_user_id_company_id_key": ("dialog_contexts", ("user_id", "company_id")),
    "webhook_events_event_id_key": ("webhook_events", ("event_id",)),
    "booking_notifications_record_phone_type_date_key": (
        "booking_notifications",
        ("yclients_record_id", "phone", "notification_type", "notification_date"),
    ),
}

#: Lookups that an index must serve by its first columns.
LOOKUPS = [
    ("clients", ["company_id"]),
    ("clients", ["phone"]),
    ("clients", ["raw_phone", "company_id"]),
    ("clients", ["last_visit_date"]),
    ("services", ["company_id"]),
    ("services", ["is_active"]),
    ("staff", ["company_id"]),
    ("staff", ["is_active"]),
    ("staff_schedules", ["date"]),
    ("staff_schedules", ["yclients_staff_id", "date"]),
    ("bookings", ["company_id"]),
    ("bookings", ["client_phone"]),
    ("bookings", ["date"]),
    ("bookings", ["datetime"]),
    ("reminders", ["booking_id"]),
    ("appointments_cache", ["company_id"]),
    ("appointments_cache", ["appointment_datetime"]),
    ("appointments_cache", ["status"]),
    ("dialog_contexts", ["company_id"]),
    ("dialog_contexts", ["last_activity"]),
    ("messages", ["company_id"]),
    ("messages", ["client_phone"]),
    ("messages", ["created_at"]),
    ("whatsapp_keys", ["company_id", "key_type", "key_id"]),
    ("whatsapp_keys", ["expires_at"]),
]


@pytest.fixture
async def migrated(store: Migratable) -> Migratable:
    """Lend a store with the package's tables."""
    await migrations.apply(store)
    return store


def portable(table: Table) -> tuple[object, ...]:
    """Reduce a table to what both databases must agree on."""
    columns = tuple(_portable_column(column) for column in table.columns)
    uniques = {(unique.name, unique.columns) for unique in table.uniques}
    foreign = {(key.columns, key.target_table, key.target_columns, key.on_delete) for key in table.foreign_keys}
    return table.name, columns, table.primary_key, uniques, foreign


def _portable_column(column: Column) -> Column:
    # SQLite numbers rows by itself only in a column declared INTEGER, which holds 64 bits.
    kind = Kind.BIGINT if column.identity and column.type.kind is Kind.INTEGER else column.type.kind
    spelled_alike = ColumnType(kind, "", array=column.type.array)
    return replace(column, type=spelled_alike, default="some" if column.default else None)


async def test_sqlite_and_postgres_schemas_agree(postgres: PostgresStore, sqlite: SqliteStore) -> None:
    """Tables, columns in order, kinds, nullability, defaults, primary, unique and foreign keys are the same."""
    await migrations.apply(postgres)
    await migrations.apply(sqlite)
    ours, theirs = await postgres.catalog(), await sqlite.catalog()
    # PostgreSQL tells by a setting, not by a table, that a transaction applies another store's rows.
    assert set(ours.tables) == set(theirs.tables) - {"datalayer_applying"}
    for name, table in ours.tables.items():
        assert portable(table) == portable(theirs.tables[name])


async def test_every_conflict_target_has_its_key(migrated: Migratable) -> None:
    """The keys exist under stable names on both databases."""
    catalog = await migrated.catalog()
    found = {key.name: (table.name, key.columns) for table in catalog.tables.values() for key in table.uniques}
    assert found == CONFLICT_TARGETS
    assert catalog.tables["whatsapp_auth"].primary_key == ("company_id",)
    assert catalog.tables["whatsapp_keys"].primary_key == ("company_id", "key_type", "key_id")


async def test_every_lookup_is_served_by_an_index(migrated: Migratable) -> None:
    """For each column list some index begins with it."""
    for table, columns in LOOKUPS:
        fronts = [index[: len(columns)] for index in await _index_columns(migrated, table)]
        assert columns in fronts, table


async def test_defaults_are_filled_in(migrated: Migratable) -> None:
    """A row of required columns alone comes back with identity, uuid, times and flags."""
    before = datetime.now(UTC) - timedelta(seconds=5)
    (client,) = (await migrated.insert(Insert("clients", ({"yclients_id": 1, "phone": "79990000001"},)))).rows or []
    assert client["id"] == 1
    assert (client["visit_count"], client["blacklisted"], client["total_spent"]) == (0, False, None)
    assert before < client["created_at"].replace(tzinfo=UTC) < before + timedelta(seconds=60)
    (message,) = (await migrated.insert(Insert("messages", ({"company_id": 1},)))).rows or []
    assert isinstance(message["id"], UUID)
    assert message["id"].version == 4
    assert message["platform"] == "whatsapp"
    notification = {"yclients_record_id": 1, "company_id": 1, "phone": "79990000001", "notification_type": "created"}
    (sent,) = (await migrated.insert(Insert("booking_notifications", (notification,)))).rows or []
    assert sent["sent_at"].tzinfo is not None
    assert sent["notification_date"] in {before.date(), datetime.now(UTC).date()}


async def test_second_notification_of_a_day_is_a_duplicate(migrated: Migratable) -> None:
    """One per record, phone, type and day; the error names the key."""
    row = {"yclients_record_id": 1, "company_id": 1, "phone": "7", "notification_type": "created"}
    earlier = row | {"notification_date": date(2025, 1, 1)}
    await migrated.insert(Insert("booking_notifications", (row, earlier)))
    with pytest.raises(UniqueViolationError):
        await migrated.insert(Insert("booking_notifications", (row,)))


async def test_reminder_needs_its_booking(migrated: Migratable) -> None:
    """The only foreign key of the schema holds."""
    row = {"booking_id": UUID(int=1), "remind_at": datetime(2025, 1, 1)}
    with pytest.raises(ForeignKeyViolationError):
        await migrated.insert(Insert("reminders", (row,)))


Write = Callable[[Migratable], Awaitable[object]]


async def _change(store: Migratable) -> object:
    return await store.update(Update("clients", {"name": "Анна"}, col("yclients_id").eq(1)))


async def _upsert(store: Migratable) -> object:
    row = {"yclients_id": 1, "company_id": 1, "phone": "7", "name": "Анна"}
    return await store.upsert(Upsert("clients", (row,), ("yclients_id", "company_id")))


@pytest.mark.parametrize("write", [_change, _upsert])
async def test_updated_at_follows_a_change(migrated: Migratable, write: Write) -> None:
    """An update and an upsert that change a row set its updated_at, other rows keep theirs."""
    old = datetime(2020, 1, 1)
    await _insert_clients(migrated, old)
    await write(migrated)
    changed, other = await _updated_at(migrated)
    assert changed > old
    assert other == old


async def test_updated_at_given_by_the_statement_is_kept(migrated: Migratable) -> None:
    """A copy or a second write brings the time of its source, also an older one."""
    await _insert_clients(migrated, datetime(2020, 1, 1))
    given = datetime(2019, 5, 5, 5, 5, 5, 123456)
    await migrated.update(Update("clients", {"name": "Анна", "updated_at": given}, col("yclients_id").eq(1)))
    assert (await _updated_at(migrated))[0] == given


async def test_updated_at_stays_when_the_same_row_is_written_again(migrated: Migratable) -> None:
    """Applying a change twice leaves the row equal to its source."""
    old = datetime(2020, 1, 1)
    await _insert_clients(migrated, old)
    same = {"yclients_id": 1, "company_id": 1, "phone": "7", "updated_at": old}
    await migrated.upsert(Upsert("clients", (same,), ("yclients_id", "company_id")))
    assert (await _updated_at(migrated))[0] == old


async def test_every_table_with_updated_at_keeps_it_current(migrated: Migratable) -> None:
    """Each such table has its trigger, and on SQLite the trigger watches each of its columns."""
    tables = [table for table in (await migrated.catalog()).tables.values() if "updated_at" in table.by_name]
    triggers = await _triggers(migrated)
    assert set(triggers) == {f"{table.name}_set_updated_at" for table in tables}
    if isinstance(migrated, SqliteStore):
        for table in tables:
            text = triggers[f"{table.name}_set_updated_at"]
            words = set(text.replace(",", " ").split())
            assert {f"{side}.{name}" for name in table.by_name for side in ("new", "old")} <= words


async def test_name_search_without_pg_trgm_says_what_was_left_out(postgres: PostgresStore) -> None:
    """Where the server offers pg_trgm there is an index; elsewhere a notice names it and how to get it later."""
    (applied,) = [file for file in await migrations.apply(postgres) if file.name == "name_search"]
    offered = await postgres.fetch_one("select from pg_available_extensions where name = 'pg_trgm'") is not None
    names = [index["relname"] for index in await postgres.fetch_all("select relname from pg_class where relkind = 'i'")]
    assert ("clients_name_trgm_idx" in names) is offered
    assert [notice for notice in applied.notices if "left out clients_name_trgm_idx" in notice] == (
        [] if offered else list(applied.notices)
    )
    assert offered or applied.notices


async def _insert_clients(store: Migratable, updated_at: datetime) -> None:
    rows = tuple({"yclients_id": n, "company_id": 1, "phone": "7", "updated_at": updated_at} for n in (1, 2))
    await store.insert(Insert("clients", rows))


async def _updated_at(store: Migratable) -> list[datetime]:
    rows: list[Row] = await store.select(Select("clients"))
    return [row["updated_at"] for row in sorted(rows, key=lambda row: row["yclients_id"])]


async def _triggers(store: Migratable) -> dict[str, str]:
    """Return the triggers' definitions by name."""
    if isinstance(store, PostgresStore):
        rows = await store.fetch_all(
            "select tgname as name, pg_get_triggerdef(oid) as text from pg_trigger where not tgisinternal"
        )
        return {row["name"]: row["text"] for row in rows}
    return await store.run(
        lambda connection: {
            str(name): str(text)
            for name, text in map(
                tuple, connection.execute("select name, sql from sqlite_master where type = 'trigger'")
            )
        }
    )


async def _index_columns(store: Migratable, table: str) -> list[list[str]]:
    """Return the columns of each index of a table, in the index's order."""
    if isinstance(store, PostgresStore):
        rows = await store.fetch_all(
            """
            select array_agg(a.attname::text order by a.attnum) as columns
            from pg_index i join pg_attribute a on a.attrelid = i.indexrelid
            where i.indrelid = to_regclass(%s) and a.attnum > 0 group by i.indexrelid
            """,
            (table,),
        )
        return [row["columns"] for row in rows]
    return await store.run(
        lambda connection: [
            [str(tuple(column)[2]) for column in connection.execute(f"pragma index_info({tuple(index)[1]})")]
            for index in connection.execute(f"pragma index_list({table})").fetchall()
        ]
    )
