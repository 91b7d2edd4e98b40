"""Modes: the whole table of flags and configurations, every combination one mode or one clear refusal."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import pytest

from datalayer.errors import ConfigurationError
from datalayer.flags import Mode, resolve_mode
from datalayer.settings import GivenSettings, Settings

VARIABLES = {name.upper() for name in Settings.model_fields}
URL = "https://project.supabase.co"
DSN = "postgresql://db/salon"

STORES: list[dict[str, Any]] = [
    {**postgres, **project, **key}
    for postgres, project, key in product(
        [{}, {"database_url": DSN}, {"postgres_host": "db"}],
        [{}, {"supabase_url": URL}],
        [{}, {"supabase_key": "k"}, {"supabase_service_role_key": "k"}],
    )
]
FLAGS: list[dict[str, Any]] = [
    {
        name: value
        for name, value in zip(("use_legacy_supabase", "use_repository_pattern"), values, strict=True)
        if value
    }
    for values in product([None, "true", "false"], repeat=2)
]
DUAL: list[dict[str, Any]] = [{}, {"enable_dual_write": "true"}, {"enable_dual_write": "false"}]
TABLE = [{**stores, **flags, **dual} for stores, flags, dual in product(STORES, FLAGS, DUAL)]


def expected(given: dict[str, Any]) -> Mode | None:
    """Say the rule once more, from the user's side: which single primary is named; None where the start is refused."""
    postgres = "database_url" in given or "postgres_host" in given
    url = "supabase_url" in given
    key = "supabase_key" in given or "supabase_service_role_key" in given
    legacy = given.get("use_legacy_supabase")
    repository = given.get("use_repository_pattern")
    if given.get("enable_dual_write") == "true":
        return None
    wants_supabase = legacy == "true" or (legacy is None and url)
    wants_postgres = repository == "true" or (repository is None and postgres and not wants_supabase)
    if wants_supabase or wants_postgres:
        works = (url and key) if wants_supabase else postgres
        one = not (wants_supabase and wants_postgres)
        return (Mode.SUPABASE if wants_supabase else Mode.POSTGRES) if works and one else None
    return None if postgres or url or key or legacy or repository else Mode.SQLITE


@pytest.mark.parametrize("given", TABLE, ids=lambda given: ",".join(f"{k}={v}" for k, v in given.items()) or "nothing")
def test_mode_is_one_or_refused_for_every_combination(given: dict[str, Any]) -> None:
    """Every combination gives the one mode it names, or an error that names a variable that exists."""
    settings = GivenSettings(**given)
    mode = expected(given)
    if mode is not None:
        assert resolve_mode(settings) is mode
        return
    with pytest.raises(ConfigurationError) as caught:
        resolve_mode(settings)
    assert caught.value.variables
    assert set(caught.value.variables) <= VARIABLES
    assert any(name in str(caught.value) for name in caught.value.variables)


def test_mode_table_reaches_every_mode() -> None:
    """The table above is not all refusals."""
    counts = Counter(expected(given) for given in TABLE)
    assert all(counts[mode] > 0 for mode in Mode)


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"use_legacy_supabase": "true"}, "SUPABASE_URL"),
        ({"supabase_url": URL}, "SUPABASE_SERVICE_ROLE_KEY"),
        ({"use_repository_pattern": "true"}, "DATABASE_URL"),
        (
            {"database_url": DSN, "supabase_url": URL, "supabase_key": "k", "use_repository_pattern": "true"},
            "USE_LEGACY_SUPABASE",
        ),
        (
            {"database_url": DSN, "use_legacy_supabase": "false", "use_repository_pattern": "false"},
            "USE_REPOSITORY_PATTERN",
        ),
        ({"supabase_url": URL, "supabase_key": "k", "use_legacy_supabase": "false"}, "DATABASE_URL"),
        ({"supabase_key": "k"}, "SUPABASE_URL"),
        ({"use_legacy_supabase": "false"}, "DATABASE_URL"),
        ({"use_repository_pattern": "false"}, "DATABASE_URL"),
        ({"use_legacy_supabase": "false", "use_repository_pattern": "false"}, "DATABASE_URL"),
    ],
)
def test_refusal_names_the_variable_to_change_first(given: dict[str, Any], variable: str) -> None:
    """Whoever reads the error knows where to go."""
    with pytest.raises(ConfigurationError) as caught:
        resolve_mode(GivenSettings(**given))
    assert caught.value.variables[0] == variable
    assert variable in str(caught.value)


@pytest.mark.parametrize("stores", STORES, ids=lambda given: ",".join(given) or "nothing")
@pytest.mark.parametrize("flags", FLAGS, ids=lambda given: ",".join(f"{k}={v}" for k, v in given.items()) or "none")
def test_dual_write_is_refused_before_anything_is_asked_for(stores: dict[str, Any], flags: dict[str, Any]) -> None:
    """Nobody is sent to configure stores for what this version does not do."""
    with pytest.raises(ConfigurationError, match="not available in this version") as caught:
        resolve_mode(GivenSettings(**stores, **flags, enable_dual_write="true"))
    assert caught.value.variables == ("ENABLE_DUAL_WRITE",)
