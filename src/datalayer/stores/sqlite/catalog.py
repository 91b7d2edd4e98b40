"""The live schema read from SQLite's own catalog, with what the store must know beyond the portable part."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from datalayer.errors import NotNullViolationError
from datalayer.stores.catalog import Catalog, Column, ForeignKey, Table, UniqueKey
from datalayer.stores.sqlite.codecs import Codec, make_codec
from datalayer.stores.sqlite.declared import Declared, read_declared
from datalayer.stores.sqlite.definitions import ConstraintNames
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.statements import Statement

#: Compiled statements kept per table. An application has tens of shapes; more means shapes made from data, which must
#: not grow.
_MOST_STATEMENTS = 500

_OWN = "pragma_table_list l where l.schema = 'main' and l.type = 'table' and l.name not like 'sqlite!_%' escape '!'"

_TABLES = f"""
    select l.name, l.wr, l.strict, (select sql from sqlite_master where type = 'table' and name = l.name),
           exists (select 1 from sqlite_master where type = 'trigger' and tbl_name = l.name collate nocase)
    from {_OWN} order by l.name
"""
_COLUMNS = f"""
    select t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
    from (select l.name from {_OWN}) t, pragma_table_xinfo(t.name) c where c.hidden <> 1 order by t.name, c.cid
"""
_UNIQUES = f"""
    select t.name, i.name, i.origin, c.name
    from (select l.name from {_OWN}) t, pragma_index_list(t.name) i, pragma_index_xinfo(i.name) c
    where i."unique" and not i.partial and c.key order by t.name, i.seq desc, c.seqno
