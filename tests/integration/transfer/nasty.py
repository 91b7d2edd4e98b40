"""Random schemas of the kind that nobody designed for a move: names, keys, references, types and values that are hard.

The values are drawn with the schema, references among them always lead somewhere, and the same schema can be made on
SQLite and on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from hypothesis import strategies as st

from datalayer.query import JSON_NULL, Insert, Row, Select
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

Where: TypeAlias = Literal["sqlite", "postgres"]

_NAMES = (
    "select", "Order", "order details", 'qu"ote', "per%cent", "%s", "%(x)s", "Имя", "брат и ёж", "it's", "a.b", "x]y[",
    "tab`le", "user", "UPPER", "colon:x", "$1", "semi;colon", "back\\slash", "{}", "?", "--", "new\nline", "tab\t",
    "group", "rowid", "_rowid_", "value", "1", " ", "é", "datalayer_incoming", "child", "parent", "n", "excluded",
)  # fmt: skip
_LETTERS = "aBя Ж\"'%_\\]$é😀"
_WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
_WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
_MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | _WORDS | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
    max_leaves=4,
).map(lambda document: JSON_NULL if document is None else document)
_EXACT = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
_SPECIAL = st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")])


@dataclass(frozen=True, slots=True)
class Sort:
    """A type: as each store declares it, None where it has none, and its values."""

    sqlite: str | None
    postgres: str
    values: st.SearchStrategy[Any]
    in_keys: bool = False


def _array(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | of, max_size=3)


SORTS: Mapping[str, Sort] = {
    "whole": Sort("bigint", "bigint", _WHOLE, in_keys=True),
    "small": Sort("smallint", "smallint", st.integers(-32768, 32767), in_keys=True),
    "money": Sort("numeric(12,4)", "numeric(12,4)", st.decimals(-(10**7), 10**7, places=4)),
    "exact": Sort("decimal_text", "numeric", _EXACT | _SPECIAL),
    "double": Sort("double precision", "double precision", st.floats()),
    "word": Sort("text", "text", _WORDS, in_keys=True),
    "short": Sort("varchar(12)", "varchar(12)", _WORDS),
    "flag": Sort("boolean", "boolean", st.booleans()),
    "day": Sort("date", "date", st.dates(), in_keys=True),
    "clock": Sort("time", "time", st.times()),
    "at": Sort("timestamp", "timestamp", _MOMENTS, in_keys=True),
    "moment": Sort("timestamptz", "timestamptz", _MOMENTS.map(lambda at: at.replace(tzinfo=dt.UTC)), in_keys=True),
    "id": Sort("uuid", "uuid", st.uuids(), in_keys=True),
    "doc": Sort("json_text", "jsonb", _DOCUMENTS),
    "raw": Sort("blob", "bytea", st.binary(max_size=8), in_keys=True),
    "words": Sort('"text[]"', "text[]", _array(_WORDS)),
    "wholes": Sort('"bigint[]"', "bigint[]", _array(_WHOLE)),
    "flags": Sort('"boolean[]"', "boolean[]", _array(st.booleans())),
    "days": Sort('"date[]"', "date[]", _array(st.dates())),
    "single": Sort(None, "real", st.floats(width=32)),
    "mood": Sort(None, '"Nasty mood"', st.sampled_from(["glad", "it's", "so, so", "да"]), in_keys=True),
    "moods": Sort(None, '"Nasty mood"[]', _array(st.sampled_from(["glad", "it's", "so, so", "да"]))),
    "limited": Sort(None, '"Nasty domain"', st.text("ab", min_size=1, max_size=5)),
    "exacts": Sort(None, "numeric[]", _array(_EXACT)),
    "docs": Sort(None, "jsonb[]", _array(_DOCUMENTS)),
    "raws": Sort(None, "bytea[]", _array(st.binary(max_size=4))),
    "ids": Sort(None, "uuid[]", _array(st.uuids())),
    "moments": Sort(None, "timestamptz[]", _array(_MOMENTS.map(lambda at: at.replace(tzinfo=dt.UTC)))),
    "plain doc": Sort(None, "json", _DOCUMENTS),
}
_TYPES = """
    create type "Nasty mood" as enum ('glad', 'it''s', 'so, so', 'да');
    create domain "Nasty domain" as varchar(5) check (value <> '')
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A column; ``numbered`` by the store, or computed by it, where it says so."""

    name: str
    sort: str
    nullable: bool
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns that refer to the key of a table."""

    columns: tuple[str, ...]
    table: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NastyTable:
    """A table with its rows; ``computed`` is the name of a column that PostgreSQL computes."""

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]
    rows: tuple[Row, ...]
    computed: str | None = None


