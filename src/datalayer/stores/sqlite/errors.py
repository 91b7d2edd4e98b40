"""SQLite's errors translated into the library's tree: extended code first, then primary code, then the message's start.

Source: sqlite.org/rescode.html. No translated error keeps SQLite's exception as its cause: some quote row values.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from datalayer import errors
from datalayer.errors import ConfigurationError, DataLayerError, StoreError, UnavailableError
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.name import STORE

READ_ONLY_TRANSACTION = "25006"


@dataclass(frozen=True, slots=True)
class _Translation:
    kind: type[StoreError]
    sqlstate: str | None
    message: str
    hint: str | None = None


#: Result code -> translation; extended codes first, the primary code (the low byte) stands for the rest of its family.
_BY_CODE: Mapping[int, _Translation] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: _Translation(
        errors.UniqueViolationError, "23505", "another row has the same key"
    ),
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: _Translation(
        errors.UniqueViolationError, "23505", "another row has the same key"
    ),
    sqlite3.SQLITE_CONSTRAINT_ROWID: _Translation(errors.UniqueViolationError, "23505", "another row has the same key"),
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: _Translation(
        errors.ForeignKeyViolationError, "23503", "a referenced row is missing, or the row is still referenced"
    ),
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: _Translation(
        errors.NotNullViolationError, "23502", "a required column was left NULL"
    ),
    sqlite3.SQLITE_CONSTRAINT_CHECK: _Translation(
        errors.CheckViolationError, "23514", "a CHECK constraint is violated"
    ),
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: _Translation(StoreError, "P0001", "a trigger refused the change"),
    # SQLITE_CONSTRAINT_DATATYPE, which Python 3.11 has no name for: a STRICT table.
    sqlite3.SQLITE_CONSTRAINT | 12 << 8: _Translation(
        errors.UnfitValueError, "42804", "a value has the wrong type for its column"
    ),
    sqlite3.SQLITE_CONSTRAINT: _Translation(errors.ConstraintViolationError, "23000", "a constraint is violated"),
    sqlite3.SQLITE_BUSY_SNAPSHOT: _Translation(
        errors.TransactionConflictError, "40001", "a concurrent transaction got in the way"
    ),
    sqlite3.SQLITE_BUSY: _Translation(errors.StoreTimeoutError, "55P03", "a lock was not free in time"),
    sqlite3.SQLITE_LOCKED: _Translation(errors.StoreTimeoutError, "55P03", "a lock was not free in time"),
    sqlite3.SQLITE_INTERRUPT: _Translation(errors.StoreTimeoutError, "57014", "the statement was cancelled"),
    sqlite3.SQLITE_READONLY: _Translation(
        errors.AccessDeniedError,
        READ_ONLY_TRANSACTION,
        "the database is read-only here",
        "write outside of a read-only transaction, and see that file and directory are writable",
    ),
    sqlite3.SQLITE_PERM: _Translation(errors.AccessDeniedError, "42501", "the file must not be accessed"),
    sqlite3.SQLITE_CANTOPEN: _Translation(UnavailableError, "08001", "the database file cannot be opened"),
    sqlite3.SQLITE_NOTADB: _Translation(UnavailableError, "08001", "the file is not a SQLite database"),
    sqlite3.SQLITE_CORRUPT: _Translation(StoreError, "XX001", "the database file is damaged"),
    sqlite3.SQLITE_IOERR: _Translation(StoreError, "58030", "reading or writing the database file failed"),
    sqlite3.SQLITE_FULL: _Translation(StoreError, "53100", "the disk is full"),
    sqlite3.SQLITE_NOMEM: _Translation(StoreError, "53200", "memory is exhausted"),
    sqlite3.SQLITE_TOOBIG: _Translation(errors.UnfitValueError, "54000", "a value is too large"),
    sqlite3.SQLITE_MISMATCH: _Translation(errors.UnfitValueError, "22P02", "a value has the wrong type for its column"),
}

#: What SQLite says of a file that this user must not open, or of a log that cannot be made beside it.
_MAY_BE_DENIED = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})

#: What our capture triggers say when the database is fenced; a trigger has no code of its own.
_HELD = re.compile("DL001")
_WRITES_HELD = _Translation(errors.WritesHeldError, "DL001", "writes are held while another store becomes the primary")

_BY_MESSAGE: tuple[tuple[re.Pattern[str], _Translation], ...] = (
    (re.compile("no such table"), _Translation(errors.UnknownTableError, "42P01", "there is no such table")),
    (re.compile("no such function"), _Translation(errors.SchemaError, "42883", "there is no such function")),
    (re.compile("no such column|has no column"), _Translation(errors.UnknownColumnError, "42703", "no such column")),
    (
        re.compile("ON CONFLICT clause does not match"),
        _Translation(errors.MissingConflictTargetError, "42P10", "no unique index matches the conflict target"),
    ),
    (
        re.compile("Could not decode to UTF-8"),
        _Translation(errors.UnfitValueError, "22021", "a stored text is not valid UTF-8"),
    ),
    (
        re.compile("user-defined function raised"),
        _Translation(errors.UnfitValueError, "22P02", "a stored value is not of its column's declared type"),
    ),
    (
        re.compile("stack overflow|too large .maximum depth|too many"),
        _Translation(StoreError, "54001", "the question is too deep or too long", "ask it in several parts"),
    ),
    (re.compile("syntax error|incomplete input"), _Translation(errors.SchemaError, "42601", "the SQL is malformed")),
    (re.compile("closed database"), _Translation(UnavailableError, "08003", "the store is closed")),
)

#: What SQLite says of a name that it does not know.
_NAMED = re.compile(r"(?:no such (?:table|column|function): |has no column named )(.+)")
_FAILED = re.compile(r"^[A-Z ]+ constraint failed: (?P<told>.*)$", re.DOTALL)


def translate(
    error: sqlite3.Error | UnicodeEncodeError, *, operation: str, table: str | None = None, facts: Facts | None = None
) -> StoreError:
    """Build the library's error for SQLite's.

    Args:
        error: what sqlite3 raised.
        operation: the verb that was at work.
        table: the table asked for, where there is one.
        facts: of that table; they give the violated constraint its name.
    """
    if isinstance(error, UnicodeEncodeError):
        found = _Translation(errors.UnfitValueError, "22021", "a text is not valid Unicode")
    else:
        found = _classify(error)
    constraint, columns = _blame(error, found.kind, facts)
    return found.kind(
        found.message,
        store=STORE,
        operation=operation,
        table=table,
        sqlstate=found.sqlstate,
        constraint=constraint,
        columns=columns,
        hint=found.hint,
    )


def is_busy(error: BaseException | None) -> bool:
    """Whether another connection's lock was in the way, so that nothing has happened."""
    return isinstance(error, sqlite3.OperationalError) and _code(error) & 0xFF == sqlite3.SQLITE_BUSY


