"""``datalayer relay``, ``outbox`` and ``backfill`` on a SQLite primary that PostgreSQL follows, as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.integration.forking import run_command

from datalayer import Settings, migrations
from datalayer.cli.errors import ExitCode
from datalayer.layer.pairs import reconcile
from datalayer.outbox.capture import postgres as postgres_capture
from datalayer.outbox.capture import sqlite as sqlite_capture
from datalayer.query import Delete, Insert, Select, Update, col
from datalayer.settings import GivenSettings
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.testing.servers import FoundServer

#: Commands take a second to start, and more where the machine is busy.
_PATIENCE = 60

_PROGRAM = "import sys; from datalayer.cli.app import run; sys.exit(run(sys.argv[1:]))"
#: A relay reports every few seconds, and that often for whoever waits for its words.
_REPORTS_OFTEN = f"""
from datalayer.layer import pairs
from datalayer.outbox.pace import Pace
pairs.pace_of = lambda settings: Pace(report_seconds=0.2)
{_PROGRAM}
"""


@dataclass
class Salon:
    """A primary with capture, the store that follows, and the environment that says so."""

    primary: SqliteStore
    secondary: PostgresStore
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return run_command(*arguments, env=self.environment)

    async def call(self, *arguments: str) -> tuple[int, Any]:
        """Run a command with --json; return its exit code and what it printed."""
        done = await asyncio.to_thread(self.run, *arguments, "--json")
        assert done.returncode in (ExitCode.OK, ExitCode.DIFFERENCE), done.stderr
        return done.returncode, [json.loads(text) for text in _objects(done.stdout)]

    async def names(self) -> list[str]:
        """Return the clients' names on the store that follows."""
        return sorted(row["name"] for row in await self.secondary.select(Select("clients", columns=("name",))))


@pytest.fixture
async def salon(datalayer_database: str, tmp_path: Path) -> AsyncIterator[Salon]:
    """Lend the salon's tables on both stores."""
    file = tmp_path / "salon.sqlite3"
    primary, secondary = await SqliteStore.open(file), await PostgresStore.open(datalayer_database, max_size=2)
    await migrations.apply(primary)
    await migrations.apply(secondary)
    await sqlite_capture.install(primary)
    await postgres_capture.install(secondary, ())
    settings = {"ENABLE_DUAL_WRITE": "true", "DATALAYER_SQLITE_PATH": str(file), "DATABASE_URL": datalayer_database}
    own = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    yield Salon(primary, secondary, environment | settings)
    await primary.close()
    await secondary.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_the_relay_carries_until_it_is_told_to_stop(salon: Salon, how: signal.Signals) -> None:
    """`datalayer relay` brings writes over, reports them as JSON lines, and ends well."""
    # Who runs the tests may have SIGHUP ignored, as nohup has, and so would the command.
    program = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL){_REPORTS_OFTEN}"
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "relay", "--json", env=salon.environment, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdout is not None
    reports: list[dict[str, Any]] = []
    try:
        await put_clients(salon, "Anna", "Boris")
        while sum(report["settled"] for report in reports) < 2:
            reports.append(json.loads(await asyncio.wait_for(running.stdout.readline(), _PATIENCE)))
        running.send_signal(how)
        out, _ = await asyncio.wait_for(running.communicate(), _PATIENCE)
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert running.returncode == ExitCode.OK
    assert await salon.names() == ["Anna", "Boris"]
    reports += [json.loads(line) for line in out.decode().splitlines()]
    assert sum(report["settled"] for report in reports) == 2
    assert (reports[-1]["primary"], reports[-1]["secondary"], reports[-1]["entries"]) == ("sqlite", "postgres", 0)


