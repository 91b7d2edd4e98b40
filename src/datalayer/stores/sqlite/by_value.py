"""Questions by value: a column is looked through before it is first compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import attrgetter

from datalayer.query import Select, Upsert
from datalayer.stores.sqlite.asking import Asker, Comparing
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.decode import Decoder
from datalayer.stores.sqlite.spellings import by_value, can_be_spelt_otherwise, is_compared_as_text, spelt_otherwise


class ValueAsker(Asker):
    """Asks so that a row is found whatever way its keys and times are spelt, and not missed for its spelling.

    Each column is looked through once, before it is first compared; its index is used where that finds nothing. What it
    has seen it takes to stay so: it is for a snapshot, or for a transaction that writes. Who asks later ones by it has
    to notice what is spelt anew between them.

    Args:
        reading: returns what reads the stored values of a column, where that is not its codec.
    """

    def __init__(self, reading: Callable[[Codec], Decoder] = attrgetter("read")) -> None:
        super().__init__()
        self._reading = reading
        self._odd: dict[str, dict[str, bool]] = {}
        self._made: dict[str, tuple[Facts, Facts]] = {}

    def comparing(self, connection: sqlite3.Connection, facts: Facts, question: Comparing) -> Facts:
        """Return the facts with those of the columns by value that have a value in another spelling."""
        table = facts.table.name
        seen = self._odd.setdefault(table, {})
        # A unique index compares as stored also what a filter compares by value.
        may_miss = can_be_spelt_otherwise if isinstance(question, Upsert) else is_compared_as_text
        for name in {name for name in _compared(question) if may_miss(facts.codecs[name])} - seen.keys():
            seen[name] = next(spelt_otherwise(connection, table, facts.codecs[name]), None) is not None
        odd = frozenset(name for name, is_odd in seen.items() if is_odd)
        base, made = self._made.get(table, (None, None))
        if made is None or base is not facts or made.by_value != odd:
            codecs = {
                name: replace(by_value(codec) if name in odd else codec, read=self._reading(codec))
                for name, codec in facts.codecs.items()
            }
            made = replace(facts, codecs=codecs, by_value=odd, statements={})
            self._made[table] = facts, made
        return made


def _compared(question: Comparing) -> Iterator[str]:
    if isinstance(question, Upsert):
        yield from question.target
        return
    if question.where is not None:
        yield from question.where.columns()
    if isinstance(question, Select):
        yield from (part.column for part in question.order)
