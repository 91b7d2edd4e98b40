"""Questions: what a store is asked, one frozen class per verb. No database is needed to build or read one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from datalayer.query.filters import Filter
from datalayer.query.order import OrderBy

Row: TypeAlias = dict[str, Any]
#: Which of several rows with one key counts: the last, the first, or none of them, for that is a mistake.
Duplicates: TypeAlias = Literal["last", "first", "error"]


@dataclass(frozen=True, slots=True)
class Select:
    """Rows of one table.

    Args:
        columns: which ones; None for all.
        limit: at most so many rows; None for all of them, however many pages that takes.
    """

    table: str
    where: Filter | None = None
    order: OrderBy = ()
    limit: int | None = None
    offset: int = 0
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows match."""

    table: str
    where: Filter | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows. Rows may differ in their columns; a column absent from a row takes its default."""

    table: str
    rows: Sequence[Mapping[str, Any]]
    returning: bool = True


@dataclass(frozen=True, slots=True)
class Upsert:
    """Rows to insert, or to update where the conflict target already has them.

    Rows may differ in their columns: a column absent from a row keeps its stored value, or takes its default when the
    row is new.

    Args:
        target: the conflict target, columns of a unique index; every row must have them.
        returning: whether rows come back as stored; without them a store that can tell counts those that were new.
        duplicates: of several rows with one key, "last" lays the later ones over the earlier, as if they had been
            written in turn, "first" leaves the later ones out, "error" raises RepeatedKeyError.
    """

    table: str
    rows: Sequence[Mapping[str, Any]]
    target: tuple[str, ...]
    returning: bool = True
    duplicates: Duplicates = "last"


@dataclass(frozen=True, slots=True)
class Update:
    """New values for the rows that match. Without a filter it is refused unless ``every_row``."""

    table: str
    changes: Mapping[str, Any]
    where: Filter | None = None
    every_row: bool = False
    returning: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """The rows that match go away. Without a filter it is refused unless ``every_row``."""

    table: str
    where: Filter | None = None
    every_row: bool = False
    returning: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: ``count`` rows, and the rows as stored where ``returning`` was asked for.

    Args:
        inserted: how many of an upsert's rows were new; None where the store cannot tell, or rows were returned.
    """

    count: int
    rows: list[Row]
    inserted: int | None = None
