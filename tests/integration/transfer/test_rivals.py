"""Two moves into one place at once: the second is refused, the first not disturbed, and none locks for ever."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.integration.transfer.commands import asked, do, end, finished, going_on, start, until

from datalayer.cli.errors import ExitCode

_ROWS = 20_000
#: Stands still in the middle as long as the file is there.
_SLOWLY = f"""
import time
from pathlib import Path

def slowly(table, row):
    while row["id"] > {_ROWS // 2} and Path("slowly").exists():
        time.sleep(0.01)
    return table, row
"""


@pytest.fixture
def source(second_database: str) -> str:
    """Lend a source of a table that takes a while."""
    fill = f"insert into big select n, md5(n::text) from generate_series(1, {_ROWS}) n"
    do(second_database, f"create table big (id int primary key, word text); {fill}; analyze big")
    return second_database


def _in_file(file: Path) -> int:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("select count(*) from big").fetchone()[0])
    return 0


class Targets:
    """An empty database and a file that is not there yet."""

    def __init__(self, dsn: str, directory: Path) -> None:
        self.file = directory / "to.db"
        self.urls: Mapping[str, str] = {"postgres": dsn, "sqlite": f"sqlite:///{self.file}"}

    def rows(self, kind: str) -> int:
        """Count the rows that are written."""
        return _in_file(self.file) if kind == "sqlite" else asked(self.urls[kind], "select count(*) from big")


@pytest.fixture
def targets(datalayer_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Targets:
    """Lend both targets; commands find a transform that takes a while."""
    (tmp_path / "slow.py").write_text(_SLOWLY)
    (tmp_path / "slowly").touch()
    monkeypatch.chdir(tmp_path)
    return Targets(datalayer_database, tmp_path)


@pytest.mark.parametrize(("how", "kind"), [("copy", "postgres"), ("copy", "sqlite"), ("load", "sqlite")])
async def test_second_move_into_a_store_is_refused(
    how: str,
    kind: str,
    source: str,
    targets: Targets,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says what to do and ends with 5; killed with -9, the first leaves nothing that stops the next run."""
    to = ["--target", targets.urls[kind]]
    copy = ["copy", "--source", source, *to]
    assert await finished(["export", "--source", source, "--out", "out"]) == ExitCode.OK
    load = ["load", "out", *to, "--transform", "slow:slowly"]
    first = await start([*copy, "--max-rate", "300"] if how == "copy" else load)
    await until(lambda: targets.rows(kind) > 0)
    try:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            # PostgreSQL is given longer to notice that a killed run is gone, as the last one here needs it.
            patched.setattr("datalayer.transfer.writers.transactions._PATIENCE", "100ms")
            for second in (copy, load):
                assert await finished(second) == ExitCode.FAILED
                place = "this database" if kind == "postgres" else targets.file
                assert capsys.readouterr().err.splitlines() == [
                    f"error: another copy or load into {place} is at work; wait for its end or stop it",
                    going_on(second),
                ]
        assert first.returncode is None
    finally:
        first.kill()
        await first.wait()
        targets.file.with_name("slowly").unlink()
    assert 0 < targets.rows(kind) < _ROWS
    assert await finished(copy if how == "copy" else load) == ExitCode.OK
    assert targets.rows(kind) == _ROWS
    assert not [path.name for path in targets.file.parent.iterdir() if "lock" in path.name]


async def test_second_export_into_a_directory_is_refused(source: str, targets: Targets, tmp_path: Path) -> None:
    """The same; the first goes on where it was stopped, and all of its files are whole."""
    out = tmp_path / "out"
    arguments = ["export", "--source", source, "--out", str(out)]
    first = await start(arguments)
    await until((out / "big.ndjson.gz.partial").exists)
    first.send_signal(signal.SIGSTOP)
    try:
        code, lines = await end(await start(arguments))
    finally:
        first.send_signal(signal.SIGCONT)
    assert lines == [
        f"error: another export is at work in {out}; wait for its end or stop it",
        going_on(arguments),
    ]
    assert code == ExitCode.FAILED
    assert await end(first) == (ExitCode.OK, [])
    assert await finished(["export", "verify", str(out)]) == ExitCode.OK
    assert sorted(path.name for path in out.iterdir()) == ["big.ndjson.gz", "manifest.json"]
