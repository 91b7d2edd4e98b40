"""A directory of JSON files as the source of a move."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from tempfile import gettempdir

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import AccessDeniedError, InvalidValueError, UnsupportedOperationError
from datalayer.query import Delete, Select, col
from datalayer.stores.files import FilesStore
from datalayer.stores.opening import open_store
from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import copy, verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

_USERS = [f"00000000-0000-0000-0000-{number:012}" for number in range(1, 1201)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Lend a directory with one file a record and one file a table."""
    (tmp_path / "user_sync_data").mkdir()
    for number, user in enumerate(_USERS):
        record = {"encrypted_blob": f"blob {number}", "timestamp": 1_700_000_000_000 + number, "blob_size": number}
        (tmp_path / "user_sync_data" / f"{user}.json").write_text(json.dumps(record))
    (tmp_path / "prices.json").write_text(
        '[{"id": 1, "price": 0.10, "info": {"a": [1, 2.5]}}, {"id": 2, "price": 1e3}]'
    )
    (tmp_path / "schema.json").write_text(
        json.dumps(
            {
                "tables": {
                    "user_sync_data": {
                        "columns": {"user_id": "uuid", "blob_size": "integer"},
                        "primary_key": ["user_id"],
                        "file_name": "user_id",
                    }
                }
            }
        )
    )
    return tmp_path


async def test_files_copy_and_verify_as_any_source(directory: Path, target: PostgresStore) -> None:
    """One file a record into the table that waits for them, numbers with all their digits, documents as they are."""
    await run(
        target,
        "create table user_sync_data (user_id uuid primary key, encrypted_blob text not null, timestamp bigint,"
        " blob_size integer, created_at timestamptz not null default now())",
    )
    source = await open_store(f"files:///{directory}")
    try:
        report = await copy(source, target)
        assert {t.table: t.rows for t in report.tables} == {"prices": 2, "user_sync_data": 1200}
        assert (await verify(source, target)).equal
    finally:
        await source.close()
    prices = await ask(target, "select * from prices order by id")
    assert str(prices[0]["price"]) == "0.10"
    assert prices[0]["info"] == {"a": [1, 2.5]}
    assert prices[1]["info"] is None
    stored = await ask(target, f"select blob_size from user_sync_data where user_id = '{_USERS[41]}'")
    assert stored == [{"blob_size": 41}]


async def test_files_can_be_exported_and_loaded(directory: Path, target: PostgresStore, tmp_path: Path) -> None:
    """From JSON as somebody wrote it to JSON that proves itself."""
    source = await FilesStore.open_directory(directory)
    try:
        await export(source, tmp_path / "out")
        await load(tmp_path / "out", target)
        assert (await verify(source, target)).equal
    finally:
        await source.close()


def _copies() -> set[Path]:
    return set(Path(gettempdir()).glob("datalayer-files-*"))


async def test_files_are_only_read(directory: Path) -> None:
    """Writing is refused with what to use instead, and closing leaves nothing behind."""
    before = _copies()
    source, other = await FilesStore.open_directory(directory), await FilesStore.open_directory(directory)
    try:
        with pytest.raises(UnsupportedOperationError, match="datalayer export"):
            await source.delete(Delete("prices", every_row=True))
        with pytest.raises(UnsupportedOperationError, match="datalayer export"):
            await copy(source, other, tables=["prices"])
        with pytest.raises(AccessDeniedError, match="read-only"):
            async with source.transaction() as transaction:
                await transaction.delete(Delete("prices", every_row=True))
        found = await source.select(Select("prices", col("id").eq(1)))
        assert found[0]["price"] == Decimal("0.10")
    finally:
        await source.close()
        await other.close()
    assert _copies() <= before


@pytest.mark.parametrize(
    ("declared", "value", "told"),
    [
        ("integer", '"secret"', "a whole number is expected"),
        ("integer", "true", "true and false are no values of it"),
        ("integer", "2147483648", "out of the column's range"),
        ("integer", "1.5", "a whole number is expected"),
        ("uuid", '"secret"', "a UUID is expected"),
        ("timestamptz", '"secret"', "the date or time is malformed"),
        ("varchar(3)", '"secret"', "too long"),
        ("bytea", '"not base64!"', "neither base64"),
        ("jsonb", '{"a": 0.12345678901234567890123}', "more digits than a document keeps"),
    ],
)
async def test_value_that_is_not_of_its_declared_type_is_named(
    tmp_path: Path, declared: str, value: str, told: str
) -> None:
    """File, line and column are told, the value is not; nothing is cut, rounded or guessed."""
    (tmp_path / "t.ndjson").write_text(f'{{"v": null}}\n{{"v": {value}}}\n')
    (tmp_path / "schema.json").write_text(json.dumps({"tables": {"t": {"columns": {"v": declared}}}}))
    with pytest.raises(InvalidValueError, match=rf"t\.ndjson, line 2: v is declared .*{told}") as caught:
        await FilesStore.open_directory(tmp_path)
    assert "secret" not in str(caught.value)


async def test_two_records_with_one_key_are_refused(tmp_path: Path) -> None:
    """A key that the files break is said."""
    (tmp_path / "t.json").write_text('[{"id": 1}, {"id": 1}]')
    (tmp_path / "schema.json").write_text('{"tables": {"t": {"primary_key": ["id"]}}}')
    with pytest.raises(InvalidValueError, match=r"t\.json has two records with one id, or one without it"):
        await FilesStore.open_directory(tmp_path)


async def test_typed_values_are_read_as_their_types(tmp_path: Path) -> None:
    """Declared types are those of the catalog: bytes, arrays, moments, exact numbers."""
    (tmp_path / "t.ndjson").write_text(
        '{"raw": "\\\\x00ff", "b64": "AP8=", "tags": ["a", null], "at": "2024-01-01T12:00:00+03:00", "n": "1.50"}\n'
    )
    columns = {"raw": "bytea", "b64": "bytea", "tags": "text[]", "at": "timestamptz", "n": "numeric"}
    (tmp_path / "schema.json").write_text(json.dumps({"tables": {"t": {"columns": columns}}}))
    source = await FilesStore.open_directory(tmp_path)
    try:
        row = (await source.select(Select("t")))[0]
    finally:
        await source.close()
    assert (row["raw"], row["b64"], row["tags"], str(row["n"])) == (b"\x00\xff", b"\x00\xff", ["a", None], "1.50")
    assert row["at"].isoformat() == "2024-01-01T09:00:00+00:00"
