"""JSON documents: carried to the last digit and name, or refused by table, column and key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, plan_copy, repair, sync, verify
from datalayer.transfer.exports.exporting import export

_LONG = "12345678901234567890.123456789"
_ROWS = f"""
    insert into docs values
        (1, '{{"n": [0.1, 1.10, 1e5, -2.5E-3, 123456789012345678901234567890, 1.7976931348623157e308]}}', '1e2',
         '{{}}'),
        (2, '{{"n": {_LONG}}}', null, null), (3, null, '[1e400]', null), (4, null, null, array['{_LONG}'::jsonb])
"""
_COLUMNS = "id int primary key, doc jsonb, raw json, many jsonb[]"
_REFUSED = r"{} has a number in a document that floating point does not keep, at id={}"
#: An object of which a store would read one part.
_TWICE = '[{"when": "10:00", "a": {"b": 1, "b": 2}}]'
_REFUSED_TWICE = r"{} has a name twice in one object of a document, of which one value would be lost, at id={}"


@pytest.fixture
async def documents(origin: PostgresStore) -> PostgresStore:
    """Lend a source of such numbers."""
    await run(origin, f"create table docs ({_COLUMNS}); {_ROWS}")
    return origin


async def test_copy_between_alike_columns_keeps_them(documents: PostgresStore, target: PostgresStore) -> None:
    """Bytes go over as they are, and a digit less is a difference."""
    await copy(documents, target)
    query = "select docs::text from docs order by id"
    assert await ask(target, query) == await ask(documents, query)
    assert (await verify(documents, target)).equal
    await run(target, """update docs set doc = '{"n": 12345678901234567000}' where id = 2""")
    (table,) = (await verify(documents, target)).tables
    assert [(difference.key, difference.columns) for difference in table.differences] == [({"id": 2}, ("doc",))]
    with pytest.raises(TransferError, match=_REFUSED.format(r"docs\.doc", 2)):
        await repair(documents, target)


@pytest.mark.parametrize(("number", "column"), [(2, "doc"), (3, "raw"), (4, "many")])
async def test_what_reads_values_names_the_first(
    documents: PostgresStore, target: PostgresStore, tmp_path: Path, number: int, column: str
) -> None:
    """Copies that look at every value, sync, and export."""
    await run(documents, f"delete from docs where id not in (1, {number})")
    await run(target, f"create table docs ({_COLUMNS.replace('int primary', 'bigint primary')})")
    refused = _REFUSED.format(rf"docs\.{column}", number)
    file = await SqliteStore.open(tmp_path / "file.sqlite")
    try:
        for store in (target, file):
            with pytest.raises(TransferError, match=refused):
                await copy(documents, store)
        with pytest.raises(TransferError, match=refused):
            await sync(documents, target, column="id")
        with pytest.raises(TransferError, match=refused):
            await export(documents, tmp_path / "out")
        await run(documents, "delete from docs where id > 1")
        for store in (target, file):
            await copy(documents, store)
            assert (await verify(documents, store)).equal
        await export(documents, tmp_path / "out")
    finally:
        await file.close()


async def test_sqlite_names_them_before_a_copy(target: PostgresStore, tmp_path: Path) -> None:
    """As every value that does not fit."""
    path = tmp_path / "docs.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table docs (id integer primary key, doc json)")
        connection.execute("insert into docs values (1, ?), (2, '[1.5, 1e3]')", (f"[{_LONG}]",))
    source = await SqliteStore.open(path)
    try:
        (misfit,) = (await plan_copy(source, target)).misfits
        assert (misfit.column, misfit.rows, misfit.first) == ("doc", 1, ("id=1",))
        with pytest.raises(TransferError, match=_REFUSED.format(r"docs\.doc", 1)):
            await copy(source, target)
    finally:
        await source.close()


@pytest.mark.parametrize("declared", ["json", "jsonb[]"])
@pytest.mark.parametrize(("document", "refused"), [(f"[{_LONG}]", _REFUSED), (_TWICE, _REFUSED_TWICE)])
@pytest.mark.parametrize("how", ["sync", "sync by value", "repair", "export", "copy"])
async def test_what_reads_values_of_sqlite_names_the_first(
    how: str, document: str, refused: str, declared: str, target: PostgresStore, tmp_path: Path
) -> None:
    """Page by page and in one go, by key, and row by row; documents in arrays are texts of JSON there."""
    path = tmp_path / "docs.sqlite"
    spelt = json.dumps([document]) if declared == "jsonb[]" else document
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table docs (id integer primary key, at timestamp, doc {declared})")
        connection.execute("insert into docs values (1, '2024-01-01 10:00:00.000000', null)")
        at = "2024-01-01T10:00:00" if how == "sync by value" else "2024-01-01 10:00:00.000000"
        connection.execute("insert into docs values (2, ?, ?)", (at, spelt))
    await run(target, f"create table docs (id bigint primary key, at timestamp, doc {declared})")
    source = await SqliteStore.open(path)
    moves: dict[str, Callable[[], Awaitable[object]]] = {
        "sync": lambda: sync(source, target, column="at"),
        "sync by value": lambda: sync(source, target, column="at"),
        "repair": lambda: repair(source, target),
        "export": lambda: export(source, tmp_path / "out"),
        "copy": lambda: copy(source, target),
    }
    try:
        with pytest.raises(TransferError, match=refused.format(r"docs\.doc", 2)):
            await moves[how]()
    finally:
        await source.close()


async def test_what_sqlite_would_read_a_part_of_is_a_difference(target: PostgresStore, tmp_path: Path) -> None:
    """Whichever of a name's values the target has, and the nearest float of a number."""
    path = tmp_path / "docs.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table docs (id integer primary key, doc json)")
        connection.execute("""insert into docs values (1, '{"a": 1, "a": 2}'), (2, '{"a": "x: y"}')""")
        connection.execute("insert into docs values (3, ?)", (f"[ {_LONG} ]",))
    await run(target, "create table docs (id bigint primary key, doc jsonb)")
    await run(
        target, """insert into docs values (1, '{"a": 2}'), (2, '{"a": "x: y"}'), (3, '[1.2345678901234567e19]')"""
    )
    source = await SqliteStore.open(path)
    try:
        (table,) = (await verify(source, target)).tables
        found = [(difference.key, difference.columns) for difference in table.differences]
        assert found == [({"id": 1}, ("doc",)), ({"id": 3}, ("doc",))]
    finally:
        await source.close()
