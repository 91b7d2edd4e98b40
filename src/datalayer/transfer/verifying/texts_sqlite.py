"""The canonical text of a row as SQLite's SQL: values stored in their usual form by SQLite itself, others by Python.

A value whose stored form is not the usual one costs a call to Python, and so do floats, and documents that are not
compact or not in PostgreSQL's order. Where most documents are, SQLite takes each as it is. What SQLite spells by itself
is never the text of another value; one that is written strangely may have a text of its own, and is then compared by
its value. Python raises an error for what has no text: what the store cannot read, and a text with a NUL, at which
SQLite's functions end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.stores.sql_names import quote
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.declared import read_declared
from datalayer.stores.sqlite.decode import Decoder
from datalayer.transfer.conversions import INTEGERS, alignment
from datalayer.transfer.exact_documents import unkept
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.exactly import reading
from datalayer.transfer.verifying.texts import Form, SideName, form_of, ordered_columns, places_of, sides, spelling

#: A function takes at most 127 arguments, and a column is at most two.
_COLUMNS_AT_ONCE: Final = 60
#: Documents looked at to see how they are written.
_SAMPLE: Final = 200
_HEX: Final = "[0-9a-f]"
_UUID: Final = "-".join(_HEX * count for count in (8, 4, 4, 4, 12))
_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_WITHOUT_ZEROS: Final = "rtrim(rtrim({0}, '0'), '.')"


@dataclass(frozen=True, slots=True)
class _Quick:
    """How SQLite spells a column's values by itself: those that meet a condition, as an expression."""

    condition: str
    spelled: str = "{0}"


_FRACTION: Final = "[0-9]" * 6
_NO_BLOB: Final = "{0} < x''"
#: Looked for only where characters of several bytes, or ones behind a NUL, make the text longer than it seems.
_NO_NUL: Final = "(length(cast({0} as blob)) = length({0}) or not instr({0}, char(0)))"
_ASCII: Final = f"{_NO_BLOB} and length(cast({{0}} as blob)) = length({{0}})"


def _like(pattern: str, spelled: str = "{0}") -> _Quick:
    return _Quick(f"{{0}} glob '{pattern}' and {_ASCII}", spelled)


#: Most moments have no zero at their end. Of these texts no two begin alike, and no blob has such a digit.
_EXACT_MOMENT: Final = _Quick(
    "length(cast({0} as blob)) = 26 and substr({0}, 26) between '1' and '9' and {0} glob '????-??-?? *'"
)
_EXACT_ZONED: Final = _Quick(
    "substr(cast({0} as blob), 27) = x'2b30303a3030' and substr({0}, 26, 1) between '1' and '9'"
    " and {0} glob '????-??-?? *'",
    "substr({0}, 1, 26)",
)
_MOMENT: Final = _like(f"????-??-?? ??:??:??.{_FRACTION}", _WITHOUT_ZEROS)
_ZONED_MOMENT: Final = _like(f"????-??-?? ??:??:??.{_FRACTION}+00:00", "rtrim(rtrim({0}, '0:+'), '.')")
_SECOND: Final = _like("????-??-?? ??:??:??")
_DECIMAL_TEXT: Final = (
    _Quick(
        "({0} glob '[1-9]*.*' or {0} glob '0.*') and {0} not glob '*[^0-9.]*' and {0} not glob '*.*.*'"
        f" and {_ASCII}",
        _WITHOUT_ZEROS,
    ),
    _Quick(f"{{0}} glob '[1-9]*' and {{0}} not glob '*[^0-9]*' and {_ASCII}"),
)
_QUICK: Final[Mapping[Kind, tuple[_Quick, ...]]] = {
    **dict.fromkeys((*INTEGERS, Kind.NUMERIC, Kind.DOUBLE), (_Quick("typeof({0}) = 'integer'"),)),
    Kind.BOOLEAN: (_Quick("{0} in (0, 1)"),),
    Kind.UUID: (_like(_UUID),),
    Kind.DATE: (_like(_DAY),),
    Kind.TIME: (_like(f"??:??:??.{_FRACTION}", _WITHOUT_ZEROS),),
    Kind.TIMESTAMP: (_EXACT_MOMENT, _MOMENT, _SECOND),
    Kind.TIMESTAMPTZ: (_EXACT_ZONED, _ZONED_MOMENT, _SECOND),
    Kind.BYTEA: (_Quick("typeof({0}) = 'blob'", "'\\x' || lower(hex({0}))"),),
}
_TEXT: Final = _Quick(f"{{0}} >= '' and {_NO_BLOB} and {_NO_NUL}", "length({0})")
_WRITTEN: Final = f"{{0}} > '' and {_NO_BLOB} and {_NO_NUL} and not instr({{0}}, char(10))"
_AS_STORED: Final[Mapping[Form, tuple[_Quick, ...]]] = {
    Form.DOCUMENT: (_Quick(f"{_WRITTEN} and not instr({{0}}, 'null')"),),
    Form.ARRAY: (_Quick(_WRITTEN),),
}


