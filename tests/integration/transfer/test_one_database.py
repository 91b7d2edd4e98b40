"""One PostgreSQL database under two spellings of its URL: no source of itself."""

from __future__ import annotations

import psycopg
import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode

_COMMANDS = [("copy",), ("copy", "--dry-run"), ("verify",), ("sync", "--column", "id"), ("schema", "diff")]


def _with(dsn: str, parameter: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}{parameter}"


@pytest.fixture
def shop(datalayer_database: str) -> str:
    """Lend a database with a table in each of two schemas."""
    with psycopg.connect(datalayer_database, autocommit=True) as connection:
        connection.execute(
            "create table goods (id integer primary key); insert into goods values (1);"
            "create schema old; create table old.goods (id integer primary key); insert into old.goods values (1)"
        )
    return datalayer_database


@pytest.mark.parametrize("command", _COMMANDS)
def test_database_is_not_its_own_target(
    shop: str, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A parameter more makes no other database; comparing it with itself would prove nothing."""
    arguments = [*command, "--source", shop, "--target", _with(shop, "application_name=x")]
    assert run(arguments) == ExitCode.CONFIGURATION
    said = capsys.readouterr()
    assert said.err == "error: --source and --target are the same store; name another one\n"
    assert said.out == ""


def test_schemas_of_one_database_are_two_stores(shop: str) -> None:
    """As are two databases of one server, which other tests copy between."""
    both = ["--source", _with(shop, "options=-csearch_path%3Dold"), "--target", shop]
    assert run(["copy", *both]) == ExitCode.OK
    assert run(["verify", *both]) == ExitCode.OK