def cannot_open(error: sqlite3.Error, path: str, *, create: bool = True) -> DataLayerError:
    """Build the error for a file that cannot be opened; it names the file and the next step."""
    if _code(error) & 0xFF in _MAY_BE_DENIED and _is_denied(Path(path)):
        return errors.AccessDeniedError(
            f"no right to the file {path}",
            store=STORE,
            operation="connect",
            sqlstate="42501",
            hint="look at its permissions and at those of its directory",
        )
    if not (create or Path(path).exists()):
        return ConfigurationError(f"the file {path} does not exist; sqlite:////path is absolute")
    state = "08001"
    if _code(error) == sqlite3.SQLITE_NOTADB:
        reason, hint = f"{path} is not a SQLite database", "check the path, or choose a name that is free"
    elif Path(path).is_dir():
        reason, hint = f"{path} is a directory, and no SQLite database", "name a file in it"
    elif is_busy(error):
        state, reason, hint = "55P03", f"{path} is locked by another process", "end the process that holds it"
    else:
        reason = f"the file {path} cannot be opened"
        hint = "create its directory, check that the path is right"
    return UnavailableError(reason, store=STORE, operation="connect", sqlstate=state, hint=hint)


def _is_denied(file: Path) -> bool:
    """Whether a file must not be read by this user, or nothing be made beside it, as itself or its log."""
    try:
        if file.is_dir():
            return False
        return (file.exists() and not os.access(file, os.R_OK)) or (
            file.parent.is_dir() and not os.access(file.parent, os.W_OK)
        )
    except PermissionError:
        return True


def closed(operation: str) -> UnavailableError:
    """Build the error for a call on a store that is closed."""
    return UnavailableError("the store is closed", store=STORE, operation=operation, sqlstate="08003")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def _classify(error: sqlite3.Error) -> _Translation:
    code, message = _code(error), str(error)
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER and _HELD.match(message):
        return _WRITES_HELD
    found = _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF)
    if found is not None:
        return found
    for pattern, translation in _BY_MESSAGE:
        if pattern.search(message):
            name = _NAMED.search(message)
            return translation if name is None else replace(translation, message=f"{translation.message}: {name[1]}")
    return _Translation(StoreError, None, f"SQLite reported {getattr(error, 'sqlite_errorname', type(error).__name__)}")


def _blame(error: Exception, kind: type[StoreError], facts: Facts | None) -> tuple[str | None, tuple[str, ...]]:
    failed, explain = _FAILED.match(str(error)), _EXPLAIN.get(kind)
    if failed is None or explain is None:
        return None, ()
    return explain(failed["told"], facts)


def _blame_unique(told: str, facts: Facts | None) -> tuple[str | None, tuple[str, ...]]:
    index = re.fullmatch("index '(.*)'", told)
    if index:
        return index[1], ()
    columns = tuple(part.rpartition(".")[2] for part in told.split(", "))
    if facts is None:
        return None, columns
    table = facts.table
    if set(columns) == set(table.primary_key):
        return facts.names.key("primary", table.primary_key), columns
    return next((unique.name for unique in table.uniques if unique.columns == columns), None), columns


def _blame_not_null(told: str, facts: Facts | None) -> tuple[str | None, tuple[str, ...]]:
    return None, (told.rpartition(".")[2],)


def _blame_check(told: str, facts: Facts | None) -> tuple[str | None, tuple[str, ...]]:
    return (None if facts is None else facts.names.check(told)), ()


_EXPLAIN: Mapping[type[StoreError], Callable[[str, Facts | None], tuple[str | None, tuple[str, ...]]]] = {
    errors.UniqueViolationError: _blame_unique,
    errors.NotNullViolationError: _blame_not_null,
    errors.CheckViolationError: _blame_check,
}
