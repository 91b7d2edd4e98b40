"""Keys that do not see all rows, and stores without a table: nothing that was not moved looks like a move."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode
from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer, postgrest_for_tests

_HIDDEN = """
    create table secrets (id integer primary key, changed timestamptz not null default '2024-01-01');
    insert into secrets select n from generate_series(1, 3) n;
    alter table secrets enable row level security
"""
_SAID = "Supabase's key is the role anon's, and row level security may hide rows from it"


@pytest.fixture(scope="module")
def server(datalayer_postgres: FoundServer) -> Iterator[PostgrestServer]:
    """Lend a PostgREST with a table that the role anon has no right on."""
    binary = postgrest_for_tests()
    with datalayer_postgres.fresh_database() as dsn, PostgrestServer(dsn, binary=binary) as started:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_HIDDEN.encode())
        started.reload_schema()
        yield started


@pytest.fixture
def url(server: PostgrestServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Lend the URL of a Supabase whose key in the environment is anon's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", server.anon_key)
    yield server.url.replace("http://", "supabase+http://")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(b"revoke all on secrets from anon")
    server.reload_schema()


def _grant(server: PostgrestServer) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(b"grant all on secrets to anon")
    server.reload_schema()


def _commands(source: str, target: str) -> dict[str, list[str]]:
    between = ["--source", source, "--target", target]
    return {
        "copy": ["copy", *between],
        "plan": ["copy", *between, "--dry-run"],
        "sync": ["sync", *between, "--column", "changed"],
        "verify": ["verify", *between],
        "export": ["export", "--source", source, "--out", "out"],
    }


@pytest.mark.parametrize("command", ["copy", "plan", "sync", "verify", "export"])
def test_key_that_sees_no_table_moves_nothing(url: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An error that says whose key it is; no directory and no command to run again."""
    Path("empty.db").touch()
    assert run(_commands(url, "sqlite:///empty.db")[command]) == ExitCode.FAILED
    err = capsys.readouterr().err
    assert "error: nothing was " in err
    assert _SAID in err
    assert "to go on" not in err
    assert not Path("out").exists()


@pytest.mark.parametrize("command", ["copy", "plan", "sync", "verify", "export"])
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_store_without_tables_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty file, or directory, is as wrong as for verify."""
    monkeypatch.chdir(tmp_path)
    Path("empty.db").touch()
    Path("other.db").touch()
    Path("files").mkdir()
    source = "sqlite:///empty.db" if kind == "sqlite" else "files:///files"
    assert run(_commands(source, "sqlite:///other.db")[command]) == ExitCode.FAILED
    err = capsys.readouterr().err
    assert err.startswith("error: nothing was ")
    assert err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize("command", ["copy", "plan", "sync", "verify", "export"])
def test_key_from_which_rows_are_hidden_is_told(
    server: PostgrestServer, url: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row level security hides all rows: what seems done is noted, for people and for programs."""
    _grant(server)
    with closing(sqlite3.connect("there.db")) as connection:
        connection.execute("create table secrets (id integer primary key, changed timestamptz not null)")
    arguments = _commands(url, "sqlite:///there.db")[command]
    assert run(arguments) == ExitCode.OK
    assert f"note: {_SAID}" in capsys.readouterr().err
    if command == "export":
        assert _SAID in (Path("out") / "manifest.json").read_text()
        return
    assert run([*arguments, "--json", *(["-"] if command == "verify" else [])]) == ExitCode.OK
    assert any(_SAID in note for note in json.loads(capsys.readouterr().out)["notes"])


def test_service_key_is_not_warned_of(
    server: PostgrestServer, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sees all rows."""
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", server.service_key)
    assert run(["copy", "--source", url, "--target", "sqlite:///new.db"]) == ExitCode.OK
    assert "row level security" not in capsys.readouterr().err
    with closing(sqlite3.connect("new.db")) as connection:
        assert connection.execute("select count(*) from secrets").fetchone() == (3,)


def test_load_with_a_lesser_key_is_told(
    server: PostgrestServer, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the target holds rows of others is asked with it, too."""
    with closing(sqlite3.connect("bare.db")) as connection:
        connection.execute("create table secrets (id integer primary key, changed timestamptz not null)")
    assert run(["export", "--source", "sqlite:///bare.db", "--out", "out"]) == ExitCode.OK
    _grant(server)
    assert run(["load", "out", "--target", url]) == ExitCode.OK
    assert f"note: {_SAID}" in capsys.readouterr().err
