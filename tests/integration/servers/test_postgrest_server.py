"""PostgREST from npm: ready when started, sees changed tables after a reload, two on one cluster."""

from __future__ import annotations

import httpx
import psycopg

from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer


def _get(server: PostgrestServer, path: str, key: str) -> httpx.Response:
    return httpx.get(server.url + path, headers={"Authorization": f"Bearer {key}"})


def test_reload_makes_a_new_table_visible(datalayer_postgrest: PostgrestServer) -> None:
    """A table made after the start answers right after reload_schema, for the service key only."""
    server = datalayer_postgrest
    for round_number in range(3):
        table = f"fresh_{round_number}"
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(f"create table {table} (id int primary key)")
        server.reload_schema()
        assert _get(server, f"/{table}", server.service_key).json() == []
        assert _get(server, f"/{table}", server.anon_key).status_code in (401, 403)


def test_two_servers_share_one_cluster(
    datalayer_postgrest: PostgrestServer, datalayer_postgres: FoundServer, datalayer_database: str
) -> None:
    """A second server on the same cluster serves another database, with a key of its own."""
    with PostgrestServer(datalayer_database) as second:
        assert _get(second, "/", second.service_key).status_code == 200
        assert _get(second, "/", datalayer_postgrest.service_key).status_code == 401
