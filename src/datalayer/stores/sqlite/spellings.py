"""Values that others may have spelt otherwise than the store does, and SQL that compares them by what they mean.

A column in the store's own spelling is compared as text, which its index answers. One that has a value in another
spelling that reading accepts, as a uuid in capitals or a time without microseconds, is compared by an expression: texts
in the usual spelling, which are in the order of their values. SQLite puts the common spellings right by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from datalayer.stores.catalog import Kind
from datalayer.stores.sqlite.codecs import Codec, quote
from datalayer.stores.sqlite.decode import DECODERS
from datalayer.stores.sqlite.encode import ENCODERS
from datalayer.stores.sqlite.unfit import Unfit

_HEX: Final = (8, 4, 4, 4, 12)
_UUID: Final = "-".join("[0-9a-f]" * count for count in _HEX)
_ANY_UUID: Final = "-".join("[0-9a-fA-F]" * count for count in _HEX)
_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_CLOCK: Final = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_FRACTION: Final = f".{'[0-9]' * 6}"
#: The store's own spelling of each kind, as a pattern of GLOB.
_USUAL: Final[Mapping[Kind, str]] = {
    Kind.UUID: _UUID,
    Kind.DATE: _DAY,
    Kind.TIME: f"{_CLOCK}{_FRACTION}",
    Kind.TIMESTAMP: f"{_DAY} {_CLOCK}{_FRACTION}",
    Kind.TIMESTAMPTZ: f"{_DAY} {_CLOCK}{_FRACTION}+00:00",
}
_MOMENT: Final = "substr({0}, 1, 10) || ' ' || substr({0}, 12, 8)"
#: Other spellings that SQLite itself makes usual ones of.
_COMMON: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    Kind.UUID: ((_ANY_UUID, "lower({0})"),),
    Kind.TIME: ((_CLOCK, "{0} || '.000000'"),),
    Kind.TIMESTAMP: ((f"{_DAY}[ T]{_CLOCK}", f"{_MOMENT} || '.000000'"),),
    Kind.TIMESTAMPTZ: tuple((f"{_DAY}[ T]{_CLOCK}{end}", f"{_MOMENT} || '.000000+00:00'") for end in ("", "Z")),
}
#: Comes after every value: what is none of the column's type.
_LAST: Final = "\U0010ffff"


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    for kind in _USUAL:
        connection.create_function(_function(kind), 1, _usual(kind), deterministic=True)


def by_value(codec: Codec) -> Codec:
    """Return a codec that compares what is stored by its value; only where it is compared as text so far."""
    kind, name = codec.column.type.kind, quote(codec.column.name)
    if not _is_text(codec):
        return codec
    ways = [(_USUAL[kind], "{0}"), *_COMMON.get(kind, ())]
    whens = " ".join(f"when {name} glob '{pattern}' then {spelt.format(name)}" for pattern, spelt in ways)
    compared = f"case {whens} else {_function(kind)}({name}) end"
    return replace(codec, compared=compared, listed=compared)


def can_be_spelt_otherwise(codec: Codec) -> bool:
    """Whether equal values of the column may be unequal texts."""
    column = codec.column
    return not column.type.array and (column.type.kind in _USUAL or codec.compared != quote(column.name))


def is_compared_as_text(codec: Codec) -> bool:
    """Whether a question by this column would miss a value in another spelling."""
    return can_be_spelt_otherwise(codec) and _is_text(codec)


def spelt_otherwise(
    connection: sqlite3.Connection, table: str, codec: Codec, columns: str = ""
) -> Generator[tuple[Any, ...], None, None]:
    """Yield the stored values of a column that are not in the store's own spelling.

    Args:
        columns: SQL of what is yielded behind each value, with a comma before it.
    """
    name = quote(codec.column.name)
    pattern = _USUAL.get(codec.column.type.kind)
    usual = f"typeof({name}) <> 'text'" if pattern is None else f"{name} glob '{pattern}'"
    query = f"select {name}{columns} from {quote(table)} where {name} is not null and not ({usual})"
    with closing(connection.execute(query)) as cursor:
        for found in cursor:
            if _is_spelt_otherwise(codec, found[0]):
                yield found


def _is_spelt_otherwise(codec: Codec, stored: Any) -> bool:
    """Say whether it is a value of the column and spelt otherwise; what is none is nobody's equal."""
    try:
        return bool(codec.write(codec.read(stored)) != stored)
    except (TypeError, ValueError, ArithmeticError, Unfit):
        return False


def _is_text(codec: Codec) -> bool:
    return codec.compared == quote(codec.column.name) and codec.column.type.kind in _USUAL


def _function(kind: Kind) -> str:
    return f"datalayer_usual_{kind.name.lower()}"


def _usual(kind: Kind) -> Callable[[Any], Any]:
    read, write = DECODERS[kind], ENCODERS[kind]

    def spell(stored: Any) -> Any:
        if type(stored) is not str:
            return stored
        try:
            return write(read(stored))
        except (TypeError, ValueError, ArithmeticError, Unfit):
            return _LAST + stored

    return spell
