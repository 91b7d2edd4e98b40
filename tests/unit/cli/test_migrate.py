"""``datalayer migrate``: what it is told wrongly, and what it uses when told nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode
from datalayer.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take every setting out of the environment and work in an empty directory."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("mysql://host/db", ExitCode.CONFIGURATION, "postgresql://"),
        ("salon.sqlite3", ExitCode.CONFIGURATION, "sqlite:///"),
        ("sqlite://", ExitCode.CONFIGURATION, "names no file"),
        ("sqlite://salon.db", ExitCode.CONFIGURATION, "write sqlite:///salon.db"),
        ("supabase://project.supabase.co", ExitCode.USAGE, "the database's own postgresql:// address"),
        ("supabase+http://127.0.0.1:1", ExitCode.USAGE, "the database's own postgresql:// address"),
        ("postgresql://user:hidden@127.0.0.1:1/salon", ExitCode.UNAVAILABLE, "cannot be reached"),
        ("postgresql://user:hidden@[::1/salon", ExitCode.CONFIGURATION, "malformed"),
        ("postgresql://user:hidden@host/salon?hostt=5", ExitCode.CONFIGURATION, "libpq knows no parameter hostt"),
    ],
)
def test_url_that_cannot_be_used_is_one_clear_line(
    url: str, code: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code tells the kind, the line what to do; a password is never repeated."""
    assert run(["migrate", "up", "--url", url]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert "hidden" not in captured.err
    assert "DATABASE_URL" not in captured.err.replace("in --url or DATABASE_URL", "")
    assert not list(Path.cwd().iterdir())


def test_malformed_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """DATABASE_URL is read when no URL is given."""
    monkeypatch.setenv("DATABASE_URL", "mysql://host/db")
    assert run(["migrate", "up"]) == ExitCode.CONFIGURATION
    assert "DATABASE_URL" in capsys.readouterr().err


def test_server_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """POSTGRES_* count as well as DATABASE_URL."""
    monkeypatch.setenv("POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("POSTGRES_PORT", "1")
    assert run(["migrate", "status"]) == ExitCode.UNAVAILABLE
    assert "cannot be reached" in capsys.readouterr().err


def test_nothing_configured_means_the_embedded_file_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer gets a working database; who forgot a variable sees where the tables went."""
    assert run(["migrate", "up"]) == ExitCode.OK
    captured = capsys.readouterr()
    assert (tmp_path / "datalayer.sqlite3").is_file()
    assert "datalayer.sqlite3" in captured.err
    assert "applied 0001_" in captured.out


def test_up_plan_and_status_print_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts read the same facts that people see."""
    url = ["--url", f"sqlite:///{tmp_path / 'own.sqlite3'}", "--json"]
    assert run(["migrate", "plan", *url]) == ExitCode.OK
    planned = json.loads(capsys.readouterr().out)["pending"]
    assert run(["migrate", "up", *url]) == ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert [file["version"] for file in answer["applied"]] == [file["version"] for file in planned]
    assert answer["missing"] == []
    assert run(["migrate", "status", *url]) == ExitCode.OK
    lines = json.loads(capsys.readouterr().out)["migrations"]
    assert {line["state"] for line in lines} == {"applied"}
    assert [line["version"] for line in lines] == [file["version"] for file in planned]


def test_own_directory_goes_through_its_life(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pending, applied, edited, missing: people see each state, and an edit ends with exit code 5."""
    directory = tmp_path / "migrations"
    directory.mkdir()
    file = directory / "0001_one.sql"
    file.write_text("-- datalayer: non-transactional\ncreate table one (id integer);\n")
    (directory / "0002_two.sql").write_text("create table two (id integer);")
    options = ["--url", "sqlite:///own.sqlite3", "--dir", str(directory)]
    assert run(["migrate", "plan", *options]) == ExitCode.OK
    assert "would apply 0001_one.sql: 1 statement, outside of a transaction" in capsys.readouterr().out
    assert run(["migrate", "up", *options]) == ExitCode.OK
    assert "applied 0002_two in" in capsys.readouterr().out
    for command in ("plan", "up"):
        assert run(["migrate", command, *options]) == ExitCode.OK
        assert "nothing to do, every file is applied" in capsys.readouterr().out
    (directory / "0002_two.sql").unlink()
    assert run(["migrate", "up", *options]) == ExitCode.OK
    assert "version 0002 (two) is applied, and its file is not here" in capsys.readouterr().err
    file.write_text("create table one (id integer, name text);\n")
    assert run(["migrate", "status", *options]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "edited" in out
    assert "missing" in out
    assert run(["migrate", "up", *options]) == ExitCode.FAILED
    assert "0001_one.sql was edited after it was applied" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "plan", "status"])
def test_directory_that_is_not_there_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing mistake in the path is not taken for a finished job, and leaves no file behind."""
    options = ["--url", "sqlite:///own.sqlite3", "--dir", "migratoins"]
    assert run(["migrate", command, *options]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "'migratoins' does not exist" in err
    assert f"(see datalayer migrate {command} --help)" in err
    assert not list(Path.cwd().iterdir())


def test_directory_without_files_makes_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be applied is found before a SQLite file is made."""
    (tmp_path / "empty").mkdir()
    assert run(["migrate", "up", "--url", "sqlite:///own.sqlite3", "--dir", "empty"]) == ExitCode.FAILED
    assert "empty holds no migration file" in capsys.readouterr().err
    assert not (tmp_path / "own.sqlite3").exists()


@pytest.mark.parametrize("url", [["--url", "sqlite:///absent.sqlite3"], []])
@pytest.mark.parametrize("command", ["plan", "status"])
def test_plan_and_status_make_no_file(command: str, url: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file that is not there they tell that everything is pending, and that it is not there."""
    assert run(["migrate", command, *url]) == ExitCode.OK
    captured = capsys.readouterr()
    assert "0001_" in captured.out or "pending" in captured.out
    assert ".sqlite3 does not exist; datalayer migrate up makes it" in captured.err
    assert not list(Path.cwd().iterdir())


def test_supabase_of_the_environment_is_refused_as_its_url_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who configured Supabase alone does not get tables in a new SQLite file."""
    monkeypatch.setenv("SUPABASE_URL", "https://project.supabase.co")
    monkeypatch.setenv("SUPABASE_KEY", "key")
    assert run(["migrate", "up"]) == ExitCode.USAGE
    assert "the database's own postgresql:// address" in capsys.readouterr().err
    assert not list(Path.cwd().iterdir())


def test_flags_of_the_environment_are_heeded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings that the layer would refuse are refused here too."""
    monkeypatch.setenv("USE_REPOSITORY_PATTERN", "true")
    assert run(["migrate", "up"]) == ExitCode.CONFIGURATION
    assert "DATABASE_URL" in capsys.readouterr().err
    assert not list(Path.cwd().iterdir())