Schema: TypeAlias = Sequence[NastyTable]


def _names(count: int) -> st.SearchStrategy[list[str]]:
    name = st.sampled_from(_NAMES) | st.text(_LETTERS, min_size=1, max_size=8)
    return st.lists(name, min_size=count, max_size=count, unique_by=str.casefold)


@st.composite
def schemas(draw: st.DrawFn, where: Where) -> list[NastyTable]:
    """Draw one to three tables with up to six rows each."""
    sorts = [name for name, sort in SORTS.items() if where == "postgres" or sort.sqlite is not None]
    # Names that begin so are the package's own tables, which stay where they are.
    names = [name for name in draw(st.integers(1, 3).flatmap(_names)) if not name.startswith("datalayer_")]
    tables = [draw(_tables(name, sorts, where)) for name in names or ["only"]]
    return [draw(_referring(table, tables)) for table in tables]


@st.composite
def _tables(draw: st.DrawFn, name: str, sorts: list[str], where: Where) -> NastyTable:
    names = draw(st.integers(1, 5).flatmap(_names))
    size = draw(st.integers(0, min(2, len(names))))
    key = tuple(names[:size])
    in_keys = [sort for sort in sorts if SORTS[sort].in_keys]
    numbered = size == 1 and draw(st.booleans())
    fields = tuple(
        Field(n, "whole" if numbered else draw(st.sampled_from(in_keys)), nullable=False, numbered=numbered)
        if n in key
        else Field(n, draw(st.sampled_from(sorts)), nullable=draw(st.booleans()))
        for n in names
    )
    values = {f.name: st.none() | SORTS[f.sort].values if f.nullable else SORTS[f.sort].values for f in fields}
    rows = draw(
        st.lists(
            st.fixed_dictionaries(values),
            max_size=6,
            unique_by=(lambda row: tuple(row[part] for part in key)) if key else None,
        )
    )
    if not key and rows:
        rows = rows + draw(st.lists(st.sampled_from(rows), max_size=3))
    computed = "computed ü" if where == "postgres" and draw(st.booleans()) else None
    return NastyTable(name, fields, key, (), tuple(rows), computed)


@st.composite
def _referring(draw: st.DrawFn, table: NastyTable, tables: list[NastyTable]) -> NastyTable:
    """Have a table refer to any that has a key, itself and later ones included."""
    keyed = [other for other in tables if other.key]
    if not keyed or not draw(st.booleans()):
        return table
    other = draw(st.sampled_from(keyed))
    taken = {field.name.casefold() for field in table.fields}
    columns = tuple(f"to {place}" for place, _ in enumerate(other.key))
    if taken & set(columns):
        return table
    sorts = {field.name: field.sort for field in other.fields}
    fields = tuple(Field(c, sorts[part], nullable=True) for c, part in zip(columns, other.key, strict=True))
    keys = [tuple(row[part] for part in other.key) for row in other.rows]
    nothing = tuple(None for _ in columns)
    rows = tuple(
        {**row, **dict(zip(columns, draw(st.sampled_from([nothing, *keys])), strict=True))} for row in table.rows
    )
    reference = Reference(columns, other.name, other.key)
    return NastyTable(table.name, (*table.fields, *fields), table.key, (reference,), rows, table.computed)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _all(names: Sequence[str]) -> str:
    return ", ".join(map(_quote, names))


def _foreign(reference: Reference) -> str:
    return f"foreign key ({_all(reference.columns)}) references {_quote(reference.table)} ({_all(reference.key)})"


def _column(field: Field, where: Where) -> str:
    if field.numbered:
        how = "integer primary key" if where == "sqlite" else "bigint generated by default as identity primary key"
        return f"{_quote(field.name)} {how}"
    sort = SORTS[field.sort]
    declared = sort.sqlite if where == "sqlite" else sort.postgres
    return f"{_quote(field.name)} {declared}{'' if field.nullable else ' not null'}"


