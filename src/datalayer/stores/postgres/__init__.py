"""PostgreSQL by psycopg 3: compiled statements on an autocommit pool, transactions, raw SQL."""

from datalayer.stores.postgres.store import PostgresStore
from datalayer.stores.postgres.transaction import PostgresTransaction

__all__ = ["PostgresStore", "PostgresTransaction"]