async def test_status_shows_what_waits_and_once_settles_it(salon: Salon) -> None:
    """`outbox status` counts by table; --max-lag sets its exit code; `relay --once` works it off and ends."""
    await put_clients(salon, "Anna")
    code, (report,) = await salon.call("outbox", "status")
    assert code == ExitCode.OK
    assert [(t["store"], t["table"], t["waiting"], t["dead"]) for t in report["tables"]] == [
        ("sqlite", "clients", 1, 0)
    ]
    assert (await salon.call("outbox", "status", "--max-lag", "0"))[0] == ExitCode.DIFFERENCE
    code, (listed,) = await salon.call("outbox", "list")
    assert [(e["table"], e["type"], e["tries"]) for e in listed["entries"]] == [("clients", "upsert", 0)]
    assert (await salon.call("relay", "--once"))[0] == ExitCode.OK
    assert await salon.names() == ["Anna"]
    nothing = {"tables": [], "ok": True, "notes": [], "unasked": []}
    assert (await salon.call("outbox", "status", "--max-lag", "0"))[1] == [nothing]


async def test_status_says_that_another_store_is_the_primary_on_record(salon: Salon) -> None:
    """With the settings of before nothing seems to be owed, and the store that leads now owes something."""
    await postgres_capture.install(salon.secondary, ["companies"])
    await salon.secondary.insert(Insert("companies", [{"company_id": 7, "title": "x"}], returning=False))
    await salon.secondary.execute("""insert into datalayer_leads (leads, settled) values ('{"*": "postgres"}', true)""")
    done = await asyncio.to_thread(salon.run, "outbox", "status")
    assert (done.returncode, done.stdout) == (ExitCode.OK, "nothing is owed\n")
    notes = " ".join(done.stderr.split())
    assert "note: postgres, which follows by these settings, owes 1 change that only settings with postgres" in notes
    assert "note: these settings take sqlite for the primary, and applications began last with postgres" in notes
    _, (shown,) = await salon.call("outbox", "status", "--json")
    assert [note.split(",")[0] for note in shown["notes"]] == ["postgres", "these settings take sqlite for the primary"]


async def test_status_says_what_it_could_not_ask(salon: Salon) -> None:
    """What request capture or a cohort have left stands in PostgreSQL, which is away."""
    salon.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nowhere"
    done = await asyncio.to_thread(salon.run, "outbox", "status")
    assert (done.returncode, done.stdout) == (ExitCode.OK, "nothing is owed, as far as is known\n")
    assert "note: postgres could not be asked" in done.stderr
    assert (await salon.call("outbox", "status"))[1][0]["unasked"] == ["postgres"]


async def test_store_that_follows_and_is_away_is_told_of(salon: Salon) -> None:
    """What was written there while it followed nobody can see: neither status nor a resync is silent about it."""
    del salon.environment["DATALAYER_SQLITE_PATH"]
    salon.environment |= {
        "SUPABASE_URL": "http://127.0.0.1:1",
        "SUPABASE_SERVICE_ROLE_KEY": "a.b.c",
        "USE_LEGACY_SUPABASE": "false",
    }
    done = await asyncio.to_thread(salon.run, "outbox", "status")
    assert (done.returncode, done.stdout) == (ExitCode.OK, "nothing is owed, as far as is known\n")
    assert "note: supabase could not be asked" in done.stderr
    done = await asyncio.to_thread(salon.run, "backfill", "--resync", "--tables", "clients")
    assert done.returncode == ExitCode.OK
    assert "note: supabase is away; what was written there while it followed is dropped when" in done.stderr


async def test_status_holds_routes_to_what_a_start_is_held_to(salon: Salon) -> None:
    """A misspelt one is an error; a table that applications lead elsewhere is told of."""
    await postgres_capture.install(salon.secondary, ["clients"])
    record = """insert into datalayer_leads (leads, settled) values ('{"*": "sqlite"}', true)"""
    await salon.secondary.execute(record)
    salon.environment["DATALAYER_ROUTE_CLINETS"] = "postgres"
    done = await asyncio.to_thread(salon.run, "outbox", "status")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "postgres has no table clinets; did you mean DATALAYER_ROUTE_CLIENTS?" in " ".join(done.stderr.split())
    del salon.environment["DATALAYER_ROUTE_CLINETS"]
    salon.environment["DATALAYER_ROUTE_CLIENTS"] = "postgres"
    _, (shown,) = await salon.call("outbox", "status")
    assert shown["notes"] == [
        "these settings take sqlite, postgres for clients for the primary, and applications began last with sqlite"
    ]