def _create(table: NastyTable, where: Where) -> str:
    lines = [_column(field, where) for field in table.fields]
    if table.key and not any(field.numbered for field in table.fields):
        lines.append(f"primary key ({_all(table.key)})")
    if where == "sqlite":
        lines += map(_foreign, table.references)
    elif table.computed is not None:
        lines.append(f"{_quote(table.computed)} text generated always as ('it is ' || 6 * 7) stored")
    return f"create table {_quote(table.name)} ({', '.join(lines)})"


async def fill_sqlite(store: SqliteStore, schema: Schema) -> None:
    """Make the tables on an empty SQLite and fill them."""
    script = "; ".join(["pragma foreign_keys = off", *(_create(table, "sqlite") for table in schema)])
    await store.run(lambda connection: connection.executescript(script).close())
    await store.catalog(refresh=True)
    await _insert(store, schema)
    if sum(len(table.rows) for table in schema) % 2:
        await store.run(lambda connection: _spell_otherwise(connection, schema))
    await store.run(lambda connection: connection.execute("pragma foreign_keys = on").close())


#: How others spell what the layer reads, by sort: SQL of a column.
_OTHER_SPELLINGS = {
    "id": "upper({0})",
    "clock": "replace({0}, '.000000', '')",
    "at": "replace(replace({0}, ' ', 'T'), '.000000', '')",
    "moment": "replace(replace(replace({0}, ' ', 'T'), '+00:00', 'Z'), '.000000', '')",
}


def _spell_otherwise(connection: sqlite3.Connection, schema: Schema) -> None:
    """Spell keys and times as other programs do: all of a sort alike, as SQLite compares references as texts."""
    for table in schema:
        spelt = [(_quote(field.name), _OTHER_SPELLINGS.get(field.sort)) for field in table.fields]
        sets = [f"{name} = {spelling.format(name)}" for name, spelling in spelt if spelling]
        if sets:
            connection.execute(f"update {_quote(table.name)} set {', '.join(sets)}").close()


async def fill_postgres(store: PostgresStore, schema: Schema) -> None:
    """Make the tables on an empty PostgreSQL and fill them; references come last."""
    async with store.connection() as connection:
        await connection.execute("; ".join([_TYPES, *(_create(table, "postgres") for table in schema)]).encode())
    await store.catalog(refresh=True)
    await _insert(store, schema)
    async with store.connection() as connection:
        for table in schema:
            for reference in table.references:
                await connection.execute(f"alter table {_quote(table.name)} add {_foreign(reference)}".encode())
    await store.catalog(refresh=True)


async def empty_postgres(store: PostgresStore) -> None:
    """Drop everything."""
    async with store.connection() as connection:
        await connection.execute("drop schema public cascade; create schema public")
    await store.catalog(refresh=True)


async def _insert(store: Store, schema: Schema) -> None:
    for table in schema:
        if table.rows:
            await store.insert(Insert(table.name, list(table.rows), returning=False))


async def holds(store: Store, schema: Schema) -> None:
    """Assert that a store has exactly the rows of a schema, each as often; told by nothing that moved them."""
    await store.catalog(refresh=True)
    for table in schema:
        columns = tuple(field.name for field in table.fields)
        found = [row async for row in store.stream(Select(table.name, columns=columns))]
        assert _counted(found, table.fields) == _counted(table.rows, table.fields), table.name


def _counted(rows: Sequence[Mapping[str, Any]], fields: Sequence[Field]) -> list[str]:
    return sorted(
        repr([_plain(_single(row[f.name]) if f.sort == "single" else row[f.name]) for f in fields]) for row in rows
    )


def _single(value: float | None) -> float | None:
    """PostgreSQL prints the shortest number that is the same in single precision."""
    return None if value is None else float(struct.unpack("f", struct.pack("f", value))[0])


def _plain(value: Any) -> Any:
    """Spell equal values alike: numbers by value, members of objects by name."""
    if isinstance(value, bool) or value is JSON_NULL:
        return value
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return str(number) if not number.is_finite() else f"{number:.400f}".rstrip("0") if number else "0."
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return sorted((name, _plain(each)) for name, each in value.items())
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value
