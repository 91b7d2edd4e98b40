"""A temporary table that rows of one shape go through: COPY into it, and one statement from there into their table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from datalayer.query import Row
from datalayer.stores.catalog import Table
from datalayer.stores.postgres import compile_writes as compiler
from datalayer.stores.postgres.compile_writes import Answer
from datalayer.stores.postgres.executor import Executor
from datalayer.stores.postgres.lending import Connection

#: Two writes may share a transaction, one task each.
_NUMBERS = count(1)


class Incoming:
    """The temporary table of one write, inside a transaction, with whose end it goes.

    Its statements are not prepared: their text is as short-lived as the table.

    Args:
        operation: the verb that is at work, for errors.
        ends: when the write's budget runs out.
    """

    def __init__(
        self,
        executor: Executor,
        operation: str,
        table: Table,
        columns: Sequence[str],
        target: tuple[str, ...] | None,
        answer: Answer,
        ends: float,
    ) -> None:
        name = f"datalayer_incoming_{next(_NUMBERS)}"
        self._executor = executor
        self._operation = operation
        self._table = table
        self._ends = ends
        self._create = compiler.create_incoming(table, columns, name)
        self._empty = compiler.truncate_incoming(name)
        self._copy = compiler.copy_incoming(columns, name)
        self._merge = compiler.merge_incoming(table, columns, target, name, answer=answer)
        self._drop = compiler.drop_incoming(name)
        self._created = False

    async def fill(self, text: bytes) -> None:
        """Put rows in, in COPY's text, in place of those that were there."""

        async def send(connection: Connection) -> None:
            await connection.execute(self._empty if self._created else self._create, prepare=False)
            async with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
                await copy.write(text)

        await self._executor.work(self._operation, self._table.name, send, self._ends)
        self._created = True

    async def merge(self) -> tuple[list[Row], int]:
        """Write the rows into their table; return what the statement answers, and how many rows it touched."""

        async def send(connection: Connection) -> tuple[list[Row], int]:
            cursor = await connection.execute(self._merge, prepare=False)
            return await cursor.fetchall() if cursor.description else [], cursor.rowcount

        return await self._executor.work(self._operation, self._table.name, send, self._ends)

    async def drop(self) -> None:
        """Remove the table before its transaction does: a long one would collect them."""

        async def send(connection: Connection) -> None:
            await connection.execute(self._drop, prepare=False)

        if self._created:
            await self._executor.work(self._operation, self._table.name, send, self._ends)
