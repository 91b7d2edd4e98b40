"""The text of a SQLite table's capture triggers.

Every update is noted, also one that changes nothing: SQLite cannot compare whole rows, and a list of columns would
miss one that is added later. The triggers before a write note the rows that OR REPLACE is about to displace over a
unique key other than the primary one: unless ``recursive_triggers`` is on, no trigger fires for those.

The fence is asked for before a row is written: an application must not hear of a unique value instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from datalayer.outbox.tables import CONTROL, OUTBOX
from datalayer.stores.catalog import Kind, Table
from datalayer.stores.sql_names import literal, quote
from datalayer.stores.sqlite.declared import Affinity, read_declared

#: Every trigger's name begins with this.
TRIGGER_PREFIX: Final = "datalayer_capture_"

_QUIETLY: Final = "not (select active from datalayer_applying)"
_FENCE: Final = (
    f"select raise(abort, 'DL001: writes are held: this database is fenced') where (select fenced from {CONTROL});"
)


def trigger_statements(table: Table) -> dict[str, str]:
    """Return the table's triggers: the statement that makes it, by name."""
    written = {
        "insert": ("after insert", [*_required(table), _entry(table, "new", "upsert")]),
        "update": (
            "after update",
            [*_required(table), _entry(table, "new", "upsert"), _entry(table, "old", "delete", _moved(table))],
        ),
        "delete": ("after delete", [_entry(table, "old", "delete")]),
    }
    displaced = [_displaced(table, unique.columns) for unique in table.uniques]
    for event in ("insert", "update", "delete"):
        written[f"before_{event}"] = (f"before {event}", [_FENCE, *(displaced if event != "delete" else ())])
    return {
        f"{TRIGGER_PREFIX}{suffix}_{table.name}": _trigger(table, suffix, event, body)
        for suffix, (event, body) in written.items()
    }


def _trigger(table: Table, suffix: str, event: str, body: Sequence[str]) -> str:
    name = quote(f"{TRIGGER_PREFIX}{suffix}_{table.name}")
    lines = "\n    ".join(body)
    return f"create trigger {name} {event} on {quote(table.name)} when {_QUIETLY}\nbegin\n    {lines}\nend"


def _entry(table: Table, record: str, kind: str, condition: str = "") -> str:
    parts = [_json_value(table, record, name) for name in table.primary_key]
    return (
        f"insert into {OUTBOX} (aggregatetype, aggregateid, type, payload) select {literal(table.name)},"
        f" json_array({', '.join(parts)}), '{kind}', {_payload(table, parts)}{condition};"
    )


def _displaced(table: Table, unique: Sequence[str]) -> str:
    parts = [_json_value(table, "t", name) for name in table.primary_key]
    same = " and ".join(f"t.{quote(name)} = new.{quote(name)}" for name in unique)
    other = _tuple("t", table.primary_key) + " is not " + _tuple("new", table.primary_key)
    return (
        f"insert into {OUTBOX} (aggregatetype, aggregateid, type, payload) select {literal(table.name)},"
        f" json_array({', '.join(parts)}), 'delete', {_payload(table, parts)}"
        f" from {quote(table.name)} as t where {same} and {other};"
    )


def _required(table: Table) -> list[str]:
    """Refuse NULL in a key: SQLite takes it, no other store does, and no key finds the row again."""
    loose = [name for name in table.primary_key if table.by_name[name].nullable]
    if not loose:
        return []
    missing = " or ".join(f"new.{quote(name)} is null" for name in loose)
    return [f"select raise(abort, 'DL002: a row that is written to two stores needs a key') where {missing};"]


def _moved(table: Table) -> str:
    return f" where {_tuple('new', table.primary_key)} is not {_tuple('old', table.primary_key)}"


def _tuple(record: str, columns: Sequence[str]) -> str:
    listed = ", ".join(f"{record}.{quote(name)} collate binary" for name in columns)
    return f"({listed})" if len(columns) > 1 else listed


def _payload(table: Table, parts: Sequence[str]) -> str:
    pairs = (f"{literal(name)}, {part}" for name, part in zip(table.primary_key, parts, strict=True))
    return f"json_object({', '.join(pairs)})"


def _json_value(table: Table, record: str, name: str) -> str:
    """Write the expression of one value of a key inside of json_array: exact, whatever SQLite holds there."""
    column = f"{record}.{quote(name)}"
    declared = table.by_name[name].type
    if declared.kind is Kind.BYTEA:
        return f"lower(hex({column}))"
    if declared.kind is Kind.BOOLEAN:
        return f"json(case {column} when 1 then 'true' when 0 then 'false' else 'null' end)"
    if declared.kind is Kind.NUMERIC and read_declared(declared.declared).affinity is not Affinity.TEXT:
        return _shortest(column)
    return column


def _shortest(column: str) -> str:
    """Spell a float with as few digits as bring it back; whole numbers and texts as they are."""
    tried = "".join(
        f" when cast(printf('%!.{digits}g', {column}) as real) = {column} then printf('%!.{digits}g', {column})"
        for digits in (15, 16)
    )
    return f"case when typeof({column}) <> 'real' then {column}{tried} else printf('%!.17g', {column}) end"
