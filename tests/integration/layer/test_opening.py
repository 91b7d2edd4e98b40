"""Opening: one mode, one store, a schema that fits, or a refusal that says what to change."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.integration.layer.conftest import Places
from tests.integration.layer.places import Place, migrate

from datalayer import (
    AccessDeniedError,
    CallEvent,
    ConfigurationError,
    DataLayer,
    GivenSettings,
    Settings,
    StoreKind,
    UnavailableError,
    UnknownColumnError,
    UnsupportedOperationError,
)
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore

CLOSED = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in an empty directory with nothing set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


async def test_layer_works_with_nothing_set(tmp_path: Path) -> None:
    """An embedded file appears, has its tables, and keeps what is written."""
    async with DataLayer.open() as layer:
        assert layer.mode.primary is StoreKind.SQLITE
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
    assert (tmp_path / "datalayer.sqlite3").exists()
    async with DataLayer.open() as layer:
        company = await layer.get_company(1)
    assert company is not None
    assert company.title == "Салон"


async def test_layer_warns_once_that_it_made_the_default_file(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever forgot DATABASE_URL reads where the rows went; a file that was chosen, or is there, is no surprise."""
    for _ in range(2):
        async with DataLayer.open():
            pass
    async with DataLayer.open(GivenSettings(datalayer_sqlite_path="chosen.sqlite3")):
        pass
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "DATABASE_URL" in warning
    assert warning.endswith("made the SQLite file datalayer.sqlite3")


@pytest.mark.parametrize("flag", ["USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN"])
async def test_layer_makes_no_file_when_only_a_flag_is_set(monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    """A flag speaks of stores that are configured; a forgotten DATABASE_URL is said and not replaced."""
    monkeypatch.setenv(flag, "false")
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        async with DataLayer.open():
            pass
    assert not list(Path.cwd().iterdir())


async def test_layer_reads_its_settings_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, postgres_place: Place
) -> None:
    """DATABASE_URL alone means PostgreSQL."""
    dsn = postgres_place.settings().postgres_dsn()
    assert dsn is not None
    parts = conninfo_to_dict(dsn.get_secret_value())
    monkeypatch.setenv("POSTGRES_HOST", str(parts["host"]))
    for name, word in (("PORT", "port"), ("DATABASE", "dbname"), ("USER", "user"), ("PASSWORD", "password")):
        if word in parts:
            monkeypatch.setenv(f"POSTGRES_{name}", str(parts[word]))
    async with DataLayer.open() as layer:
        assert layer.mode.primary is StoreKind.POSTGRES
        assert (await layer.health_check()).healthy


async def test_layer_logs_its_mode(caplog: pytest.LogCaptureFixture, place: Place) -> None:
    """Whoever reads the log knows which store answers."""
    with caplog.at_level(logging.INFO, logger="datalayer"):
        async with DataLayer.open(place.settings()) as layer:
            mode = layer.mode.primary.value
    assert f"mode {mode}" in [record.getMessage() for record in caplog.records]


async def test_layer_logs_calls_when_asked(caplog: pytest.LogCaptureFixture, place: Place) -> None:
    """LOG_DATABASE_CALLS gives one line per call, without row values."""
    async with DataLayer.open(place.settings(log_database_calls=True)) as layer:
        with caplog.at_level(logging.INFO, logger="datalayer.calls"):
            await layer.get_client_by_phone("+79686484488")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "datalayer.calls"]
    assert f"store={layer.mode.primary.value} operation=select table=clients" in line
    assert "9686484488" not in caplog.text


async def test_layer_tells_observers_of_each_call(place: Place) -> None:
    """An observer given in code hears of calls and of errors by class."""
    heard: list[CallEvent] = []
    async with DataLayer.open(place.settings(), observers=[heard.append]) as layer:
        heard.clear()
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        with pytest.raises(UnknownColumnError):
            await layer.clients.find(no_such_column=1)
    written = next(event for event in heard if event.table == "companies")
    assert (written.store, written.operation, written.rows, written.error) == (
        layer.mode.primary.value,
        "upsert",
        1,
        None,
    )
    assert written.duration_seconds > 0


async def test_layer_is_closed_at_the_end_of_its_block(postgres_place: Place) -> None:
    """No connection outlives the block, also when an error leaves it."""
    with pytest.raises(LookupError):
        async with DataLayer.open(postgres_place.settings()) as layer:
            raise LookupError
    assert not (await layer.health_check(timeout=1)).healthy