"""
_FOREIGN_KEYS = f"""
    select t.name, f.id, f."table", f."from", f."to", f.on_delete, f.on_update
    from (select l.name from {_OWN}) t, pragma_foreign_key_list(t.name) f order by t.name, f.id desc, f.seq
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows of one table.

    Args:
        codecs: by column.
        names: of the table's constraints.
        locator: columns that find a row again; the hidden row id where there is one.
        has_triggers: RETURNING then shows rows as they were before the triggers.
        identity: the column that is the row id, if any; it takes no NULL.
        by_value: columns with a value that is spelt otherwise; a conflict does not find it, a comparison does.
        statements: compiled for this table; grows only, so the threads of several connections may share it.
    """

    table: Table
    codecs: Mapping[str, Codec]
    names: ConstraintNames
    locator: tuple[str, ...]
    has_triggers: bool
    identity: str | None
    by_value: frozenset[str] = frozenset()
    statements: dict[Any, Statement] = field(default_factory=dict, repr=False, compare=False)

    def compiled(self, key: tuple[Any, ...], compile_it: Callable[[], Statement]) -> Statement:
        """Return the statement of a shape, compiled at its first use."""
        statement = self.statements.get(key)
        if statement is None:
            if len(self.statements) >= _MOST_STATEMENTS:
                self.statements.clear()
            statement = self.statements[key] = compile_it()
        return statement

    def check_identity(self, rows: Iterable[Mapping[str, Any]], operation: str) -> None:
        """Refuse NULL for the row id: SQLite would make up a number where PostgreSQL refuses."""
        name = self.identity
        if name is not None and any(name in row and row[name] is None for row in rows):
            raise NotNullViolationError(
                "a required column was left NULL",
                store=STORE,
                operation=operation,
                table=self.table.name,
                sqlstate="23502",
                columns=(name,),
            )


@dataclass(frozen=True, slots=True)
class Schema:
    """The catalog and the facts it was made from."""

    catalog: Catalog
    facts: Mapping[str, Facts]


def read_schema(connection: sqlite3.Connection) -> Schema:
    """Read all tables in four queries; views, virtual tables and their shadows are left out."""
    columns: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for name, *rest in connection.execute(_COLUMNS):
        columns[name].append(tuple(rest))
    tables = connection.execute(_TABLES).fetchall()
    names = {
        table: ConstraintNames(table, definition or "", (column[0] for column in columns[table]))
        for table, _, _, definition, _ in tables
    }
    primary = {table: _primary_key(found) for table, found in columns.items()}
    uniques = _uniques(connection, names)
    foreign = _foreign_keys(connection, names, primary, columns)
    facts = {
        table: _facts(
            table, columns[table], primary[table], uniques[table], foreign[table], names[table],
            without_rowid=bool(without_rowid), strict=bool(strict), has_triggers=bool(has_triggers),
        )
        for table, without_rowid, strict, _, has_triggers in tables
    }  # fmt: skip
    return Schema(Catalog({name: fact.table for name, fact in facts.items()}), facts)


def _facts(
    name: str,
    columns: list[tuple[Any, ...]],
    primary: tuple[str, ...],
    uniques: list[UniqueKey],
    foreign: list[ForeignKey],
    names: ConstraintNames,
    *,
    without_rowid: bool,
    strict: bool,
    has_triggers: bool,
) -> Facts:
    types = {column: read_declared(declared, default, strict=strict) for column, declared, _, default, _, _ in columns}
    identity = None
    if len(primary) == 1 and not without_rowid and types[primary[0]].type.declared.upper() == "INTEGER":
        identity = primary[0]
    placed = tuple(_column(found, types[found[0]], identity, without_rowid) for found in columns)
    table = Table(name, placed, primary, tuple(uniques), tuple(foreign))
    keyed = {*primary, *(column for unique in uniques for column in unique.columns)}
    return Facts(
        table=table,
        codecs={c.name: make_codec(c, types[c.name], keyed=c.name in keyed) for c in placed},
        names=names,
        locator=primary if without_rowid else ("_rowid_",),
        has_triggers=has_triggers,
        identity=identity,
    )


def _column(found: tuple[Any, ...], declared: Declared, identity: str | None, without_rowid: bool) -> Column:
    name, _, required, default, place_in_key, hidden = found
    return Column(
        name=name,
        type=declared.type,
        nullable=not required and name != identity and not (without_rowid and place_in_key),
        default=default,
        identity=name == identity,
        generated=hidden != 0,
    )


def _primary_key(columns: list[tuple[Any, ...]]) -> tuple[str, ...]:
    placed = sorted((column[4], column[0]) for column in columns if column[4])
    return tuple(name for _, name in placed)


def _uniques(connection: sqlite3.Connection, names: Mapping[str, ConstraintNames]) -> dict[str, list[UniqueKey]]:
    covered: dict[tuple[str, str, str], list[str | None]] = defaultdict(list)
    for table, index, origin, column in connection.execute(_UNIQUES):
        covered[table, index, origin].append(column)
    uniques: dict[str, list[UniqueKey]] = defaultdict(list)
    for (table, index, origin), columns in covered.items():
        plain = tuple(column for column in columns if column is not None)
        if origin != "pk" and len(plain) == len(columns):
            uniques[table].append(UniqueKey(index if origin == "c" else names[table].key("unique", plain), plain))
    return uniques


def _foreign_keys(
    connection: sqlite3.Connection,
    names: Mapping[str, ConstraintNames],
    primary: Mapping[str, tuple[str, ...]],
    columns_of: Mapping[str, list[tuple[Any, ...]]],
) -> dict[str, list[ForeignKey]]:
    """Read references; tables and columns are spelt as they are declared, whose case SQLite takes lightly."""
    actual = {table.lower(): table for table in primary}
    pairs: dict[tuple[str, int, str, str, str], list[tuple[str, str | None]]] = defaultdict(list)
    for table, number, target, column, target_column, deleted, updated in connection.execute(_FOREIGN_KEYS):
        pairs[table, number, actual.get(target.lower(), target), deleted, updated].append((column, target_column))
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    for (table, _, target, deleted, updated), matched in pairs.items():
        columns = tuple(column for column, _ in matched)
        # A reference without columns means the target's primary key.
        spelt = {column[0].lower(): column[0] for column in columns_of.get(target, ())}
        named = tuple(spelt.get(c.lower(), c) for _, c in matched if c is not None) or primary.get(target, ())
        key = ForeignKey(names[table].key("foreign", columns), columns, target, named, deleted, updated)
        foreign[table].append(key)
    return foreign
