"""What SQLSTATE codes mean in the tree of errors: the same failure is the same class, with the same words, everywhere.

Messages of classes 22 and 23 quote row values on the server, so those have words of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from datalayer import errors
from datalayer.errors import StoreError

Translation: TypeAlias = tuple[type[StoreError], str | None]

#: SQLSTATE, or what it begins with -> error class and our words. None: the server's words carry no values.
#: Source: PostgreSQL 18 manual, appendix A; codes that begin with DL are our own scripts'.
_TRANSLATIONS: Final[Mapping[str, Translation]] = {
    "08": (errors.UnavailableError, "the connection to the database was lost"),
    "21000": (errors.StoreError, "the server refuses a write without a filter, or a row would be written twice"),
    "22": (errors.UnfitValueError, "a value does not fit its column"),
    "22001": (errors.UnfitValueError, "a text is too long for its column"),
    "22003": (errors.UnfitValueError, "a number is out of its column's range"),
    "22007": (errors.UnfitValueError, "a date or time is malformed"),
    "22008": (errors.UnfitValueError, "a date or time is out of range"),
    "22012": (errors.UnfitValueError, "a division by zero"),
    "22021": (errors.UnfitValueError, "text must not contain NUL characters"),
    "22P02": (errors.UnfitValueError, "a value has the wrong form for its column's type"),
    "22P05": (errors.UnfitValueError, "text must not contain NUL characters"),
    "23": (errors.ConstraintViolationError, "a constraint is violated"),
    "23502": (errors.NotNullViolationError, "a required column was left NULL"),
    "23503": (errors.ForeignKeyViolationError, "a referenced row is missing, or the row is still referenced"),
    "23505": (errors.UniqueViolationError, "another row has the same key"),
    "23514": (errors.CheckViolationError, "a CHECK constraint is violated"),
    "25006": (errors.AccessDeniedError, "the transaction is read-only"),
    "25P02": (errors.StoreError, "an earlier statement of the transaction failed; nothing of it is kept"),
    "28": (errors.AccessDeniedError, "the server refused the login"),
    "3D000": (errors.UnavailableError, "the database does not exist"),
    "40001": (errors.TransactionConflictError, "a concurrent transaction got in the way"),
    "40P01": (errors.TransactionConflictError, "a deadlock was resolved at this transaction's cost"),
    "42": (errors.SchemaError, None),
    "42501": (errors.AccessDeniedError, None),
    "42703": (errors.UnknownColumnError, None),
    "42804": (errors.UnfitValueError, "a value has the wrong type for its column"),
    "428C9": (errors.UnfitValueError, "a generated column cannot be written"),
    "42P01": (errors.UnknownTableError, None),
    "42P10": (errors.MissingConflictTargetError, "no unique index matches the conflict target"),
    "53": (errors.UnavailableError, "the server is out of connections or resources"),
    "55P03": (errors.StoreTimeoutError, "a lock was not free in time"),
    "57014": (errors.StoreTimeoutError, "the statement took longer than its timeout and was cancelled"),
    "DL001": (errors.WritesHeldError, "writes are held while another store becomes the primary"),
    "57P": (errors.UnavailableError, "the server is shutting down or starting up"),
}

#: JSON spells a NUL character as an escape, which PostgreSQL refuses by another code than a NUL byte.
_SYNONYMS: Final = {"22P05": "22021"}

_KEY_DETAIL: Final = re.compile(r"^Key \((?P<columns>.*?)\)=\(")


def translation(sqlstate: str) -> Translation | None:
    """Return the most specific translation of a code, or None."""
    for code in (sqlstate, sqlstate[:3], sqlstate[:2]):
        if code in _TRANSLATIONS:
            return _TRANSLATIONS[code]
    return None


def canonical(sqlstate: str) -> str:
    """Return the one code for failures that the server has several for."""
    return _SYNONYMS.get(sqlstate, sqlstate)


def key_columns(detail: str | None) -> tuple[str, ...]:
    """Take the column names, and no values, from a detail that reads ``Key (a, b)=(…) …``."""
    found = _KEY_DETAIL.match(detail or "")
    return tuple(part.strip().strip('"') for part in found["columns"].split(",")) if found else ()
