"""The modes, and the one function that chooses among them.

    nothing configured, neither flag set                       sqlite, an embedded file
    PostgreSQL alone, or USE_LEGACY_SUPABASE=false             postgres
    Supabase, unless USE_LEGACY_SUPABASE=false                 supabase

    with ENABLE_DUAL_WRITE=true, two stores configured:
    Supabase and PostgreSQL                                    the primary as above, the other one follows
    SQLite (DATALAYER_SQLITE_PATH) and PostgreSQL              sqlite, or postgres by USE_REPOSITORY_PATTERN=true

Whatever contradicts itself is refused: a mode that cannot work never falls back to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from datalayer.errors import ConfigurationError


class StoreKind(StrEnum):
    """The kinds of stores, by the names that stores have."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    SUPABASE = "supabase"


@dataclass(frozen=True, slots=True)
class Mode:
    """Which store is the primary, and which one follows it; None where there is no dual-write."""

    primary: StoreKind
    secondary: StoreKind | None = None

    def __str__(self) -> str:
        return self.primary.value if self.secondary is None else f"{self.primary.value}, {self.secondary.value} follows"


class ModeSettings(Protocol):
    """What the choice of a mode depends on. A flag is None where it was not set."""

    @property
    def has_postgres(self) -> bool:
        """DATABASE_URL or POSTGRES_HOST is set."""

    @property
    def has_supabase_url(self) -> bool:
        """SUPABASE_URL is set."""

    @property
    def has_supabase_key(self) -> bool:
        """SUPABASE_SERVICE_ROLE_KEY or SUPABASE_KEY is set."""

    @property
    def has_sqlite(self) -> bool:
        """DATALAYER_SQLITE_PATH is set."""

    @property
    def use_legacy_supabase(self) -> bool | None:
        """Whether Supabase is the primary."""

    @property
    def use_repository_pattern(self) -> bool | None:
        """Whether PostgreSQL is the primary."""

    @property
    def enable_dual_write(self) -> bool:
        """Whether a second store follows the primary."""

    @property
    def datalayer_shadow_reads(self) -> float:
        """Share of reads that the other store answers as well, to compare."""

    @property
    def has_cohorts(self) -> bool:
        """Whether a setting puts companies on the other store."""

    @property
    def test_phone(self) -> str | None:
        """A phone whose company is on the other store, where the two stores can have cohorts."""

    @property
    def datalayer_routes(self) -> Mapping[str, StoreKind]:
        """Tables with a primary of their own."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    message: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    applies: Callable[[ModeSettings], bool]
    outcome: StoreKind | _Refusal


def _can_have_cohort(mode: Mode) -> bool:
    return {mode.primary, mode.secondary} == {StoreKind.SUPABASE, StoreKind.POSTGRES}


def _legacy(settings: ModeSettings) -> bool:
    """USE_LEGACY_SUPABASE is true unless it says false; without SUPABASE_URL it has nothing to speak of."""
    return settings.use_legacy_supabase is not False and settings.has_supabase_url


def _pairs_sqlite(settings: ModeSettings) -> bool:
    return settings.enable_dual_write and settings.has_sqlite


#: The first rule that applies decides.
_RULES: tuple[_Rule, ...] = (
    _Rule(
        lambda s: s.use_legacy_supabase is True and not s.has_supabase_url,
        _Refusal(
            "USE_LEGACY_SUPABASE=true needs a Supabase project: set SUPABASE_URL, or USE_LEGACY_SUPABASE=false",
            ("SUPABASE_URL", "USE_LEGACY_SUPABASE"),
        ),
    ),
    _Rule(
        lambda s: s.use_repository_pattern is True and not s.has_postgres,
        _Refusal(
            "USE_REPOSITORY_PATTERN=true needs PostgreSQL: set DATABASE_URL (or POSTGRES_HOST),"
            " or USE_REPOSITORY_PATTERN=false",
            ("DATABASE_URL", "POSTGRES_HOST", "USE_REPOSITORY_PATTERN"),
        ),
    ),
    _Rule(
        lambda s: s.enable_dual_write and not s.has_postgres,
        _Refusal(
            "ENABLE_DUAL_WRITE=true needs PostgreSQL as one of its two stores: set DATABASE_URL (or POSTGRES_HOST),"
            " or ENABLE_DUAL_WRITE=false",
            ("DATABASE_URL", "POSTGRES_HOST", "ENABLE_DUAL_WRITE"),
        ),
    ),
    _Rule(
        lambda s: _pairs_sqlite(s) and s.has_supabase_url,
        _Refusal(
            "ENABLE_DUAL_WRITE=true takes two stores and three are configured: remove DATALAYER_SQLITE_PATH to pair"
            " Supabase with PostgreSQL, or SUPABASE_URL to pair SQLite with PostgreSQL",
            ("DATALAYER_SQLITE_PATH", "SUPABASE_URL"),
        ),
    ),
    _Rule(
        lambda s: s.enable_dual_write and not s.has_supabase_url and not s.has_sqlite,
        _Refusal(
            "ENABLE_DUAL_WRITE=true needs a second store beside PostgreSQL: set SUPABASE_URL and"
            " SUPABASE_SERVICE_ROLE_KEY, or DATALAYER_SQLITE_PATH, or ENABLE_DUAL_WRITE=false",
            ("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "DATALAYER_SQLITE_PATH", "ENABLE_DUAL_WRITE"),
        ),
    ),
    _Rule(lambda s: _pairs_sqlite(s) and s.use_repository_pattern is True, StoreKind.POSTGRES),
    _Rule(_pairs_sqlite, StoreKind.SQLITE),
    _Rule(
        lambda s: _legacy(s) and s.use_repository_pattern is True,
        _Refusal(
            "both primaries are on; USE_LEGACY_SUPABASE is true unless it says false: set USE_LEGACY_SUPABASE=false"
            " for PostgreSQL, or USE_REPOSITORY_PATTERN=false for Supabase",
            ("USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN"),
        ),
    ),
    _Rule(
        lambda s: _legacy(s) and not s.has_supabase_key,
        _Refusal(
            "Supabase is the primary and has no key: set SUPABASE_SERVICE_ROLE_KEY (or SUPABASE_KEY)",
            ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"),
        ),
    ),
    _Rule(
        lambda s: s.enable_dual_write and not s.has_supabase_key,
        _Refusal(
            "Supabase is to follow and has no key: set SUPABASE_SERVICE_ROLE_KEY, or ENABLE_DUAL_WRITE=false",
            ("SUPABASE_SERVICE_ROLE_KEY", "ENABLE_DUAL_WRITE"),
        ),
    ),
    _Rule(_legacy, StoreKind.SUPABASE),
    _Rule(
        lambda s: s.use_repository_pattern is False and s.has_postgres,
        _Refusal(
            "PostgreSQL is configured, USE_REPOSITORY_PATTERN=false turns it off and there is no other primary:"
            " set USE_REPOSITORY_PATTERN=true, or configure Supabase with USE_LEGACY_SUPABASE=true",
            ("USE_REPOSITORY_PATTERN", "USE_LEGACY_SUPABASE"),
        ),
    ),
    _Rule(lambda s: s.has_postgres, StoreKind.POSTGRES),
    _Rule(
        lambda s: s.has_supabase_url,
        _Refusal(
            "USE_LEGACY_SUPABASE=false turns Supabase off and there is no other primary:"
            " set DATABASE_URL (or POSTGRES_HOST), or USE_LEGACY_SUPABASE=true",
            ("DATABASE_URL", "POSTGRES_HOST", "USE_LEGACY_SUPABASE"),
        ),
    ),
    _Rule(
        lambda s: s.has_supabase_key,
        _Refusal(
            "there is a Supabase key and no project: set SUPABASE_URL, or remove the key",
            ("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"),
        ),
    ),
    _Rule(
        lambda s: s.use_legacy_supabase is not None or s.use_repository_pattern is not None,
        _Refusal(
            "USE_LEGACY_SUPABASE and USE_REPOSITORY_PATTERN choose between Supabase and PostgreSQL, and neither is"
            " configured: set DATABASE_URL (or POSTGRES_HOST), or remove both flags for the embedded SQLite file",
            ("DATABASE_URL", "POSTGRES_HOST", "USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN"),
        ),
    ),
    _Rule(lambda _: True, StoreKind.SQLITE),
)

#: What only some modes have.
_CONDITIONS: tuple[tuple[Callable[[ModeSettings, Mode], bool], _Refusal], ...] = (
    (
        lambda s, mode: s.datalayer_shadow_reads > 0 and mode.secondary is None,
        _Refusal(
            "DATALAYER_SHADOW_READS compares with the store that follows, and there is none: set"
            " ENABLE_DUAL_WRITE=true, or remove DATALAYER_SHADOW_READS",
            ("DATALAYER_SHADOW_READS", "ENABLE_DUAL_WRITE"),
        ),
    ),
    (
        lambda s, mode: s.has_cohorts and not _can_have_cohort(mode),
        _Refusal(
            "DATALAYER_COHORT_* put companies on the other store of Supabase and PostgreSQL: set ENABLE_DUAL_WRITE=true"
            " with both configured, or remove DATALAYER_COHORT_COMPANIES, DATALAYER_COHORT_PHONES and"
            " DATALAYER_COHORT_SHARE",
            ("ENABLE_DUAL_WRITE", "DATALAYER_COHORT_COMPANIES", "DATALAYER_COHORT_PHONES", "DATALAYER_COHORT_SHARE"),
        ),
    ),
    (
        lambda s, mode: has_cohort(s, mode) and bool(s.datalayer_routes),
        _Refusal(
            "a table's primary is either its route's or its company's: remove DATALAYER_ROUTES and"
            " DATALAYER_ROUTE_<TABLE>, or DATALAYER_COHORT_COMPANIES, DATALAYER_COHORT_PHONES,"
            " DATALAYER_COHORT_SHARE and TEST_PHONE",
            (
                "DATALAYER_ROUTES",
                "DATALAYER_COHORT_COMPANIES",
                "DATALAYER_COHORT_PHONES",
                "DATALAYER_COHORT_SHARE",
                "TEST_PHONE",
            ),
        ),
    ),
)

_IS_CONFIGURED: Mapping[StoreKind, tuple[Callable[[ModeSettings], bool], str]] = {
    StoreKind.POSTGRES: (lambda s: s.has_postgres, "DATABASE_URL"),
    StoreKind.SUPABASE: (lambda s: s.has_supabase_url and s.has_supabase_key, "SUPABASE_URL"),
    StoreKind.SQLITE: (lambda s: s.has_sqlite, "DATALAYER_SQLITE_PATH"),
}


def resolve_mode(settings: ModeSettings) -> Mode:
    """Choose the primary store and the one that follows.

    Raises:
        ConfigurationError: the settings contradict themselves; ``variables`` names those to change.
    """
    outcome = next(rule.outcome for rule in _RULES if rule.applies(settings))
    if isinstance(outcome, _Refusal):
        raise _refused(outcome)
    mode = Mode(outcome, _secondary(settings, outcome))
    for fails, refusal in _CONDITIONS:
        if fails(settings, mode):
            raise _refused(refusal)
    for table, kind in settings.datalayer_routes.items():
        _check_route(settings, mode, table, kind)
    return mode


def has_cohort(settings: ModeSettings, mode: Mode) -> bool:
    """Whether the settings put companies on the other store."""
    return _can_have_cohort(mode) and (settings.has_cohorts or settings.test_phone is not None)


def both_lead(settings: ModeSettings, mode: Mode) -> bool:
    """Whether both stores of a dual-write have primaries, so that entries go both ways."""
    return mode.secondary is not None and (bool(settings.datalayer_routes) or has_cohort(settings, mode))


def route_variable(table: str) -> str:
    """Return the variable that gives this table a primary of its own."""
    return f"DATALAYER_ROUTE_{table.upper()}"


def _secondary(settings: ModeSettings, primary: StoreKind) -> StoreKind | None:
    if not settings.enable_dual_write:
        return None
    if primary is not StoreKind.POSTGRES:
        return StoreKind.POSTGRES
    return StoreKind.SUPABASE if settings.has_supabase_url else StoreKind.SQLITE


def _check_route(settings: ModeSettings, mode: Mode, table: str, kind: StoreKind) -> None:
    """Refuse a route to a store that is not configured, or that is neither of the two of a dual-write."""
    variable = route_variable(table)
    is_configured, needed = _IS_CONFIGURED[kind]
    if kind is mode.primary:
        return
    if not is_configured(settings):
        raise ConfigurationError(
            f"{variable}={kind.value} names a store that is not configured: set {needed}, or remove {variable}",
            variables=(needed, variable),
        )
    if mode.secondary not in (None, kind):
        raise ConfigurationError(
            f"{variable}={kind.value} names a store that dual-write does not keep: it is {mode.primary.value} or"
            f" {mode.secondary}",
            variables=(variable, "ENABLE_DUAL_WRITE"),
        )


def _refused(refusal: _Refusal) -> ConfigurationError:
    return ConfigurationError(refusal.message, variables=refusal.variables)