async def test_layer_around_an_open_store_leaves_it_open(postgres_place: Place) -> None:
    """A store that the caller opened stays the caller's."""
    dsn = postgres_place.settings().postgres_dsn()
    assert dsn is not None
    store = await PostgresStore.open(dsn.get_secret_value())
    try:
        layer = DataLayer(store)
        assert layer.mode.primary is StoreKind.POSTGRES
        assert layer.store is store
        assert await layer.get_company(1) is None
    finally:
        await store.close()


async def test_layer_refuses_a_database_without_tables(datalayer_database: str) -> None:
    """The message names the command that makes them, and the check may be switched off."""
    with pytest.raises(ConfigurationError, match="datalayer migrate up") as caught:
        async with DataLayer.open(GivenSettings(database_url=datalayer_database)):
            pass
    assert "clients" in str(caught.value)
    assert caught.value.variables == ("DATALAYER_CHECK_SCHEMA",)
    async with DataLayer.open(GivenSettings(database_url=datalayer_database, datalayer_check_schema=False)) as layer:
        assert (await layer.health_check()).healthy


async def test_layer_names_the_index_that_a_conflict_target_lacks(datalayer_database: str) -> None:
    """The statement in the message repairs the schema."""
    await migrate(datalayer_database)
    async with await psycopg.AsyncConnection.connect(datalayer_database, autocommit=True) as connection:
        await connection.execute("alter table clients drop constraint clients_yclients_id_company_id_key")
        await connection.execute("alter table services drop column declensions")
        with pytest.raises(ConfigurationError) as caught:
            async with DataLayer.open(GivenSettings(database_url=datalayer_database)):
                pass
        statement = "create unique index clients_upsert_key on clients (yclients_id, company_id)"
        assert statement in str(caught.value)
        assert "table services has no column declensions" in str(caught.value)
        await connection.execute(statement.encode())
        await connection.execute("alter table services add column declensions jsonb")
    async with DataLayer.open(GivenSettings(database_url=datalayer_database)) as layer:
        await layer.upsert_client({"yclients_id": 1, "company_id": 1, "phone": "+79990000001"})


async def test_layer_names_the_index_that_a_conflict_target_lacks_over_supabase(
    datalayer_postgrest: PostgrestServer, places: Places, tmp_path: Path
) -> None:
    """PostgREST shows no indexes; the check asks it all the same."""
    place = await places.get("supabase", tmp_path)
    constraint = "clients_yclients_id_company_id_key"
    async with await psycopg.AsyncConnection.connect(datalayer_postgrest.dsn, autocommit=True) as connection:
        await connection.execute(f"alter table clients drop constraint {constraint}".encode())
        try:
            with pytest.raises(ConfigurationError, match="create unique index clients_upsert_key on clients"):
                async with DataLayer.open(place.settings()):
                    pass
        finally:
            await connection.execute(
                f"alter table clients add constraint {constraint} unique (yclients_id, company_id)".encode()
            )


async def test_layer_says_that_the_server_has_stopped() -> None:
    """A server that goes away under an open layer is a typed error within the timeout."""
    with EmbeddedPostgres() as server:
        settings = GivenSettings(database_url=server.dsn, datalayer_check_schema=False, datalayer_timeout_seconds=2)
        async with DataLayer.open(settings) as layer:
            assert (await layer.health_check()).healthy
            server.stop()
            started = time.monotonic()
            with pytest.raises(UnavailableError):
                await layer.get_client_by_phone("+79990000001")
            assert time.monotonic() - started < 4
            assert not (await layer.health_check(timeout=2)).healthy


async def test_layer_refuses_impossible_flags_before_it_connects() -> None:
    """Both primaries on: nothing is opened, neither of the two and no file."""
    settings = GivenSettings(
        database_url=f"postgresql://{CLOSED}/x",
        supabase_url=f"http://{CLOSED}",
        supabase_key="key",
        use_repository_pattern=True,
    )
    with pytest.raises(ConfigurationError, match="USE_LEGACY_SUPABASE=false"):
        async with DataLayer.open(settings):
            pass
    assert not list(Path.cwd().iterdir())


async def test_layer_says_at_once_that_postgresql_is_away() -> None:
    """A stopped server or a wrong host is found within the connect timeout, and no other store takes over."""
    started = time.monotonic()
    settings = GivenSettings(database_url=f"postgresql://app:s3cret@{CLOSED}/salon", datalayer_timeout_seconds=2)
    with pytest.raises(UnavailableError) as caught:
        async with DataLayer.open(settings):
            pass
    assert time.monotonic() - started < 4
    assert "s3cret" not in str(caught.value)
    assert not list(Path.cwd().iterdir())


