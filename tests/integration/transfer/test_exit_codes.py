"""The table of exit codes in docs/moving.md, walked through: each code by every way that leads to it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode

_DOCS = Path(__file__).parents[3] / "docs/moving.md"
_SHOP = """
    create table goods (id integer primary key, title text, changed timestamptz default '2024-01-01');
    insert into goods (id, title) values (1, 'a'), (2, 'b'), (3, 'c')
"""


class Shop:
    """A PostgreSQL and two SQLite files with the same rows, an empty PostgreSQL, an export, and what is not there."""

    def __init__(self, source: str, target: str, directory: Path) -> None:
        self.source, self.target, self.directory = source, target, directory
        self.file, self.twin = f"sqlite:///{directory}/shop.db", f"sqlite:///{directory}/twin.db"
        self.away = "postgresql://app@127.0.0.1:1/shop"
        self.out = str(directory / "out")

    def path(self, name: str) -> str:
        """Name a file that a test writes, or one that is not there."""
        return str(self.directory / name)

    def written(self, name: str, text: str) -> str:
        """Write a file."""
        (self.directory / name).write_text(text)
        return self.path(name)

    def on_target(self, script: str) -> None:
        """Run statements."""
        with psycopg.connect(self.target, autocommit=True) as connection:
            connection.execute(script.encode())


Case: TypeAlias = Callable[[Shop], list[str]]


@pytest.fixture
def shop(second_database: str, datalayer_database: str, tmp_path: Path) -> Shop:
    """Lend a shop."""
    with psycopg.connect(second_database, autocommit=True) as connection:
        connection.execute(_SHOP)
    for name in ("shop.db", "twin.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.executescript(_SHOP)
    shop = Shop(second_database, datalayer_database, tmp_path)
    assert run(["export", "--source", shop.source, "--out", shop.out]) == ExitCode.OK
    return shop


def _between(source: str, target: str, *options: str) -> list[str]:
    return ["--source", source, "--target", target, *options]


def _strange_user(dsn: str) -> str:
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://nobody@{rest.rpartition('@')[2]}"


def _strange_database(dsn: str) -> str:
    return dsn.replace("/datalayer_test_", "/no_datalayer_test_")


def _spelt_otherwise(dsn: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}application_name=other"


def _extra_rows(shop: Shop) -> list[str]:
    shop.on_target(_SHOP + "; insert into goods (id, title) values (4, 'd')")
    return ["verify", *_between(shop.source, shop.target, "--repair", "--allow-deletes", "0")]


def _edited(shop: Shop) -> list[str]:
    file = Path(shop.out) / "goods.ndjson.gz"
    file.write_bytes(file.read_bytes()[:-1])
    return ["load", shop.out, "--target", shop.target]


def _edited_manifest(shop: Shop) -> list[str]:
    file = Path(shop.out) / "manifest.json"
    file.write_text(file.read_text().replace("goods", "gooods"))
    return ["load", shop.out, "--target", shop.target]


def _lost_manifest(shop: Shop) -> list[str]:
    (Path(shop.out) / "manifest.json").unlink()
    return ["load", shop.out, "--target", shop.target]


def _broken_off(shop: Shop) -> list[str]:
    out = Path(shop.out)
    (out / "manifest.json").rename(out / "unfinished.json")
    return ["load", shop.out, "--target", shop.target]


def _loose(shop: Shop) -> str:
    with closing(sqlite3.connect(shop.path("loose.db"))) as connection:
        connection.executescript("create table t (id integer primary key, n int); insert into t values (1, 'x')")
    return f"sqlite:///{shop.path('loose.db')}"


def _orphaned(shop: Shop) -> str:
    with closing(sqlite3.connect(shop.path("orphans.db"))) as connection:
        connection.executescript(
            "create table p (id integer primary key); insert into p values (1);"
            "create table c (id integer primary key, p int references p); insert into c values (1, 1), (2, 9)"
        )
    return f"sqlite:///{shop.path('orphans.db')}"


def _loaded_orphans(shop: Shop) -> list[str]:
    assert run(["export", "--source", _orphaned(shop), "--out", shop.path("orphans")]) == ExitCode.OK
    with closing(sqlite3.connect(shop.path("loaded.db"))) as connection:
        connection.executescript(
            "create table p (id integer primary key); create table c (id integer primary key, p int)"
        )
    return ["load", shop.path("orphans"), "--target", f"sqlite:///{shop.path('loaded.db')}"]


def _same(shop: Shop) -> str:
    shop.written("as_it_is.py", "def same(table, row):\n    return table, row\n")
    return "as_it_is:same"


def _lacking_columns(shop: Shop) -> list[str]:
    shop.on_target("create table goods (id integer primary key)")
    return ["copy", *_between(shop.source, shop.target)]


def _other_rows(shop: Shop) -> list[str]:
    shop.on_target(_SHOP)
    return ["load", shop.out, "--target", shop.target]


_CASES: Mapping[ExitCode, Mapping[str, Case]] = {
    ExitCode.OK: {
        "copy": lambda s: ["copy", *_between(s.source, s.target)],
        "equal": lambda s: ["verify", *_between(s.file, s.twin)],
        "alike": lambda s: ["schema", "diff", *_between(s.file, s.twin)],
        "intact": lambda s: ["export", "verify", s.out],
        "load": lambda s: ["load", s.out, "--target", s.target],
        "sync": lambda s: ["sync", *_between(s.file, s.twin, "--column", "id")],
    },
    ExitCode.DIFFERENCE: {
        "rows": lambda s: ["verify", *_between(s.source, s.target)],
        "rows that a repair must not delete": _extra_rows,
        "schemas": lambda s: ["schema", "diff", *_between(_loose(s), s.file)],
        "values that would stop a copy": lambda s: ["copy", "--dry-run", *_between(_loose(s), s.target)],
        "references that would stop a copy": lambda s: ["copy", "--dry-run", *_between(_orphaned(s), s.target)],
        "references of the source": lambda s: ["schema", "diff", *_between(_orphaned(s), s.target)],
        "export that was edited": _edited,
        "manifest that was edited": _edited_manifest,
        "export without its manifest": _lost_manifest,
        "export that broke off": _broken_off,
        "rows that break the source's rules": _loaded_orphans,
        "copied rows that break the source's rules": lambda s: ["copy", *_between(_orphaned(s), s.target)],
        "rows that break them in a file": lambda s: [
            "copy",
            *_between(_orphaned(s), f"sqlite:///{s.path('copied.db')}"),
        ],
    },
    ExitCode.USAGE: {
        "option": lambda s: ["copy", *_between(s.source, s.target, "--fast")],
        "table of a copy": lambda s: ["copy", *_between(s.source, s.target, "--tables", "godos")],
        "table of a verify": lambda s: ["verify", *_between(s.file, s.twin, "--tables", "godos")],
        "table of a diff": lambda s: ["schema", "diff", *_between(s.file, s.twin, "--tables", "godos")],
        "table of an export": lambda s: ["export", "--source", s.file, "--out", s.path("new"), "--tables", "godos"],
        "table of a load": lambda s: ["load", s.out, "--target", s.target, "--tables", "godos"],
        "table of a sync": lambda s: ["sync", *_between(s.file, s.twin, "--column", "id", "--tables", "godos")],
        "column of a sync": lambda s: ["sync", *_between(s.file, s.twin, "--column", "chnaged")],
        "column of a sync of a table": lambda s: [
            "sync",
            *_between(s.file, s.twin, "--column", "chnaged", "--tables", "goods"),
        ],
        "column that does not grow": lambda s: ["sync", *_between(s.file, s.twin, "--column", "title")],
        "place to begin": lambda s: ["sync", *_between(s.file, s.twin, "--column", "id", "--since", "yesterday")],
        "directory that is a file": lambda s: ["export", "--source", s.file, "--out", s.path("shop.db")],
        "directory below a file": lambda s: ["export", "--source", s.file, "--out", s.path("shop.db/out")],
        "directory that is in use": lambda s: ["export", "--source", s.file, "--out", s.path(".")],
        "directory of a finished export": lambda s: ["export", "--source", s.file, "--out", s.out],
        "export that is not there": lambda s: ["load", s.path("nowhere"), "--target", s.target],
        "export that is none": lambda s: ["load", s.path("."), "--target", s.target],
        "export to check that is none": lambda s: ["export", "verify", s.path(".")],
        "invariants that are not there": lambda s: ["verify", *_between(s.file, s.twin, "--invariants", "nowhere")],
        "invariant of an unknown column": lambda s: [
            "verify",
            *_between(s.file, s.twin, "--invariants", s.written("i.sql", "-- name: x\nselect nothing from goods")),
        ],
        "invariant of an unknown column, to be repaired": lambda s: [
            "verify",
            *_between(s.file, s.twin, "--repair"),
            *("--invariants", s.written("i.sql", "-- name: x\nselect nothing from goods")),
        ],
        "invariant with a wrong cast": lambda s: [
            "verify",
            *_between(s.file, s.source, "--invariants", s.written("i.sql", "-- name: x\nselect 1 where 'a'::int = 1")),
        ],
        "invariant that deletes": lambda s: [
            "verify",
            *_between(s.file, s.source, "--invariants", s.written("i.sql", "-- name: x\ndelete from goods")),
        ],
        "invariant that deletes on the way": lambda s: [
            "verify",
            *_between(s.file, s.source, "--invariants"),
            s.written("i.sql", "-- name: x\nwith gone as (delete from goods returning id) select id from gone"),
        ],
        "invariant that is no SQL": lambda s: [
            "verify",
            *_between(s.file, s.twin, "--invariants", s.written("i.sql", "-- name: x\nselekt 1")),
        ],
        "state file in no directory": lambda s: ["verify", *_between(s.file, s.twin, "--state", s.path("no/state"))],
        "function of a transform": lambda s: ["load", s.out, "--target", s.target, "--transform", "json:nothing"],
    },
    ExitCode.CONFIGURATION: {
        "no URL": lambda s: ["copy", *_between("shop.db", s.target)],
        "no such store": lambda s: ["copy", *_between("mysql://host/db", s.target)],
        "one database": lambda s: ["copy", *_between(s.source, _spelt_otherwise(s.source))],
        "port": lambda s: ["copy", *_between("postgresql://app@127.0.0.1:99999/shop", s.target)],
        "port in letters": lambda s: ["verify", *_between(s.file, "postgresql://app@127.0.0.1:abc/shop")],
        "sslmode": lambda s: ["export", "--source", f"{s.away}?sslmode=bogus", "--out", s.path("new")],
        "seconds": lambda s: ["export", "--source", f"{s.away}?connect_timeout=soon", "--out", s.path("new")],
        "one store for both": lambda s: ["verify", *_between(s.file, s.file)],
        "file that is not there": lambda s: ["copy", *_between("sqlite:///nowhere.db", s.target)],
        "file to compare that is not there": lambda s: ["verify", *_between(s.file, "sqlite:///nowhere.db")],
        "file to sync that is not there": lambda s: ["sync", *_between(s.file, "sqlite:///no.db", "--column", "id")],
        "file in no directory": lambda s: ["copy", *_between(s.file, f"sqlite:///{s.path('no/new.db')}")],
        "file to load in no directory": lambda s: ["load", s.out, "--target", f"sqlite:///{s.path('no/new.db')}"],
        "file that is no database": lambda s: [
            "verify",
            *_between(s.file, f"sqlite:///{s.written('notes', 'x' * 999)}"),
        ],
        "directory of files that is not there": lambda s: ["copy", *_between("files:///nowhere", s.target)],
        "key": lambda s: ["copy", *_between("supabase://project.invalid", s.target)],
    },
    ExitCode.UNAVAILABLE: {
        "source": lambda s: ["copy", *_between(s.away, s.target)],
        "target": lambda s: ["load", s.out, "--target", s.away],
        "user": lambda s: ["verify", *_between(_strange_user(s.source), s.target)],
        "database": lambda s: ["copy", *_between(s.source, _strange_database(s.target))],
    },
    ExitCode.FAILED: {
        "rows of others": _other_rows,
        "rows of others, by a transform": lambda s: [*_other_rows(s), "--transform", _same(s)],
        "columns that the target lacks": _lacking_columns,
        "nothing to compare": lambda s: [
            "verify",
            *_between(s.target, f"sqlite:///{s.written('empty.db', '')}"),
        ],
        "value that does not fit": lambda s: ["copy", *_between(_loose(s), s.target)],
    },
}
#: After one of these codes the same command may do once the cause is mended; but not where it refused to begin.
_GOING_ON = (ExitCode.UNAVAILABLE, ExitCode.FAILED)
_REFUSED = ("nothing to compare", "rows of others", "rows of others, by a transform", "columns that the target lacks")
#: What has to be done first.
_ONCE = {"user": "once access is granted", "database": "once the database is there"}


@pytest.mark.parametrize(
    ("code", "name"),
    [pytest.param(code, name, id=f"{code:d}-{name}") for code, each in _CASES.items() for name in each],
)
def test_every_way_to_a_code(
    shop: Shop, code: ExitCode, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code, one line that says why, and the command that goes on only where it can."""
    for variable in ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.syspath_prepend(shop.directory)
    arguments = _CASES[code][name](shop)
    capsys.readouterr()
    assert run(arguments) == code
    err = capsys.readouterr().err
    assert "unexpected" not in err
    assert "Traceback" not in err
    goes_on = code in _GOING_ON and name not in _REFUSED
    assert any(line.startswith("to go on") for line in err.splitlines()) == goes_on
    assert f"\nto go on {_ONCE[name]}: " in err if name in _ONCE else "to go on once" not in err
    assert goes_on or "the same command again" not in err


def test_table_has_these_codes() -> None:
    """Those above, and the one of an interrupt, which the tests of export walk through."""
    rows = re.findall(r"^\| (\d+) \| \S.* \|$", _DOCS.read_text(), re.MULTILINE)
    assert [int(code) for code in rows] == [*map(int, _CASES), ExitCode.INTERRUPTED]
