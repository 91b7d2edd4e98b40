"""Rows written over REST: an upsert may be sent twice, so it is tried again for long; without a key nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from datalayer.errors import OutcomeUnknownError, StoreError, TransferError
from datalayer.query import Insert, Row, Upsert
from datalayer.stores.contract import Session
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.patience import patiently


async def post(session: Session, pair: TablePair, rows: Sequence[Row]) -> None:
    """Write rows by the pair's key, or add them where it has none; all of them or none.

    Raises:
        StoreError: Supabase is away, or the outcome is not known.
        TransferError: the rows are refused.
    """
    try:
        if pair.key:
            question = Upsert(pair.name, rows, pair.key, returning=False)
            await patiently(partial(session.upsert, question), writes=True)
        else:
            await session.insert(Insert(pair.name, rows, returning=False))
    except StoreError as error:
        if error.retryable or isinstance(error, OutcomeUnknownError):
            raise
        raise TransferError(f"{pair.name} could not be written: {error}", table=pair.name) from error
