"""``datalayer copy`` and ``datalayer verify`` as processes run them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from datalayer.cli.app import run


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Lend the URL of a small SQLite file."""
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table goods (id integer primary key, title text not null);"
            "create table sales (id integer primary key, good integer references goods (id), at datetime);"
            "insert into goods values (1, 'Чай'), (2, 'tea'); insert into sales values (1, 1, '2024-01-01 10:00:00');"
        )
    return f"sqlite:///{path}"


async def _run(*arguments: str) -> int:
    return await asyncio.to_thread(run, arguments)


async def test_copy_then_verify_exits_zero_and_a_difference_exits_one(
    shop: str, datalayer_database: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The two commands agree on a fresh copy; a trailing space is named by table, key and column, without its value."""
    both = ("--source", shop, "--target", datalayer_database)
    assert await _run("copy", *both, "--json") == 0
    copied = json.loads(capsys.readouterr().out)
    assert [(t["table"], t["rows"], t["created"]) for t in copied["tables"]] == [("goods", 2, True), ("sales", 1, True)]
    assert await _run("verify", *both) == 0
    assert "all 2 tables equal" in capsys.readouterr().out

    with psycopg.connect(datalayer_database, autocommit=True) as connection:
        connection.execute("update goods set title = title || ' ' where id = 2")
    file = tmp_path / "result.json"
    assert await _run("verify", *both, "--json", str(file)) == 1
    printed = capsys.readouterr().out
    assert "goods: unequal value at id=2 in title" in printed
    assert "tea" not in printed
    report = json.loads(file.read_text())
    assert report["equal"] is False
    assert report["tables"][0] == {
        "table": "goods",
        "source_rows": 2,
        "target_rows": 2,
        "matching_rows": 1,
        "equal": False,
        "source_checksum": report["tables"][0]["source_checksum"],
        "target_checksum": report["tables"][0]["target_checksum"],
        "method": "canonical",
        "differing": {"missing": 0, "extra": 0, "changed": 1, "complete": True},
        "seconds": report["tables"][0]["seconds"],
        "differences": [{"finding": "unequal value", "key": {"id": 2}, "columns": ["title"], "row": None}],
    }


async def test_verify_prints_json_to_stdout(
    shop: str, datalayer_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``--json -`` stdout has one JSON object and nothing else; chosen tables only."""
    both = ("--source", shop, "--target", datalayer_database, "--tables", "goods, sales")
    assert await _run("copy", *both) == 0
    capsys.readouterr()
    assert await _run("verify", *both, "--json", "-") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["equal"] is True
    assert [t["table"] for t in report["tables"]] == ["goods", "sales"]


async def test_copy_tells_what_is_wrong_with_its_arguments(
    shop: str, datalayer_database: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A missing file, one store for both sides, and an unknown table are said in one line, and nothing is created."""
    missing = tmp_path / "missing.sqlite"
    assert await _run("copy", "--source", f"sqlite:///{missing}", "--target", datalayer_database) == 3
    assert "does not exist" in capsys.readouterr().err
    assert not missing.exists()
    assert await _run("verify", "--source", shop, "--target", shop) == 3
    assert "the same store" in capsys.readouterr().err
    assert await _run("copy", "--source", shop, "--target", datalayer_database, "--tables", "godos") == 2
    assert capsys.readouterr().err == "error: there is no table godos; there are: goods, sales\n"