async def test_a_command_that_refuses_makes_no_file(salon: Salon, tmp_path: Path) -> None:
    """A mistake in the path of the SQLite file is named, and leaves nothing."""
    salon.environment["DATALAYER_SQLITE_PATH"] = str(tmp_path / "mistake.sqlite3")
    for command in (["relay", "--once"], ["backfill"]):
        done = await asyncio.to_thread(salon.run, *command)
        assert done.returncode == ExitCode.CONFIGURATION
        assert "mistake.sqlite3" in done.stderr
    assert not (tmp_path / "mistake.sqlite3").exists()


async def test_once_says_that_nothing_is_owed(salon: Salon) -> None:
    """Silence could be anything: one line says so, and with --json the report does."""
    done = await asyncio.to_thread(salon.run, "relay", "--once")
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "sqlite to postgres: nothing is owed\n", "")
    code, reports = await salon.call("relay", "--once")
    assert (code, reports[-1]["entries"], reports[-1]["settled"]) == (ExitCode.OK, 0, 0)


async def test_a_side_that_is_away_is_said_once(salon: Salon) -> None:
    """Neither the pool's attempts nor the client's repeats fill stderr: one line of our own tells."""
    salon.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nowhere"
    done = await asyncio.to_thread(salon.run, "relay", "--once")
    assert done.returncode == ExitCode.UNAVAILABLE
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: postgres connect: ")
    waits = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, "relay", env=salon.environment, stderr=asyncio.subprocess.PIPE
    )
    assert waits.stderr is not None
    told = (await waits.stderr.readline()).decode()
    assert told.startswith("postgres is away and is tried again: ")
    waits.send_signal(signal.SIGTERM)
    rest = (await waits.stderr.read()).decode()
    await waits.wait()
    assert rest == ""


async def test_a_side_that_goes_away_is_said_once(salon: Salon, datalayer_postgres: FoundServer) -> None:
    """A relay at work tells of an outage when it begins; its reports go on, on stdout."""
    salon.environment["DATALAYER_TIMEOUT_SECONDS"] = "2"
    async with salon.secondary.connection() as connection:
        database = connection.info.dbname
    pipe = asyncio.subprocess.PIPE
    relay = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _REPORTS_OFTEN, "relay", "--json", env=salon.environment, stdout=pipe, stderr=pipe
    )
    assert relay.stdout is not None
    assert relay.stderr is not None
    await relay.stdout.readline()
    with psycopg.connect(datalayer_postgres.dsn, autocommit=True) as admin:
        admin.execute(f'alter database "{database}" with allow_connections false'.encode())
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database])
        await put_clients(salon, "Anna")
        told = [json.loads(await relay.stdout.readline())]
        while told[-1]["error"] is None or len(told) < 2:
            told.append(json.loads(await relay.stdout.readline()))
        relay.send_signal(signal.SIGTERM)
        lines = (await relay.stderr.read()).decode().splitlines()
        await relay.wait()
        admin.execute(f'alter database "{database}" with allow_connections true'.encode())
    assert [line.partition(" and goes on trying")[0] for line in lines] == ["the relay has trouble with applying"]
    assert told[-1]["entries"] == 1


