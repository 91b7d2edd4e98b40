"""What one has no right to, on a server or on a file, ends every command with the same code."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.integration.transfer.commands import finished
from tests.integration.transfer.sql import run

from datalayer.cli.errors import ExitCode
from datalayer.stores.postgres import PostgresStore

_SHOP = "create table goods (id integer primary key, title text); insert into goods values (1, 'a'), (2, 'b')"
_TABLE = "create table goods (id integer primary key, title text)"
#: What lets root into every file.
_EVERY_FILE = "-dac_override,-dac_read_search"


class Shop:
    """Rows in a file and in PostgreSQL, an export, and a role that has no rights on either database's table."""

    def __init__(self, directory: Path, origin: str, target: str, role: str) -> None:
        self.directory = directory
        self.origin, self.target = (
            f"{dsn}{'&' if '?' in dsn else '?'}options=-crole%3D{role}" for dsn in (origin, target)
        )
        self.full, self.out = origin, str(directory / "out")
        self.rows = self.file("rows.db")

    def file(self, name: str, mode: int | None = None, script: str = _SHOP) -> str:
        """Make a SQLite file of some mode; return its URL."""
        path = self.directory / name
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        if mode is not None:
            path.chmod(mode)
        return f"sqlite:///{path}"

    def closed(self, name: str, mode: int = 0o500) -> Path:
        """Make a directory that nothing can be put into."""
        path = self.directory / name
        path.mkdir(mode=mode)
        return path


