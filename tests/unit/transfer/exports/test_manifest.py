"""The manifest: reads back as it was written, and notices every change of its file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.transfer.tables import column, table

from datalayer.errors import TransferError
from datalayer.stores.catalog import Column, ColumnType, Kind, UniqueKey
from datalayer.transfer.exports.files import file_name
from datalayer.transfer.exports.manifest import ExportedTable, Manifest, read_manifest
from datalayer.transfer.exports.schema import table_as_json, table_from_json


@pytest.fixture
def manifest() -> Manifest:
    """Lend a manifest of one table."""
    clients = table("clients", column("id", Kind.INTEGER), column("company", Kind.INTEGER), key=("id",))
    exported = ExportedTable("clients", "clients.ndjson.gz", 3, 100, "ab", "cd", "2024-01-01T00:00:00+00:00")
    return Manifest("postgres", "postgresql://db/shop", "1", "2024", "2024", {"clients": clients}, (exported,), ("n",))


def test_manifest_reads_back(manifest: Manifest, tmp_path: Path) -> None:
    """Tables, schema and notes are the same after a round trip, and so is the digest."""
    path = tmp_path / "manifest.json"
    path.write_bytes(manifest.spelt())
    assert read_manifest(path) == manifest
    assert read_manifest(path).digest == manifest.digest


def test_manifest_notices_every_changed_byte(manifest: Manifest, tmp_path: Path) -> None:
    """No byte of the file can be another one, not even a space between two members."""
    path = tmp_path / "manifest.json"
    content = manifest.spelt()
    for place in range(len(content)):
        for other in (content[place] ^ 1, ord("\t")):
            if other != content[place]:
                path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
                with pytest.raises(TransferError, match="manifest"):
                    read_manifest(path)


def test_manifest_notices_an_edit_that_is_good_json(manifest: Manifest, tmp_path: Path) -> None:
    """A row count that somebody changed does not fit the manifest's own checksum."""
    path = tmp_path / "manifest.json"
    found = manifest.as_json()
    found["tables"][0]["rows"] = 2
    path.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    with pytest.raises(TransferError, match="was edited"):
        read_manifest(path)


def test_schema_reads_back_with_everything_the_catalog_tells() -> None:
    """Types, defaults, numbering, keys and references survive JSON."""
    full = table("odd name", column("id", Kind.NUMERIC, "numeric(12,2)"), key=("id",), parents=("id",))
    extra = Column("x", ColumnType(Kind.TEXT, "mood[]", array=True), False, "'{}'", identity=True, generated=True)
    key = replace(full.foreign_keys[0], on_update="CASCADE", match_full=True, deferrable="DEFERRABLE")
    full = type(full)(full.name, (*full.columns, extra), ("id",), (UniqueKey("u", ("x",)),), (key,), False, (), True)
    assert table_from_json("odd name", json.loads(json.dumps(table_as_json(full)))) == full


def test_file_names_are_told_apart_by_every_file_system() -> None:
    """Plain names stay as they are; others get a digest, so that neither case nor a slash makes two of them meet."""
    assert file_name("clients") == "clients.ndjson.gz"
    names = {file_name(name).lower() for name in ("Clients", "CLIENTS", "clients", "a/b", "a b", "a_b", "имя", "Имя")}
    assert len(names) == 8
    assert not any("/" in name for name in names)
