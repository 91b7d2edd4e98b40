"""Every error the library raises, one tree, the same classes on every store.

    DataLayerError
     ├─ ConfigurationError            a setting is missing or impossible: says which variable to change
     ├─ InvalidValueError             a value breaks a rule before anything is sent: says which field
     │   └─ BatchItemError            the same for rows of a batch: says every index and field
     │       └─ RepeatedKeyError      rows of a batch have the same key: says every index and that of the first
     ├─ NotFoundError                 `get_*` found no row
     ├─ MultipleRowsError             a question for one row matched several
     ├─ UnsafeWriteError              update or delete without a filter
     ├─ UnsupportedOperationError     this store cannot do that: says what to use instead
     ├─ MigrationError                a migration file cannot be applied
     ├─ TransferError                 rows cannot be moved or compared any further
     │   ├─ RefusedError              nothing was moved: what was asked cannot be done with these two stores as they are
     │   ├─ SelectionError            a table, column or directory that was chosen is not there, or not the one
     │   ├─ DamagedExportError        files of an export are not what was written, or not all of them are
     │   ├─ OrphanedRowsError         rows are copied, and some refer to rows that are not there
     │   └─ UnrepairedError           rows differ, and more of them than a repair may touch
     └─ StoreError                    a store answered with an error; see its fields
         ├─ ConstraintViolationError
         │   ├─ UniqueViolationError
         │   ├─ ForeignKeyViolationError
         │   ├─ NotNullViolationError
         │   └─ CheckViolationError
         ├─ SchemaError
         │   ├─ UnknownTableError
         │   ├─ UnknownColumnError
         │   └─ MissingConflictTargetError
         ├─ UnfitValueError           the server refused a value for its column
         ├─ AccessDeniedError         wrong password or key, or no right on the table
         ├─ StoreTimeoutError         the deadline passed; the statement was cancelled
         ├─ WritesHeldError           the database is fenced while another store becomes the primary
         ├─ TransactionConflictError  serialization failure or deadlock; run the transaction again
         ├─ UnavailableError          the server cannot be reached, or no connection was free
         └─ OutcomeUnknownError       the connection was lost after a write was sent

Messages never carry row values or secrets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class DataLayerError(Exception):
    """Base of every error raised by the library on purpose."""

    #: Options that the command line has to have besides, to go on after this error; None where going on is no way out,
    #: since the command, or a store's schema, has to change first.
    goes_on_with: tuple[str, ...] | None = ()


class ConfigurationError(DataLayerError):
    """A setting is missing, malformed or contradicts another one.

    Args:
        message: what is wrong and what to change.
        variables: the environment variables to look at.
    """

    def __init__(self, message: str, *, variables: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.variables = tuple(variables)


class InvalidValueError(DataLayerError, ValueError):
    """A value breaks a rule; nothing was sent to a store.

    Args:
        message: the rule, without the value.
        field: the column or argument the value was meant for.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.rule = message
        self.field = field


@dataclass(frozen=True, slots=True)
class BadField:
    """One broken rule in a batch: ``index`` is the row's position, counted from 0."""

    index: int
    field: str
    rule: str


class BatchItemError(InvalidValueError):
    """Rows of a batch break rules; nothing was written.

    Args:
        problems: at least one; a row may appear several times, once per field.
    """

    def __init__(self, problems: Sequence[BadField]) -> None:
        shown = "; ".join(f"row {p.index}, {p.field}: {p.rule}" for p in problems[:20])
        more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
        super().__init__(f"nothing was written, {len(problems)} bad value(s): {shown}{more}")
        self.problems = tuple(problems)
        self.index = problems[0].index
        self.indexes = tuple(sorted({p.index for p in problems}))


