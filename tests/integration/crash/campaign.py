"""Runs of the campaign: fork a writer, kill something at a random moment, let the relay settle, judge."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Literal, TypeAlias

from pydantic import SecretStr
from tests.integration.crash.judge import Verdict, judge
from tests.integration.crash.log import WriterLog, read_log
from tests.integration.crash.places import Place, kill_backend, wait_for
from tests.integration.crash.writer import write_until_killed

from datalayer.errors import ConfigurationError, UnavailableError
from datalayer.layer import DataLayer
from datalayer.layer.fencing import open_primaries
from datalayer.layer.health import DualHealth
from datalayer.settings import GivenSettings, Settings
from datalayer.stores.contract import Health

Victim: TypeAlias = Literal["writer", "postgres", "behind", "rest"]

#: The longest that a writer lives after it is ready.
_LONGEST_SECONDS: Final = 0.6
_START_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 120.0
#: A killed relay's claims are free soon; a batch takes far less.
_LEASE_SECONDS: Final = 0.2
_POLL_SECONDS: Final = 0.02
_RESTART_SECONDS: Final = 0.5
_MOST_FILES: Final = 4096
#: No request of the campaign outlives this at a server on the same machine, when its client is dead.
_LIFETIME_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is about.

    Args:
        place: name of the pair of stores.
        primary: which of them is written to.
        capture: ``triggers`` where the script is installed.
    """

    place: str
    primary: Literal["postgres", "supabase"]
    capture: Literal["triggers", "requests"]


SETTINGS: Final = (
    Setting("triggers", "supabase", "triggers"),
    Setting("triggers", "postgres", "triggers"),
    Setting("requests", "supabase", "requests"),
    Setting("requests", "postgres", "requests"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """How a run went."""

    setting: Setting
    victim: Victim
    acknowledged: int
    unknown: int
    verdict: Verdict


def runs(made: dict[str, Place], count: int, seed: int) -> Iterator[Run]:
    """Make so many runs, each with its own random numbers."""
    before: dict[str, Setting] = {}
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret, and repeatable
        setting = SETTINGS[number % len(SETTINGS)]
        yield _run(made[setting.place], setting, before.get(setting.place), f"{seed}-{number}", chance)
        before[setting.place] = setting


def _run(place: Place, setting: Setting, before: Setting | None, name: str, chance: random.Random) -> Run:
    victim: Victim = chance.choice(["writer", "writer", "writer", "postgres", "behind", "rest"])
    with tempfile.TemporaryDirectory(prefix="datalayer-crash-") as directory:
        log, spool = Path(directory, "log"), Path(directory, "spool.sqlite3")
        settings = settings_for(place, setting, spool)
        asyncio.run(take_over(settings, None if before is None else settings_for(place, before, spool)))
        child = _start_writer(settings, log, name, chance.randrange(2**32))
        try:
            _wait(chance.random() * _LONGEST_SECONDS)
            _kill(victim, place, chance)
            # Whatever else died, the writer sees it and goes on for a while.
            if victim != "writer":
                _wait(chance.random() * _LONGEST_SECONDS)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        wait_for(place.postgres)
        wait_for(place.behind)
        asyncio.run(settle(settings))
        promises = read_log(log)
    verdict = judge(place, promises, primary=setting.primary)
    return Run(setting, victim, promises.acknowledged, promises.unknown, verdict)


def settings_for(place: Place, setting: Setting, spool: Path) -> Settings:
    """Return what an application would have in its environment."""
    return GivenSettings(
        database_url=SecretStr(place.postgres),
        supabase_url=place.rest.url,
        supabase_service_role_key=SecretStr(place.rest.service_key),
        use_legacy_supabase=setting.primary == "supabase",
        enable_dual_write=True,
        datalayer_capture=setting.capture,
        datalayer_timeout_seconds=1,
        datalayer_check_schema=False,
        datalayer_sentry=False,
        datalayer_spool_path=spool,
        datalayer_request_lifetime_seconds=_LIFETIME_SECONDS,
        datalayer_relay_lease_seconds=_LEASE_SECONDS,
    )


async def take_over(settings: Settings, before: Settings | None) -> None:
    """Give the store of these settings the primary, as an operator does.

    A write of a killed process may land after all was settled. The start then is refused, and the settings of before
    are gone back to until it is carried.
    """
    ends = monotonic() + _SETTLE_SECONDS
    while True:
        try:
            await _begin(settings)
        except (ConfigurationError, UnavailableError) as error:
            if before is None or monotonic() > ends:
                raise
            if isinstance(error, ConfigurationError):
                await open_primaries(before)
                await settle(before)
            await asyncio.sleep(_RESTART_SECONDS)
        else:
            return


async def _begin(settings: Settings) -> None:
    await open_primaries(settings)
    async with DataLayer.open(settings):
        pass


async def settle(settings: Settings) -> None:
    """Open the layer with its relay, as an application that is started until it runs, until nothing is owed."""
    ends = monotonic() + _SETTLE_SECONDS
    while not await _settled_once_opened(settings, ends):
        pass


async def _settled_once_opened(settings: Settings, ends: float) -> bool:
    """Settle; False where a store is not back yet."""
    try:
        async with DataLayer.open(settings) as layer:
            while not _is_settled(health := await layer.health_check()):
                if monotonic() > ends:
                    raise TimeoutError(f"the relay did not settle in time: {settings.datalayer_capture}, {health}")
                await asyncio.sleep(_POLL_SECONDS)
    except UnavailableError:
        if monotonic() > ends:
            raise
        await asyncio.sleep(_RESTART_SECONDS)
        return False
    return True


def _is_settled(health: Health) -> bool:
    """Whether both stores are there and nothing is owed, dead letters included."""
    return isinstance(health, DualHealth) and health.entries == 0


def _start_writer(settings: Settings, log: Path, prefix: str, seed: int) -> int:
    """Fork: the child has everything imported and starts to write at once."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # The ends of pipes to other processes: whoever waits for their end must not wait for this one.
            os.closerange(3, writing)
            os.closerange(writing + 1, _MOST_FILES)
            asyncio.run(write_until_killed(settings, WriterLog(log), prefix, seed, lambda: os.close(writing)))
        finally:
            os._exit(1)
    os.close(writing)
    try:
        # The end of the pipe is the child's word that it is ready, or its death.
        if not select.select([reading], [], [], _START_SECONDS)[0]:
            raise TimeoutError("the writer did not get ready")
    finally:
        os.close(reading)
    return child


def _kill(victim: Victim, place: Place, chance: random.Random) -> None:
    match victim:
        case "postgres":
            kill_backend(place.postgres, chance)
        case "behind":
            kill_backend(place.behind, chance)
        case "rest":
            place.rest.kill()
            _wait(chance.random() * 0.2)
            place.rest.restart()
        case "writer":
            pass


def _wait(seconds: float) -> None:
    signal.sigtimedwait([], seconds)
