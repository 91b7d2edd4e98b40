"""Directories of JSON files: which tables they have, and what is said of those that are ambiguous or broken."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from datalayer.errors import ConfigurationError, InvalidValueError
from datalayer.stores.files.layout import find_sources
from datalayer.stores.files.types import SeenTypes


def test_every_layout_is_a_table(tmp_path: Path) -> None:
    """An array, lines, compressed lines and a folder of records; hidden files and schema.json are none."""
    (tmp_path / "arrays.json").write_text('[{"n": 1.10}, {"n": null}]')
    (tmp_path / "lines.ndjson").write_text('{"n": 1}\n\n{"n": 2}\n')
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(b'{"n": 3}'))
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text('{"n": 4}')
    (tmp_path / "records" / "notes.txt").write_text("not a record")
    (tmp_path / "readme.txt").write_text("not a table")
    (tmp_path / ".hidden.json").write_text("[]")
    (tmp_path / "schema.json").write_text('{"tables": {"records": {"file_name": "id"}}}')
    found = {source.table: [record for _, record in source.records()] for source in find_sources(tmp_path)}
    assert found == {
        "arrays": [{"n": Decimal("1.10")}, {"n": None}],
        "lines": [{"n": 1}, {"n": 2}],
        "packed": [{"n": 3}],
        "records": [{"id": "a", "n": 4}],
    }


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.json", '{"secret": 1}', r"t\.json is not an array of objects"),
        ("t.json", '[{"a": 1},\n{"b": 2}\n{"secret": 3}]', r"t\.json is not JSON: Expecting ',' delimiter, line 3"),
        ("t.json", "[1]", r"t\.json, record 1 is not an object"),
        ("t.ndjson", '{"a": 1}\n{"secret"', r"t\.ndjson, line 2 is not JSON"),
        ("t.ndjson", '{"a": NaN}', r"t\.ndjson, line 1 is not JSON"),
        ("t.ndjson.gz", '{"a": 1}', r"t\.ndjson\.gz is truncated or damaged"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: str, told: str) -> None:
    """The file and the line are told, no value."""
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidValueError, match=told) as caught:
        list(find_sources(tmp_path)[0].records())
    assert "secret" not in str(caught.value)


def test_ambiguous_directories_are_refused(tmp_path: Path) -> None:
    """One table in two files, a declaration without a file, one that is malformed, no directory, an export."""
    with pytest.raises(ConfigurationError, match="there is no directory"):
        find_sources(tmp_path / "nowhere")
    (tmp_path / "t.json").write_text("[]")
    (tmp_path / "schema.json").write_text('{"tables": {"other": {}}}')
    with pytest.raises(ConfigurationError, match="names other, which has no file"):
        find_sources(tmp_path)
    (tmp_path / "schema.json").write_text('{"tables": {"t": {"colums": {}}}}')
    with pytest.raises(ConfigurationError, match=r"schema\.json is malformed"):
        find_sources(tmp_path)
    (tmp_path / "schema.json").write_text('{"tables": {"t": {"columns": {"a": "inteeger", "b": "character(3)[]"}}}}')
    with pytest.raises(ConfigurationError, match=r"schema\.json: t\.a is declared inteeger, which is no type known"):
        find_sources(tmp_path)
    (tmp_path / "schema.json").write_text('{"tables":\n{"t": {}')
    with pytest.raises(ConfigurationError, match=r"schema\.json is not JSON: .*, line 2"):
        find_sources(tmp_path)
    (tmp_path / "schema.json").unlink()
    (tmp_path / "t.ndjson").write_text("")
    with pytest.raises(ConfigurationError, match="t is there twice"):
        find_sources(tmp_path)
    (tmp_path / "manifest.json").write_text('{\n  "format": "datalayer export"}')
    with pytest.raises(ConfigurationError, match="is an export"):
        find_sources(tmp_path)


def test_types_are_what_the_values_are() -> None:
    """Nothing is read into a text; whole numbers and fractions are exact numbers, other mixtures documents."""
    seen = SeenTypes()
    seen.add({"i": 1, "n": Decimal("1.5"), "b": True, "t": "2024-01-01", "d": {"a": 1}, "l": [1], "m": 1, "x": 1})
    seen.add({"i": None, "n": 2, "m": "one", "x": 1 << 70, "nothing": None, "u": "…"})
    assert seen.columns({"u": "uuid", "late": "numeric(10,2)"}, ("u",)) == {
        "u": "uuid",
        "i": "bigint",
        "n": "decimal_text",
        "b": "boolean",
        "t": "text",
        "d": "json_text",
        "l": "json_text",
        "m": "json_text",
        "x": "decimal_text",
        "nothing": "text",
        "late": "decimal_text(10,2)",
    }