async def test_layer_says_that_the_database_does_not_exist(datalayer_database: str) -> None:
    """A wrong name in the DSN is a clear error of its own."""
    dsn = make_conninfo(datalayer_database, dbname="no_such_database")
    parts = {name: value for name, value in conninfo_to_dict(dsn).items() if value is not None}
    settings = GivenSettings(
        postgres_host=parts["host"],
        postgres_database=parts["dbname"],
        **{f"postgres_{name}": parts[name] for name in ("user", "port", "password") if name in parts},
    )
    with pytest.raises((UnavailableError, ConfigurationError), match="database"):
        async with DataLayer.open(settings):
            pass


async def test_layer_says_that_the_user_is_wrong(datalayer_database: str) -> None:
    """A role that may not log in is denied, and the password is not repeated."""
    parts = conninfo_to_dict(datalayer_database)
    settings = GivenSettings(
        postgres_host=parts["host"],
        postgres_port=parts.get("port"),
        postgres_database=parts["dbname"],
        postgres_user="nobody_here",
        postgres_password="s3cret",
    )
    with pytest.raises(AccessDeniedError) as caught:
        async with DataLayer.open(settings):
            pass
    assert "s3cret" not in str(caught.value)


async def test_layer_says_that_the_supabase_key_is_wrong(datalayer_postgrest: PostgrestServer) -> None:
    """A key that the server does not know is refused at start."""
    settings = GivenSettings(supabase_url=datalayer_postgrest.url, supabase_key="wrong.s3cret.key")
    with pytest.raises(AccessDeniedError) as caught:
        async with DataLayer.open(settings):
            pass
    assert "s3cret" not in str(caught.value)


async def test_layer_says_that_the_anon_key_is_in_the_wrong_variable(datalayer_postgrest: PostgrestServer) -> None:
    """That key sees no tables, which is not the schema's fault."""
    settings = GivenSettings(
        supabase_url=datalayer_postgrest.url, supabase_service_role_key=datalayer_postgrest.anon_key
    )
    with pytest.raises(ConfigurationError, match="the Supabase key is the anon role's key") as caught:
        async with DataLayer.open(settings):
            pass
    assert "set SUPABASE_SERVICE_ROLE_KEY" in str(caught.value)
    assert str(caught.value).index("anon role's key") < str(caught.value).index("there is no table")
    assert datalayer_postgrest.anon_key not in str(caught.value)


async def test_layer_says_at_once_that_supabase_is_away() -> None:
    """A wrong address is found within the timeout."""
    started = time.monotonic()
    settings = GivenSettings(supabase_url=f"http://{CLOSED}", supabase_key="s3cret", datalayer_timeout_seconds=2)
    with pytest.raises(UnavailableError) as caught:
        async with DataLayer.open(settings):
            pass
    assert time.monotonic() - started < 4
    assert "s3cret" not in str(caught.value)


async def test_layer_refuses_an_unknown_column_in_a_filter(place: Place) -> None:
    """The error names table and column and offers the nearest one, on every store alike."""
    async with DataLayer.open(place.settings()) as layer:
        with pytest.raises(UnknownColumnError) as caught:
            await layer.clients.list(phonee="79990000001")
    assert (caught.value.table, caught.value.columns) == ("clients", ("phonee",))
    assert "did you mean 'phone'" in str(caught.value)
    assert "79990000001" not in str(caught.value)


async def test_health_check_says_that_the_server_has_gone(postgres_place: Place) -> None:
    """A store that is away is unhealthy, not an exception."""
    async with DataLayer.open(postgres_place.settings()) as layer:
        await layer.store.close()
        health = await layer.health_check(timeout=1)
        assert (health.healthy, health.error) == (False, "UnavailableError")
        answer = await layer.envelope.health_check()
        assert (answer.success, answer.error) == (False, "UnavailableError")


async def test_store_of_a_layer_is_the_modes_own(place: Place) -> None:
    """Mode and store never disagree."""
    async with DataLayer.open(place.settings()) as layer:
        assert layer.mode.primary.value == layer.store.name
        if layer.mode.primary is not StoreKind.POSTGRES:
            with pytest.raises(UnsupportedOperationError):
                _ = layer.sql
