"""``datalayer outbox install`` and ``uninstall`` as people type them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from datalayer.cli.app import run

_ITEMS = "create table items (id integer primary key, name text)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make a SQLite file with one table."""
    path = tmp_path / "shop.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_ITEMS)
    return path


async def _run(*arguments: str) -> int:
    return await asyncio.to_thread(run, arguments)


async def test_install_by_url_arms_the_tables(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what was done; a second run has nothing to arm; uninstall takes it back."""
    url = f"sqlite:///{file}"
    assert await _run("outbox", "install", "--url", url) == 0
    assert capsys.readouterr().out == "sqlite: installed, 1 table armed now, 1 in all\n"
    assert await _run("outbox", "install", "--url", url) == 0
    assert capsys.readouterr().out == "sqlite: installed, 1 table armed already\n"
    assert await _run("outbox", "install", "--url", url, "--json") == 0
    told = json.loads(capsys.readouterr().out)["stores"]["sqlite"]
    assert (told["armed_now"], told["armed"], told["current"], told["settled"]) == ([], ["items"], True, True)
    assert await _run("outbox", "uninstall", "--url", url, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"uninstalled": {"sqlite": True}}


async def test_install_by_settings_arms_the_primary_alone(
    file: Path, datalayer_database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store that follows gets the bookkeeping, and no triggers."""
    with psycopg.connect(datalayer_database, autocommit=True) as door:
        door.execute(_ITEMS)
    monkeypatch.setenv("DATABASE_URL", datalayer_database)
    monkeypatch.setenv("DATALAYER_SQLITE_PATH", str(file))
    monkeypatch.setenv("ENABLE_DUAL_WRITE", "true")
    assert await _run("outbox", "install", "--tables", "items", "--json") == 0
    told = json.loads(capsys.readouterr().out)["stores"]
    assert (told["sqlite"]["armed"], told["postgres"]["armed"]) == (["items"], [])
    assert told["sqlite"]["id"] != told["postgres"]["id"]


async def test_uninstall_is_refused_while_covered_writes_are_owed(
    datalayer_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What writes to a Supabase without the script owe is in the store that follows, and goes with the bookkeeping."""
    url = datalayer_database
    with psycopg.connect(url, autocommit=True) as door:
        door.execute(_ITEMS)
        assert await _run("outbox", "install", "--url", url) == 0
        door.execute("insert into datalayer_marks (aggregatetype, aggregateid, type) values ('items', '[1]', 'upsert')")
        door.execute("insert into datalayer_operations (aggregatetype, expires_at) values ('items', now())")
    assert await _run("outbox", "uninstall", "--url", url) == 2
    assert "2 changes of postgres would never reach the other store" in capsys.readouterr().err
    assert await _run("outbox", "uninstall", "--url", url, "--yes") == 0


async def test_supabase_without_dual_write_names_the_missing_flag(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both stores configured it is the flag that is missing, not the database."""
    monkeypatch.delenv("ENABLE_DUAL_WRITE", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "key")
    assert await _run("outbox", "install") == 3
    assert "nothing follows Supabase: set ENABLE_DUAL_WRITE=true" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--tables", "itemz"], 2, "there is no table itemz"),
        (["--url", "supabase+http://127.0.0.1:1"], 3, "key"),
        (["--url", "sqlite:///no such file.sqlite3"], 3, "does not exist"),
    ],
)
async def test_wrong_arguments_are_told_and_change_nothing(
    file: Path,
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exit code is the help's, and the message says what to look at."""
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY", raising=False)
    monkeypatch.delenv("SUPABASE_KEY", raising=False)
    given = arguments if "--url" in arguments else ["--url", f"sqlite:///{file}", *arguments]
    assert await _run("outbox", "install", *given) == code
    assert words in capsys.readouterr().err
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("select count(*) from sqlite_master").fetchone() == (1,)
