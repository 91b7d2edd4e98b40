"""An export that breaks off: never looks finished, keeps what it has, and continues when it is run again."""

from __future__ import annotations

import asyncio
import resource
import shlex
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from datalayer.cli.app import run as run_command
from datalayer.errors import TransferError
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.exports.checking import check_export
from datalayer.transfer.exports.exporting import export, finished_tables
from datalayer.transfer.reports import Progress
from datalayer.urls import without_secrets

_SHOP = """
    create table a_first (id integer primary key, word text);
    create table b_second (id integer primary key, first integer references a_first (id), word blob);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000)
    insert into a_first select i, 'word ' || i from n;
    insert into b_second select id, id, randomblob(200) from a_first;
"""


class Stop(Exception):  # noqa: N818 - a test's own way out
    """Ends an export in its middle."""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend a store of two tables, one of them large once compressed."""
    store = await SqliteStore.open(tmp_path / "shop.sqlite")
    await store.run(lambda connection: connection.executescript(_SHOP).close())
    yield store
    await store.close()


def _stop_in_second(progress: Progress) -> None:
    if progress.table == "b_second" and progress.rows >= 2000:
        raise Stop


async def _broken(shop: SqliteStore, out: Path) -> None:
    with pytest.raises(Stop):
        await export(shop, out, on_progress=_stop_in_second)


async def test_broken_export_does_not_look_finished_and_continues(shop: SqliteStore, tmp_path: Path) -> None:
    """The finished table is kept, its file untouched; the other is written anew; the manifest says so."""
    out = tmp_path / "out"
    await _broken(shop, out)
    assert not check_export(out).intact
    assert finished_tables(out) == ["a_first"]
    assert sorted(path.name for path in out.iterdir()) == ["a_first.ndjson.gz", "unfinished.json"]
    before = (out / "a_first.ndjson.gz").stat().st_mtime_ns

    report = await export(shop, out)
    assert report.kept == ("a_first",)
    assert (out / "a_first.ndjson.gz").stat().st_mtime_ns == before
    assert "a_first was read by an earlier run" in report.manifest.notes[0]
    assert check_export(out).problems == ()
    assert report.manifest.rows == 6000


async def test_kept_table_that_was_damaged_is_exported_again(shop: SqliteStore, tmp_path: Path) -> None:
    """What is kept is what its digest says."""
    out = tmp_path / "out"
    await _broken(shop, out)
    (out / "a_first.ndjson.gz").write_bytes(b"")
    report = await export(shop, out)
    assert report.kept == ()
    assert check_export(out).problems == ()


async def test_export_is_not_continued_when_the_schema_changed(shop: SqliteStore, tmp_path: Path) -> None:
    """A table that vanished or changed since is named: its rows and the kept ones do not belong together."""
    out = tmp_path / "out"
    await _broken(shop, out)
    await shop.run(lambda connection: connection.execute("alter table a_first add column more text").close())
    with pytest.raises(TransferError, match=r"a_first changed, vanished or was chosen differently"):
        await export(shop, out)
    await shop.run(lambda connection: connection.execute("drop table b_second").close())
    with pytest.raises(TransferError, match=r"a_first, b_second changed, vanished"):
        await export(shop, out)


async def test_export_refuses_a_directory_with_something_else(shop: SqliteStore, tmp_path: Path) -> None:
    """Neither a finished export nor anybody's files are written over."""
    out = tmp_path / "out"
    await export(shop, out)
    with pytest.raises(TransferError, match="has a finished export"):
        await export(shop, out)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(TransferError, match=r"is not empty: it has mine\.txt"):
        await export(shop, other)
    await _broken(shop, tmp_path / "third")
    with pytest.raises(TransferError, match="of another store"):
        await export(shop, tmp_path / "third", source_name="elsewhere")


async def test_refused_export_does_not_promise_to_continue(
    shop: SqliteStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier one has kept is of no use to the same command where that is the wrong one."""
    await _broken(shop, tmp_path / "out")
    arguments = ["export", "--source", f"sqlite:///{tmp_path / 'shop.sqlite'}", "--out", str(tmp_path / "out")]
    assert await asyncio.to_thread(run_command, arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has the beginning of an export of another store" in line


async def test_export_to_a_full_disk_says_so_and_continues(shop: SqliteStore, tmp_path: Path) -> None:
    """The file that did not fit is named, what is kept too; with room the same command goes on."""
    out = tmp_path / "out"
    arguments = ["export", "--source", f"sqlite:///{tmp_path / 'shop.sqlite'}", "--out", str(out)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from datalayer.cli.app import run; sys.exit(run(sys.argv[1:]))",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )
    _, err = await process.communicate()
    assert process.returncode == 5
    lines = err.decode().splitlines()
    assert lines[0] == f"kept in {out}: a_first; the same command again continues"
    assert "cannot be written: File too large; finished tables are kept, make room" in lines[1]
    assert lines[2:] == [f"to go on: datalayer {' '.join(arguments)}"]
    assert sorted(path.name for path in out.iterdir()) == ["a_first.ndjson.gz", "unfinished.json"]
    report = await export(shop, out, source_name=f"sqlite:///{tmp_path / 'shop.sqlite'}")
    assert report.kept == ("a_first",)
    assert check_export(out).intact


_LARGE = """
    create table a_first (id int primary key, word text);
    create table b_second (id int primary key, word text);
    insert into a_first values (1, 'a');
    insert into b_second select n, md5(n::text) from generate_series(1, 60000) n
"""


@pytest.fixture(params=["sqlite", "postgres"])
def large(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Lend the URL of a source whose second table takes seconds."""
    if request.param == "postgres":
        dsn = str(request.getfixturevalue("datalayer_database"))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_LARGE)
        return dsn
    with closing(sqlite3.connect(tmp_path / "large.sqlite")) as connection:
        connection.executescript(
            "create table a_first (id integer primary key, word text); insert into a_first values (1, 'a');"
            "create table b_second (id integer primary key, word text);"
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 60000)"
            " insert into b_second select i, hex(randomblob(16)) from n"
        )
    return f"sqlite:///{tmp_path}/large.sqlite"


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_interrupted_export_keeps_what_is_finished(large: str, tmp_path: Path) -> None:
    """Ctrl-C ends it with 130, says what is kept and the command that goes on, which does."""
    out = tmp_path / "out"
    arguments = ["export", "--source", large, "--out", str(out)]
    script = "import sys; from datalayer.cli.app import run; sys.exit(run(sys.argv[1:]))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, *arguments, stdout=PIPE, stderr=PIPE)
    await asyncio.to_thread(_wait_for, out / "b_second.ndjson.gz.partial")
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130, err.decode()
    kept, said, going_on = err.decode().splitlines()
    assert kept == f"kept in {out}: a_first; the same command again continues"
    assert said == "error: interrupted"
    assert going_on == f"to go on: {shlex.join(['datalayer', *map(without_secrets, arguments)])}"
    assert sorted(path.name for path in out.iterdir()) == ["a_first.ndjson.gz", "unfinished.json"]
    assert await asyncio.to_thread(run_command, arguments) == 0
    assert check_export(out).intact


async def test_export_names_a_value_that_cannot_be_read(shop: SqliteStore, tmp_path: Path) -> None:
    """What SQLite let in against the column's type stops the export; table, column and key are told."""
    await shop.run(lambda connection: connection.execute("update a_first set word = x'00' where id = 2345").close())
    with pytest.raises(TransferError, match=r"a_first\.word cannot be read: .* at id=2345"):
        await export(shop, tmp_path / "out")