class SqliteTexts:
    """Spells the rows of a table on a connection.

    Args:
        codecs: how the store reads each column.
    """

    def __init__(self, pair: TablePair, side: SideName, codecs: Mapping[str, Codec]) -> None:
        self._table = quote(pair.name)
        self._columns = [
            _Column(f"datalayer_text_{place}", *sides(column, side), codecs[column.source.name])
            for place, column in enumerate(ordered_columns(pair))
        ]

    @contextmanager
    def spelled(self, connection: sqlite3.Connection) -> Iterator[Callable[[Sequence[str] | None], str]]:
        """Lend what writes the SQL of the text of all columns, or of some."""
        for column in self._columns:
            connection.create_function(column.function, 1, column.spell, deterministic=True)
        try:
            parts = {c.codec.column.name: c.part(as_stored=self._is_usual(connection, c)) for c in self._columns}
            yield lambda names: _together([parts[name] for name in names or parts])
        finally:
            for column in self._columns:
                connection.create_function(column.function, 1, None)

    def _is_usual(self, connection: sqlite3.Connection, column: _Column) -> bool:
        """Whether documents are stored as they are spelled, as far as the first ones show."""
        if column.form not in _AS_STORED:
            return False
        query = f"select {column.name} from {self._table} where {column.name} is not null limit {_SAMPLE}"
        return all(_is_spelled(column, stored) for (stored,) in connection.execute(query))


def _numeric(mine: ColumnType, other: ColumnType) -> tuple[_Quick, ...]:
    places, as_text = places_of(mine, other), read_declared(mine.declared).decimal_text
    if not places:
        return _DECIMAL_TEXT if as_text else _QUICK[Kind.NUMERIC]
    if as_text:
        return (_like(f"*.{'[0-9]' * places}"),)
    return (_Quick("typeof({0}) = 'integer'", f"{{0}} || '.{'0' * places}'"),)


class _Column:
    """One column's part of a text."""

    def __init__(self, function: str, mine: ColumnType, other: ColumnType, codec: Codec) -> None:
        self.function = function
        self.codec = codec
        self.form = form_of(mine, other)
        self.name = quote(codec.column.name)
        self._spell = spelling(mine, other)
        self._read = _whole(reading(codec)) if mine.is_json else reading(codec)
        self._quick: tuple[_Quick, ...] = ()
        aligned = alignment(mine, other) is not None and mine.kind is not Kind.BOOLEAN
        if not mine.array and not aligned and self.form is not Form.FLOAT:
            self._quick = _numeric(mine, other) if mine.kind is Kind.NUMERIC else _QUICK.get(mine.kind, ())
        #: Whether its values are taken as they are.
        self.text = self.form is Form.TEXT and mine.kind is Kind.TEXT and not aligned

    def spell(self, stored: Any) -> str | None:
        """Spell a stored value in Python."""
        if stored is None:
            return None
        plain = self.codec.plain
        text = self._spell(stored if plain is not None and type(stored) is plain else self._read(stored))
        if "\0" in text:
            raise ValueError
        return text

    def part(self, *, as_stored: bool) -> tuple[str, str]:
        """Return a format for printf(), and what fills it; printf() takes NULL for nothing."""
        if self.text:
            return "%s:%s", f"{self._way((_TEXT,), 'length({0})')}, {self.name}"
        quick = _AS_STORED[self.form] if as_stored else self._quick
        spelled = self._way(quick)
        if self.form is Form.TEXT:
            return "%s:%s", f"length({spelled}), {spelled}"
        return f"%s{self.form.end}", spelled

    def _way(self, quick: Sequence[_Quick], otherwise: str = "{0}") -> str:
        """SQL: what is quick where it can be, and otherwise what comes of Python's text."""
        spelled = otherwise.format(f"{self.function}({self.name})")
        if not quick:
            return spelled
        # The column's collation may be one that only the program has that made the file.
        met = f"{self.name} collate binary"
        ways = "".join(f" when {each.condition.format(met)} then {each.spelled.format(self.name)}" for each in quick)
        null = f" when {self.name} is null then null" if self.codec.column.nullable else ""
        return f"case{null}{ways} else {spelled} end"


def _whole(read: Decoder) -> Decoder:
    """Read documents, except those of which a text would have a part alone: then rows are compared one by one."""

    def whole(stored: Any) -> Any:
        document = read(stored)
        if unkept(document):
            raise ValueError
        return document

    return whole


def _is_spelled(column: _Column, stored: Any) -> bool:
    try:
        return bool(column.spell(stored) == stored)
    except (TypeError, ValueError, ArithmeticError):
        return False


def _together(parts: Sequence[tuple[str, str]]) -> str:
    groups = [parts[start : start + _COLUMNS_AT_ONCE] for start in range(0, len(parts), _COLUMNS_AT_ONCE)]
    return " || ".join(
        f"printf('{''.join(form for form, _ in group)}', {', '.join(filled for _, filled in group)})"
        for group in groups
    )
