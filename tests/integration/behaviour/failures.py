"""Provoke an error and hold it to what every error promises."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import pytest

from datalayer.errors import StoreError

E = TypeVar("E", bound=StoreError)

#: Stands in rows that are refused; it must not appear in any error.
SECRET = "s3cr3t-row-value"

FIELDS = {"store", "operation", "table", "sqlstate", "constraint", "columns", "retryable", "hint"}


async def failure(kind: type[E], call: Awaitable[object]) -> E:
    """Return the error of exactly this class that the call raises."""
    with pytest.raises(kind) as caught:
        await call
    error = caught.value
    assert type(error) is kind
    assert set(error.fields) == FIELDS
    assert SECRET not in str(error)
    assert SECRET not in repr(error.fields)
    assert SECRET not in "".join(line for line in traceback.format_exception_only(error))
    for cause in (error.__cause__, None if error.__suppress_context__ else error.__context__):
        assert SECRET not in str(cause)
    return error


def meaning(error: StoreError) -> Mapping[str, Any]:
    """Return the fields that are the same on every store."""
    return {name: error.fields[name] for name in ("operation", "table", "sqlstate", "columns", "retryable")}
