"""A page of a SQLite table as the text that PostgreSQL's COPY reads, spelled and joined by SQLite in one value.

No Python runs for a row that is stored in its usual form, so other threads do their work meanwhile. A value in another
form costs a call to Python; one that does not fit stops the page, and what names it has to read the rows themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from datalayer.stores.catalog import Column, Kind
from datalayer.stores.sql_names import quote
from datalayer.stores.sqlite.declared import read_declared
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.joined_rows import JoinedRows
from datalayer.transfer.limits import INTEGER_BITS, length_limit, modifiers
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.copy_text import ToText

#: Calls Python for the column with a number; takes that and the stored value.
_FUNCTION: Final = "datalayer_copy_text"
#: A function of SQLite takes at most 127 arguments. Source: sqlite.org/limits.html, SQLITE_MAX_FUNCTION_ARG.
_COLUMNS_AT_ONCE: Final = 100
#: A double keeps decimal numbers of so many digits apart. Source: C's DBL_DIG.
_EXACT_DIGITS: Final = 15
#: What sqlite3 says of a value that does not fit, and of text that is not UTF-8.
_STOPPED: Final = ("user-defined function raised exception", "decode")
_SPECIAL: Final = ("'\\'", "'\t'", "'\n'", "'\r'")
#: SQLite's functions and patterns take a text for ended at its first NUL.
_WHOLE: Final = "typeof({0}) = 'text' and not instr({0}, char(0))"
#: Without a modifier, which has it count the days, SQLite may give back a day that the calendar lacks.
_COUNTED: Final = "'+0 days'"
_DIGIT: Final = "[0-9]"
_UUID: Final = "-".join("[0-9a-f]" * count for count in (8, 4, 4, 4, 12))


class PageText(NamedTuple):
    """Lines of COPY, how many, and the last one's row id."""

    text: bytes
    rows: int
    last: int


class _Quick(NamedTuple):
    """What SQLite makes of a stored value by itself, and when: ``{0}`` is the column."""

    condition: str
    spelled: str = "{0}"


_Choice: TypeAlias = Callable[[Column, Column], _Quick | None]


class PageSpeller:
    """Spells pages of a table that has row ids, in a database in UTF-8: into another one SQLite replaces letters.

    Args:
        row_id: a name of the row id that no column hides.
        ways: from each stored value of a column to COPY's text; raises MisfitError.
    """

    def __init__(self, pair: TablePair, row_id: str, ways: Sequence[ToText]) -> None:
        self._ways = ways
        texts = [_expression(column.source, column.target, place) for place, column in enumerate(pair.columns)]
        spelled, joined = {"line": _line(texts)}, ["group_concat(line, char(10)) || char(10)"]
        self._rows = JoinedRows(quote(pair.source.name), row_id, spelled, joined)

    def page(self, connection: sqlite3.Connection, low: int, high: int, rows: int) -> PageText | int:
        """Return the first rows in a range of row ids: so many, fewer where they are long.

        Where a value stops it, return how many rows to read value by value: one, where it is too long.
        """
        ways = self._ways
        connection.create_function(_FUNCTION, 2, lambda place, stored: ways[place](stored), deterministic=True)
        try:
            while rows:
                page = self._rows.page(connection, low, high, rows)
                if page is not None:
                    return PageText((page.joined[0] or "").encode(), page.rows, page.last)
                rows //= 2
        except sqlite3.OperationalError as error:
            if not any(said in str(error) for said in _STOPPED):
                raise
            return rows
        finally:
            connection.create_function(_FUNCTION, 2, None)
        return 1


def _line(texts: Sequence[str]) -> str:
    groups = [texts[start : start + _COLUMNS_AT_ONCE] for start in range(0, len(texts), _COLUMNS_AT_ONCE)]
    return " || '\t' || ".join(_printf("\t".join("%s" for _ in group), group) for group in groups)


def _printf(form: str, values: Sequence[str]) -> str:
    return f"printf('{form}', {', '.join(values)})"


