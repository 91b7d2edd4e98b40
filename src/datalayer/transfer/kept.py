"""What a broken move leaves behind, said by what ended it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from datalayer.errors import DataLayerError, SchemaError, StoreError, TransferError
from datalayer.wording import agreed, counted

#: Attribute of a cancellation, as errors have it.
_GOES_ON_WITH: Final = "goes_on_with"


@contextmanager
def noting_what_is_kept(
    written: Callable[[], Mapping[str, int]],
    *,
    over_rest: bool = False,
    anew: bool = False,
    besides: tuple[str, ...] = (),
) -> Iterator[None]:
    """Have what ends a block say how many rows are written for good, and how to go on.

    A store's error keeps its class and fields; a cancellation has the words as a note, and a ``goes_on_with`` as errors
    have.

    Args:
        written: returns rows by table, those of earlier runs of the same move included.
        over_rest: whether the target keeps no progress, and of a chunk maybe a part.
        anew: whether the next run begins from the beginning whatever the target keeps.
        besides: options that the next run needs then.
    """

    def hint(*, stopped: bool = False) -> str:
        # What was under way may have been written still.
        if any(written().values()):
            kept = f"{'at least ' if stopped else ''}{_kept(written())}"
        else:
            kept = "rows of the first chunk may be kept" if over_rest or stopped else "no row was written"
        again = " ".join(("the same command again", *(("with", *besides) if besides else ())))
        return f"{kept}; {again} {'begins anew and writes by key' if over_rest or anew else 'goes on from there'}"

    try:
        yield
    except DataLayerError as error:
        if error.goes_on_with is None:
            # Going on is no way out.
            if not isinstance(error, TransferError) or not any(written().values()):
                raise
            raise type(error)(f"{error}; {_kept(written())}", table=error.table) from error
        told = _with_hint(error, hint())
        told.goes_on_with = besides
        raise told from error
    except asyncio.CancelledError as stopped:
        stopped.add_note(hint(stopped=True))
        setattr(stopped, _GOES_ON_WITH, besides)
        raise


def _with_hint(error: DataLayerError, hint: str) -> DataLayerError:
    if isinstance(error, StoreError):
        told = type(error)(
            error.message,
            store=error.store,
            operation=error.operation,
            table=error.table,
            sqlstate=error.sqlstate,
            constraint=error.constraint,
            columns=error.columns,
            hint=hint if isinstance(error, SchemaError) or not error.hint else f"{error.hint}; {hint}",
        )
        told.origin = error.origin
        return told
    return TransferError(f"{error}; {hint}", table=error.table if isinstance(error, TransferError) else None)


def _kept(written: Mapping[str, int]) -> str:
    rows, tables = sum(written.values()), sum(rows > 0 for rows in written.values())
    return f"{counted(rows, 'row')} in {counted(tables, 'table')} {agreed(rows, 'is', 'are')} kept"
