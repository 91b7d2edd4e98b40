"""Questions by value in one transaction: a column is looked through before it is first compared."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from datalayer.query import Filter
from datalayer.query.order import OrderBy
from datalayer.stores.sqlite.asking import Asker
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.spellings import by_value, can_be_spelt_otherwise, is_compared_as_text, spelt_otherwise


class ValueAsker(Asker):
    """Asks so that a row is found whatever way its keys and times are spelt, and not missed for its spelling.

    What it has seen of a column it takes to stay so: it is for a snapshot, or for a transaction that writes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._odd: dict[str, dict[str, bool]] = {}
        self._made: dict[str, tuple[Facts, Facts]] = {}

    def comparing(
        self,
        connection: sqlite3.Connection,
        facts: Facts,
        where: Filter | None,
        order: OrderBy = (),
        target: tuple[str, ...] = (),
    ) -> Facts:
        """Return the facts with those of the columns by value that have a value in another spelling."""
        table = facts.table.name
        seen = self._odd.setdefault(table, {})
        compared = {*(where.columns() if where is not None else ()), *(part.column for part in order)}
        looked_at = {name for name in compared if is_compared_as_text(facts.codecs[name])}
        looked_at.update(name for name in target if can_be_spelt_otherwise(facts.codecs[name]))
        for name in looked_at - seen.keys():
            seen[name] = next(spelt_otherwise(connection, table, facts.codecs[name]), None) is not None
        odd = frozenset(name for name, is_odd in seen.items() if is_odd)
        if not odd:
            return facts
        base, made = self._made.get(table, (None, None))
        if made is None or base is not facts or made.by_value != odd:
            codecs = {name: by_value(codec) if name in odd else codec for name, codec in facts.codecs.items()}
            made = replace(facts, codecs=codecs, by_value=odd, statements={})
            self._made[table] = facts, made
        return made