def _expression(source: Column, target: Column, place: int) -> str:
    name = quote(source.name)
    choose = None if source.type.array or target.type.array else _QUICK.get(target.type.kind)
    quick = None if choose is None else choose(source, target)
    # Values are told apart by their bytes, whatever the column's collation takes for equal.
    met = "" if quick is None else quick.condition.format(f"{name} collate binary")
    usual = "" if quick is None else f" when {met} then {quick.spelled.format(name)}"
    # A column that is NOT NULL refuses it, by its way.
    null = f" when {name} is null then '\\N'" if target.nullable else ""
    way = f"{_FUNCTION}({place}, {name})"
    return f"case{usual}{null} else {way} end" if usual or null else way


def _text(source: Column, target: Column) -> _Quick | None:
    longest = length_limit(target.type)
    if source.type.kind is not Kind.TEXT or longest == 0:
        return None
    short = "" if longest is None else f" and length({{0}}) <= {longest}"
    special = "".join(f" and not instr({{0}}, {sign})" for sign in _SPECIAL)
    return _Quick(f"{_WHOLE}{short}{special}")


def _integer(source: Column, target: Column) -> _Quick | None:
    if source.type.kind not in INTEGERS:
        return None
    bits = min(INTEGER_BITS[source.type.kind], INTEGER_BITS[target.type.kind])
    within = "" if bits == INTEGER_BITS[Kind.BIGINT] else f" and {{0}} between {-(1 << bits)} and {(1 << bits) - 1}"
    return _Quick(f"typeof({{0}}) = 'integer'{within}")


def _numeric(source: Column, target: Column) -> _Quick | None:
    """Numbers with the column's places at most: SQLite writes no more digits than a double keeps apart."""
    given = modifiers(target.type.declared)
    if source.type.kind is not Kind.NUMERIC or read_declared(source.type.declared).decimal_text:
        return None
    if given is None or not 0 <= given[2] < given[1] <= _EXACT_DIGITS:
        return None
    beyond = f"1e{given[1] - given[2]}"
    return _Quick(f"{{0}} > -{beyond} and {{0}} < {beyond} and round({{0}}, {given[2]}) = {{0}}")


def _moment(source: Column, target: Column) -> _Quick | None:
    """Moments that SQLite itself reads and writes so; one that the calendar lacks it writes otherwise."""
    if source.type.kind is not target.type.kind or modifiers(target.type.declared):
        return None
    read = f"{{0}} >= '0001-' and datetime({{0}}, {_COUNTED})"
    longer = f"{read} = substr({{0}}, 1, 19) and {_WHOLE}"
    if source.type.kind is Kind.TIMESTAMPTZ:
        return _Quick(f"{longer} and {_fraction(6)}+00:00'")
    return _Quick(f"{read} = {{0}} or {longer} and ({_fraction(6)}' or {_fraction(3)}')")


def _fraction(digits: int) -> str:
    return f"{{0}} glob '????-??-?? ??:??:??.{_DIGIT * digits}"


def _same(quick: _Quick) -> _Choice:
    """Take a column whose kind is the same on both sides."""
    return lambda source, target: quick if source.type.kind is target.type.kind else None


_QUICK: Final[Mapping[Kind, _Choice]] = {
    Kind.TEXT: _text,
    **dict.fromkeys(INTEGERS, _integer),
    Kind.NUMERIC: _numeric,
    **dict.fromkeys((Kind.TIMESTAMP, Kind.TIMESTAMPTZ), _moment),
    Kind.DATE: _same(_Quick(f"{{0}} >= '0001-' and date({{0}}, {_COUNTED}) = {{0}}")),
    Kind.BOOLEAN: _same(_Quick("typeof({0}) = 'integer' and {0} in (0, 1)")),
    Kind.UUID: _same(_Quick(f"{_WHOLE} and {{0}} glob '{_UUID}'")),
    Kind.BYTEA: _same(_Quick("typeof({0}) = 'blob'", "'\\\\x' || hex({0})")),
}
