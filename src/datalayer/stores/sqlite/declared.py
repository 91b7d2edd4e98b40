"""What SQLite calls a column's type, read as a portable kind: our own names exactly, everybody else's sensibly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from datalayer.stores.catalog import ColumnType, Kind


class Affinity(StrEnum):
    """What SQLite tries to turn a stored value into. Source: sqlite.org/datatype3.html, section 3.1."""

    INTEGER = "integer"
    TEXT = "text"
    BLOB = "blob"
    REAL = "real"
    NUMERIC = "numeric"


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared type taken apart.

    Args:
        limits: the numbers in parentheses: a length, or precision and scale.
        loose: timestamps that other hands may have written in other spellings than ours.
    """

    type: ColumnType
    affinity: Affinity
    limits: tuple[int, ...] = ()
    loose: bool = False

    @property
    def decimal_text(self) -> bool:
        """Whether numbers are kept as text, every digit of them."""
        return self.type.kind is Kind.NUMERIC and not self.type.array and self.affinity is Affinity.TEXT


_NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.BOOLEAN: ("boolean", "bool"),
    Kind.SMALLINT: ("smallint", "int2", "tinyint"),
    Kind.INTEGER: ("int4", "mediumint"),
    Kind.BIGINT: ("integer", "int", "bigint", "int8", "unsigned big int"),
    Kind.NUMERIC: ("numeric", "decimal", "decimal_text", "money"),
    Kind.REAL: ("float4",),
    Kind.DOUBLE: ("real", "double", "double precision", "float", "float8"),
    Kind.UUID: ("uuid",),
    Kind.DATE: ("date",),
    Kind.TIME: ("time", "time without time zone"),
    Kind.TIMESTAMP: ("timestamp", "timestamp without time zone", "datetime", "datetime2", "smalldatetime"),
    Kind.TIMESTAMPTZ: ("timestamptz", "timestamp with time zone"),
    Kind.JSON: ("json",),
    Kind.JSONB: ("jsonb", "json_text"),
    Kind.BYTEA: ("bytea", "blob", "binary", "varbinary"),
    Kind.TEXT: ("", "string", "citext"),
}
_TEXTS = frozenset({"text", "varchar", "character varying", "char", "character", "bpchar"})
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names}
_BY_AFFINITY = {
    Affinity.INTEGER: Kind.BIGINT,
    Affinity.TEXT: Kind.TEXT,
    Affinity.BLOB: Kind.BYTEA,
    Affinity.REAL: Kind.DOUBLE,
    Affinity.NUMERIC: Kind.NUMERIC,
}
_OWN_TIMESTAMPS = ("timestamp", "timestamptz")
_LIMITS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_BRACKETS = re.compile(r"(\[\d*\]\s*)+$")


def is_known(declared: str) -> bool:
    """Whether a declared type is one by name, and not only by what SQLite makes of its letters."""
    name = _name(_BRACKETS.sub("", declared))
    return bool(name) and (name in _KINDS or name in _TEXTS)


def read_declared(declared: str, default: str | None = None, *, strict: bool = False) -> Declared:
    """Read a declared type.

    Args:
        declared: as the table's definition spells it; empty for a column without type, which is read as text.
        default: the column's default expression: one that is not of our making shows that timestamps are loose.
        strict: the table is a STRICT one, where ANY takes every value as it is, like a column without type elsewhere.
    """
    if strict and declared.upper() == "ANY":
        declared = ""
    bare = _BRACKETS.sub("", declared)
    found = _LIMITS.search(bare)
    name = _name(bare)
    affinity = _affinity(declared)
    kind = _KINDS.get(name) or _BY_AFFINITY[affinity]
    return Declared(
        type=ColumnType(kind, declared or "text", array=bare != declared),
        affinity=affinity,
        limits=tuple(int(part) for part in found.groups() if part is not None) if found else (),
        loose=kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ) and (name not in _OWN_TIMESTAMPS or _foreign(default)),
    )


def _name(bare: str) -> str:
    return " ".join(_LIMITS.sub(" ", bare).lower().split())


def _foreign(default: str | None) -> bool:
    return default is not None and default.upper() != "NULL" and "%f000" not in default


def _affinity(declared: str) -> Affinity:
    upper = declared.upper()
    if "INT" in upper:
        return Affinity.INTEGER
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if "BLOB" in upper or not upper:
        return Affinity.BLOB
    if any(part in upper for part in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC
