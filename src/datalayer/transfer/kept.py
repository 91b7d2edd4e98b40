"""What a broken move leaves behind, said by its error."""

from __future__ import annotations

from collections.abc import Mapping

from datalayer.errors import DataLayerError, SchemaError, StoreError, TransferError
from datalayer.wording import counted


def with_what_is_kept(error: DataLayerError, written: Mapping[str, int], *, anew: bool = False) -> DataLayerError:
    """Return an error that also says how many rows are written for good; a store's keeps its class and fields.

    Args:
        written: rows by table, those of earlier runs of the same move included.
        anew: whether the next run begins from the beginning, as the target keeps no progress.
    """
    if error.goes_on_with is None:
        return _beyond_going_on(error, written)
    hint = what_is_kept(written, anew=anew)
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


def what_is_kept(written: Mapping[str, int], *, anew: bool = False) -> str:
    """Return in words what is written for good, and what the same move does next; see with_what_is_kept."""
    if any(written.values()):
        kept = _kept(written)
    else:
        kept = "rows of the first chunk may be kept" if anew else "no row was written"
    going_on = "begins anew and writes by key" if anew else "goes on from there"
    return f"{kept}; the same command again {going_on}"


def _beyond_going_on(error: DataLayerError, written: Mapping[str, int]) -> DataLayerError:
    """Say what is kept, where anything is, and nothing about going on: that is no way out of such an error."""
    if not isinstance(error, TransferError):
        return error
    return type(error)("; ".join([str(error), *([_kept(written)] if any(written.values()) else [])]), table=error.table)


def _kept(written: Mapping[str, int]) -> str:
    tables = sum(rows > 0 for rows in written.values())
    return f"{counted(sum(written.values()), 'row')} in {counted(tables, 'table')} are kept"
