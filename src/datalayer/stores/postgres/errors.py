"""PostgreSQL's errors translated into the library's tree: exact SQLSTATE first, then its class, then how it failed.

Messages of classes 22 and 23 quote row values, so those errors get our own words, and no translated error keeps
psycopg's exception as its cause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg

from datalayer import errors
from datalayer.errors import StoreError

STORE = "postgres"

#: SQLSTATE or its first two characters -> error class and our words. None: the server's words carry no values.
#: Source: PostgreSQL 18 manual, appendix A.
_TRANSLATIONS: Mapping[str, tuple[type[StoreError], str | None]] = {
    "08": (errors.UnavailableError, "the connection was lost"),
    "22": (errors.UnfitValueError, "a value does not fit its column"),
    "22001": (errors.UnfitValueError, "a text is too long for its column"),
    "22003": (errors.UnfitValueError, "a number is out of its column's range"),
    "22007": (errors.UnfitValueError, "a date or time is malformed"),
    "22008": (errors.UnfitValueError, "a date or time is out of range"),
    "22021": (errors.UnfitValueError, "text must not contain NUL characters"),
    "22P02": (errors.UnfitValueError, "a value has the wrong form for its column's type"),
    "22P05": (errors.UnfitValueError, "text must not contain NUL characters"),
    "23": (errors.ConstraintViolationError, "a constraint is violated"),
    "23502": (errors.NotNullViolationError, "a required column was left NULL"),
    "23503": (errors.ForeignKeyViolationError, "a referenced row is missing, or the row is still referenced"),
    "23505": (errors.UniqueViolationError, "another row has the same key"),
    "23514": (errors.CheckViolationError, "a CHECK constraint is violated"),
    "25006": (errors.AccessDeniedError, "the transaction is read-only"),
    "28": (errors.AccessDeniedError, "the server refused the user or the password"),
    "3D000": (errors.UnavailableError, "the database does not exist"),
    "40001": (errors.TransactionConflictError, "a concurrent transaction got in the way"),
    "40P01": (errors.TransactionConflictError, "a deadlock was resolved at this transaction's cost"),
    "42": (errors.SchemaError, None),
    "42501": (errors.AccessDeniedError, None),
    "42703": (errors.UnknownColumnError, None),
    "42P01": (errors.UnknownTableError, None),
    "42P10": (errors.MissingConflictTargetError, None),
    "42804": (errors.UnfitValueError, "a value has the wrong type for its column"),
    "428C9": (errors.UnfitValueError, "a generated column cannot be written"),
    "53": (errors.UnavailableError, "the server is out of connections or resources"),
    "55P03": (errors.StoreTimeoutError, "a lock was not free in time"),
    "57014": (errors.StoreTimeoutError, "the statement took longer than its timeout and was cancelled"),
    "57P": (errors.UnavailableError, "the server is shutting down or starting up"),
}

#: Text of libpq's connection failures, which come without SQLSTATE.
_REFUSED_LOGIN = re.compile(r"authentication failed|no pg_hba\.conf entry|role \".*\" does not exist|no password")
_MISSING_DATABASE = re.compile(r"database \".*\" does not exist")
_KEY_DETAIL = re.compile(r"^Key \((?P<columns>.*?)\)=\(")


def translate(error: psycopg.Error, *, operation: str, table: str | None = None, wrote: bool = False) -> StoreError:
    """Build the library's error for psycopg's.

    Args:
        error: what psycopg raised.
        operation: the verb that was at work.
        table: the table asked for, where there is one.
        wrote: a statement that writes had been sent; a lost connection then leaves its outcome unknown.
    """
    kind, message = _classify(error, operation)
    if wrote and kind is errors.UnavailableError and not (error.sqlstate or "").startswith("53"):
        kind, message = errors.OutcomeUnknownError, "the connection was lost after the write was sent"
    sqlstate = "22021" if error.sqlstate == "22P05" else error.sqlstate
    if sqlstate is None and kind is errors.UnfitValueError:
        sqlstate = "22021" if "NUL" in str(error) else "22000"
    return kind(
        message or error.diag.message_primary or "the server gave no reason",
        store=STORE,
        operation=operation,
        table=table or error.diag.table_name,
        sqlstate=sqlstate,
        constraint=error.diag.constraint_name,
        columns=_columns(error),
        hint=_hint(kind),
    )


def connection_failure(error: psycopg.Error) -> StoreError:
    """Build the error for a connection that could not be opened; libpq gives words, no SQLSTATE."""
    text = str(error)
    if _REFUSED_LOGIN.search(text) or (error.sqlstate or "").startswith("28"):
        return errors.AccessDeniedError(
            "the server refused the user or the password",
            store=STORE,
            operation="connect",
            sqlstate=error.sqlstate or "28P01",
            hint="check DATABASE_URL or POSTGRES_USER and POSTGRES_PASSWORD",
        )
    missing = _MISSING_DATABASE.search(text) is not None
    return errors.UnavailableError(
        "the database does not exist" if missing else "the server cannot be reached",
        store=STORE,
        operation="connect",
        sqlstate="3D000" if missing else "08001",
        hint="check the host, port and database in DATABASE_URL or POSTGRES_*, and that the server runs",
    )


def _classify(error: psycopg.Error, operation: str) -> tuple[type[StoreError], str | None]:
    state = error.sqlstate
    if state == "42883" and operation not in {"fetch_all", "fetch_one", "execute"}:
        return errors.UnfitValueError, "a value has the wrong type for its column"
    if state is not None:
        for prefix in (state, state[:3], state[:2]):
            if prefix in _TRANSLATIONS:
                return _TRANSLATIONS[prefix]
        return StoreError, f"the server reported SQLSTATE {state}"
    if isinstance(error, psycopg.OperationalError):
        return errors.UnavailableError, "the connection was lost"
    if isinstance(error, psycopg.DataError):
        return errors.UnfitValueError, (
            "text must not contain NUL characters" if "NUL" in str(error) else "a value cannot be sent or read exactly"
        )
    if isinstance(error, psycopg.ProgrammingError):
        return errors.UnfitValueError, "a value of this Python type cannot be sent to PostgreSQL"
    return StoreError, type(error).__name__


def _columns(error: psycopg.Error) -> tuple[str, ...]:
    if error.diag.column_name:
        return (error.diag.column_name,)
    found = _KEY_DETAIL.match(error.diag.message_detail or "")
    return tuple(part.strip().strip('"') for part in found["columns"].split(",")) if found else ()


def _hint(kind: type[StoreError]) -> str | None:
    if kind is errors.OutcomeUnknownError:
        return "read the row before writing it again"
    if kind is errors.UnknownTableError:
        return "run the migrations: datalayer migrate up"
    return None
