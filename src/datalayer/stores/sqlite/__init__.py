"""SQLite by the standard library: a file or memory, on threads of its own, with PostgreSQL's meaning of values."""

from datalayer.stores.sqlite.store import SqliteStore
from datalayer.stores.sqlite.transaction import SqliteTransaction

__all__ = ["SqliteStore", "SqliteTransaction"]
