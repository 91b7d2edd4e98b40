"""What does not move with a table: checks, indexes other than keys, triggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from datalayer.stores.contract import Store
from datalayer.transfer.schemas.details import Rule, TableDetails, read_details

#: Rules of a table that one note names; the others are counted.
_MOST_NAMED: Final = 10


async def left_out(source: Store, tables: Sequence[str], done: str) -> list[str]:
    """Return a note on each table that has any, where the source tells them; ``done`` is what happens to the table."""
    details = await read_details(source) if tables else None
    if details is None:
        return []
    rules = {name: _named(details.of(name)) for name in tables}
    return [_note(name, done, named) for name, named in rules.items() if named]


def _named(details: TableDetails) -> list[str]:
    return [
        *(f"check {_name(check)}" for check in details.checks),
        *(f"{'unique index' if index.unique else 'index'} {_name(index)}" for index in details.indexes),
        *(f"trigger {_name(trigger)}" for trigger in details.triggers),
    ]


def _name(rule: Rule) -> str:
    """Return a rule's name; where it has none, as a check of SQLite, what it says."""
    return rule.name or f"({' '.join(rule.text.split())})"


def _note(table: str, done: str, rules: list[str]) -> str:
    more = f" and {len(rules) - _MOST_NAMED} more" if len(rules) > _MOST_NAMED else ""
    named = ", ".join(rules[:_MOST_NAMED])
    return f"{table} is {done} without {named}{more}: `datalayer schema diff` shows what they say"
