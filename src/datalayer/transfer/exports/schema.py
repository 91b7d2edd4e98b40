"""Tables of a catalog as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datalayer.stores.catalog import (
    Column,
    ColumnType,
    DomainType,
    EnumType,
    ForeignKey,
    Kind,
    OwnType,
    Table,
    UniqueKey,
)


def table_as_json(table: Table) -> dict[str, Any]:
    """Return everything the source's catalog tells of a table as JSON-ready values."""
    return {
        "columns": [
            {
                "name": column.name,
                "kind": column.type.kind.value,
                "array": column.type.array,
                "declared": column.type.declared,
                "nullable": column.nullable,
                "default": column.default,
                "identity": column.identity,
                "generated": column.generated,
            }
            for column in table.columns
        ],
        "primary_key": list(table.primary_key),
        "uniques": [{"name": unique.name, "columns": list(unique.columns)} for unique in table.uniques],
        "foreign_keys": [
            {
                "name": key.name,
                "columns": list(key.columns),
                "target_table": key.target_table,
                "target_columns": list(key.target_columns),
                "on_delete": key.on_delete,
                "on_update": key.on_update,
                "match_full": key.match_full,
                "deferrable": key.deferrable,
            }
            for key in table.foreign_keys
        ],
        "keys_known": table.keys_known,
        "partitioned": table.partitioned,
        "types": [_type_as_json(own) for own in table.types],
    }


def table_from_json(name: str, found: Mapping[str, Any]) -> Table:
    """Read a table back; raises KeyError, TypeError or ValueError for what is none."""
    return Table(
        name,
        tuple(_column(column) for column in found["columns"]),
        tuple(found["primary_key"]),
        tuple(UniqueKey(unique["name"], tuple(unique["columns"])) for unique in found["uniques"]),
        tuple(
            ForeignKey(
                key["name"],
                tuple(key["columns"]),
                key["target_table"],
                tuple(key["target_columns"]),
                key["on_delete"],
                # An export of an earlier version says neither these nor types nor partitions.
                key.get("on_update", "NO ACTION"),
                key.get("match_full", False),
                key.get("deferrable"),
            )
            for key in found["foreign_keys"]
        ),
        bool(found["keys_known"]),
        tuple(_own_type(own) for own in found.get("types", ())),
        bool(found.get("partitioned")),
    )


def _type_as_json(own: OwnType) -> dict[str, Any]:
    if isinstance(own, EnumType):
        return {"name": own.name, "enum": list(own.labels)}
    return {
        "name": own.name,
        "domain": own.base,
        "nullable": own.nullable,
        "default": own.default,
        "checks": [list(check) for check in own.checks],
    }


def _own_type(found: Mapping[str, Any]) -> OwnType:
    if "enum" in found:
        return EnumType(found["name"], tuple(found["enum"]))
    checks = tuple((name, definition) for name, definition in found["checks"])
    return DomainType(found["name"], found["domain"], found["nullable"], found["default"], checks)


def _column(found: Mapping[str, Any]) -> Column:
    return Column(
        found["name"],
        ColumnType(Kind(found["kind"]), found["declared"], array=found["array"]),
        nullable=found["nullable"],
        default=found["default"],
        identity=found["identity"],
        generated=found["generated"],
    )