@pytest.fixture
async def shop(
    origin: PostgresStore, target: PostgresStore, second_database: str, datalayer_database: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    """Lend a shop."""
    role = f"guest_{conninfo_to_dict(second_database)['dbname']}"
    await run(origin, f"{_SHOP}; create role {role}; revoke create on schema public from public")
    await run(target, "revoke create on schema public from public")
    shop = Shop(tmp_path, second_database, datalayer_database, role)
    assert await finished(["export", "--source", second_database, "--out", shop.out]) == ExitCode.OK
    yield shop
    await run(origin, f"drop owned by {role}")
    await run(target, f"drop owned by {role}")
    await run(origin, f"drop role {role}")


def _between(source: str, target: str, *options: str) -> list[str]:
    return ["--source", source, "--target", target, *options]


Case: TypeAlias = Callable[[Shop], list[str]]

_ON_A_SERVER: Mapping[str, Case] = {
    "copy from": lambda s: ["copy", *_between(s.origin, s.file("new.db", script=""))],
    "copy to be made": lambda s: ["copy", *_between(s.full, s.target)],
    "verify": lambda s: ["verify", *_between(s.origin, s.file("shop.db"))],
    "verify on two servers": lambda s: ["verify", *_between(s.origin, s.target)],
    "sync from": lambda s: ["sync", *_between(s.origin, s.file("shop.db"), "--column", "id")],
    "export": lambda s: ["export", "--source", s.origin, "--out", str(s.directory / "again")],
    "load": lambda s: ["load", s.out, "--target", s.target],
}
_INTO_A_TABLE: Mapping[str, Case] = {
    "copy": lambda s: ["copy", *_between(s.full, s.target)],
    "sync": lambda s: ["sync", *_between(s.full, s.target, "--column", "id")],
    "repair": lambda s: ["verify", *_between(s.full, s.target, "--repair")],
    "load": lambda s: ["load", s.out, "--target", s.target],
}


def _unreadable_export(shop: Shop, name: str) -> list[str]:
    (Path(shop.out) / name).chmod(0)
    return ["load", shop.out, "--target", shop.file("new.db", script="")]


def _unreadable_files(shop: Shop, mode: int, file_mode: int) -> list[str]:
    directory = shop.directory / "files"
    directory.mkdir()
    (directory / "goods.ndjson").write_text('{"id": 1}\n')
    (directory / "goods.ndjson").chmod(file_mode)
    directory.chmod(mode)
    return ["copy", *_between(f"files:///{directory}", shop.file("new.db", script=""))]


def _logged(shop: Shop) -> str:
    """Make a file that is read with a log beside it, in a directory where none can be made."""
    directory = shop.closed("shut", 0o700)
    url = shop.file("shut/shop.db", script=f"pragma journal_mode = wal; {_SHOP}")
    directory.chmod(0o500)
    return url


_ON_A_FILE: Mapping[str, Case] = {
    "source": lambda s: ["copy", *_between(s.file("shop.db", 0), s.file("new.db", script=""))],
    "directory of a source": lambda s: ["copy", *_between(f"sqlite:///{s.closed('shut', 0)}/shop.db", s.rows)],
    "directory of a target": lambda s: ["copy", *_between(s.rows, f"sqlite:///{s.closed('shut', 0)}/shop.db")],
    "directory of a plan": lambda s: [
        *("copy", "--dry-run"),
        *_between(s.rows, f"sqlite:///{s.closed('shut', 0)}/shop.db"),
    ],
    "log of a source": lambda s: ["copy", *_between(_logged(s), s.file("new.db", script=""))],
    "source of an export": lambda s: ["export", "--source", s.file("shop.db", 0), "--out", str(s.directory / "again")],
    "side of a verify": lambda s: ["verify", *_between(s.file("shop.db", 0), s.file("twin.db"))],
    "side of a diff": lambda s: ["schema", "diff", *_between(s.file("twin.db"), s.file("shop.db", 0))],
    "target": lambda s: ["copy", *_between(s.rows, s.file("shop.db", 0))],
    "target to write into": lambda s: ["copy", *_between(s.rows, s.file("shop.db", 0o400))],
    "target to load into": lambda s: ["load", s.out, "--target", s.file("shop.db", 0o400, _TABLE)],
    "target to sync": lambda s: ["sync", *_between(s.rows, s.file("shop.db", 0o400), "--column", "id")],
    "target to repair": lambda s: ["verify", *_between(s.rows, s.file("shop.db", 0o400, _TABLE), "--repair")],
    "target to make": lambda s: ["copy", *_between(s.rows, f"sqlite:///{s.closed('shut')}/new.db")],
    "target of a plan": lambda s: ["copy", "--dry-run", *_between(s.rows, f"sqlite:///{s.closed('shut')}/new.db")],
    "target to make and load": lambda s: ["load", s.out, "--target", f"sqlite:///{s.closed('shut')}/new.db"],
    "directory to export into": lambda s: ["export", "--source", s.rows, "--out", str(s.closed("shut"))],
    "directory to look into": lambda s: ["export", "--source", s.rows, "--out", str(s.closed("shut", 0))],
    "directory above an export": lambda s: ["load", str(s.closed("shut", 0) / "out"), "--target", s.rows],
    "directory above an export to check": lambda s: ["export", "verify", str(s.closed("shut", 0) / "out")],
    "directory to make": lambda s: ["export", "--source", s.rows, "--out", str(s.closed("shut") / "out")],
    "manifest": lambda s: _unreadable_export(s, "manifest.json"),
    "directory of an export": lambda s: _unreadable_export(s, "."),
    "exported table": lambda s: _unreadable_export(s, "goods.ndjson.gz"),
    "export to check": lambda s: ["export", "verify", *_unreadable_export(s, "goods.ndjson.gz")[1:2]],
    "directory of files": lambda s: _unreadable_files(s, 0, 0o600),
    "file of a directory": lambda s: _unreadable_files(s, 0o700, 0),
}


def _told(err: str) -> None:
    assert "unexpected" not in err
    assert "Traceback" not in err
    assert err.startswith("error: ")
    assert "cannot be reached" not in err


@pytest.mark.parametrize("name", _ON_A_SERVER)
async def test_lacking_right_on_a_server(shop: Shop, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """To read a table, or to make one."""
    arguments = _ON_A_SERVER[name](shop)
    capsys.readouterr()
    assert await finished(arguments) == ExitCode.UNAVAILABLE
    _told(capsys.readouterr().err)


@pytest.mark.parametrize("name", _INTO_A_TABLE)
async def test_lacking_right_to_write(
    shop: Shop, target: PostgresStore, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a table that is there and may be read."""
    role = shop.target.rpartition("%3D")[2]
    await run(target, f"{_TABLE}; grant select on goods to {role}; grant create on schema public to {role}")
    arguments = _INTO_A_TABLE[name](shop)
    capsys.readouterr()
    assert await finished(arguments) == ExitCode.UNAVAILABLE
    err = capsys.readouterr().err
    _told(err)
    assert "\nto go on once access is granted: datalayer " in err


@pytest.mark.parametrize("name", _ON_A_FILE)
async def test_lacking_right_on_a_file(shop: Shop, name: str) -> None:
    """Of a file or a directory, to read or to write, whatever the command has it for."""
    code, err = await _ended(_ON_A_FILE[name](shop))
    assert code == ExitCode.UNAVAILABLE, err
    _told(err)


async def test_directory_of_an_export_is_no_store(shop: Shop) -> None:
    """What cannot be written there is not on the source, and does not hide what the source says."""
    out = str(shop.closed("shut") / "new")
    assert (await _ended(["export", "--source", shop.rows, "--out", out]))[1].startswith("error: files write: no right")
    Path(out).parent.chmod(0)
    lost = await _ended(["export", "--source", f"sqlite:///{shop.directory}/no.db", "--out", out])
    assert lost[0] == ExitCode.CONFIGURATION, lost[1]


async def _ended(arguments: list[str]) -> tuple[int | None, str]:
    """Run a command that has no more rights than others have; return its code and what it said."""
    without_rights: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read and write every file")
        without_rights = ["setpriv", f"--bounding-set={_EVERY_FILE}"]
    script = "from datalayer.cli.entry import main; main()"
    process = await asyncio.create_subprocess_exec(
        *without_rights, sys.executable, "-c", script, *arguments, stdout=PIPE, stderr=PIPE
    )
    _, err = await process.communicate()
    return process.returncode, err.decode()
