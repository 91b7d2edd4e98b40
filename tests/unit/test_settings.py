"""Settings: where they come from, what they refuse, and what they never show."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.settings import GivenSettings, Settings

SECRET = "s3cret-value"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test depend on the machine's own variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def parts(settings: Settings) -> dict[str, object]:
    """Take the connection string apart again."""
    dsn = settings.postgres_dsn()
    assert dsn is not None
    return dict(conninfo_to_dict(dsn.get_secret_value()))


def test_settings_have_defaults_for_everything() -> None:
    """With nothing set there is nothing to complain about."""
    settings = Settings()
    assert settings.postgres_dsn() is None
    assert settings.supabase_api_key() is None
    assert settings.datalayer_sqlite_path == Path("datalayer.sqlite3")
    assert settings.datalayer_timeout_seconds == 5
    assert settings.datalayer_phone_region == "RU"
    assert settings.db_query_latency_threshold_ms == 500
    assert settings.datalayer_check_schema


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("USE_LEGACY_SUPABASE", "FALSE", False),
        ("USE_REPOSITORY_PATTERN", "True", True),
        ("ENABLE_DUAL_WRITE", "false", False),
        ("LOG_DATABASE_CALLS", " true ", True),
        ("DB_QUERY_LATENCY_THRESHOLD_MS", "250", 250.0),
        ("POSTGRES_MAX_CONNECTIONS", "32", 32),
        ("TEST_PHONE", "79990000000", "79990000000"),
        ("DATALAYER_SQLITE_PATH", "data/x.db", Path("data/x.db")),
        ("DATALAYER_TIMEOUT_SECONDS", "2.5", 2.5),
        ("DATALAYER_PHONE_REGION", "KZ", "KZ"),
        ("DATALAYER_CHECK_SCHEMA", "false", False),
        ("DATALAYER_SENTRY", "true", True),
        ("SUPABASE_URL", "https://project.supabase.co/", "https://project.supabase.co"),
        ("DATALAYER_RELAY", "false", False),
        ("DATALAYER_SHADOW_READS", "0.05", 0.05),
        ("DATALAYER_COHORT_COMPANIES", "7, 8,", ("7", "8")),
        ("DATALAYER_COHORT_PHONES", "+79990000000", ("+79990000000",)),
        ("DATALAYER_COHORT_SHARE", "0.1", 0.1),
        ("DATALAYER_ROUTES", '{"clients": "postgres"}', {"clients": StoreKind.POSTGRES}),
    ],
)
def test_settings_read_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: object
) -> None:
    """Every variable is a field of the same name, flags in any case."""
    monkeypatch.setenv(variable, text)
    assert getattr(Settings(), variable.lower()) == value


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_settings_take_an_empty_variable_as_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A line like SUPABASE_URL= in a compose file switches nothing on."""
    monkeypatch.setenv(name.upper(), "")
    assert getattr(Settings(), name) == getattr(GivenSettings(), name)


def test_settings_join_the_routes_of_single_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable for one table adds to the variable for all; an empty one is unset; code alone knows none."""
    monkeypatch.setenv("DATALAYER_ROUTES", '{"clients": "postgres", "Staff": "sqlite"}')
    assert dict(Settings().datalayer_routes) == {"clients": StoreKind.POSTGRES, "Staff": StoreKind.SQLITE}
    monkeypatch.setenv("DATALAYER_ROUTE_CLIENTS", "Postgres")
    monkeypatch.setenv("DATALAYER_ROUTE_MESSAGES", "Supabase")
    monkeypatch.setenv("DATALAYER_ROUTE_SERVICES", "")
    found = {"clients": StoreKind.POSTGRES, "Staff": StoreKind.SQLITE, "messages": StoreKind.SUPABASE}
    assert dict(Settings().datalayer_routes) == found
    assert dict(GivenSettings().datalayer_routes) == {}


@pytest.mark.parametrize("for_all", ["DATALAYER_ROUTES", "datalayer_routes"])
def test_settings_refuse_two_routes_for_one_table(monkeypatch: pytest.MonkeyPatch, for_all: str) -> None:
    """Which of the two is meant nobody knows, and the wrong one would be written."""
    monkeypatch.setenv(for_all, '{"clients": "postgres"}')
    monkeypatch.setenv("DATALAYER_ROUTE_CLIENTS", "sqlite")
    with pytest.raises(
        ConfigurationError, match="DATALAYER_ROUTES says postgres for clients, DATALAYER_ROUTE_CLIENTS says sqlite"
    ) as caught:
        Settings()
    assert caught.value.variables == ("DATALAYER_ROUTES", "DATALAYER_ROUTE_CLIENTS")


def test_settings_refuse_a_route_to_an_unknown_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable of that table."""
    monkeypatch.setenv("DATALAYER_ROUTE_CLIENTS", SECRET)
    with pytest.raises(ConfigurationError, match="DATALAYER_ROUTE_CLIENTS: must be one of") as caught:
        Settings()
    assert caught.value.variables == ("DATALAYER_ROUTE_CLIENTS",)
    assert SECRET not in str(caught.value)


