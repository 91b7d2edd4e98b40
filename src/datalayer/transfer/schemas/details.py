"""What a schema has beside columns and keys: checks, indexes, triggers, sequences, where the store tells it."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from datalayer.query import Row
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Rule:
    """A check, an index or a trigger.

    Args:
        text: as the store spells it.
        unique: a unique index that is partial, over expressions, deferred or has equal NULLs; plain ones are keys of
            the catalog.
    """

    name: str
    text: str
    unique: bool = False

    @property
    def meaning(self) -> str:
        """The text without what spelling it differently does not change: casts, parentheses, quotes, spaces, case."""
        bare = re.sub(
            r"::\s*\"?[a-z_]+\"?( varying| precision| without time zone| with time zone)?(\[\])?", "", self.text
        )
        bare = re.sub(r"[\s()\"`\[\]]+", " ", bare).strip().lower()
        return f"{'unique ' if self.unique else ''}{bare.replace(' ,', ',').replace(', ', ',')}"


@dataclass(frozen=True, slots=True)
class TableDetails:
    """Of one table."""

    checks: tuple[Rule, ...] = ()
    indexes: tuple[Rule, ...] = ()
    triggers: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Details:
    """Of all tables.

    Args:
        sequences: names of those that belong to no column.
    """

    tables: Mapping[str, TableDetails]
    sequences: tuple[str, ...] = ()

    def of(self, table: str) -> TableDetails:
        """Return a table's, which may be none."""
        return self.tables.get(table, TableDetails())


_VISIBLE: Final = """
    c.relkind in ('r', 'p') and pg_table_is_visible(c.oid)
    and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""
_POSTGRES: Final = f"""
    select 'check' as what, c.relname as "table", k.conname as name, pg_get_expr(k.conbin, k.conrelid) as text,
           false as is_unique
    from pg_constraint k join pg_class c on c.oid = k.conrelid where k.contype = 'c' and {_VISIBLE}
    union all
    select 'index', c.relname, i.relname, regexp_replace(pg_get_indexdef(x.indexrelid), '^.* USING (btree )?', ''),
           x.indisunique
    from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    where not (x.indisunique and x.indpred is null and x.indexprs is null and x.indimmediate
               and pg_get_indexdef(x.indexrelid) not like '% NULLS NOT DISTINCT%') and {_VISIBLE}
    union all
    select 'trigger', c.relname, t.tgname, regexp_replace(pg_get_triggerdef(t.oid), '^CREATE (CONSTRAINT )?', ''), false
    from pg_trigger t join pg_class c on c.oid = t.tgrelid where not t.tgisinternal and {_VISIBLE}
    union all
    select 'sequence', '', c.relname, '', false from pg_class c
    where c.relkind = 'S' and pg_table_is_visible(c.oid) and not exists
        (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
    order by 1, 2, 3
"""
_SQLITE: Final = """
    select type as what, tbl_name as "table", name, sql as text, 0 as is_unique from sqlite_master
    where type in ('trigger', 'table', 'index') and sql is not null order by 1, 2, 3
"""
_INDEX: Final = re.compile(
    r"^create\s+(unique\s+)?index\s.*?\son\s+(?:\"[^\"]+\"|\[[^\]]+\]|`[^`]+`|\w+)\s*(.*)$", re.IGNORECASE | re.DOTALL
)
_CHECK: Final = re.compile(r"(?:\bconstraint\s+(\"[^\"]+\"|\[[^\]]+\]|`[^`]+`|\w+)\s+)?\bcheck\s*(?=\()", re.IGNORECASE)


async def read_details(store: Store) -> Details | None:
    """Read them; None where the store cannot tell."""
    if isinstance(store, PostgresStore):
        async with store.connection() as connection:
            return _gathered(await (await connection.execute(_POSTGRES.encode())).fetchall())
    if isinstance(store, SqliteStore):
        return _gathered(_rules_of_sqlite(await store.read(_read_sqlite)))
    return None


async def unknown_types(store: Store, declared: Iterable[str]) -> set[str]:
    """Return which types a PostgreSQL does not have."""
    if not isinstance(store, PostgresStore):
        return set()
    query = b"select name from unnest(%s::text[]) as name where to_regtype(name) is null"
    async with store.connection() as connection:
        cursor = await connection.execute(query, [sorted(set(declared))])
        return {row["name"] for row in await cursor.fetchall()}


def _gathered(rows: Iterable[Row]) -> Details:
    found: dict[str, dict[str, list[Rule]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["what"]][row["table"]].append(Rule(row["name"], row["text"], bool(row["is_unique"])))
    names = {name for what in ("check", "index", "trigger") for name in found[what]}
    tables = {
        name: TableDetails(*(tuple(found[what][name]) for what in ("check", "index", "trigger"))) for name in names
    }
    return Details(tables, tuple(rule.name for rule in found["sequence"][""]))


def _read_sqlite(connection: sqlite3.Connection) -> list[Row]:
    cursor = connection.execute(_SQLITE)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _rules_of_sqlite(rows: Iterable[Row]) -> list[Row]:
    """Read checks out of tables' definitions, and what is indexed out of indexes'; plain unique ones are keys."""
    rules: list[Row] = []
    for row in rows:
        if row["what"] == "table":
            rules += [row | {"what": "check", "name": name, "text": text} for name, text in checks_of(row["text"])]
            continue
        if row["what"] == "index":
            found = _INDEX.match(row["text"])
            if found is None:
                continue
            unique, over = bool(found[1]), found[2]
            plain = re.fullmatch(r"\((?:\s*(?:\"[^\"]+\"|\[[^\]]+\]|`[^`]+`|\w+)\s*,?)+\)", over)
            if unique and plain:
                continue
            row = row | {"text": over, "is_unique": unique}
        rules.append(row)
    return rules


def checks_of(definition: str) -> list[tuple[str, str]]:
    """Return name and expression of each check in the definition of a SQLite table."""
    found = []
    for match in _CHECK.finditer(definition):
        text = _in_parentheses(definition[match.end() :])
        found.append((match[1] or "", text))
    return found


def _in_parentheses(text: str) -> str:
    """Return what stands in the parentheses that the text begins with; quoted ones do not count."""
    depth, quoted = 0, False
    for place, character in enumerate(text):
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if depth == 0 and not quoted:
            return text[1:place].strip()
    return text[1:].strip()
