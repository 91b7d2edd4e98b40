"""The live schema from an OpenAPI document."""

from __future__ import annotations

from typing import Any

from datalayer.stores.catalog import Column, ColumnType, ForeignKey, Kind
from datalayer.stores.supabase.catalog import read_catalog

DOCUMENT: dict[str, Any] = {
    "paths": {"/": {"get": {}}, "/people": {"get": {}, "post": {}}, "/totals": {"get": {}}},
    "definitions": {
        "people": {
            "required": ["id"],
            "properties": {
                "id": {"description": "Note:\nThis is a Primary Key.<pk/>", "format": "bigint", "type": "integer"},
                "parent_id": {
                    "description": "Ours.\n\nNote:\nA Foreign Key to `parents.id`.<fk table='parents' column='id'/>",
                    "format": "integer",
                },
                "short": {"format": "character varying", "maxLength": 20, "default": "x"},
                "tags": {"format": "text[]"},
                "at": {"format": "timestamp with time zone", "default": "now()"},
                "mood": {"format": "public.mood", "enum": ["ok"]},
                "anything": {},
            },
        },
        "totals": {"properties": {"count": {"format": "bigint"}}},
    },
}


def test_catalog_reads_columns_types_and_keys() -> None:
    """Types have portable kinds; unique keys are unknown, and the table says so."""
    table = read_catalog(DOCUMENT).tables["people"]
    assert (table.primary_key, table.keys_known, table.uniques) == (("id",), False, ())
    assert table.foreign_keys == (ForeignKey("people_parent_id_fkey", ("parent_id",), "parents", ("id",)),)
    assert table.columns == (
        Column("id", ColumnType(Kind.BIGINT, "bigint"), nullable=False),
        Column("parent_id", ColumnType(Kind.INTEGER, "integer")),
        Column("short", ColumnType(Kind.TEXT, "character varying(20)"), default="x"),
        Column("tags", ColumnType(Kind.TEXT, "text[]", array=True)),
        Column("at", ColumnType(Kind.TIMESTAMPTZ, "timestamp with time zone"), default="now()"),
        Column("mood", ColumnType(Kind.TEXT, "public.mood")),
        Column("anything", ColumnType(Kind.TEXT, "text")),
    )


def test_catalog_leaves_out_what_cannot_be_inserted_into() -> None:
    """That is how a view shows."""
    assert set(read_catalog(DOCUMENT).tables) == {"people"}
