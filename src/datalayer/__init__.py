"""Typed repositories on psycopg 3, and a safe way from Supabase to your own PostgreSQL.

    from datalayer import DataLayer

    async with DataLayer.open() as layer:
        client = await layer.get_client_by_phone("+79990000000")

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datalayer.errors import (
        AccessDeniedError,
        BadField,
        BatchItemError,
        CheckViolationError,
        ConfigurationError,
        ConstraintViolationError,
        DamagedExportError,
        DataLayerError,
        ForeignKeyViolationError,
        InvalidValueError,
        MigrationError,
        MissingConflictTargetError,
        MultipleRowsError,
        NotFoundError,
        NotNullViolationError,
        OrphanedRowsError,
        OutcomeUnknownError,
        RefusedError,
        RepeatedKeyError,
        SchemaError,
        SelectionError,
        StoreError,
        StoreTimeoutError,
        TransactionConflictError,
        TransferError,
        UnavailableError,
        UnfitValueError,
        UniqueViolationError,
        UnknownColumnError,
        UnknownTableError,
        UnrepairedError,
        UnsafeWriteError,
        UnsupportedOperationError,
        WritesHeldError,
    )
    from datalayer.flags import Mode, StoreKind
    from datalayer.layer import DataLayer, DualHealth, Envelope, Scope
    from datalayer.models import OnWrite, Phone, RowModel
    from datalayer.query import JSON_NULL, asc, col, desc, escape_like, where_equal
    from datalayer.repositories import BaseRepository, SyncReport
    from datalayer.settings import GivenSettings, Settings
    from datalayer.stores.contract import Health, Isolation
    from datalayer.stores.opening import open_store
    from datalayer.telemetry import CallEvent, Observer

__all__ = [
    "JSON_NULL",
    "AccessDeniedError",
    "BadField",
    "BaseRepository",
    "BatchItemError",
    "CallEvent",
    "CheckViolationError",
    "ConfigurationError",
    "ConstraintViolationError",
    "DamagedExportError",
    "DataLayer",
    "DataLayerError",
    "DualHealth",
    "Envelope",
    "ForeignKeyViolationError",
    "GivenSettings",
    "Health",
    "InvalidValueError",
    "Isolation",
    "MigrationError",
    "MissingConflictTargetError",
    "Mode",
    "MultipleRowsError",
    "NotFoundError",
    "NotNullViolationError",
    "Observer",
    "OnWrite",
    "OrphanedRowsError",
    "OutcomeUnknownError",
    "Phone",
    "RefusedError",
    "RepeatedKeyError",
    "RowModel",
    "SchemaError",
    "Scope",
    "SelectionError",
    "Settings",
    "StoreError",
    "StoreKind",
    "StoreTimeoutError",
    "SyncReport",
    "TransactionConflictError",
    "TransferError",
    "UnavailableError",
    "UnfitValueError",
    "UniqueViolationError",
    "UnknownColumnError",
    "UnknownTableError",
    "UnrepairedError",
    "UnsafeWriteError",
    "UnsupportedOperationError",
    "WritesHeldError",
    "asc",
    "col",
    "desc",
    "escape_like",
    "open_store",
    "where_equal",
]

#: The module that each name which is no error comes from.
_HOMES = {
    "Mode": "datalayer.flags",
    "StoreKind": "datalayer.flags",
    "DataLayer": "datalayer.layer",
    "DualHealth": "datalayer.layer",
    "Envelope": "datalayer.layer",
    "Scope": "datalayer.layer",
    "OnWrite": "datalayer.models",
    "Phone": "datalayer.models",
    "RowModel": "datalayer.models",
    "JSON_NULL": "datalayer.query",
    "asc": "datalayer.query",
    "col": "datalayer.query",
    "desc": "datalayer.query",
    "escape_like": "datalayer.query",
    "where_equal": "datalayer.query",
    "BaseRepository": "datalayer.repositories",
    "SyncReport": "datalayer.repositories",
    "GivenSettings": "datalayer.settings",
    "Settings": "datalayer.settings",
    "Health": "datalayer.stores.contract",
    "Isolation": "datalayer.stores.contract",
    "open_store": "datalayer.stores.opening",
    "CallEvent": "datalayer.telemetry",
    "Observer": "datalayer.telemetry",
}


if not TYPE_CHECKING:  # a type checker reads the imports above, and would take any name from here

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES.get(name, "datalayer.errors")), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
