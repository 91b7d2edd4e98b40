"""Mistakes typed into ``datalayer outbox`` and ``backfill``: one line that names the option, and nothing made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode

_ITEMS = "create table items (id integer primary key, name text)"


async def _run(*arguments: str) -> int:
    return await asyncio.to_thread(run, arguments)


@pytest.fixture
async def installed(tmp_path: Path, datalayer_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have SQLite lead and PostgreSQL follow, by the environment, with the bookkeeping on both."""
    with psycopg.connect(datalayer_database, autocommit=True) as door:
        door.execute(_ITEMS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", datalayer_database)
    monkeypatch.setenv("DATALAYER_SQLITE_PATH", str(tmp_path / "shop.sqlite3"))
    monkeypatch.setenv("ENABLE_DUAL_WRITE", "true")
    assert await _run("outbox", "install") == ExitCode.OK


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("outbox install --lock-timeout inf", "--lock-timeout"),
        ("outbox list --dead --held", "--held: goes without --dead"),
        ("outbox retry --version 99999999999999999999", "--version"),
        ("backfill --to 1", "--to: goes with --resync"),
        ("backfill --resync --tables clients --to abc", "--to: is no key of clients"),
        ("backfill --resync --tables clients --from abc", "--from: is no key of clients"),
        ("backfill --resync --tables clients --from 9 --to 1", "--from: is behind --to"),
    ],
)
async def test_mistake_is_named(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of wrong usage."""
    capsys.readouterr()
    assert await _run(*arguments.split()) == ExitCode.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", ["outbox status", "outbox list", "outbox retry", "outbox discard --yes", "outbox unfence --yes"]
)
def test_looking_makes_no_database(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is configured there is nothing to look at, and the variables are named."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "SUPABASE_URL", "DATALAYER_SQLITE_PATH", "ENABLE_DUAL_WRITE"):
        monkeypatch.delenv(name, raising=False)
    assert run(arguments.split()) == ExitCode.CONFIGURATION
    assert "DATALAYER_SQLITE_PATH" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


async def test_tables_of_a_leading_supabase_are_armed_by_its_own_command(
    datalayer_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store that follows has no triggers, so names of tables would be taken without a word."""
    monkeypatch.setenv("DATABASE_URL", datalayer_database)
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "key")
    monkeypatch.setenv("ENABLE_DUAL_WRITE", "true")
    assert await _run("outbox", "install", "--tables", "clients") == ExitCode.USAGE
    assert "datalayer supabase install" in capsys.readouterr().err
    assert await _run("outbox", "uninstall") == ExitCode.OK
    assert "run datalayer supabase uninstall" in capsys.readouterr().err
