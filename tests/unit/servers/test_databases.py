"""DSNs of other databases on a server."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from datalayer.servers.databases import dsn_of


@pytest.mark.parametrize(
    "server",
    [
        "postgresql://postgres:@/postgres?host=/tmp/x",
        "postgresql://user:p%40ss@host:5432/postgres?sslmode=require",
        "postgresql:///postgres?host=/tmp/x",
    ],
)
def test_dsn_of_changes_the_database_only(server: str) -> None:
    """Names with any characters; user, password and parameters stay."""
    changed = conninfo_to_dict(dsn_of(server, "odd name/%?"))
    assert changed == {**conninfo_to_dict(server), "dbname": "odd name/%?"}
