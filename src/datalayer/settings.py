"""Settings from the environment or from code. Every field is named as its variable, in lower case.

Values are checked here, one by one and against each other; which store they add up to is the business of
:mod:`datalayer.flags`. A value that cannot be used raises ConfigurationError with the variable's name, never the value.
"""

from __future__ import annotations

import difflib
import logging
import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.models.rules import DEFAULT_PHONE_REGION
from datalayer.setting_values import Flag, Listed, Region, Routes, Share, configuration_error, misspelt, parse_routes

#: Variables that begin so give one table a primary of its own.
ROUTE_PREFIX = "DATALAYER_ROUTE_"

#: libpq's word for each POSTGRES_* setting.
_CONNECTION_PARTS = {
    "postgres_host": "host",
    "postgres_port": "port",
    "postgres_database": "dbname",
    "postgres_user": "user",
    "postgres_password": "password",
}


LOGGER = logging.getLogger("datalayer")


class Settings(BaseSettings):
    """Everything that can be configured. Arguments win over the environment; an empty variable counts as unset.

    Raises:
        ConfigurationError: a value is malformed, or two contradict each other.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    #: ``postgresql://user:password@host:port/database``; POSTGRES_* may add what it leaves out.
    database_url: SecretStr | None = None
    postgres_host: str | None = None
    postgres_port: int | None = Field(default=None, ge=1, le=65535)
    postgres_database: str | None = None
    postgres_user: str | None = None
    postgres_password: SecretStr | None = None
    #: Upper bound of the connection pool.
    postgres_max_connections: int = Field(default=10, ge=1)

    supabase_url: str | None = None
    supabase_key: SecretStr | None = None
    #: Wins over ``supabase_key``: it passes row level security.
    supabase_service_role_key: SecretStr | None = None

    use_legacy_supabase: Flag | None = None
    use_repository_pattern: Flag | None = None
    enable_dual_write: Flag = False

    log_database_calls: Flag = False
    #: Calls that take longer are logged as warnings; 0 turns that off.
    db_query_latency_threshold_ms: float = Field(default=500, ge=0, allow_inf_nan=False)
    #: A phone that ported scripts use for trial calls; between Supabase and PostgreSQL it is one of the cohort's.
    test_phone: str | None = Field(default=None, repr=False)

    #: How writes to Supabase become entries; unset: by triggers where its script is installed, else request by request.
    datalayer_capture: Literal["triggers", "requests"] | None = None
    #: What becomes of writes to a Supabase without the script while PostgreSQL is away.
    datalayer_secondary_down: Literal["spool", "gap", "strict"] = "spool"
    #: The file for ``spool``; on a disk that survives a restart.
    datalayer_spool_path: Path = Path("datalayer-spool.sqlite3")
    #: How long a request that was given up can still take effect at Supabase.
    datalayer_request_lifetime_seconds: float = Field(default=180, gt=0, allow_inf_nan=False)
    #: Tables of the primary that no other store follows, since they have no usable key or need not be there.
    datalayer_unfollowed_tables: Listed = ()
    #: Whether the entries of a dual-write are relayed in this process; ``datalayer relay`` does it in one of its own.
    datalayer_relay: Flag = True
    #: After so many failures an outbox entry is a dead letter.
    datalayer_relay_tries: int = Field(default=10, ge=1)
    #: Deletes of one table in a minute above which a relay holds them and asks; 0 lets all through.
    datalayer_relay_max_deletes: int = Field(default=1000, ge=0)
    #: What a relay took and did not settle is free for others after this; longer than a batch takes.
    datalayer_relay_lease_seconds: float = Field(default=30, gt=0, allow_inf_nan=False)
    #: Share of reads that the other store answers as well, after the caller has its answer, to compare.
    datalayer_shadow_reads: Share = 0
    #: Primaries of single tables; DATALAYER_ROUTE_<TABLE> names one.
    datalayer_routes: Routes = {}
    #: Companies whose primary is the other store, by their company_id.
    datalayer_cohort_companies: Listed = ()
    #: Phones of clients whose companies are.
    datalayer_cohort_phones: Listed = Field(default=(), repr=False)
    #: Share of all companies that are, the same ones every time.
    datalayer_cohort_share: Share = 0

    datalayer_sqlite_path: Path = Path("datalayer.sqlite3")
    #: Deadline of a call to the store, and of connecting to it.
    datalayer_timeout_seconds: float = Field(default=5, gt=0, allow_inf_nan=False)
    #: Country of phone numbers that come without a country code, two capital letters.
    datalayer_phone_region: Region = DEFAULT_PHONE_REGION
    #: Compare tables, columns and conflict targets with the models at start.
    datalayer_check_schema: Flag = True
    #: Unset: report to Sentry when the application has initialised it before the layer opens.
    datalayer_sentry: Flag | None = None

    def __init__(self, **values: Any) -> None:
        unknown = [name for name in values if name not in type(self).model_fields]
        if unknown:
            near = difflib.get_close_matches(unknown[0], type(self).model_fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"there is no setting {unknown[0]}{hint}", variables=[unknown[0].upper()])
        self._warn_of_misspelt_variables()
        routes = self._routes_of_the_environment()
        if routes:
            values["datalayer_routes"] = {**routes, **values.get("datalayer_routes", {})}
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise configuration_error(error) from None

    @classmethod
    def _warn_of_misspelt_variables(cls) -> None:
        settings = [name.upper() for name in cls.model_fields]
        given_names = [name for name in os.environ if not name.upper().startswith(ROUTE_PREFIX)]
        for given, meant in misspelt(given_names, settings):
            LOGGER.warning("%s is not a setting and is ignored; did you mean %s?", given, meant)

    @classmethod
    def _routes_of_the_environment(cls) -> dict[str, StoreKind]:
        """Return the tables of DATALAYER_ROUTE_<TABLE>, in lower case, with those of DATALAYER_ROUTES.

        Raises:
            ConfigurationError: a store is none, or both name one table with different stores.
        """
        given = {name.upper(): value.strip() for name, value in os.environ.items() if value.strip()}
        single = {name: value.lower() for name, value in given.items() if name.startswith(ROUTE_PREFIX)}
        if not single:
            return {}
        try:
            routes = dict(parse_routes(given.get("DATALAYER_ROUTES", "{}")))
        except ValueError as error:
            raise ConfigurationError(f"DATALAYER_ROUTES: {error}", variables=("DATALAYER_ROUTES",)) from None
        for name, value in single.items():
            if value not in set(StoreKind):
                raise ConfigurationError(f"{name}: must be one of {', '.join(StoreKind)}", variables=(name,))
            table, kind = name.removeprefix(ROUTE_PREFIX).lower(), StoreKind(value)
            if (before := routes.setdefault(table, kind)) is not kind:
                raise ConfigurationError(
                    f"DATALAYER_ROUTES says {before.value} for {table}, {name} says {kind.value}: remove one of them",
                    variables=("DATALAYER_ROUTES", name),
                )
        return routes

    @property
    def has_postgres(self) -> bool:
        """DATABASE_URL or POSTGRES_HOST is set."""
        return self.database_url is not None or self.postgres_host is not None

    @property
    def has_supabase_url(self) -> bool:
        """SUPABASE_URL is set."""
        return self.supabase_url is not None

    @property
    def has_supabase_key(self) -> bool:
        """SUPABASE_SERVICE_ROLE_KEY or SUPABASE_KEY is set."""
        return self.supabase_api_key() is not None

    @property
    def has_sqlite(self) -> bool:
        """DATALAYER_SQLITE_PATH is set."""
        return "datalayer_sqlite_path" in self.model_fields_set

    @property
    def has_cohorts(self) -> bool:
        """Whether a DATALAYER_COHORT_* setting puts companies on the other store."""
        return bool(self.datalayer_cohort_companies or self.datalayer_cohort_phones or self.datalayer_cohort_share)

    def supabase_api_key(self) -> SecretStr | None:
        """Return the service role key, else the other key."""
        return self.supabase_service_role_key or self.supabase_key

    def postgres_dsn(self) -> SecretStr | None:
        """Join DATABASE_URL and POSTGRES_* into one connection string; None when neither is set."""
        if not self.has_postgres:
            return None
        url = self.database_url.get_secret_value() if self.database_url else ""
        return SecretStr(make_conninfo(url, **self._connection_parts()))

    def _connection_parts(self) -> dict[str, str]:
        """Return the POSTGRES_* settings that are set, under libpq's names."""
        parts: dict[str, str] = {}
        for name, word in _CONNECTION_PARTS.items():
            value = getattr(self, name)
            if value is not None:
                parts[word] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return parts

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql:// or postgres://; for SQLite set DATALAYER_SQLITE_PATH")
        try:
            port = conninfo_to_dict(url.get_secret_value()).get("port")
        except ProgrammingError:
            raise ValueError(
                "is not a valid PostgreSQL URL: escape special characters with % codes, and put behind a ? only"
                " parameters that libpq knows, such as sslmode"
            ) from None
        if port is not None and not all(part.isdecimal() and 1 <= int(part) <= 65535 for part in str(port).split(",")):
            raise ValueError("has a port that is no number from 1 to 65535")
        return url

    @field_validator("supabase_url")
    @classmethod
    def _check_supabase_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("must be the project's address, https://HOST")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _check_postgres_parts(self) -> Settings:
        given = self._connection_parts()
        if not self.has_postgres and given:
            name = next(name for name, word in _CONNECTION_PARTS.items() if word in given).upper()
            raise ConfigurationError(
                f"{name} is set without a server: set POSTGRES_HOST or DATABASE_URL, or remove {name}",
                variables=("POSTGRES_HOST", "DATABASE_URL", name),
            )
        if self.database_url is not None:
            stated = conninfo_to_dict(self.database_url.get_secret_value())
            for name, word in _CONNECTION_PARTS.items():
                if word in given and word in stated and str(stated[word]) != given[word]:
                    raise ConfigurationError(
                        f"DATABASE_URL and {name.upper()} contradict each other: remove one of them",
                        variables=("DATABASE_URL", name.upper()),
                    )
        return self


class GivenSettings(Settings):
    """Settings from code alone: the environment is not read. For tests and for two layers in one process."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @classmethod
    def _warn_of_misspelt_variables(cls) -> None:
        """Leave the environment alone."""

    @classmethod
    def _routes_of_the_environment(cls) -> dict[str, StoreKind]:
        """Leave the environment alone."""
        return {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keep the arguments, leave out every other source."""
        return (init_settings,)
