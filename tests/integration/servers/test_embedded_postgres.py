"""The embedded PostgreSQL: two at once, and gone when its owner is, however it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psycopg
import pytest

from datalayer.errors import ConfigurationError
from datalayer.servers.postgres import EmbeddedPostgres

_OWNER = textwrap.dedent("""
    import time
    from datalayer.servers.postgres import EmbeddedPostgres

    with EmbeddedPostgres() as server:
        print(server.dsn, flush=True)
        time.sleep(60)
""")

_START_AND_STOP = "from datalayer.servers.postgres import EmbeddedPostgres\nwith EmbeddedPostgres(): pass"


def _directory(dsn: str) -> Path:
    return Path(dsn.partition("host=")[2])


def test_two_servers_run_at_once_and_clean_up() -> None:
    """Two servers in one process are apart from each other, take their settings, and leave nothing behind."""
    with EmbeddedPostgres() as first, EmbeddedPostgres({"work_mem": "'5MB'"}) as second:
        first.create_database("only_here")
        with psycopg.connect(second.dsn) as connection:
            assert connection.execute("show fsync").fetchone() == ("off",)
            assert connection.execute("show max_connections").fetchone() == ("200",)
            assert connection.execute("show work_mem").fetchone() == ("5MB",)
            names = connection.execute("select datname from pg_database where datname = 'only_here'").fetchall()
            assert names == []
        directories = [_directory(first.dsn), _directory(second.dsn)]
        assert all(directory.exists() for directory in directories)
    assert not any(directory.exists() for directory in directories)


def test_create_database_copies_its_template() -> None:
    """A database made from a template has the template's tables."""
    with EmbeddedPostgres() as server:
        with psycopg.connect(server.create_database("model"), autocommit=True) as connection:
            connection.execute("create table part (id int)")
        with psycopg.connect(server.create_database("Odd name/%", template="model")) as connection:
            assert connection.execute("select count(*) from part").fetchone() == (0,)
        server.drop_database("Odd name/%")


def test_lock_file_of_another_user_does_no_harm() -> None:
    """Nothing in the temporary directory is shared with other users: what nobody can open there is not asked for."""
    with tempfile.TemporaryDirectory(prefix="lock-") as directory:
        (Path(directory) / ".lockfile").mkdir()
        environment = {**os.environ, "TMPDIR": directory, "XDG_RUNTIME_DIR": directory}
        ended = subprocess.run(
            [sys.executable, "-c", _START_AND_STOP], env=environment, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert [entry.name for entry in Path(directory).iterdir()] == [".lockfile"]


def test_dsn_says_what_to_do_when_the_server_is_not_running() -> None:
    """Asking a server that was not started for its DSN is a clear error."""
    with pytest.raises(ConfigurationError, match="not running"):
        _ = EmbeddedPostgres().dsn


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_server_is_gone_when_its_owner_dies(how: signal.Signals) -> None:
    """Neither process nor data stay when the owner ends by Ctrl-C, SIGTERM or SIGKILL."""
    command = [sys.executable, "-c", _OWNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        dsn = owner.stdout.readline().decode().strip()
        owner.send_signal(how)
        owner.wait(timeout=20)
        # The guardian inherits stderr: end of file means that it has done its work and left.
        owner.communicate(timeout=20)
    assert not _directory(dsn).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn, connect_timeout=2)
