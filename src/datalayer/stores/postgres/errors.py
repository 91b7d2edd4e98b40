"""psycopg's errors translated into the library's tree: by SQLSTATE, or without one by how it failed.

No translated error keeps psycopg's exception as its cause: its text quotes row values.
"""

from __future__ import annotations

import re

import psycopg

from datalayer import errors
from datalayer.errors import ConfigurationError, DataLayerError, StoreError
from datalayer.stores.catalog import CREATE_TABLE
from datalayer.stores.postgres.values import UnfitParameter
from datalayer.stores.sqlstates import Translation, canonical, key_columns, translation

STORE = "postgres"

#: Attribute of an error, psycopg's or ours, that tells the store.
_ORIGIN = "origin"

#: Operations whose text is the caller's own.
RAW_OPERATIONS = frozenset({"fetch_all", "fetch_one", "execute"})

#: Text of libpq's connection failures, which come without SQLSTATE.
_REFUSED_LOGIN = re.compile(r"authentication failed|no pg_hba\.conf entry|role \".*\" does not exist|no password")
_MISSING_DATABASE = re.compile(r"database \".*\" does not exist")
#: What libpq, or psycopg, says of a parameter's value before it connects.
_WRONG_PARAMETER = re.compile(
    r"invalid integer value .* for connection option \"(?P<option>\w+)\""
    r"|invalid \"?(?P<word>\w+)\"? value: |bad value for (?P<name>\w+)"
)


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
    translated = kind(
        message or error.diag.message_primary or "the server gave no reason",
        store=STORE,
        operation=operation,
        table=table or error.diag.table_name,
        sqlstate=_sqlstate(error, kind),
        constraint=error.diag.constraint_name,
        columns=_columns(error),
        hint=_hint(kind),
    )
    translated.origin = getattr(error, _ORIGIN, None)
    return translated


def came_from(error: psycopg.Error | StoreError, origin: object) -> None:
    """Remember which store an error comes from; the first to say so is right, as blocks of others may be around it."""
    if getattr(error, _ORIGIN, None) is None:
        setattr(error, _ORIGIN, origin)


def connection_failure(error: psycopg.Error) -> DataLayerError:
    """Build the error for a connection that could not be opened; libpq gives words, no SQLSTATE."""
    text = str(error)
    wrong = _WRONG_PARAMETER.search(text)
    if wrong is not None:
        name = next(group for group in wrong.groups() if group is not None)
        return ConfigurationError(
            f"the PostgreSQL URL has a value for {name} that libpq does not know", variables=("DATABASE_URL",)
        )
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


def _classify(error: psycopg.Error, operation: str) -> Translation:
    if isinstance(error, UnfitParameter):
        return errors.UnfitValueError, str(error)
    state = error.sqlstate
    if state == "42883" and operation not in RAW_OPERATIONS:
        return errors.UnfitValueError, "a value has the wrong type for its column"
    if state is not None:
        return translation(state) or (StoreError, f"the server reported SQLSTATE {state}")
    if isinstance(error, psycopg.OperationalError):
        return errors.UnavailableError, "the connection was lost"
    if isinstance(error, psycopg.DataError):
        return errors.UnfitValueError, (
            "text must not contain NUL characters" if "NUL" in str(error) else "a value cannot be sent or read exactly"
        )
    if isinstance(error, psycopg.ProgrammingError) and operation in RAW_OPERATIONS:
        return StoreError, "the query's placeholders and the parameters do not match"
    if isinstance(error, psycopg.ProgrammingError):
        return errors.UnfitValueError, "a value of this Python type cannot be sent to PostgreSQL"
    return StoreError, type(error).__name__


def _sqlstate(error: psycopg.Error, kind: type[StoreError]) -> str | None:
    if isinstance(error, UnfitParameter):
        return error.unfit_sqlstate
    if error.sqlstate is not None:
        return canonical(error.sqlstate)
    if kind is errors.UnfitValueError:
        return "22021" if "NUL" in str(error) else "22000"
    return None


def _columns(error: psycopg.Error) -> tuple[str, ...]:
    if error.diag.column_name:
        return (error.diag.column_name,)
    return key_columns(error.diag.message_detail)


def _hint(kind: type[StoreError]) -> str | None:
    if kind is errors.OutcomeUnknownError:
        return "read the row before writing it again"
    if kind is errors.UnknownTableError:
        return CREATE_TABLE
    return None
