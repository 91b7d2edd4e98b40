"""A copy that goes on in tables of whose rows PostgreSQL knows nothing true."""

from __future__ import annotations

from tests.integration.transfer.sql import ask, run

from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import copy, verify

_TABLE = "create table goods (id int primary key, like_this int)"
_ROWS = "insert into goods select n, greatest(1, n - 1) from generate_series(1, 20000) n"
#: As a copy leaves its table that is killed amid rows, when the server looks at it before the next one: pages, no rows.
_KILLED = (
    f"{_TABLE}; comment on table goods is 'datalayer copy: not finished, foreign keys are missing'",
    f"begin; {_ROWS}; rollback",
    "analyze goods",
)


async def test_the_planner_knows_the_rows_before_references_are_checked(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """It would look for each row's parent among all rows."""
    await run(origin, f"{_TABLE}; {_ROWS}; alter table goods add foreign key (like_this) references goods")
    for script in _KILLED:
        await run(target, script)
    known = "select reltuples::int as rows, relpages > 0 as pages from pg_class where oid = 'goods'::regclass"
    assert await ask(target, known) == [{"rows": 0, "pages": True}]
    await copy(origin, target)
    assert await ask(target, known) == [{"rows": 20000, "pages": True}]
    assert len((await target.catalog(refresh=True)).tables["goods"].foreign_keys) == 1
    assert (await verify(origin, target)).equal
