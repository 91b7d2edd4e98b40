"""What PostgreSQL says about a copy, without the values it quotes."""

from __future__ import annotations

import re

import psycopg

from datalayer.errors import AccessDeniedError, StoreError, TransferError
from datalayer.stores.postgres.errors import translate

_COPY_LINE = re.compile(r"^COPY .*?, line (\d+)", re.MULTILINE)
_COPY_COLUMN = re.compile(r"^COPY .*?, line \d+, column ([^:]+)", re.MULTILINE)


def failure(
    error: psycopg.Error, table: str | None, row: str | None = None, *, operation: str = "copy"
) -> TransferError | StoreError:
    """Build an error from the store's words, the constraint, the column and the row that it is about.

    Where the row is not given, it is the one noted on the error. An error that may pass by itself, as of a server that
    is away, stays the store's, and so does one about a right.
    """
    told = translate(error, operation=operation, table=table)
    if told.retryable or isinstance(told, AccessDeniedError):
        return told
    column = _COPY_COLUMN.search(error.diag.context or "")
    columns = told.columns or ((column[1],) if column else ())
    parts = [str(told)]
    if told.constraint:
        parts.append(f"constraint {told.constraint}")
    if columns:
        parts.append(f"column {', '.join(columns)}")
    parts += [f"at {name}" for name in ([row] if row else getattr(error, "__notes__", ()))]
    return TransferError("; ".join(parts), table=told.table)


def failed_line(error: psycopg.Error) -> int | None:
    """Return which row of a COPY was refused, counted from 1."""
    line = _COPY_LINE.search(error.diag.context or "")
    return int(line[1]) if line else None
