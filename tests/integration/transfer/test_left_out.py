"""What does not move with a table is named: checks, indexes, triggers."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.commands import finished
from tests.integration.transfer.sql import run

from datalayer.cli.errors import ExitCode
from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import copy, plan_copy
from datalayer.transfer.exports.exporting import export

_SHOP = """
    create table goods (id int primary key, price int constraint not_free check (price > 0), code text unique);
    create index goods_price on goods (price);
    create unique index goods_lower on goods (lower(code));
    create table sales (id int primary key);
"""
_TRIGGER = """
    create function quiet() returns trigger language plpgsql as 'begin return new; end';
    create trigger touch before insert on goods for each row execute function quiet()
"""
_MADE_WITHOUT = (
    "goods is made without check not_free, unique index goods_lower, index goods_price{}: `datalayer schema diff` shows"
    " what they say"
)


async def test_copy_names_what_it_does_not_make(origin: PostgresStore, target: PostgresStore) -> None:
    """So does its plan; keys are made, and a table that has nothing else needs no note."""
    await run(origin, _SHOP + _TRIGGER)
    told = (_MADE_WITHOUT.format(", trigger touch"),)
    assert (await plan_copy(origin, target)).notes == told
    assert (await copy(origin, target)).notes == told
    assert (await copy(origin, target)).notes == ()


async def test_an_export_names_what_it_does_not_have(origin: PostgresStore, tmp_path: Path) -> None:
    """In its manifest, too, which is what a load has."""
    await run(origin, _SHOP + _TRIGGER)
    report = await export(origin, tmp_path / "out")
    told = _MADE_WITHOUT.format(", trigger touch").replace("is made without", "is exported without")
    assert report.manifest.notes == (told,)


async def test_json_has_what_a_copy_from_sqlite_does_not_make(
    tmp_path: Path, datalayer_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check without a name is told by what it says."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(_SHOP + "create table marks (mark int check (mark\n between 1 and 5))")
    arguments = ["copy", "--source", f"sqlite:///{tmp_path}/shop.db", "--target", datalayer_database, "--json"]
    assert await finished(arguments) == ExitCode.OK
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert _MADE_WITHOUT.format("") in notes
    assert "marks is made without check (mark between 1 and 5): `datalayer schema diff` shows what they say" in notes
