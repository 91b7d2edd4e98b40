"""The bytes of a COPY TO STDOUT in blocks.

psycopg hands them over row by row, each with a turn of the event loop; here a turn takes what has arrived.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator
from typing import Any

from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from datalayer.transfer.readers.contract import Block

#: Bytes in memory at a time and connection.
BLOCK_BYTES = 256 * 1024


async def copy_out(
    connection: AsyncConnection[Any], statement: bytes, most_rows: int | None = None
) -> AsyncGenerator[Block, None]:
    """Yield what ``copy … to stdout`` answers; the connection is in a transaction of the caller.

    The end of the binary format is counted like a row. Leaving early closes the connection: the server would go on
    sending.

    Args:
        most_rows: of one block; None for as many as its bytes take.
    """
    most = sys.maxsize if most_rows is None else most_rows
    finished = False
    try:
        await connection.wait(_begin(connection.pgconn, statement))
        more = True
        while more:
            block, rows, more = await connection.wait(_block(connection.pgconn, most))
            yield block, rows
        await connection.wait(_end(connection.pgconn))
        finished = True
    finally:
        if not finished:
            await connection.close()


def _begin(pgconn: PGconn, statement: bytes) -> PQGen[None]:
    pgconn.send_query(statement)
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    result = yield from _result(pgconn)
    if result is None or result.status != ExecStatus.COPY_OUT:
        raise _failure(result)


def _block(pgconn: PGconn, most_rows: int) -> PQGen[tuple[bytes, int, bool]]:
    taken: list[Any] = []
    size = 0
    while size < BLOCK_BYTES and len(taken) < most_rows:
        length, data = pgconn.get_copy_data(1)
        if length > 0:
            taken.append(data)
            size += length
        elif length == 0:
            yield from _input(pgconn)
        else:
            return b"".join(taken), len(taken), False
    return b"".join(taken), len(taken), True


def _end(pgconn: PGconn) -> PQGen[None]:
    while (result := (yield from _result(pgconn))) is not None:
        if result.status != ExecStatus.COMMAND_OK:
            raise _failure(result)


def _result(pgconn: PGconn) -> Generator[Wait, Ready | int, PGresult | None]:
    while pgconn.is_busy():
        yield from _input(pgconn)
    return pgconn.get_result()


def _input(pgconn: PGconn) -> PQGen[None]:
    while not (yield Wait.R):
        continue
    pgconn.consume_input()


def _failure(result: PGresult | None) -> Exception:
    if result is None:
        return RuntimeError("the server answered nothing to COPY")
    return error_from_result(result, encoding="utf-8")
