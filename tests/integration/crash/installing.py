"""Puts capture into the places: everywhere in PostgreSQL, behind PostgREST only where a place is for triggers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tests.integration.crash.places import Place

from datalayer.outbox.capture import postgres, supabase
from datalayer.stores.postgres import PostgresStore


def install(made: Mapping[str, Place]) -> None:
    """Install what the owner of each place would install."""
    asyncio.run(_install(made))


async def _install(made: Mapping[str, Place]) -> None:
    for name, place in made.items():
        ours = await PostgresStore.open(place.postgres)
        await postgres.install(ours)
        await ours.close()
        if name == "triggers":
            theirs = await PostgresStore.open(place.behind)
            await supabase.install(theirs)
            await theirs.close()
            place.rest.reload_schema()
