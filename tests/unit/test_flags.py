"""Modes: the whole table of flags and configurations, every combination one mode or one clear refusal."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import pytest

from datalayer.errors import ConfigurationError
from datalayer.flags import Mode, StoreKind, both_lead, has_cohort, resolve_mode
from datalayer.settings import GivenSettings, Settings

VARIABLES = {name.upper() for name in Settings.model_fields}
URL = "https://project.supabase.co"
DSN = "postgresql://db/salon"
BOTH = {"enable_dual_write": "true", "database_url": DSN, "supabase_url": URL, "supabase_key": "k"}
SQLITE_PAIR = {"enable_dual_write": "true", "database_url": DSN, "datalayer_sqlite_path": "salon.sqlite3"}

STORES: list[dict[str, Any]] = [
    {**postgres, **project, **key, **sqlite}
    for postgres, project, key, sqlite in product(
        [{}, {"database_url": DSN}, {"postgres_host": "db"}],
        [{}, {"supabase_url": URL}],
        [{}, {"supabase_key": "k"}, {"supabase_service_role_key": "k"}],
        [{}, {"datalayer_sqlite_path": "salon.sqlite3"}],
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
    """Say the rule once more, from the user's side: which stores are named; None where the start is refused."""
    if given.get("enable_dual_write") == "true":
        return expected_pair(given)
    primary = expected_primary(given)
    return None if primary is None else Mode(primary)


def expected_pair(given: dict[str, Any]) -> Mode | None:
    """Return the two stores of a dual-write: exactly two are configured, PostgreSQL is one of them."""
    postgres = "database_url" in given or "postgres_host" in given
    sqlite, url = "datalayer_sqlite_path" in given, "supabase_url" in given
    key = "supabase_key" in given or "supabase_service_role_key" in given
    if not postgres or sqlite == url or (url and not key):
        return None
    if sqlite:
        if given.get("use_legacy_supabase") == "true":
            return None
        first, second = StoreKind.SQLITE, StoreKind.POSTGRES
        return Mode(second, first) if given.get("use_repository_pattern") == "true" else Mode(first, second)
    primary = expected_primary(given)
    if primary is None:
        return None
    return Mode(primary, StoreKind.POSTGRES if primary is StoreKind.SUPABASE else StoreKind.SUPABASE)


def expected_primary(given: dict[str, Any]) -> StoreKind | None:
    """Return the single primary that is named."""
    postgres = "database_url" in given or "postgres_host" in given
    url = "supabase_url" in given
    key = "supabase_key" in given or "supabase_service_role_key" in given
    legacy = given.get("use_legacy_supabase")
    repository = given.get("use_repository_pattern")
    wants_supabase = legacy == "true" or (legacy is None and url)
    wants_postgres = repository == "true" or (repository is None and postgres and not wants_supabase)
    if wants_supabase or wants_postgres:
        works = (url and key) if wants_supabase else postgres
        one = not (wants_supabase and wants_postgres)
        return (StoreKind.SUPABASE if wants_supabase else StoreKind.POSTGRES) if works and one else None
    return None if postgres or url or key or legacy or repository else StoreKind.SQLITE


@pytest.mark.parametrize("given", TABLE, ids=lambda given: ",".join(f"{k}={v}" for k, v in given.items()) or "nothing")
def test_mode_is_one_or_refused_for_every_combination(given: dict[str, Any]) -> None:
    """Every combination gives the one mode it names, or an error that names a variable that exists."""
    settings = GivenSettings(**given)
    mode = expected(given)
    if mode is not None:
        assert resolve_mode(settings) == mode
        return
    with pytest.raises(ConfigurationError) as caught:
        resolve_mode(settings)
    assert caught.value.variables
    assert set(caught.value.variables) <= VARIABLES
    assert any(name in str(caught.value) for name in caught.value.variables)


@pytest.mark.parametrize(
    ("given", "cohort", "both"),
    [
        ({**BOTH, "test_phone": "79990000000"}, True, True),
        ({**BOTH, "datalayer_cohort_companies": "7"}, True, True),
        ({**BOTH}, False, False),
        ({**BOTH, "datalayer_routes": {"clients": "postgres"}}, False, True),
        ({**SQLITE_PAIR, "test_phone": "79990000000"}, False, False),
        ({"database_url": DSN, "test_phone": "79990000000"}, False, False),
    ],
)
def test_cohort_needs_stores_that_can_have_one(given: dict[str, Any], cohort: bool, both: bool) -> None:
    """TEST_PHONE alone selects a company between Supabase and PostgreSQL; elsewhere it is only handed on."""
    settings = GivenSettings(**given)
    mode = resolve_mode(settings)
    assert has_cohort(settings, mode) is cohort
    assert both_lead(settings, mode) is both


def test_mode_table_reaches_every_mode() -> None:
    """The table above is not all refusals."""
    counts = Counter(expected(given) for given in TABLE)
    postgres, supabase, sqlite = StoreKind.POSTGRES, StoreKind.SUPABASE, StoreKind.SQLITE
    pairs = [(supabase, postgres), (postgres, supabase), (sqlite, postgres), (postgres, sqlite)]
    assert {mode for mode in counts if mode} == {Mode(kind) for kind in StoreKind} | {Mode(*pair) for pair in pairs}


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
        ({"enable_dual_write": "true"}, "DATABASE_URL"),
        ({"enable_dual_write": "true", "database_url": DSN}, "SUPABASE_URL"),
        ({"enable_dual_write": "true", "supabase_url": URL, "supabase_key": "k"}, "DATABASE_URL"),
        (
            {"enable_dual_write": "true", "database_url": DSN, "supabase_url": URL, "use_legacy_supabase": "false"},
            "SUPABASE_SERVICE_ROLE_KEY",
        ),
        (
            {**BOTH, "datalayer_sqlite_path": "salon.sqlite3"},
            "DATALAYER_SQLITE_PATH",
        ),
        ({"database_url": DSN, "datalayer_shadow_reads": 0.5}, "DATALAYER_SHADOW_READS"),
        ({"database_url": DSN, "datalayer_cohort_companies": "7"}, "ENABLE_DUAL_WRITE"),
        ({**SQLITE_PAIR, "datalayer_cohort_share": 0.5}, "ENABLE_DUAL_WRITE"),
        (
            {**BOTH, "datalayer_cohort_share": 0.5, "datalayer_routes": {"clients": "postgres"}},
            "DATALAYER_ROUTES",
        ),
        ({"database_url": DSN, "datalayer_routes": {"clients": "supabase"}}, "SUPABASE_URL"),
        ({"database_url": DSN, "datalayer_routes": {"clients": "sqlite"}}, "DATALAYER_SQLITE_PATH"),
        ({**SQLITE_PAIR, "datalayer_routes": {"clients": "supabase"}}, "SUPABASE_URL"),
    ],
)
def test_refusal_names_the_variable_to_change_first(given: dict[str, Any], variable: str) -> None:
    """Whoever reads the error knows where to go."""
    with pytest.raises(ConfigurationError) as caught:
        resolve_mode(GivenSettings(**given))
    assert caught.value.variables[0] == variable
    assert variable in str(caught.value)
