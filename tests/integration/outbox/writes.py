"""Random writes over three tables, in SQL that PostgreSQL and SQLite read alike, and what they changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import psycopg
from hypothesis import strategies as st

#: Tag is never written twice, so that a key whose row was replaced by another's is seen to have changed.
TABLES = """
create table parents (id integer primary key, boss integer references parents (id) on delete cascade,
                      tag integer not null, note text);
create table kids (id integer primary key, parent integer references parents (id) on delete cascade,
                   tag integer not null, note text);
create table pairs (a integer not null, b text not null, tag integer not null, note text, primary key (a, b));
"""
#: One table more, of PostgreSQL alone.
ITEMS = "create table items (id bigint generated always as identity primary key, name text unique, data json)"
KEYS: Mapping[str, tuple[str, ...]] = {"parents": ("id",), "kids": ("id",), "pairs": ("a", "b")}

Ask: TypeAlias = Callable[[str], list[tuple[Any, ...]]]
#: Rows by table and by the text of their key.
Contents: TypeAlias = dict[str, dict[str, tuple[Any, ...]]]

_IDS = st.integers(1, 9)
_NOTES = st.sampled_from(["null", "''", "'a'", "'ü\"\\'"])


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Draw one statement; ``{tag}`` stands for a number that was never used."""
    number, other, note = draw(_IDS), draw(_IDS), draw(_NOTES)
    parent = draw(st.sampled_from(["null", f"(select min(id) from parents where id >= {other})"]))
    return draw(
        st.sampled_from(
            [
                f"insert into parents values ({number}, null, {{tag}}, {note}) on conflict (id) do nothing",
                f"insert into parents values ({number}, null, {{tag}}, {note}), (1{other}, {number}, {{tag}}, {note})"
                " on conflict (id) do update set note = excluded.note",
                f"insert into kids values ({number}, {parent}, {{tag}}, {note})"
                " on conflict (id) do update set note = excluded.note, parent = excluded.parent",
                f"insert into pairs values ({number}, 'k{other}', {{tag}}, {note})"
                " on conflict (a, b) do update set note = excluded.note",
                f"update kids set note = {note} where id <= {number}",
                f"update parents set note = {note} where id >= {number}",
                f"update pairs set b = b || '!', tag = {{tag}} + a where a = {number}",
                f"update kids set id = id + 100, tag = tag where id = {number} and not exists"
                f" (select 1 from kids where id = {number} + 100)",
                f"delete from parents where id = {number}",
                f"delete from kids where id > {number}",
                f"delete from pairs where a in ({number}, {other})",
                "update pairs set note = note",
            ]
        )
    )


def entries(door: psycopg.Connection) -> list[tuple[str, str, str]]:
    """Take all entries, in order, out of PostgreSQL's outbox."""
    found = door.execute("select aggregatetype, aggregateid, type from datalayer_outbox order by version").fetchall()
    door.execute("delete from datalayer_outbox")
    return [(table, key, kind) for table, key, kind in found]


def contents(ask: Ask) -> Contents:
    """Read everything."""
    return {
        table: {
            json.dumps(list(row[: len(key)]), separators=(",", ":")): row
            for row in ask(f"select {', '.join(key)}, * from {table}")
        }
        for table, key in KEYS.items()
    }


def changed(before: Contents, after: Contents) -> set[tuple[str, str]]:
    """Return the keys whose row is not what it was."""
    return {
        (table, key)
        for table in KEYS
        for key in before[table].keys() | after[table].keys()
        if before[table].get(key) != after[table].get(key)
    }


def noted(ask: Ask) -> set[tuple[str, str]]:
    """Return the keys in the outbox."""
    return {(table, key) for table, key in ask("select aggregatetype, aggregateid from datalayer_outbox")}
