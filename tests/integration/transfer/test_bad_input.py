"""What a command is given wrongly, or finds broken: error, exit code, what is kept, the command that goes on."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode
from datalayer.servers.postgrest import PostgrestServer
from datalayer.urls import without_secrets

_ROWS = 3000
_SHOP = f"""
    create table goods (id integer primary key, title text, changed timestamptz default '2024-01-01');
    create table sales (id integer primary key, good integer references goods, note text, changed timestamptz default
        '2024-01-01');
    insert into goods select n, 'good ' || n from generate_series(1, {_ROWS}) n;
    insert into sales select n, n, 'note' from generate_series(1, {_ROWS}) n
"""
_AWAY = "postgresql://app:s3cret@127.0.0.1:1/shop"


@dataclass(frozen=True, slots=True)
class Shop:
    """A source with rows, a target without tables, an export of the source."""

    source: str
    target: str
    directory: Path

    @property
    def both(self) -> tuple[str, ...]:
        """The options for the two stores."""
        return "--source", self.source, "--target", self.target

    @property
    def out(self) -> Path:
        """Where the source is exported to."""
        return self.directory / "out"

    def on_target(self, script: str) -> None:
        """Run statements."""
        _run(self.target, script)


@pytest.fixture
def shop(second_database: str, datalayer_database: str, tmp_path: Path) -> Shop:
    """Lend a shop."""
    _run(second_database, _SHOP)
    return Shop(second_database, datalayer_database, tmp_path)


def _run(dsn: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())


def _refused(
    arguments: tuple[str, ...], code: ExitCode, said: str, capsys: pytest.CaptureFixture[str], *, goes_on: bool = True
) -> None:
    """Run a command that fails, and look for the command that goes on: the same one, without passwords."""
    capsys.readouterr()
    assert run(arguments) == code
    err = capsys.readouterr().err
    assert said in err
    assert "s3cret" not in err
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("to go on")]
    assert len(lines) == goes_on
    if not goes_on:
        return
    (line,) = lines
    assert shlex.split(line.partition(": ")[2]) == ["datalayer", *map(without_secrets, arguments)]


def _strange_user(dsn: str) -> str:
    """Return the DSN with a user that the server does not know."""
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://nobody:s3cret@{rest.rpartition('@')[2]}"


_UNREACHABLE: dict[str, Callable[[Shop], tuple[str, ...]]] = {
    "copy, source": lambda shop: ("copy", "--source", _AWAY, "--target", shop.target),
    "copy, target": lambda shop: ("copy", "--source", shop.source, "--target", _AWAY, "--jobs", "3"),
    "sync, source": lambda shop: ("sync", "--source", _AWAY, "--target", shop.target, "--column", "changed"),
    "sync, target": lambda shop: ("sync", "--source", shop.source, "--target", _AWAY, "--column", "changed"),
    "verify, source": lambda shop: ("verify", "--source", _AWAY, "--target", shop.target),
    "verify, target": lambda shop: ("verify", "--source", shop.source, "--target", _AWAY, "--repair"),
    "schema diff, target": lambda shop: ("schema", "diff", "--source", shop.source, "--target", _AWAY),
    "export": lambda shop: ("export", "--source", _AWAY, "--out", str(shop.out)),
}


@pytest.mark.parametrize("name", _UNREACHABLE)
def test_side_that_is_not_there(shop: Shop, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, the side, and that nothing was changed."""
    _refused(_UNREACHABLE[name](shop), ExitCode.UNAVAILABLE, "cannot be reached", capsys)
    assert not shop.out.exists()


