"""Random interleavings over one pair of stores, and how many of them are enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.integration.machine.machine import Machine
from tests.integration.machine.sides import PostgresSide, Side, SqliteSide, SupabaseSide
from tests.integration.machine.world import World

from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer, postgrest_for_tests

Build = Callable[[FoundServer, Path, ExitStack], Side]

#: Examples of each pair, of so many rules each: requests take their time. --hypothesis-profile=explore tries more.
_OVER_HTTP, _WITHOUT = 6, 24
_RULES = 38
_EXPLORED = 5


def _postgres(server: FoundServer, path: Path, opened: ExitStack) -> Side:
    return PostgresSide(opened.enter_context(server.fresh_database()))


def _supabase(server: FoundServer, path: Path, opened: ExitStack, *, script: bool) -> Side:
    dsn = opened.enter_context(server.fresh_database())
    return SupabaseSide(opened.enter_context(PostgrestServer(dsn, binary=postgrest_for_tests())), script=script)


def _sqlite(server: FoundServer, path: Path, opened: ExitStack) -> Side:
    return SqliteSide(path / "store.sqlite3")


POSTGRES: Final[Build] = _postgres
SQLITE: Final[Build] = _sqlite
SCRIPTED: Final[Build] = partial(_supabase, script=True)
BARE: Final[Build] = partial(_supabase, script=False)


def explore(server: FoundServer, path: Path, name: str, *builds: Build) -> int:
    """Interleave over a pair, primary first, and return how many rules found something to do."""
    loop = asyncio.new_event_loop()
    with ExitStack() as servers:
        sides = [build(server, path, servers) for build in builds]
        opened = AsyncExitStack()
        try:
            for side in sides:
                loop.run_until_complete(side.open(opened))
            world = World(sides[0], sides[1], path / "spool.sqlite3")
            examples = _WITHOUT if world.proxy is None else _OVER_HTTP
            _explore(world, loop, examples, name)
        finally:
            loop.run_until_complete(opened.aclose())
            loop.close()
    return world.steps


def _explore(world: World, loop: asyncio.AbstractEventLoop, examples: int, name: str) -> None:
    class Bound(Machine):
        def __init__(self) -> None:
            super().__init__(world, loop)

    steady = settings().derandomize
    # Each pair goes its own ways, the same on every run.
    machine = seed(name)(Bound) if steady else Bound
    times = 1 if steady else _EXPLORED
    run_state_machine_as_test(machine, settings=settings(max_examples=examples * times, stateful_step_count=_RULES))
