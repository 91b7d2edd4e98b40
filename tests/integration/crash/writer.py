"""The process that is killed: a few tasks that write through a layer in dual-write, each to rows of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from tests.integration.crash.log import Aim, WriterLog

from datalayer.errors import DataLayerError, OutcomeUnknownError, StoreError, StoreTimeoutError, UnavailableError
from datalayer.layer import DataLayer
from datalayer.query import Delete, Insert, Update, Upsert, col
from datalayer.settings import Settings
from datalayer.stores.contract import Session

TASKS: Final = 4
#: How often a task looks whether the server is back.
_PAUSE_SECONDS: Final = 0.02
#: What may have happened or not; its rows are left alone from then on.
_UNKNOWN = (OutcomeUnknownError, StoreTimeoutError)


class _Task:
    """Writes one row after another of its own codes, at random, and keeps account of it."""

    def __init__(self, layer: DataLayer, log: WriterLog, prefix: str, seed: int, *, has_transactions: bool) -> None:
        self._layer = layer
        self._session = layer.session
        self._log = log
        self._prefix = prefix
        self._chance = random.Random(seed)  # noqa: S311 - no secret, and repeatable
        self._has_transactions = has_transactions
        self._codes: list[str] = []
        self._made = 0

    async def run(self) -> None:
        """Write until the process dies."""
        moves = [self._insert, self._insert, self._upsert, self._upsert_batch, self._update, self._delete]
        if self._has_transactions:
            moves.append(self._transaction)
        while True:
            await self._chance.choice(moves)()

    async def _insert(self) -> None:
        code, n = self._new_code(), self._number()
        row = {"code": code, "n": n, "note": self._chance.choice([None, "", "Анна", "o'ne"])}
        await self._write({code: n}, lambda: self._session.insert(Insert("parents", [row])))

    async def _upsert(self) -> None:
        code, n = self._any_code(), self._number()
        question = Upsert("parents", [{"code": code, "n": n}], ("code",), returning=self._chance.random() < 0.5)
        await self._write({code: n}, lambda: self._session.upsert(question))

    async def _upsert_batch(self) -> None:
        aim = {self._any_code(): self._number() for _ in range(self._chance.randint(2, 8))}
        rows = [{"code": code, "n": n, "amount": n} for code, n in aim.items()]
        await self._write(aim, lambda: self._session.upsert(Upsert("parents", rows, ("code",), returning=False)))

    async def _update(self) -> None:
        codes, n = self._some_codes(), self._number()
        if not codes:
            return
        question = Update("parents", {"n": n}, col("code").in_(codes))
        await self._write(dict.fromkeys(codes, n), lambda: self._session.update(question))

    async def _delete(self) -> None:
        codes = self._some_codes()
        if not codes:
            return
        question = Delete("parents", col("code").in_(codes))
        await self._write(dict.fromkeys(codes, None), lambda: self._session.delete(question))

    async def _transaction(self) -> None:
        first, second, n = self._new_code(), self._any_code(), self._number()

        async def work() -> None:
            async with self._session.transaction() as session:
                await session.upsert(Upsert("parents", [{"code": second, "n": n}], ("code",)))
                await self._family(session, first, n)

        await self._write({first: n, second: n}, work)

    async def _family(self, session: Session, code: str, n: int) -> None:
        parent = (await session.insert(Insert("parents", [{"code": code, "n": n}]))).rows[0]
        children = [{"parent_id": parent["id"], "label": f"{code}/{number}", "n": n} for number in range(2)]
        await session.insert(Insert("children", children, returning=False))

    async def _write(self, aim: Aim, send: Callable[[], Awaitable[object]]) -> None:
        number = self._log.begin(aim)
        try:
            await send()
        except _UNKNOWN:
            self._forget(aim)
        except UnavailableError:
            self._log.refuse(number)
            await asyncio.sleep(_PAUSE_SECONDS)
        except StoreError:
            # The connection broke inside a transaction: COMMIT may have been on its way.
            self._forget(aim)
        else:
            self._log.acknowledge(number)
            alive = [code for code, n in aim.items() if n is not None]
            self._codes = [*(code for code in self._codes if code not in aim), *alive]

    def _forget(self, aim: Aim) -> None:
        self._codes = [code for code in self._codes if code not in aim]

    def _new_code(self) -> str:
        self._made += 1
        return f"{self._prefix}-{self._made}"

    def _any_code(self) -> str:
        return self._chance.choice(self._codes) if self._codes and self._chance.random() < 0.6 else self._new_code()

    def _some_codes(self) -> list[str]:
        return self._chance.sample(self._codes, min(len(self._codes), self._chance.randint(1, 4)))

    def _number(self) -> int:
        return self._chance.randint(0, 1_000_000)


async def write_until_killed(
    settings: Settings, log: WriterLog, prefix: str, seed: int, ready: Callable[[], None]
) -> None:
    """Open the layer, say when it is ready, and write."""
    async with DataLayer.open(settings) as layer:
        has_transactions = layer.session.name != "supabase"
        tasks = [
            _Task(layer, log, f"{prefix}-{number}", seed + number, has_transactions=has_transactions)
            for number in range(TASKS)
        ]
        ready()
        with suppress(DataLayerError):
            await asyncio.gather(*(task.run() for task in tasks))
