"""The live schema from PostgREST's OpenAPI document.

It tells columns, types, primary and foreign keys, but neither unique indexes nor whether a column counts up by itself;
a view that can be written to looks like a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from datalayer.stores.catalog import Catalog, Column, ColumnType, EnumType, ForeignKey, Kind, Table

_KINDS: Mapping[str, Kind] = {
    "boolean": Kind.BOOLEAN,
    "smallint": Kind.SMALLINT,
    "integer": Kind.INTEGER,
    "bigint": Kind.BIGINT,
    "numeric": Kind.NUMERIC,
    "real": Kind.REAL,
    "double precision": Kind.DOUBLE,
    "uuid": Kind.UUID,
    "date": Kind.DATE,
    "time without time zone": Kind.TIME,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMPTZ,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
    "bytea": Kind.BYTEA,
}
_PADDED = frozenset({"character", "bpchar"})
_PRIMARY_KEY = "<pk/>"
_FOREIGN_KEY = re.compile(r"<fk table='(?P<table>[^']*)' column='(?P<column>[^']*)'/>")


def read_catalog(document: Mapping[str, Any]) -> Catalog:
    """Build the catalog of what the key may see; what nobody can insert into is a view and left out."""
    paths = document.get("paths", {})
    return Catalog(
        {
            name: _table(name, definition)
            for name, definition in document.get("definitions", {}).items()
            if "post" in paths.get(f"/{name}", {})
        }
    )


def _table(name: str, definition: Mapping[str, Any]) -> Table:
    properties: Mapping[str, Mapping[str, Any]] = definition.get("properties", {})
    required = frozenset(definition.get("required", ()))
    notes = {column: str(p.get("description", "")) for column, p in properties.items()}
    return Table(
        name,
        columns=tuple(_column(column, p, nullable=column not in required) for column, p in properties.items()),
        primary_key=tuple(column for column, note in notes.items() if _PRIMARY_KEY in note),
        foreign_keys=tuple(
            ForeignKey(f"{name}_{column}_fkey", (column,), found["table"], (found["column"],))
            for column, note in notes.items()
            if (found := _FOREIGN_KEY.search(note))
        ),
        keys_known=False,
        types=tuple(dict.fromkeys(_enum(p) for p in properties.values() if p.get("enum"))),
    )


def _enum(described: Mapping[str, Any]) -> EnumType:
    """The labels come in the type's order."""
    return EnumType(str(described["format"]), tuple(map(str, described["enum"])))


def _column(name: str, described: Mapping[str, Any], *, nullable: bool) -> Column:
    declared = str(described.get("format") or "text")
    array = declared.endswith("[]")
    element = declared.removesuffix("[]")
    kind = _KINDS.get(element, Kind.TEXT)
    length = described.get("maxLength")
    default = described.get("default")
    return Column(
        name=name,
        type=ColumnType(
            kind,
            f"{declared}({length})" if length and not array else declared,
            array=array,
            padded=element in _PADDED,
        ),
        nullable=nullable,
        default=None if default is None else str(default),
    )
