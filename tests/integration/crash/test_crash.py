"""A short campaign; the long one is `nox -s crash`."""

from __future__ import annotations

import os

import pytest
from tests.integration.crash.campaign import SETTINGS, runs
from tests.integration.crash.installing import install
from tests.integration.crash.places import places

_RUNS = int(os.environ.get("DATALAYER_KILLS", "8"))


@pytest.mark.timeout(600)
def test_nothing_is_lost_whoever_is_killed() -> None:
    """Writers, relays, PostgreSQL and PostgREST are killed; acknowledged writes are there, and both stores equal."""
    with places(tuple(dict.fromkeys(setting.place for setting in SETTINGS))) as made:
        install(made)
        done = list(runs(made, _RUNS, seed=7))
    assert [run for run in done if not run.verdict.is_clean] == []
    assert sum(run.acknowledged for run in done) > _RUNS
