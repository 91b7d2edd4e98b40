"""The live schema as a store reports it: tables, columns with portable types, keys, uniques, foreign keys.

Types come from the database's own catalog, never from a model: they decide what a value is sent and read back as.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from datalayer.errors import UnknownColumnError, UnknownTableError

#: The next step where a table is missing.
CREATE_TABLE = "create it: the salon's own by datalayer migrate up, another for example by datalayer migrate up --dir"

#: The next step where Supabase's interface does not show what its database has: run it there.
RELOAD_SCHEMA = "notify pgrst, 'reload schema'"


class Kind(StrEnum):
    """Portable column types. What a store has no name for is TEXT with its own name in ``ColumnType.declared``."""

    BOOLEAN = "boolean"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    NUMERIC = "numeric"
    REAL = "real"
    DOUBLE = "double precision"
    TEXT = "text"
    UUID = "uuid"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    JSON = "json"
    JSONB = "jsonb"
    BYTEA = "bytea"


#: Python type of a stored value of each kind; an array column holds (nested) lists of it.
PYTHON_TYPES: Mapping[Kind, str] = {
    Kind.BOOLEAN: "bool",
    Kind.SMALLINT: "int",
    Kind.INTEGER: "int",
    Kind.BIGINT: "int",
    Kind.NUMERIC: "decimal.Decimal",
    Kind.REAL: "float",
    Kind.DOUBLE: "float",
    Kind.TEXT: "str",
    Kind.UUID: "uuid.UUID",
    Kind.DATE: "datetime.date",
    Kind.TIME: "datetime.time",
    Kind.TIMESTAMP: "datetime.datetime, naive",
    Kind.TIMESTAMPTZ: "datetime.datetime, aware, UTC",
    Kind.JSON: "parsed JSON; the document null is JSON_NULL",
    Kind.JSONB: "parsed JSON; the document null is JSON_NULL",
    Kind.BYTEA: "bytes",
}

JSON_KINDS = frozenset({Kind.JSON, Kind.JSONB})


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type.

    Args:
        kind: of the value, or of an array's elements.
        array: an array of any number of dimensions.
        declared: the type as the store spells it, modifiers included, for example ``numeric(12,2)`` or ``text[]``.
        padded: the store fills texts up with spaces, to the length that is declared; SQLite never does.
    """

    kind: Kind
    declared: str
    array: bool = False
    padded: bool = field(default=False, compare=False)

    @property
    def is_json(self) -> bool:
        """Whether values are JSON documents."""
        return self.kind in JSON_KINDS and not self.array

    @property
    def is_plain_text(self) -> bool:
        """Whether values are text, and not of a type without a portable kind that is only read as text."""
        return self.kind is Kind.TEXT and not self.array and self.declared.startswith(("text", "character"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``default`` is the store's own expression; ``generated`` columns cannot be written."""

    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None
    identity: bool = False
    generated: bool = False


@dataclass(frozen=True, slots=True)
class EnumType:
    """A type of the database's own: one of these texts, in this order."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainType:
    """A type of the database's own: another type with rules.

    Args:
        base: the type that it is over, as the store spells it; may be another domain, or an enum.
        checks: names and definitions, as the store spells them.
    """

    name: str
    base: str
    nullable: bool = True
    default: str | None = None
    checks: tuple[tuple[str, str], ...] = ()


#: Types that a database defines for itself; their names are spelt as SQL takes them.
OwnType: TypeAlias = EnumType | DomainType


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique index without expression or predicate; usable as a conflict target."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns that refer to a key of another table.

    Args:
        target_table: with its schema before it, as ``auth.users``, where that is none of the store's own (PostgreSQL).
        on_delete: SQL's words, for example ``CASCADE``; so is ``on_update``.
        match_full: a reference is all NULL or all given; SQLite knows no such.
        deferrable: SQL's words, empty where it is not; None where the store cannot tell (SQLite, PostgREST).
    """

    name: str
    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    match_full: bool = False
    deferrable: str | None = None

    @property
    def rules(self) -> str:
        """What follows the columns in SQL, in the order that every store takes."""
        match = "match full " if self.match_full else ""
        updated = "" if self.on_update == "NO ACTION" else f" on update {self.on_update}"
        deferred = f" {self.deferrable}" if self.deferrable else ""
        return f"{match}on delete {self.on_delete}{updated}{deferred}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the live schema.

    Args:
        uniques: unique keys other than the primary key; empty also where the store cannot tell.
        keys_known: False where the store cannot see unique indexes (PostgREST).
        types: enums and domains that its columns need, each behind those that it needs itself.
        partitioned: rows live in partitions (PostgreSQL), which do not show an upsert's rows as they were before it.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    uniques: tuple[UniqueKey, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    keys_known: bool = True
    types: tuple[OwnType, ...] = ()
    partitioned: bool = False
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    def own_type(self, declared: str) -> OwnType | None:
        """Return the enum or domain of this name, or that an array of it is made of; None for any other type."""
        name = declared.removesuffix("[]")
        return next((found for found in self.types if found.name == name), None)

    def has_key(self, columns: Iterable[str]) -> bool:
        """Whether these columns, in any order, are the primary key or a unique key."""
        wanted = set(columns)
        return wanted == set(self.primary_key) or any(wanted == set(unique.columns) for unique in self.uniques)

    @property
    def never_null(self) -> frozenset[str]:
        """Names of the columns that cannot be NULL."""
        return frozenset(column.name for column in self.columns if not column.nullable)

    def required_beyond(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the columns besides these that a new row must have: NOT NULL and nothing that fills them in."""
        named = set(columns)
        return tuple(
            column.name
            for column in self.columns
            if column.name not in named
            and not (column.nullable or column.identity or column.generated or column.default is not None)
        )

    def check_columns(self, names: Iterable[str], *, store: str, operation: str) -> None:
        """Raise UnknownColumnError for the first name that is not a column, with the nearest one as a hint."""
        for name in names:
            if name not in self.by_name:
                raise UnknownColumnError(
                    f"there is no column {name!r}",
                    store=store,
                    operation=operation,
                    table=self.name,
                    sqlstate="42703",
                    columns=(name,),
                    hint=_nearest(name, self.by_name),
                )


@dataclass(frozen=True, slots=True)
class Catalog:
    """All tables of one schema by name; views are left out."""

    tables: Mapping[str, Table]

    def table(self, name: str, *, store: str, operation: str) -> Table:
        """Find a table, or raise UnknownTableError with the nearest name as a hint."""
        found = self.tables.get(name)
        if found is None:
            raise UnknownTableError(
                "there is no such table",
                store=store,
                operation=operation,
                table=name,
                sqlstate="42P01",
                hint=_nearest(name, self.tables) or CREATE_TABLE,
            )
        return found


def _nearest(name: str, candidates: Iterable[str]) -> str | None:
    near = difflib.get_close_matches(name, list(candidates), n=1)
    return f"did you mean {near[0]!r}?" if near else None
