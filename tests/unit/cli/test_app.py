"""The frame of the command line: help, version, exit codes, one line per error."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from datalayer.cli import app as program
from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode, exit_code
from datalayer.errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidValueError,
    MigrationError,
    SelectionError,
    StoreTimeoutError,
    TransferError,
    UnavailableError,
    UnsupportedOperationError,
)

PROGRAM = [sys.executable, "-c", "from datalayer.cli.entry import main; main()"]
COMMANDS = [["migrate", "up"], ["migrate", "status"], ["migrate", "plan"]]


@pytest.fixture
def failing_command() -> Iterator[list[Exception | KeyboardInterrupt]]:
    """Add a command ``fail`` that raises what the test puts into the list."""
    to_raise: list[Exception | KeyboardInterrupt] = []

    @program.app.command()
    def fail() -> None:
        raise to_raise[0]

    yield to_raise
    program.app.registered_commands.pop()


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` prints one line on stdout."""
    assert run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"datalayer {version('datalayer')}\n"


def test_help_shows_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer learns both from ``datalayer --help``."""
    assert run(["--help"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "migrate" in out
    for code in ExitCode:
        assert f"{code:d} " in out.replace("\n", " ")


@pytest.mark.parametrize("command", [[], ["migrate"], *COMMANDS])
def test_help_of_every_command_shows_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The example is a line to paste."""
    assert run([*command, "--help"]) == ExitCode.OK
    assert "Example: datalayer " in capsys.readouterr().out


