"""What copy, verify, export and load are told wrongly: which side is meant, which code ends it, and no file made."""

from __future__ import annotations

import json
import re
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode

FILES = ["empty.db", "notes.txt", "shop.db"]
AWAY = "postgresql://app:hidden@127.0.0.1:1/salon"


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in a directory with a file of one table and one without any."""
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.executescript("create table goods (id integer primary key); insert into goods values (1)")
    Path("empty.db").touch()
    Path("notes.txt").write_text("no database")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "key")


def files() -> list[str]:
    """Name what is in the directory."""
    return sorted(path.name for path in Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("copy", "sqlite:///no.db", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: the file no.db does not"),
        (("copy", "sqlite://shop.db", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: "),
        (("copy", "sqlite:///shop.db", "sqlite://new.db"), ExitCode.CONFIGURATION, "target: "),
        (("copy", "sqlite:///shop.db", "files:///no"), ExitCode.CONFIGURATION, "--target: files are a source only"),
        (("copy", "sqlite:///shop.db", "files:///."), ExitCode.CONFIGURATION, "--target: files are a source only"),
        (("copy", "sqlite:///shop.db", "mysql://host/db"), ExitCode.CONFIGURATION, "target: no store"),
        (("copy", "mysql://host/db", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: no store"),
        (("copy", AWAY, "sqlite:///new.db"), ExitCode.UNAVAILABLE, "source: postgres connect: "),
        (("copy", "sqlite:///shop.db", AWAY), ExitCode.UNAVAILABLE, "target: postgres connect: "),
        (("copy", "postgresql://app:hidden@h:99999/d", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: the Post"),
        (("copy", "postgresql://app:hidden@h:port/d", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: the Post"),
        (
            ("copy", "postgresql://app:hidden@h/d?sslmod=x", "sqlite:///n.db"),
            ExitCode.CONFIGURATION,
            "source: libpq kn",
        ),
        (("copy", "postgresql://app:hid/a?den=x@h/d", "sqlite:///n.db"), ExitCode.CONFIGURATION, "source: the Post"),
        (("verify", "supabase+http://127.0.0.1:1", "sqlite:///shop.db"), ExitCode.UNAVAILABLE, "source: supabase "),
        (("copy", "supabase+http://h:99999", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: the Supabase"),
        (("copy", "sqlite:///notes.txt", "sqlite:///new.db"), ExitCode.CONFIGURATION, "source: sqlite connect: notes"),
        (
            ("copy", "sqlite:///shop.db", "sqlite:///."),
            ExitCode.CONFIGURATION,
            "target: sqlite connect: . is a directory, and",
        ),
        (
            ("verify", "sqlite:///.", "sqlite:///shop.db"),
            ExitCode.CONFIGURATION,
            "source: sqlite connect: . is a directory, and",
        ),
        (("verify", "sqlite:///no.db", "sqlite:///shop.db"), ExitCode.CONFIGURATION, "source: the file no.db"),
        (("verify", "sqlite:///shop.db", "sqlite:///no.db"), ExitCode.CONFIGURATION, "target: the file no.db"),
        (("verify", "sqlite:///shop.db", "mysql://host/db"), ExitCode.CONFIGURATION, "target: no store"),
        (("verify", "sqlite:///shop.db", AWAY), ExitCode.UNAVAILABLE, "target: postgres connect: "),
    ],
)
def test_error_says_which_side_is_meant(
    arguments: tuple[str, str, str], code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line: the side, what is wrong with its URL and not with a variable, and no password; no file appears.

    Where the URL may be right, another line is the command to run when the server is back.
    """
    command, source, target = arguments
    assert run([command, "--source", source, "--target", target]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"error: {said}")
    assert ("\nto go on" in err) == (code == ExitCode.UNAVAILABLE)
    assert err.count("\n") == (2 if code == ExitCode.UNAVAILABLE else 1)
    assert ("; nothing was changed" in err) == (command == "copy" and "files:" not in target)
    assert "DATABASE_URL" not in err
    assert "hidden" not in err
    assert "den=" not in err
    assert "port and database" not in err or "supabase" not in source
    assert files() == FILES


