"""A project with the script or without it, and the store that its service key opens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.integration.outbox.supabase.project import OPEN_TO_ALL, TABLES, Project

from datalayer.outbox.capture import postgres as postgres_capture
from datalayer.outbox.capture import supabase as capture
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.supabase import SupabaseStore
from datalayer.telemetry import CallEvent
from datalayer.testing.servers import FoundServer, postgrest_for_tests


@pytest.fixture(scope="module")
def project(datalayer_postgres: FoundServer) -> Iterator[Project]:
    """Lend a project without anything of ours."""
    binary = postgrest_for_tests()
    with datalayer_postgres.fresh_database() as dsn, psycopg.connect(dsn, autocommit=True) as admin:
        owner = f"owner_{admin.info.dbname}"
        made = admin.execute("select to_regrole('authenticated') is null").fetchone() == (True,)
        admin.execute(f"create role {owner} login password 'secret' bypassrls".encode())
        if made:
            admin.execute("create role authenticated nologin")
        try:
            admin.execute(f"alter database {admin.info.dbname} owner to {owner}".encode())
            with PostgrestServer(dsn, binary=binary) as server:
                owner_dsn = make_conninfo(dsn, user=owner, password="secret")
                with psycopg.connect(owner_dsn, autocommit=True) as door:
                    door.execute(OPEN_TO_ALL)
                    door.execute(TABLES)
                    yield Project(server, owner_dsn, door)
        finally:
            admin.execute(f"drop owned by {owner} cascade".encode())
            admin.execute(f"alter database {admin.info.dbname} owner to current_user".encode())
            admin.execute(f"drop role {owner}".encode())
            if made:
                admin.execute("drop owned by authenticated; drop role authenticated")


@pytest.fixture
async def installed(project: Project) -> AsyncIterator[Project]:
    """Lend the project with the script installed and empty tables."""
    direct = await project.direct()
    await capture.install(direct)
    await asyncio.to_thread(project.server.reload_schema)
    project.door.execute("truncate prices, items; truncate datalayer_outbox, datalayer_ledger")
    project.door.execute("truncate datalayer_outbox; alter sequence items_id_seq restart")
    yield project
    await postgres_capture.uninstall(direct)
    await direct.close()


@pytest.fixture
async def store(installed: Project, told: list[CallEvent]) -> AsyncIterator[SupabaseStore]:
    """Lend the store that the service role's key opens."""
    opened = await SupabaseStore.open(installed.server.url, installed.server.service_key, observers=[told.append])
    yield opened
    await opened.close()


@pytest.fixture
def told() -> list[CallEvent]:
    """Lend the list of calls that the store has made."""
    return []
