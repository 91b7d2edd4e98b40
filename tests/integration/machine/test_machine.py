"""Random interleavings over pairs of real stores end equal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path

import pytest
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
#: Rules that found something to do, over all pairs: less would try less than is promised.
_LEAST_STEPS = 2000
_PAIRS = 6


def _postgres(server: FoundServer, path: Path, opened: ExitStack) -> Side:
    return PostgresSide(opened.enter_context(server.fresh_database()))


def _supabase(server: FoundServer, path: Path, opened: ExitStack, *, script: bool) -> Side:
    dsn = opened.enter_context(server.fresh_database())
    return SupabaseSide(opened.enter_context(PostgrestServer(dsn, binary=postgrest_for_tests())), script=script)


def _sqlite(server: FoundServer, path: Path, opened: ExitStack) -> Side:
    return SqliteSide(path / "store.sqlite3")


_SCRIPTED = partial(_supabase, script=True)
_BARE = partial(_supabase, script=False)


@pytest.fixture(scope="module")
def counted() -> list[int]:
    """Lend a list for the steps of each pair; together they are enough."""
    return []


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [
        pytest.param(_SCRIPTED, _postgres, id="supabase with the script, postgres"),
        pytest.param(_postgres, _SCRIPTED, id="postgres, supabase with the script"),
        pytest.param(_BARE, _postgres, id="supabase by requests, postgres"),
        pytest.param(_postgres, _BARE, id="postgres, supabase by pins"),
        pytest.param(_sqlite, _postgres, id="sqlite, postgres"),
        pytest.param(_postgres, _sqlite, id="postgres, sqlite"),
    ],
)
@pytest.mark.timeout(900)
def test_random_interleavings_end_equal(
    datalayer_postgres: FoundServer,
    tmp_path: Path,
    counted: list[int],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    primary: Build,
    secondary: Build,
) -> None:
    """Whatever happens in whatever order, both stores have the same rows in the end, and nothing is left owed."""
    loop = asyncio.new_event_loop()
    with ExitStack() as servers:
        sides = [build(datalayer_postgres, tmp_path, servers) for build in (primary, secondary)]
        opened = AsyncExitStack()
        try:
            for side in sides:
                loop.run_until_complete(side.open(opened))
            world = World(sides[0], sides[1], tmp_path / "spool.sqlite3")
            examples = _WITHOUT if world.proxy is None else _OVER_HTTP
            _explore(world, loop, examples, request.node.name)
        finally:
            loop.run_until_complete(opened.aclose())
            loop.close()
    record_property("steps", world.steps)
    counted.append(world.steps)


def test_enough_steps_were_made(counted: list[int]) -> None:
    """A run tries what it promises; a selection of pairs promises nothing."""
    if len(counted) == _PAIRS:
        assert sum(counted) >= _LEAST_STEPS


def _explore(world: World, loop: asyncio.AbstractEventLoop, examples: int, name: str) -> None:
    class Bound(Machine):
        def __init__(self) -> None:
            super().__init__(world, loop)

    steady = settings().derandomize
    # Each pair goes its own ways, the same on every run.
    machine = seed(name)(Bound) if steady else Bound
    times = 1 if steady else _EXPLORED
    run_state_machine_as_test(machine, settings=settings(max_examples=examples * times, stateful_step_count=_RULES))
