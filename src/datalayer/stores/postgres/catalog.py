"""The live schema read from pg_catalog: the tables that the connection's search_path makes visible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from datalayer.query import Row
from datalayer.stores.catalog import (
    Catalog,
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

#: PostgreSQL's names of the portable types.
KINDS: Mapping[str, Kind] = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.SMALLINT,
    "int4": Kind.INTEGER,
    "int8": Kind.BIGINT,
    "numeric": Kind.NUMERIC,
    "float4": Kind.REAL,
    "float8": Kind.DOUBLE,
    "uuid": Kind.UUID,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
    "bytea": Kind.BYTEA,
}

_VISIBLE = """
    c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid)
    AND c.relnamespace <> 'pg_catalog'::regnamespace AND c.relnamespace <> 'information_schema'::regnamespace
"""

_COLUMNS = f"""
    WITH RECURSIVE domains (oid, base) AS (
        SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'
        UNION ALL SELECT d.oid, t.typbasetype FROM domains d JOIN pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
    )
    SELECT c.relname, a.attname, NOT a.attnotnull AS nullable, format_type(a.atttypid, a.atttypmod) AS declared,
           pg_get_expr(d.adbin, d.adrelid) AS expression, a.attidentity, a.attgenerated,
           coalesce(element.typname, base.typname) AS type_name, base.typcategory = 'A' AS is_array,
           c.relkind = 'p' AS partitioned
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN domains over ON over.oid = t.oid AND NOT EXISTS (SELECT FROM domains more WHERE more.oid = over.base)
    JOIN pg_type base ON base.oid = coalesce(over.base, t.oid)
    LEFT JOIN pg_type element ON element.oid = base.typelem AND base.typcategory = 'A'
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE {_VISIBLE}
    ORDER BY c.relname, a.attnum
"""

_KEYS = f"""
    SELECT c.relname, i.relname AS key_name, x.indisprimary,
           (SELECT array_agg(a.attname::text ORDER BY k.place)
            FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
            WHERE k.place <= x.indnkeyatts) AS columns
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL AND x.indimmediate AND {_VISIBLE}
    ORDER BY c.relname, i.relname
"""

_FOREIGN_KEYS = f"""
    SELECT c.relname, k.conname, k.confdeltype, k.confupdtype, k.confmatchtype = 'f' AS match_full,
           CASE WHEN k.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN 'DEFERRABLE'
                ELSE '' END AS deferrable,
           CASE WHEN pg_table_is_visible(target.oid) THEN target.relname::text
                ELSE format('%s.%s', target.relnamespace::regnamespace, target.relname) END AS target_table,
           (SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns,
           (SELECT array_agg(a.attname::text ORDER BY u.place)
            FROM unnest(k.confkey) WITH ORDINALITY AS u(number, place)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS target_columns
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class target ON target.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND {_VISIBLE}
    ORDER BY c.relname, k.conname
"""

#: Types below this number came with the server. Source: PostgreSQL's access/transam.h, FirstNormalObjectId.
_TYPES = f"""
    WITH RECURSIVE used (relname, oid, depth) AS (
        SELECT c.relname, a.atttypid, 0 FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
        WHERE {_VISIBLE}
        UNION SELECT u.relname, inner_type.oid, u.depth + 1
        FROM used u JOIN pg_type t ON t.oid = u.oid
        JOIN pg_type inner_type ON inner_type.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END
        WHERE (t.typtype = 'd' OR t.typcategory = 'A') AND inner_type.oid >= 16384
    )
    SELECT u.relname, format_type(t.oid, NULL) AS name, t.typtype = 'e' AS is_enum, NOT t.typnotnull AS nullable,
           format_type(t.typbasetype, t.typtypmod) AS base, pg_get_expr(t.typdefaultbin, 0) AS expression,
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
            WHERE e.enumtypid = t.oid) AS labels,
           (SELECT array_agg(ARRAY[k.conname::text, pg_get_constraintdef(k.oid)] ORDER BY k.conname)
            FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') AS checks
    FROM (SELECT relname, oid, max(depth) AS depth FROM used GROUP BY relname, oid) u JOIN pg_type t ON t.oid = u.oid
    WHERE t.typtype IN ('e', 'd')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid
                      AND d.deptype = 'e')
    ORDER BY u.relname, u.depth DESC, name
"""

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


async def read_catalog(ask: Callable[[bytes], Awaitable[list[Row]]]) -> Catalog:
    """Read tables, columns, keys, foreign keys and types in four queries, each put to ``ask``."""
    columns: dict[str, list[Column]] = defaultdict(list)
    primary: dict[str, tuple[str, ...]] = {}
    uniques: dict[str, list[UniqueKey]] = defaultdict(list)
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    partitioned: set[str] = set()
    for row in await ask(_COLUMNS.encode()):
        columns[row["relname"]].append(_column(row))
        if row["partitioned"]:
            partitioned.add(row["relname"])
    for row in await ask(_KEYS.encode()):
        if row["indisprimary"]:
            primary[row["relname"]] = tuple(row["columns"])
        else:
            uniques[row["relname"]].append(UniqueKey(row["key_name"], tuple(row["columns"])))
    for row in await ask(_FOREIGN_KEYS.encode()):
        foreign[row["relname"]].append(_foreign_key(row))
    types: dict[str, list[OwnType]] = defaultdict(list)
    for row in await ask(_TYPES.encode()):
        types[row["relname"]].append(_own_type(row))
    return Catalog(
        {
            name: Table(
                name,
                tuple(columns[name]),
                primary.get(name, ()),
                tuple(uniques[name]),
                tuple(foreign[name]),
                types=tuple(types[name]),
                partitioned=name in partitioned,
            )
            for name in list(columns)
        }
    )


def _column(row: Mapping[str, Any]) -> Column:
    expression = row["expression"]
    from_sequence = bool(row["attidentity"]) or (expression or "").startswith("nextval(")
    kind = KINDS.get(row["type_name"], Kind.TEXT)
    return Column(
        name=row["attname"],
        type=ColumnType(kind, row["declared"], array=row["is_array"], padded=row["type_name"] == "bpchar"),
        nullable=row["nullable"],
        default=None if from_sequence or row["attgenerated"] else expression,
        identity=from_sequence,
        generated=bool(row["attgenerated"]),
    )


def _own_type(row: Mapping[str, Any]) -> OwnType:
    if row["is_enum"]:
        return EnumType(row["name"], tuple(row["labels"] or ()))
    checks = tuple((name, definition) for name, definition in row["checks"] or ())
    return DomainType(row["name"], row["base"], row["nullable"], row["expression"], checks)


def _foreign_key(row: Mapping[str, Any]) -> ForeignKey:
    return ForeignKey(
        name=row["conname"],
        columns=tuple(row["columns"]),
        target_table=row["target_table"],
        target_columns=tuple(row["target_columns"]),
        on_delete=_ACTIONS[row["confdeltype"]],
        on_update=_ACTIONS[row["confupdtype"]],
        match_full=row["match_full"],
        deferrable=row["deferrable"],
    )