class RepeatedKeyError(BatchItemError):
    """Rows of a batch have the same key, and the policy for duplicates is "error"; nothing was written.

    Args:
        pairs: at least one; the index of a row, and that of the first one with its key.
        columns: of the key.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], columns: Sequence[str]) -> None:
        field = ", ".join(columns)
        super().__init__([BadField(index, field, f"row {first} has the same key") for index, first in pairs])
        self.pairs = tuple(pairs)
        self.columns = tuple(columns)


class NotFoundError(DataLayerError, LookupError):
    """No row matched a question that needs one. ``table`` names where it was looked for."""

    def __init__(self, table: str, columns: Sequence[str] = ()) -> None:
        by = f" by {', '.join(columns)}" if columns else ""
        super().__init__(f"no row in {table} was found{by}; use find where none is a normal answer")
        self.table = table
        self.columns = tuple(columns)


class MultipleRowsError(DataLayerError):
    """More than one row matched a question for one row."""

    def __init__(self, table: str, columns: Sequence[str] = ()) -> None:
        by = f" by {', '.join(columns)}" if columns else ""
        super().__init__(f"more than one row in {table} was found{by}; ask by a unique key or use list")
        self.table = table
        self.columns = tuple(columns)


class UnsafeWriteError(DataLayerError):
    """An update or delete without a filter was refused."""

    def __init__(self, table: str, operation: str) -> None:
        super().__init__(f"{operation} on {table} has no filter and was refused; pass every_row=True if meant")
        self.table = table
        self.operation = operation


class UnsupportedOperationError(DataLayerError):
    """The store cannot do this. ``instead`` says what does the job."""

    def __init__(self, store: str, operation: str, instead: str) -> None:
        super().__init__(f"{store} does not support {operation}; {instead}")
        self.store = store
        self.operation = operation
        self.instead = instead


class MigrationError(DataLayerError):
    """A migration cannot be applied. ``version`` names the file, where one is to blame."""

    def __init__(self, message: str, *, version: str | None = None) -> None:
        super().__init__(message)
        self.version = version


class TransferError(DataLayerError):
    """Rows cannot be moved or compared any further. ``table`` is the one at work, where there is one."""

    def __init__(self, message: str, *, table: str | None = None) -> None:
        super().__init__(message)
        self.table = table


class RefusedError(TransferError):
    """Nothing was moved: the schemas do not fit, rows of others are in the way, or there is nothing to move."""

    goes_on_with = None


class SelectionError(TransferError):
    """What was chosen is not there, or not the one: a table, a column, a place to begin, a directory."""

    goes_on_with = None


class DamagedExportError(TransferError):
    """An export has files that are not what was written, or was not finished; nothing of it was loaded."""

    goes_on_with = None


class OrphanedRowsError(TransferError):
    """All rows are copied, and some refer to rows that are not there; tables that were made lack these foreign keys."""

    goes_on_with = None


class UnrepairedError(TransferError):
    """Rows differ, and more of them than a repair may delete or change; nothing was written."""

    goes_on_with = None


class StoreError(DataLayerError):
    """A store answered with an error.

    Args:
        message: what happened, without row values.
        store: ``postgres``, ``supabase`` or ``sqlite``.
        operation: what was asked of the store, for example ``upsert`` or ``connect``.
        table: the table asked for, where there is one.
        sqlstate: the five-character code (PostgreSQL manual, appendix A); SQLite's errors carry the equivalent.
        constraint: name of the violated constraint or index, where the store tells.
        columns: columns the failure is about, where the store tells.
        hint: the next step.
    """

    #: True where the same call may succeed when it is made again, and making it again is safe.
    retryable: bool = False
    #: What is one and the same for all errors of an open store, to tell two of a kind apart; None where it is not told.
    origin: object | None = None

    def __init__(
        self,
        message: str,
        *,
        store: str,
        operation: str,
        table: str | None = None,
        sqlstate: str | None = None,
        constraint: str | None = None,
        columns: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        where = f"{store} {operation}" + (f" on {table}" if table else "")
        super().__init__(f"{where}: {message}" + (f" ({hint})" if hint else ""))
        self.message = message
        self.store = store
        self.operation = operation
        self.table = table
        self.sqlstate = sqlstate
        self.constraint = constraint
        self.columns = tuple(columns)
        self.hint = hint

    @property
    def fields(self) -> Mapping[str, object]:
        """All fields by name, for logs and metrics; no row values, no secrets."""
        return {
            "store": self.store,
            "operation": self.operation,
            "table": self.table,
            "sqlstate": self.sqlstate,
            "constraint": self.constraint,
            "columns": self.columns,
            "retryable": self.retryable,
            "hint": self.hint,
        }


class ConstraintViolationError(StoreError):
    """A row breaks a constraint of its table (SQLSTATE class 23)."""


class UniqueViolationError(ConstraintViolationError):
    """Another row has the same key (23505)."""


class ForeignKeyViolationError(ConstraintViolationError):
    """A referenced row is missing, or a row is still referenced (23503)."""


class NotNullViolationError(ConstraintViolationError):
    """A required column was left NULL (23502)."""


class CheckViolationError(ConstraintViolationError):
    """A row fails a CHECK constraint (23514)."""


class SchemaError(StoreError):
    """The live schema is not what the call expects (SQLSTATE class 42)."""


class UnknownTableError(SchemaError):
    """The table does not exist or is not visible (42P01)."""


class UnknownColumnError(SchemaError):
    """A column does not exist (42703). ``columns`` names it."""


class MissingConflictTargetError(SchemaError):
    """No unique index matches the conflict target of an upsert (42P10). ``columns`` is the target."""


class UnfitValueError(StoreError):
    """The server refused a value for its column: too long, out of range, malformed (SQLSTATE class 22)."""


class AccessDeniedError(StoreError):
    """Wrong password or key, or no right on the table (SQLSTATE class 28, 42501; HTTP 401, 403)."""


class StoreTimeoutError(StoreError):
    """The deadline passed and the statement was cancelled (57014, 55P03)."""


class WritesHeldError(StoreError):
    """The database is fenced: writes are refused while another store becomes the primary (DL001)."""


class TransactionConflictError(StoreError):
    """Serialization failure or deadlock (40001, 40P01): the whole transaction may run again."""

    retryable = True


class UnavailableError(StoreError):
    """The server cannot be reached, is shutting down, or no connection was free in time.

    Nothing was sent, or what was sent only read; the call may be made again.
    """

    retryable = True


class OutcomeUnknownError(StoreError):
    """The connection or the answer was lost after a write was sent: it may or may not have happened."""