def test_no_command_at_all_is_answered_by_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer sees what there is; a script sees wrong usage."""
    assert run([]) == ExitCode.USAGE
    assert "Usage: datalayer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--verison"],
        ["migrate"],
        ["migrate", "upp"],
        ["migrate", "up", "--ulr", "x"],
        ["migrate", "up", "--lock-timeout", "soon"],
    ],
)
def test_mistyped_argument_is_one_line_on_stderr(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback, a hint at the help."""
    assert run(arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "(see datalayer" in captured.err


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["verify", "--sorce", "x"], "datalayer verify"),
        (["verify", "--source", "x", "--json"], "datalayer verify"),
        (["--debug", "copy", "--json=x"], "datalayer copy"),
        (["copy", "--debug"], "datalayer copy"),
        (["migrate", "up", "--url"], "datalayer migrate up"),
        (["migrate"], "datalayer migrate"),
        (["--verison"], "datalayer"),
    ],
)
def test_mistyped_argument_points_at_the_help_of_its_command(
    arguments: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help that explains the option, and not the program's."""
    assert run(arguments) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert err.endswith(f"(see {command} --help)\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["copy", "postgresql://app:s3cret@db/salon"],
        ["postgresql://app:s3cret@db/salon"],
        ["load", "postgresql://app:s3cret@db/salon", "--target", "sqlite:///a.db"],
        ["copy", "--sorce=postgresql://app:s3cret@db/salon"],
        ["export", "verify", "postgresql:///salon?password=s3cret"],
        ["copy", "--source", "mysql://app:s3cret@db/salon", "--target", "sqlite:///a.db"],
    ],
)
def test_password_in_a_wrong_place_is_not_repeated(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A URL that was given as an argument, or to a mistyped option, is shown without its secrets."""
    assert run(arguments) in (ExitCode.USAGE, ExitCode.CONFIGURATION)
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "s3cret" not in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), ExitCode.CONFIGURATION),
        (UnavailableError("x", store="postgres", operation="connect"), ExitCode.UNAVAILABLE),
        (AccessDeniedError("x", store="postgres", operation="connect"), ExitCode.UNAVAILABLE),
        (UnsupportedOperationError("supabase", "migrations", "x"), ExitCode.USAGE),
        (InvalidValueError("x", field="limit"), ExitCode.USAGE),
        (MigrationError("x"), ExitCode.FAILED),
        (StoreTimeoutError("x", store="postgres", operation="select"), ExitCode.UNAVAILABLE),
        (TransferError("x"), ExitCode.FAILED),
        (SelectionError("x"), ExitCode.USAGE),
        (RuntimeError("x"), ExitCode.FAILED),
    ],
)
def test_errors_have_the_exit_codes_of_the_help(error: Exception, code: ExitCode) -> None:
    """Each class of error ends with the code the help promises."""
    assert exit_code(error) == code


def test_transfer_that_ran_out_of_time_has_the_code_of_a_timeout() -> None:
    """Whichever store was too slow, and whoever told of it."""
    error = TransferError("goods could not be written")
    error.__cause__ = StoreTimeoutError("x", store="supabase", operation="insert")
    assert exit_code(error) == ExitCode.UNAVAILABLE


def test_library_error_is_one_line_without_a_traceback(
    failing_command: list[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    """A message of several lines is folded into one."""
    failing_command.append(ConfigurationError("DATABASE_URL is\n  malformed"))
    assert run(["fail"]) == ExitCode.CONFIGURATION
    assert capsys.readouterr().err == "error: DATABASE_URL is malformed\n"


def test_unexpected_error_points_at_debug(failing_command: list[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of ours is named and not thrown at the user; ``--debug`` shows where it happened."""
    failing_command.append(KeyError("lost"))
    assert run(["fail"]) == ExitCode.FAILED
    plain = capsys.readouterr().err
    assert plain.startswith("error: unexpected KeyError")
    assert "--debug" in plain
    assert "Traceback" not in plain
    assert run(["--debug", "fail"]) == ExitCode.FAILED
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_ends_with_130(failing_command: list[KeyboardInterrupt], capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is said in one line, as shells expect it."""
    failing_command.append(KeyboardInterrupt())
    assert run(["fail"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "error: interrupted\n"


#: Ctrl-C in the middle of the imports.
_EARLY = """
import signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from datalayer.cli.entry import main
main()
"""


def test_interrupt_before_everything_is_imported_ends_with_130() -> None:
    """Ctrl-C within the first half second is one line, too."""
    ended = subprocess.run([sys.executable, "-c", _EARLY, "--help"], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, b"", b"error: interrupted\n")


def test_exit_of_a_command_is_the_exit_of_the_program(failing_command: list[Exception]) -> None:
    """A command says that it found a difference by its own code."""
    failing_command.append(typer.Exit(ExitCode.DIFFERENCE))
    assert run(["fail"]) == ExitCode.DIFFERENCE


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["migrate", "plan", "--url", "sqlite://:memory:"]])
def test_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    """``datalayer --help | head -1`` ends as it does when somebody listens, whoever of the two is quicker."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([*PROGRAM, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
    deaf = subprocess.run([*PROGRAM, *arguments], stdout=writing, stderr=writing, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (ExitCode.OK, b"")
    assert deaf.returncode == ExitCode.OK


def test_copy_whose_reader_goes_away_is_done(tmp_path: Path) -> None:
    """``datalayer copy … | true`` has copied, and says so by its code."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("create table goods (id integer primary key)")
    reading, writing = os.pipe()
    os.close(reading)
    both = ["--source", f"sqlite:///{tmp_path}/shop.db", "--target", f"sqlite:///{tmp_path}/new.db"]
    for command, code in ((["copy"], ExitCode.OK), (["verify", "--tables", "lost"], ExitCode.USAGE)):
        ended = subprocess.run([*PROGRAM, *command, *both], stdout=writing, stderr=PIPE, check=False)
        assert ended.returncode == code, ended.stderr
    os.close(writing)


@pytest.mark.parametrize("command", [["verify", "--json", "-"], ["verify"], ["copy", "--json"]])
def test_output_that_is_full_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """What was found could not be told, which is a failure of its own, and no mistake of ours."""
    for name in ("shop.db", "twin.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute("create table goods (id integer primary key)")
    both = ["--source", f"sqlite:///{tmp_path}/shop.db", "--target", f"sqlite:///{tmp_path}/twin.db"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*PROGRAM, *command, *both], stdout=full, stderr=PIPE, check=False)
    assert ended.returncode == ExitCode.FAILED
    assert ended.stderr == b"error: the output cannot be written: No space left on device\n"


def test_notes_that_cannot_be_written_are_nobodys_failure() -> None:
    """The code tells what the line would have."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*PROGRAM, "verify"], stdout=PIPE, stderr=full, check=False)
    assert (ended.returncode, ended.stdout) == (ExitCode.USAGE, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["migrate", "plan", "--url", "sqlite://:memory:"]])
def test_output_that_is_closed_is_no_error(arguments: list[str]) -> None:
    """``datalayer migrate plan >&-`` ends as it does when somebody listens."""
    ended = subprocess.run([*PROGRAM, *arguments], capture_output=True, check=False)
    closed = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', *PROGRAM, *arguments], stderr=PIPE, check=False)
    assert (closed.returncode, closed.stderr) == (ended.returncode, ended.stderr)


def test_letters_that_the_output_cannot_have_are_escaped(tmp_path: Path) -> None:
    """A pipe in ASCII gets the whole answer, and JSON stays JSON."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute('create table "товар 🌼" (id integer primary key)')
    command = [
        *PROGRAM,
        "copy",
        "--dry-run",
        "--target",
        f"sqlite:///{tmp_path}/new.db",
        "--source",
        f"sqlite:///{tmp_path}/shop.db",
    ]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    lines = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    assert rb"\u0442\u043e\u0432\u0430\u0440 \U0001f33c" in lines
    as_json = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True).stdout
    assert json.loads(as_json)["tables"][0]["table"] == "товар 🌼"


async def test_help_loads_no_store() -> None:
    """``datalayer --help`` is quick: what commands need is imported when they run."""
    heavy = ("supabase", "psycopg", "phonenumbers", "sentry_sdk", "datalayer.stores.postgres", "datalayer.migrations")
    script = (
        "import sys; from datalayer.cli.app import run; run(['--help']);"
        f" print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE, stderr=PIPE)
    _, err = await process.communicate()
    assert err.decode().strip() == "[]"