def test_settings_do_not_take_a_route_for_a_misspelt_setting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DATALAYER_ROUTE_S names the table s."""
    monkeypatch.setenv("DATALAYER_ROUTE_S", "postgres")
    Settings()
    assert caplog.messages == []


def test_settings_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the code says is not changed from outside."""
    monkeypatch.setenv("DATALAYER_TIMEOUT_SECONDS", "1")
    assert Settings(datalayer_timeout_seconds=3).datalayer_timeout_seconds == 3


def test_given_settings_ignore_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers in one process can be configured apart from each other."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/d")
    monkeypatch.setenv("USE_LEGACY_SUPABASE", "flase")
    assert GivenSettings().postgres_dsn() is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("USE_LEGACY_SUPABASE", "flase"),
        ("USE_REPOSITORY_PATTERN", "1"),
        ("ENABLE_DUAL_WRITE", "yes"),
        ("LOG_DATABASE_CALLS", "on"),
        ("POSTGRES_PORT", "abc"),
        ("POSTGRES_PORT", "70000"),
        ("POSTGRES_MAX_CONNECTIONS", "0"),
        ("DB_QUERY_LATENCY_THRESHOLD_MS", "-1"),
        ("DB_QUERY_LATENCY_THRESHOLD_MS", "nan"),
        ("DATALAYER_TIMEOUT_SECONDS", "0"),
        ("DATALAYER_TIMEOUT_SECONDS", "inf"),
        ("DATALAYER_PHONE_REGION", "Russia"),
        ("DATALAYER_CHECK_SCHEMA", "maybe"),
        ("DATALAYER_SHADOW_READS", "1.5"),
        ("DATALAYER_COHORT_SHARE", "-0.1"),
        ("DATALAYER_ROUTES", "clients=postgres"),
        ("DATALAYER_ROUTES", '{"clients": "mysql"}'),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d"),
        ("DATABASE_URL", f"postgresql+asyncpg://u:{SECRET}@h/d"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}@h:port/d"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}%zz@h/d"),
        ("DATABASE_URL", f"host=h password={SECRET}"),
        ("SUPABASE_URL", "project.supabase.co"),
        ("SUPABASE_URL", "https://"),
        ("SUPABASE_URL", "https://project:port"),
        ("SUPABASE_URL", f"postgresql://u:{SECRET}@h/d"),
    ],
)
def test_settings_refuse_a_malformed_value(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    """The error names the variable and carries no secret."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError) as caught:
        Settings()
    assert caught.value.variables == (variable,)
    assert variable in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_settings_name_every_malformed_value_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second start does not uncover a second mistake."""
    monkeypatch.setenv("POSTGRES_PORT", "abc")
    monkeypatch.setenv("USE_LEGACY_SUPABASE", "flase")
    with pytest.raises(ConfigurationError) as caught:
        Settings()
    assert set(caught.value.variables) == {"POSTGRES_PORT", "USE_LEGACY_SUPABASE"}


def test_settings_point_at_the_parameters_of_a_url() -> None:
    """A misspelt one is as likely the fault as an unescaped password."""
    with pytest.raises(ConfigurationError, match="parameters that libpq knows"):
        GivenSettings(database_url="postgresql://db/salon?sslmode=require&hostt=5")


def test_settings_say_in_words_what_a_phone_region_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to read a pattern."""
    monkeypatch.setenv("DATALAYER_PHONE_REGION", "Russia")
    with pytest.raises(ConfigurationError, match="DATALAYER_PHONE_REGION: must be two capital letters"):
        Settings()


def test_settings_refuse_a_region_that_has_no_phone_numbers() -> None:
    """At start, not at the first phone number."""
    assert GivenSettings(datalayer_phone_region="DE").datalayer_phone_region == "DE"
    with pytest.raises(ConfigurationError, match="DATALAYER_PHONE_REGION: is no region of phone numbers") as caught:
        GivenSettings(datalayer_phone_region="ZZ")
    assert caught.value.variables == ("DATALAYER_PHONE_REGION",)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("SUPABSE_URL", "SUPABASE_URL"),
        ("USE_LEGACY_SUPABSE", "USE_LEGACY_SUPABASE"),
        ("USE_REPOSITORY_PATERN", "USE_REPOSITORY_PATTERN"),
        ("datalayer_sqlite_pth", "DATALAYER_SQLITE_PATH"),
    ],
)
def test_settings_warn_of_a_misspelt_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, given: str, meant: str
) -> None:
    """A line in the log names both, and not what the variable holds; settings from code do not look."""
    monkeypatch.setenv(given, SECRET)
    GivenSettings()
    assert caplog.messages == []
    Settings()
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("datalayer", "WARNING")
    assert record.getMessage() == f"{given} is not a setting and is ignored; did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    [
        "TEST_DATABASE_URL",
        "DATABASE_URL_TEST",
        "POSTGRES_DB",
        "SUPABASE_DB_URL",
        "SUPABASE_ANON_KEY",
        "PGHOST",
        "database_url",
    ],
)
def test_settings_leave_other_variables_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """What another program calls its own is not taken for a mistake, nor is a setting in lower case."""
    monkeypatch.setenv(name, "postgresql://host/db")
    Settings()
    assert caplog.messages == []


def test_settings_refuse_an_unknown_argument() -> None:
    """A misspelt argument is not ignored."""
    with pytest.raises(ConfigurationError, match="did you mean database_url"):
        Settings(databse_url="postgresql://h/d")


def test_settings_never_show_secrets() -> None:
    """Passwords and keys stay out of repr, str and the JSON form."""
    settings = GivenSettings(
        database_url=f"postgresql://u:{SECRET}@h/d",
        postgres_password=SECRET,
        supabase_url="https://project.supabase.co",
        supabase_key=SECRET,
        supabase_service_role_key=SECRET,
        test_phone="79990000000",
    )
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {settings.postgres_dsn()!r}"
    assert SECRET not in shown
    assert "79990000000" not in repr(settings)


def test_settings_join_postgres_parts_into_a_dsn() -> None:
    """POSTGRES_* alone are enough, special characters included."""
    settings = GivenSettings(
        postgres_host="db",
        postgres_port=5433,
        postgres_database="salon",
        postgres_user="app",
        postgres_password="a'b c\\",
    )
    assert parts(settings) == {
        "host": "db",
        "port": "5433",
        "dbname": "salon",
        "user": "app",
        "password": "a'b c\\",
    }


def test_settings_add_to_the_url_what_it_leaves_out() -> None:
    """The password may come apart from the rest of the URL."""
    settings = GivenSettings(database_url="postgresql://app@db/salon?sslmode=require", postgres_password=SECRET)
    assert parts(settings) == {
        "host": "db",
        "dbname": "salon",
        "user": "app",
        "password": SECRET,
        "sslmode": "require",
    }


def test_settings_accept_both_ways_when_they_agree() -> None:
    """Platforms that set DATABASE_URL and POSTGRES_* alike are welcome."""
    settings = GivenSettings(
        database_url=f"postgres://app:{SECRET}@db:5432/salon",
        postgres_host="db",
        postgres_port=5432,
        postgres_database="salon",
        postgres_user="app",
        postgres_password=SECRET,
    )
    assert parts(settings)["host"] == "db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("postgres_host", "other"),
        ("postgres_port", 5433),
        ("postgres_database", "other"),
        ("postgres_user", "other"),
        ("postgres_password", "other-secret"),
    ],
)
def test_settings_refuse_two_ways_that_contradict(name: str, value: object) -> None:
    """It is never left to chance which of two servers is meant."""
    with pytest.raises(ConfigurationError) as caught:
        GivenSettings(database_url=f"postgresql://app:{SECRET}@db:5432/salon", **{name: value})
    assert caught.value.variables == ("DATABASE_URL", name.upper())
    assert "secret" not in str(caught.value).lower()


@pytest.mark.parametrize("name", ["postgres_port", "postgres_database", "postgres_user", "postgres_password"])
def test_settings_refuse_postgres_parts_without_a_server(name: str) -> None:
    """A forgotten POSTGRES_HOST does not open the embedded file instead."""
    with pytest.raises(ConfigurationError) as caught:
        GivenSettings(**{name: "5432"})
    assert set(caught.value.variables) == {"POSTGRES_HOST", "DATABASE_URL", name.upper()}


def test_settings_prefer_the_service_role_key() -> None:
    """The key that passes row level security wins over the other."""
    settings = GivenSettings(supabase_key="anon", supabase_service_role_key="service")
    key = settings.supabase_api_key()
    assert key is not None
    assert key.get_secret_value() == "service"
