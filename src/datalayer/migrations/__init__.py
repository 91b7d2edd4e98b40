"""Schema changes as numbered plain-SQL files, recorded with their checksums in schema_migrations.

from datalayer import migrations

await migrations.apply(store)                  # the package's own tables
await migrations.apply(store, "migrations")    # yours: 0001_first_table.sql, 0002_...
"""

from datalayer.migrations.files import NON_TRANSACTIONAL, MigrationFile
from datalayer.migrations.ledger import LEDGER_TABLE, AppliedMigration, MigrationStatus
from datalayer.migrations.run import apply, plan, status

__all__ = [
    "LEDGER_TABLE",
    "NON_TRANSACTIONAL",
    "AppliedMigration",
    "MigrationFile",
    "MigrationStatus",
    "apply",
    "plan",
    "status",
]