async def test_dead_letters_are_listed_retried_and_discarded(salon: Salon) -> None:
    """What the following store refuses becomes a dead letter, which the commands show, take up again and drop."""
    async with salon.secondary.connection() as connection:
        await connection.execute("alter table clients add constraint no_boris check (name <> 'Boris')")
    await put_clients(salon, "Anna", "Boris")
    salon.environment["DATALAYER_RELAY_TRIES"] = "1"
    assert (await salon.call("relay", "--once"))[0] == ExitCode.DIFFERENCE
    assert await salon.names() == ["Anna"]
    _, (listed,) = await salon.call("outbox", "list", "--dead")
    assert [entry["error"] for entry in listed["entries"]] == ["CheckViolationError: no_boris"]
    assert (await salon.call("outbox", "status"))[0] == ExitCode.DIFFERENCE
    assert await salon.call("outbox", "retry") == (ExitCode.OK, [{"retried": 1}])
    await salon.call("relay", "--once")
    assert await salon.call("outbox", "discard", "--yes") == (ExitCode.OK, [{"discarded": 1}])
    for named in (("--version", "99999999"), ("--table", "nosuch")):
        assert (await asyncio.to_thread(salon.run, "outbox", "retry", *named)).returncode == ExitCode.USAGE
    assert (await salon.call("outbox", "status"))[0] == ExitCode.OK


async def test_backfill_and_resync_bring_over_what_was_there(salon: Salon) -> None:
    """Rows from before dual-write are filled in; a row changed behind everybody's back is healed by a resync."""
    await put_clients(salon, "Anna", "Boris")
    await salon.primary.delete(Delete("datalayer_outbox", every_row=True))
    _, (report,) = await salon.call("backfill", "--tables", "clients")
    assert [(t["table"], t["rows"], t["applied"]) for t in report["tables"]] == [("clients", 2, 2)]
    await salon.secondary.update(Update("clients", {"name": "Somebody"}, col("name").eq("Anna")))
    assert await salon.call("backfill", "--resync", "--tables", "clients") == (ExitCode.OK, [{"marked": ["clients"]}])
    assert (await salon.call("relay", "--once"))[0] == ExitCode.OK
    assert await salon.names() == ["Anna", "Boris"]
    await salon.call("backfill", "--resync", "--tables", "clients")
    assert (await salon.call("relay", "--once"))[1][-1]["settled"] == 1


async def test_a_consumer_of_the_outbox_reconciles_keys(salon: Salon) -> None:
    """Another carrier calls `reconcile` with the keys of its events, in any order and any number of times."""
    await put_clients(salon, "Anna", "Boris")
    keys = [(row["id"],) for row in await salon.primary.select(Select("clients", columns=("id",)))]
    environment = salon.environment
    settings = GivenSettings(
        enable_dual_write=True,
        datalayer_sqlite_path=Path(environment["DATALAYER_SQLITE_PATH"]),
        database_url=environment["DATABASE_URL"],
    )
    outcome = await reconcile("clients", keys, settings)
    assert (outcome.applied, outcome.failed, outcome.outage) == (2, {}, None)
    await salon.primary.delete(Delete("clients", col("name").eq("Anna")))
    await reconcile("clients", [*keys, *keys], settings)
    assert await salon.names() == ["Boris"]


def test_commands_say_what_is_missing(tmp_path: Path) -> None:
    """Without a second store there is nothing to carry: the exit code is that of a wrong configuration."""
    own = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    for command in (["relay", "--once"], ["backfill"]):
        done = run_command(*command, env=environment, cwd=tmp_path)
        assert done.returncode == ExitCode.CONFIGURATION
        assert "ENABLE_DUAL_WRITE=true" in done.stderr


async def put_clients(salon: Salon, *names: str) -> None:
    """Insert clients by name."""
    rows = [
        {"yclients_id": 100 + place, "company_id": 1, "phone": f"7900000000{place}", "name": name}
        for place, name in enumerate(names)
    ]
    await salon.primary.insert(Insert("clients", rows, returning=False))


def _objects(text: str) -> list[str]:
    """Split JSON lines, or take the one object of several lines."""
    return [text] if text.startswith("{\n") else text.splitlines()