def test_load_into_a_server_that_is_not_there(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for an export."""
    assert run(["export", "--source", shop.source, "--out", str(shop.out)]) == ExitCode.OK
    _refused(("load", str(shop.out), "--target", _AWAY), ExitCode.UNAVAILABLE, "nothing was changed", capsys)


@pytest.mark.parametrize("command", [("copy",), ("verify",), ("schema", "diff"), ("sync", "--column", "changed")])
@pytest.mark.parametrize("side", ["source", "target"])
def test_user_who_is_not_let_in(
    shop: Shop, command: tuple[str, ...], side: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4, the side, where to look, and no password."""
    urls = {"source": shop.source, "target": shop.target}
    urls[side] = _strange_user(urls[side])
    arguments = (*command, "--source", urls["source"], "--target", urls["target"])
    _refused(arguments, ExitCode.UNAVAILABLE, f"error: {side}: postgres connect: ", capsys)


@pytest.fixture
def rest(datalayer_postgrest: PostgrestServer) -> Iterator[str]:
    """Lend the URL of a Supabase with an empty table."""
    _run(datalayer_postgrest.dsn, "create table goods (id integer primary key, title text, changed timestamptz)")
    datalayer_postgrest.reload_schema()
    yield datalayer_postgrest.url.replace("http://", "supabase+http://")
    _run(datalayer_postgrest.dsn, "drop table goods")
    datalayer_postgrest.reload_schema()


@pytest.mark.parametrize("command", [("copy",), ("verify",), ("schema", "diff"), ("sync", "--column", "changed")])
@pytest.mark.parametrize("side", ["source", "target"])
def test_wrong_key_of_supabase(
    shop: Shop,
    rest: str,
    command: tuple[str, ...],
    side: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 4 and the variable to look at; without any key it is wrong configuration."""
    urls = {"source": shop.source, "target": shop.target, side: rest}
    arguments = (*command, "--source", urls["source"], "--target", urls["target"])
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "s3cret")
    _refused(arguments, ExitCode.UNAVAILABLE, "SUPABASE_SERVICE_ROLE_KEY", capsys)
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY")
    monkeypatch.delenv("SUPABASE_KEY", raising=False)
    assert run(arguments) == ExitCode.CONFIGURATION
    assert f"{side}: no key for Supabase; set SUPABASE_SERVICE_ROLE_KEY" in capsys.readouterr().err


def _truncate(out: Path) -> None:
    file = out / "goods.ndjson.gz"
    file.write_bytes(file.read_bytes()[:-9])


def _edit(out: Path) -> None:
    file = out / "goods.ndjson.gz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


_DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (_truncate, "goods.ndjson.gz has "),
    "edited": (_edit, "goods.ndjson.gz does not have the checksum"),
    "missing": (lambda out: (out / "goods.ndjson.gz").unlink(), "goods.ndjson.gz is missing"),
    "without its manifest": (lambda out: (out / "manifest.json").unlink(), "has no manifest.json"),
}


@pytest.mark.parametrize("name", _DAMAGE)
def test_damaged_export(shop: Shop, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, as the check of the export has it, before a row is written; brought over again, it loads."""
    assert run(["export", "--source", shop.source, "--out", str(shop.out)]) == ExitCode.OK
    whole = {path: path.read_bytes() for path in shop.out.iterdir()}
    damage, said = _DAMAGE[name]
    damage(shop.out)
    assert run(["export", "verify", str(shop.out)]) == ExitCode.DIFFERENCE
    load = ("load", str(shop.out), "--target", shop.target)
    capsys.readouterr()
    assert run(load) == ExitCode.DIFFERENCE
    assert said in capsys.readouterr().err
    with psycopg.connect(shop.target) as connection:
        assert connection.execute("select to_regclass('goods')").fetchone() == (None,)
    for path, content in whole.items():
        path.write_bytes(content)
    assert run(load) == ExitCode.OK
    assert run(["verify", *shop.both]) == ExitCode.OK


def test_load_beside_rows_of_others(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused, with both ways out; neither their rows nor any table is touched, and nothing goes on."""
    assert run(["export", "--source", shop.source, "--out", str(shop.out)]) == ExitCode.OK
    shop.on_target("create table goods (id integer primary key, title text, changed timestamptz)")
    shop.on_target("insert into goods values (7, 'mine')")
    said = "nothing was loaded: the target already holds rows in goods; --upsert replaces those with the same key"
    load = ("load", str(shop.out), "--target", shop.target)
    _refused(load, ExitCode.FAILED, said, capsys, goes_on=False)
    shop.on_target("delete from goods")
    assert run(load) == ExitCode.OK
    assert run(["verify", *shop.both]) == ExitCode.OK


_VANISHED: dict[str, tuple[str, str, str]] = {
    "table": (
        "alter table sales rename to gone",
        "alter table gone rename to sales",
        'relation "sales" does not exist',
    ),
    "column": (
        "alter table sales rename note to gone",
        "alter table sales rename gone to note",
        'column "note" does not exist',
    ),
}


@pytest.mark.parametrize("what", _VANISHED)
async def test_copy_whose_table_changes_under_it(shop: Shop, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5 with table or column, how many rows are kept, and the command, which ends equal after the repair."""
    vanish, mend, said = _VANISHED[what]
    arguments = ("copy", *shop.both, "--max-rate", str(_ROWS), "--jobs", "1")
    copying = asyncio.create_task(asyncio.to_thread(_refused, arguments, ExitCode.FAILED, said, capsys))
    await asyncio.to_thread(_wait_for_progress, shop.target)
    _run(shop.source, vanish)
    await copying
    _run(shop.source, mend)
    assert await asyncio.to_thread(run, arguments) == ExitCode.OK
    assert await asyncio.to_thread(run, ["verify", *shop.both]) == ExitCode.OK


def _wait_for_progress(dsn: str) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute("select to_regclass('datalayer_copy_progress')").fetchone() == (None,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


_LACKING: dict[str, tuple[tuple[str, ...], ExitCode, str]] = {
    "copy, column": (("copy",), ExitCode.FAILED, "nothing was copied, the schemas do not fit: "),
    "sync, column": (("sync", "--column", "changed"), ExitCode.FAILED, "no table can be synced by changed"),
    "sync, table": (("sync", "--column", "changed", "--tables", "sales"), ExitCode.FAILED, "sales cannot be synced"),
}


@pytest.mark.parametrize("name", _LACKING)
def test_target_that_lacks_something(shop: Shop, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing is named before a row moves; with it the same command does it."""
    command, code, said = _LACKING[name]
    shop.on_target("create table goods (id integer primary key, changed timestamptz default '2024-01-01')")
    arguments = (command[0], *shop.both, *command[1:])
    _refused(arguments, code, said, capsys, goes_on=False)
    shop.on_target("drop table goods")
    if command[0] == "sync":
        assert run(["copy", *shop.both]) == ExitCode.OK
    assert run(arguments) == ExitCode.OK
    assert run(["verify", *shop.both]) == ExitCode.OK