@pytest.mark.parametrize("command", ["copy", "verify"])
@pytest.mark.parametrize(
    "other", ["sqlite:///shop.db", "sqlite:///./shop.db", "sqlite:///{directory}/shop.db", "sqlite:///linked.db"]
)
def test_store_is_not_its_own_target(command: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is the same one under each of its names; comparing it with itself would prove nothing."""
    Path("linked.db").hardlink_to("shop.db")
    both = ["--source", "sqlite:///shop.db", "--target", other.format(directory=Path.cwd())]
    assert run([command, *both]) == ExitCode.CONFIGURATION
    assert "--source and --target are the same store" in capsys.readouterr().err


def test_plan_of_a_copy_makes_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A target that is not there yet is planned as an empty one."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///new.db"]
    assert run(["copy", *both, "--dry-run"]) == ExitCode.OK
    assert "goods" in capsys.readouterr().out
    assert files() == FILES


@pytest.mark.parametrize("memory", ["sqlite://:memory:", "sqlite:///:memory:"])
@pytest.mark.parametrize("command", [["copy"], ["copy", "--dry-run"], ["sync", "--column", "id"], ["load", "out"]])
def test_target_in_memory_is_refused(command: list[str], memory: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its rows would be gone when the command ends."""
    assert run(["export", "--source", "sqlite:///shop.db", "--out", "out"]) == ExitCode.OK
    source = [] if command[0] == "load" else ["--source", "sqlite:///shop.db"]
    assert run([*command, *source, "--target", memory]) == ExitCode.CONFIGURATION
    assert capsys.readouterr().err.startswith("error: --target: a database in memory goes with the command")


@pytest.mark.parametrize("tables", [[], ["--tables", "godos"]], ids=["damaged", "table that is not there"])
def test_load_that_cannot_begin_makes_no_file(tables: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The files are looked at before a SQLite file is made."""
    assert run(["export", "--source", "sqlite:///shop.db", "--out", "out"]) == ExitCode.OK
    if not tables:
        Path("out/goods.ndjson.gz").write_bytes(b"")
    code = ExitCode.USAGE if tables else ExitCode.DIFFERENCE
    assert run(["load", "out", "--target", "sqlite:///new.db", *tables]) == code
    assert not Path("new.db").exists()


def test_schemas_are_compared_with_a_file_that_is_not_there_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """As with an empty one, which a copy makes of it; nothing is made now."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///new.db"]
    assert run(["schema", "diff", *both]) == ExitCode.OK
    captured = capsys.readouterr()
    assert captured.err.startswith("note: the target's file is not there yet")
    assert "is missing from the target: copy and load make it" in captured.out
    assert run(["schema", "diff", *both, "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["notes"][0].startswith("the target's file is not there yet")
    assert run(["schema", "diff", "--repositories", "--target", "sqlite:///new.db"]) == ExitCode.CONFIGURATION
    assert run(["schema", "diff", "--source", "sqlite:///new.db", "--target", "sqlite:///shop.db"]) == 3
    assert files() == FILES


@pytest.mark.parametrize("command", [["copy"], ["copy", "--dry-run"], ["schema", "diff"]])
def test_file_that_nobody_could_make_is_no_target(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A plan and a comparison end as the copy would."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///no_directory/new.db"]
    assert run([*command, *both]) == ExitCode.CONFIGURATION
    assert capsys.readouterr().err.startswith("error: target: ")
    assert files() == FILES


def test_export_of_a_missing_file_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the database nor the directory."""
    assert run(["export", "--source", "sqlite:///no.db", "--out", "out"]) == ExitCode.CONFIGURATION
    assert "source: the file no.db does not exist" in capsys.readouterr().err
    assert files() == FILES


def test_command_that_checks_an_export_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the directory has a space."""
    assert run(["export", "--source", "sqlite:///shop.db", "--out", "my shop"]) == ExitCode.OK
    assert "; datalayer export verify 'my shop' checks them" in capsys.readouterr().out


def test_directory_that_cannot_be_made_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Its name, or its place, is to blame, and not the room on a disk."""
    assert run(["export", "--source", "sqlite:///shop.db", "--out", "x" * 300]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "cannot be made: File name too long; choose another directory" in err
    assert "make room" not in err


@pytest.mark.parametrize(
    "arguments",
    [("copy", "--max-rate", "inf"), ("sync", "--column", "id", "--overlap", "inf")],
)
def test_numbers_end(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Infinity is no rate, and no time to look back."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run([*arguments, *both]) == ExitCode.USAGE
    assert f"Invalid value for '{arguments[-2]}': a number is needed, and one that ends" in capsys.readouterr().err


def test_module_is_the_command() -> None:
    """``python -m datalayer`` is for who has not the command in the path."""
    done = subprocess.run([sys.executable, "-m", "datalayer", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"datalayer {version('datalayer')}\n"


@pytest.mark.parametrize("option", ["--json", "--html"])
@pytest.mark.parametrize(("place", "said"), [(".", "it is a directory"), ("no/page", "its directory is not there")])
def test_file_that_cannot_be_written_is_told_before_anything_is_compared(
    option: str, place: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That may take hours; neither store is opened."""
    both = ["--source", "sqlite:///no.db", "--target", "sqlite:///empty.db"]
    assert run(["verify", *both, option, place]) == ExitCode.USAGE
    assert f"the file {place} for {option} cannot be written: {said} (see" in capsys.readouterr().err


def test_page_goes_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody meant a file of the name of a dash."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run(["verify", *both, "--html", "-"]) == ExitCode.USAGE
    assert "--html needs the name of a file" in capsys.readouterr().err
    assert files() == FILES


def test_result_without_room_leaves_no_empty_file(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code says that it is not there, and so does the directory."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
        code = run(["verify", *both, "--json", "report.json"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == ExitCode.USAGE
    assert "the file report.json for --json cannot be written: File too large" in capsys.readouterr().err
    assert files() == FILES


def test_verify_that_compared_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Two databases without tables are equal and prove nothing; no report says so."""
    Path("bare.db").touch()
    both = ["--source", "sqlite:///empty.db", "--target", "sqlite:///bare.db"]
    assert run(["verify", *both, "--json", "report.json"]) == ExitCode.FAILED
    assert "nothing was compared" in capsys.readouterr().err
    assert "report.json" not in files()


@pytest.mark.parametrize("command", ["copy", "verify"])
def test_unknown_table_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names those that are there."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db", "--tables", "godos"]
    assert run([command, *both]) == ExitCode.USAGE
    assert capsys.readouterr().err == "error: there is no table godos; there are: goods\n"


def test_offered_tables_are_the_owners(capsys: pytest.CaptureFixture[str]) -> None:
    """A table of our own bookkeeping is none to choose."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run(["copy", *both]) == ExitCode.OK
    assert run(["sync", *both, "--column", "id"]) == ExitCode.OK
    capsys.readouterr()
    back = ["--source", "sqlite:///empty.db", "--target", "sqlite:///shop.db"]
    assert run(["verify", *back, "--tables", "godos"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "error: there is no table godos; there are: goods\n"


def test_tables_choose_nothing_of_the_repositories(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that would be ignored is refused."""
    assert run(["schema", "diff", "--repositories", "--target", "sqlite:///shop.db", "--tables", "goods"]) == 2
    assert "--tables goes with --source" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["copy", "verify", "backfill"])
def test_empty_choice_of_tables_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a shell made of an unset variable means neither none nor all."""
    both = [] if command == "backfill" else ["--source", "sqlite:///shop.db", "--target", "sqlite:///new.db"]
    assert run([command, *both, "--tables", ""]) == ExitCode.USAGE
    assert capsys.readouterr().err == "error: --tables names no table; leave it out for all tables\n"
    assert files() == FILES


def test_one_table_is_not_many(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary of a single table is good English."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run(["copy", *both]) == ExitCode.OK
    assert "1 table, 1 row copied" in capsys.readouterr().out
    assert run(["verify", *both]) == ExitCode.OK
    assert "\n1 table equal, compared" in capsys.readouterr().out
    assert run(["export", "--source", "sqlite:///shop.db", "--out", "out"]) == ExitCode.OK
    assert "1 table, 1 row in out" in capsys.readouterr().out
    assert run(["export", "verify", "out"]) == ExitCode.OK
    assert "1 table, 1 row: every byte" in capsys.readouterr().out
    assert run(["load", "out", "--target", "sqlite:///loaded.db"]) == ExitCode.OK
    assert re.search(r"\n1 table, 1 row loaded in [\d.]+ s\n$", capsys.readouterr().out)
    assert run(["load", "out", "--target", "sqlite:///loaded.db"]) == ExitCode.OK
    assert re.search(r"\n1 table, 0 rows loaded in [\d.]+ s; 1 row loaded before\n$", capsys.readouterr().out)


def test_last_line_of_verify_tells_of_broken_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Tables that are equal are not all there is; how many rules are kept is said also where none is."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run(["copy", *both]) == ExitCode.OK
    Path("rules.sql").write_text("-- name: none is there\nselect id from goods\n")
    assert run(["verify", *both, "--invariants", "rules.sql"]) == ExitCode.DIFFERENCE
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "0 of 1 rule of the target kept"
    assert lines[-1].startswith("1 table equal, 1 of 1 rule broken, compared in ")


def test_sync_into_a_missing_file_makes_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name is told: what is to be brought up to date is there."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///shpo.db", "--column", "id"]
    assert run(["sync", *both]) == ExitCode.CONFIGURATION
    assert "target: the file shpo.db does not exist" in capsys.readouterr().err
    assert files() == FILES


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--column", "idd"), "error: no table has a column idd; nothing was synced\n"),
        (
            ("--column", "id", "--since", "abc"),
            "error: --since is no value of id, which is INTEGER; write a whole number\n",
        ),
    ],
)
def test_sync_says_which_option_is_wrong(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, and not for every table."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run(["copy", *both]) == ExitCode.OK
    assert run(["sync", *both, *options]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(said)


def test_sync_of_one_table_is_not_many(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary counts in words."""
    both = ["--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db"]
    assert run(["copy", *both]) == ExitCode.OK
    assert run(["sync", *both, "--column", "id"]) == ExitCode.OK
    assert "1 table, 1 row synced in" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["load", "nowhere", "--target", "sqlite:///new.db"],
        ["load", "shop.db", "--target", "sqlite:///new.db"],
        ["load", ".", "--target", "sqlite:///new.db", "--transform", "no_such_module:function"],
        ["export", "verify", "nowhere"],
        ["verify", "--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db", "--invariants", "nowhere.sql"],
        ["verify", "--source", "sqlite:///shop.db", "--target", "sqlite:///empty.db", "--html", "nowhere/page.html"],
        ["migrate", "up", "--url", "sqlite:///shop.db", "--dir", "nowhere"],
        ["demo", "--sqlite", "nowhere.db"],
    ],
)
def test_what_an_option_names_and_is_not_there_is_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One code for one mistake, over all commands; no file appears."""
    assert run(arguments) == ExitCode.USAGE
    assert capsys.readouterr().err.endswith(" --help)\n")
    assert files() == FILES


@pytest.mark.parametrize("hidden", ["?apikey=hidden", "/?apikey=hidden", "#hidden"])
@pytest.mark.parametrize("both", [("supabase://127.0.0.1:1{}", "sqlite:///new.db"), (AWAY, "supabase://127.0.0.1:1{}")])
def test_query_of_a_supabase_url_is_refused_and_never_shown(
    both: tuple[str, str], hidden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be a key in the wrong place; also where the other store is told of first."""
    source, target = (url.format(hidden) for url in both)
    code = run(["copy", "--source", source, "--target", target])
    err = capsys.readouterr().err
    assert "hidden" not in err
    if target == "sqlite:///new.db":
        assert code == ExitCode.CONFIGURATION
        assert "SUPABASE_SERVICE_ROLE_KEY" in err
        assert "to go on" not in err
    assert files() == FILES
