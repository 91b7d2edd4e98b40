"""Files that other programs made."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from tests.unit.stores.sqlite.conftest import Define

from datalayer.query import Count, Insert, Select, Update, asc, col
from datalayer.query.keyset import after_row
from datalayer.stores.catalog import ForeignKey, Kind, UniqueKey
from datalayer.stores.sqlite import SqliteStore

SHOP = """
create table [Customer] ([CustomerId] INTEGER NOT NULL, [Name] NVARCHAR(40) NOT NULL, Email TEXT,
    CONSTRAINT [PK_Customer] PRIMARY KEY ([CustomerId]), constraint one_email unique (Email));
create table "Invoice" (
    InvoiceId INTEGER PRIMARY KEY AUTOINCREMENT, CustomerId INTEGER references customer on delete cascade,
    InvoiceDate DATETIME not null default CURRENT_TIMESTAMP, Total NUMERIC(10,2) NOT NULL,
    Cents generated always as (Total * 100) stored, Note
);
create unique index invoice_day on Invoice (CustomerId, InvoiceDate);
create unique index invoice_partial on Invoice (Note) where Note is not null;
create unique index invoice_expression on Invoice (lower(Note));
create table pairs (a INT, b INT, c TEXT unique, primary key (b, a)) without rowid;
create view totals as select sum(Total) from Invoice;
create virtual table search using fts5(words);
insert into Customer values (1, 'Анна', 'a@example.org');
insert into Invoice (CustomerId, InvoiceDate, Total) values
    (1, '2009-01-01 00:00:00', 1.98), (1, '2009-01-02T10:00:00.5', 10), (1, '2009-01-03', 0.1);
"""


async def test_catalog_reads_a_foreign_schema(store: SqliteStore, define: Define) -> None:
    """Kinds, keys, references, defaults, identity and generated columns; views and virtual tables are left out."""
    define(SHOP)
    catalog = await store.catalog()
    assert list(catalog.tables) == ["Customer", "Invoice", "pairs"]
    customer, invoice, pairs = catalog.tables.values()
    assert customer.primary_key == ("CustomerId",)
    assert customer.by_name["CustomerId"].identity
    assert not customer.by_name["CustomerId"].nullable
    assert customer.uniques == (UniqueKey("one_email", ("Email",)),)
    assert invoice.by_name["InvoiceId"].identity
    assert invoice.by_name["InvoiceDate"].default == "CURRENT_TIMESTAMP"
    assert [column.type.kind for column in invoice.columns] == [
        Kind.BIGINT,
        Kind.BIGINT,
        Kind.TIMESTAMP,
        Kind.NUMERIC,
        Kind.TEXT,
        Kind.TEXT,
    ]
    assert [column.name for column in invoice.columns if column.generated] == ["Cents"]
    assert invoice.uniques == (UniqueKey("invoice_day", ("CustomerId", "InvoiceDate")),)
    assert invoice.foreign_keys == (
        ForeignKey("Invoice_CustomerId_fkey", ("CustomerId",), "Customer", ("CustomerId",), "CASCADE"),
    )
    assert pairs.primary_key == ("b", "a")
    assert not any(column.identity for column in pairs.columns)
    assert pairs.uniques == (UniqueKey("pairs_c_key", ("c",)),)


async def test_timestamps_of_any_iso_spelling_are_read_compared_and_paged(store: SqliteStore, define: Define) -> None:
    """A page that starts after a row neither repeats nor loses rows, however timestamps are spelled."""
    define(SHOP)
    columns = ("InvoiceId", "InvoiceDate", "Total")
    order = (asc("InvoiceDate"), asc("InvoiceId"))
    rows = await store.select(Select("Invoice", order=order, columns=columns))
    moments = [datetime(2009, 1, 1), datetime(2009, 1, 2, 10, 0, 0, 500000), datetime(2009, 1, 3)]
    assert [row["InvoiceDate"] for row in rows] == moments
    assert [str(row["Total"]) for row in rows] == ["1.98", "10.00", "0.10"]
    for place, row in enumerate(rows):
        assert await store.count(Count("Invoice", col("InvoiceDate").eq(row["InvoiceDate"]))) == 1
        assert await store.count(Count("Invoice", after_row(order, row))) == 2 - place
    assert await store.count(Count("Invoice", col("InvoiceDate").in_(moments[1:]))) == 2


async def test_numbers_of_a_numeric_column_are_decimals(store: SqliteStore, define: Define) -> None:
    """Stored as integer or real, compared and read as the numbers they print as."""
    define(SHOP)
    assert await store.count(Count("Invoice", col("Total").in_([Decimal("1.98"), 10, 0.1]))) == 3
    assert await store.count(Count("Invoice", col("Total").gte(Decimal("1.98")))) == 2


async def test_file_that_is_only_read_stays_as_it_is(store: SqliteStore, define: Define, path: Path) -> None:
    """Reading does not switch a file to write-ahead logging; the first write does."""
    define(SHOP)
    before = await asyncio.to_thread(path.read_bytes)
    assert len([row async for row in store.stream(Select("Invoice", columns=("Total",)))]) == 3
    async with store.transaction(read_only=True) as reading:
        assert await reading.count(Count("Customer")) == 1
    assert await asyncio.to_thread(path.read_bytes) == before
    await store.update(Update("Customer", {"Name": "Ольга"}, col("CustomerId").eq(1)))
    assert await store.run(lambda c: c.execute("pragma journal_mode").fetchone()[0]) == "wal"


async def test_generated_column_cannot_be_written(store: SqliteStore, define: Define) -> None:
    """The error is PostgreSQL's."""
    define("create table g (id integer primary key, a int, twice int generated always as (a * 2) virtual)")
    written = await store.insert(Insert("g", [{"a": 4}]))
    assert written.rows == [{"id": 1, "a": 4, "twice": 8}]
