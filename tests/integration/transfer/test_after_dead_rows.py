"""A copy, or a load, into tables of whose rows PostgreSQL knows nothing true."""

from __future__ import annotations

from pathlib import Path

from tests.integration.transfer.sql import ask, run

from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import copy, verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

_TABLE = "create table goods (id int primary key, like_this int)"
_ROWS = "insert into goods select n, greatest(1, n - 1) from generate_series(1, 20000) n"
_REFERENCE = "alter table goods add foreign key (like_this) references goods"
#: As a copy leaves its table that is killed amid rows, when the server looks at it before the next one: pages, no rows.
_DEAD = (f"begin; {_ROWS}; rollback", "analyze goods")
_KILLED = (f"{_TABLE}; comment on table goods is 'datalayer copy: not finished, foreign keys are missing'", *_DEAD)
_KNOWN = "select reltuples::int as rows, relpages > 0 as pages from pg_class where oid = 'goods'::regclass"
_NO_ROWS = [{"rows": 0, "pages": True}]
_ALL_ROWS = [{"rows": 20000, "pages": True}]


async def test_the_planner_knows_the_rows_before_references_are_checked(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """It would look for each row's parent among all rows."""
    await run(origin, f"{_TABLE}; {_ROWS}; {_REFERENCE}")
    for script in _KILLED:
        await run(target, script)
    assert await ask(target, _KNOWN) == _NO_ROWS
    await copy(origin, target)
    assert await ask(target, _KNOWN) == _ALL_ROWS
    assert len((await target.catalog(refresh=True)).tables["goods"].foreign_keys) == 1
    assert (await verify(origin, target)).equal


async def test_the_planner_knows_the_rows_of_a_table_that_had_its_references(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """The verify that comes next looks for rows that refer to nothing, among all rows for each."""
    await run(origin, f"{_TABLE}; {_ROWS}; {_REFERENCE}")
    for script in (f"{_TABLE}; {_REFERENCE}", *_DEAD):
        await run(target, script)
    assert await ask(target, _KNOWN) == _NO_ROWS
    await copy(origin, target)
    assert await ask(target, _KNOWN) == _ALL_ROWS


async def test_the_planner_knows_the_loaded_rows_before_promised_references_are_checked(
    origin: PostgresStore, target: PostgresStore, tmp_path: Path
) -> None:
    """A load checks what the source's schema promises, also where the target has no foreign key for it."""
    await run(origin, f"{_TABLE}; {_ROWS}; {_REFERENCE}")
    await export(origin, tmp_path / "out")
    for script in (_TABLE, *_DEAD):
        await run(target, script)
    assert await ask(target, _KNOWN) == _NO_ROWS
    assert not (await load(tmp_path / "out", target)).problems
    assert await ask(target, _KNOWN) == _ALL_ROWS
