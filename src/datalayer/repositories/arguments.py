"""Arguments that go by another name than their column, or none: held to the columns' rules, told by their own name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from pydantic import BaseModel

from datalayer.errors import InvalidValueError
from datalayer.models import GivenRow, RowModel
from datalayer.models.columns import CrmId, Date, Title
from datalayer.models.writing import writer_of
from datalayer.query import Row

MAX_BATCH_ROWS = 500
#: Rows that a sync sends at a time: a store's own chunk, so that a sync of any length is as quick as one large write.
SYNC_BATCH_ROWS = 5000


class _Arguments(RowModel):
    client_id: CrmId
    category_id: CrmId
    staff_id: CrmId
    date_from: Date
    date_to: Date
    name: Title
    include_inactive: bool


def checked(**values: Any) -> Row:
    """Put arguments through their rules; None is refused."""
    return writer_of(_Arguments).check(values, {}, required=tuple(values))


def check_whole(field: str, value: int, *, least: int) -> None:
    """Raise InvalidValueError for what is no whole number, or below the least."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidValueError(f"must be a whole number, {least} or more", field=field)


def check_rows(rows: Iterable[GivenRow]) -> None:
    """Raise InvalidValueError for what is no collection of rows; one row alone is none."""
    if isinstance(rows, BaseModel | Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise InvalidValueError("must be a list of rows, each a model or a mapping", field="rows")


def batch_of(rows: Iterable[GivenRow]) -> list[GivenRow]:
    """Take in 1 to 500 rows; no more than that is taken of an endless source."""
    check_rows(rows)
    batch = list(islice(rows, MAX_BATCH_ROWS + 1))
    if not batch:
        raise InvalidValueError("the batch is empty", field="rows")
    if len(batch) > MAX_BATCH_ROWS:
        raise InvalidValueError(
            f"a batch has {MAX_BATCH_ROWS} rows at most; use sync_many for any number", field="rows"
        )
    return batch
