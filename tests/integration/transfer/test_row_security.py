"""Rows that row level security hides from the role that reads: nothing that moves or compares rows leaves them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.integration.transfer.sql import ask, run

from datalayer.errors import AccessDeniedError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, sync, verify
from datalayer.transfer.exports.exporting import export


@pytest.fixture
async def reader(origin: PostgresStore, second_database: str) -> AsyncIterator[PostgresStore]:
    """Lend the source as a role that sees one of its two rows."""
    role = f"reader_{conninfo_to_dict(second_database)['dbname']}"
    await run(
        origin,
        "create table t (id int primary key, word text); insert into t values (1, 'seen'), (2, 'hidden');"
        " alter table t enable row level security; create policy shown on t for select using (id = 1);"
        f" create role {role}; grant select on t to {role}",
    )
    store = await PostgresStore.open(make_conninfo(second_database, options=f"-c role={role}"), max_size=3)
    yield store
    await store.close()
    await run(origin, f"drop owned by {role}; drop role {role}")


async def test_nothing_is_done_with_a_part_of_the_rows(
    reader: PostgresStore, target: PostgresStore, tmp_path: Path
) -> None:
    """PostgreSQL is asked to say that rows are hidden instead of leaving them out."""
    file = await SqliteStore.open(tmp_path / "file.sqlite")
    try:
        for store in (target, file):
            with pytest.raises(AccessDeniedError, match="row-level security policy for table"):
                await copy(reader, store)
            with pytest.raises(AccessDeniedError, match="row-level security policy for table"):
                await verify(reader, store)
        assert await ask(target, "select * from t") == []
        with pytest.raises(AccessDeniedError, match="row-level security policy for table"):
            await sync(reader, target, column="id")
        with pytest.raises(AccessDeniedError, match="row-level security policy for table"):
            await export(reader, tmp_path / "out")
    finally:
        await file.close()
