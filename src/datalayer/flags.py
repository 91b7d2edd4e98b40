"""The modes, and the one function that chooses among them.

    nothing configured, neither flag set                       sqlite, an embedded file
    PostgreSQL alone, or USE_LEGACY_SUPABASE=false             postgres
    Supabase, unless USE_LEGACY_SUPABASE=false                 supabase

Whatever contradicts itself is refused: a mode that cannot work never falls back to another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from datalayer.errors import ConfigurationError


class Mode(StrEnum):
    """Which store is the primary."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    SUPABASE = "supabase"


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
    def use_legacy_supabase(self) -> bool | None:
        """Whether Supabase is the primary."""

    @property
    def use_repository_pattern(self) -> bool | None:
        """Whether PostgreSQL is the primary."""

    @property
    def enable_dual_write(self) -> bool:
        """Whether writes go to both."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    message: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    applies: Callable[[ModeSettings], bool]
    outcome: Mode | _Refusal


def _legacy(settings: ModeSettings) -> bool:
    """USE_LEGACY_SUPABASE is true unless it says false; without SUPABASE_URL it has nothing to speak of."""
    return settings.use_legacy_supabase is not False and settings.has_supabase_url


#: The first rule that applies decides.
_RULES: tuple[_Rule, ...] = (
    _Rule(
        lambda s: s.enable_dual_write,
        _Refusal(
            "ENABLE_DUAL_WRITE=true is not available in this version: set it to false and keep one primary",
            ("ENABLE_DUAL_WRITE",),
        ),
    ),
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
    _Rule(_legacy, Mode.SUPABASE),
    _Rule(
        lambda s: s.use_repository_pattern is False and s.has_postgres,
        _Refusal(
            "PostgreSQL is configured, USE_REPOSITORY_PATTERN=false turns it off and there is no other primary:"
            " set USE_REPOSITORY_PATTERN=true, or configure Supabase with USE_LEGACY_SUPABASE=true",
            ("USE_REPOSITORY_PATTERN", "USE_LEGACY_SUPABASE"),
        ),
    ),
    _Rule(lambda s: s.has_postgres, Mode.POSTGRES),
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
    _Rule(lambda _: True, Mode.SQLITE),
)


def resolve_mode(settings: ModeSettings) -> Mode:
    """Choose the primary store.

    Raises:
        ConfigurationError: the settings contradict themselves; ``variables`` names those to change.
    """
    outcome = next(rule.outcome for rule in _RULES if rule.applies(settings))
    if isinstance(outcome, _Refusal):
        raise ConfigurationError(outcome.message, variables=outcome.variables)
    return outcome
