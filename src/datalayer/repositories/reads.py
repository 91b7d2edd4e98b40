"""The reading half of a repository: questions about one table, answered with models."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from datalayer.errors import InvalidValueError, MultipleRowsError, NotFoundError, SchemaError
from datalayer.models.reading import list_adapter, misfit, row_validator
from datalayer.models.writing import writer_of
from datalayer.query import Count, Filter, OrderBy, Row, Select, asc, where_equal
from datalayer.query.keyset import after_row, complete_order
from datalayer.repositories.arguments import check_whole
from datalayer.stores.contract import Session

RowT = TypeVar("RowT", bound=BaseModel)
Clock: TypeAlias = Callable[[], datetime]

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def utc_now() -> datetime:
    """Return the present, aware, in UTC."""
    return datetime.now(UTC)


class ReadRepository(Generic[RowT]):
    """Answers questions about one table. Give a subclass ``model``, ``table`` and ``key``.

    A keyword that is not an argument is a column that must equal the value; ``None`` means IS NULL. ``timeout`` is the
    deadline of a store call in seconds.

    Args:
        session: a store, or a transaction.
        context: what the models' rules may look at, for example ``{"phone_region": "RU"}``.
        clock: tells the present, aware.
    """

    model: type[RowT]
    table: str
    #: The natural key: columns of a unique index, the conflict target of upserts.
    key: tuple[str, ...]
    #: What tells any two rows apart: pages go by it. ``id`` where the model has one, else the natural key.
    primary_key: tuple[str, ...] = ()
    #: The order of lists that are asked for without one.
    order: OrderBy = ()

    def __init__(self, session: Session, *, context: Mapping[str, Any] | None = None, clock: Clock = utc_now) -> None:
        self._session = session
        self._context = dict(context or {})
        self._clock = clock

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "model"):
            return
        for name in ("table", "key"):
            if not hasattr(cls, name):
                raise TypeError(f"{cls.__name__} lacks {name!r}; a repository names its model, table and key")
        for name in ("key", "primary_key"):
            if not isinstance(getattr(cls, name), tuple):
                raise TypeError(f'{cls.__name__}: {name} must be a tuple of columns, such as ("author",)')
        columns = {field.alias or name for name, field in cls.model.model_fields.items()}
        if not cls.primary_key:
            cls.primary_key = ("id",) if "id" in columns else cls.key
        for name in (*cls.key, *cls.primary_key):
            if name not in columns:
                raise TypeError(f"{cls.__name__}: key column {name!r} is no column of {cls.model.__name__}")
        cls.order = complete_order(cls.order, cls.primary_key)

    async def get(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> RowT:
        """Return the one row that matches.

        Raises:
            NotFoundError: there is none.
            MultipleRowsError: there are several.
        """
        row = await self.find(where, timeout=timeout, **equal)
        if row is None:
            raise NotFoundError(self.table, _columns(where, equal))
        return row

    async def find(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> RowT | None:
        """Return the one row that matches, or None.

        Raises:
            MultipleRowsError: there are several.
        """
        rows = await self._session.select(Select(self.table, joined(where, equal), limit=2), timeout=timeout)
        if not rows:
            return None
        if len(rows) > 1:
            raise MultipleRowsError(self.table, _columns(where, equal))
        return self._model_of(rows[0], "select")

    async def list(
        self,
        where: Filter | None = None,
        *,
        order: OrderBy | None = None,
        limit: int = DEFAULT_LIMIT,
        offset: int = 0,
        timeout: float | None = None,
        **equal: Any,
    ) -> builtins.list[RowT]:
        """Return the first rows that match, at most 1,000; :meth:`iterate` has no such bound.

        Args:
            order: rows that tie in it are ordered by the primary key.
        """
        check_whole("limit", limit, least=0)
        check_whole("offset", offset, least=0)
        if limit > MAX_LIMIT:
            raise InvalidValueError(f"is {MAX_LIMIT:,} at most; use iterate for more rows", field="limit")
        question = Select(self.table, joined(where, equal), self._complete(order), limit, offset)
        return self._models_of(await self._session.select(question, timeout=timeout), "select")

    async def iterate(
        self,
        where: Filter | None = None,
        *,
        order: OrderBy | None = None,
        page_rows: int = 1000,
        timeout: float | None = None,
        **equal: Any,
    ) -> AsyncIterator[RowT]:
        """Yield all rows that match, in pages that continue after the last row seen.

        Each page is a question of its own. A row added meanwhile is seen when it comes later in the order; none is seen
        twice for it. A row whose order columns are changed meanwhile may be seen again, or missed: where rows change,
        order by columns that never do, such as the primary key.
        """
        check_whole("page_rows", page_rows, least=1)
        wanted, complete = joined(where, equal), self._complete(order)
        page_filter = wanted
        while True:
            question = Select(self.table, page_filter, complete, page_rows)
            rows = await self._session.select(question, timeout=timeout)
            for model in self._models_of(rows, "select"):
                yield model
            if len(rows) < page_rows:
                return
            further = after_row(complete, rows[-1])
            page_filter = further if wanted is None else wanted & further

    async def count(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> int:
        """Return how many rows match."""
        return await self._session.count(Count(self.table, joined(where, equal)), timeout=timeout)

    async def exists(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> bool:
        """Say whether any row matches."""
        question = Select(self.table, joined(where, equal), limit=1, columns=self.primary_key)
        return bool(await self._session.select(question, timeout=timeout))

    async def _all(
        self, where: Filter, order: OrderBy | None = None, *, timeout: float | None = None
    ) -> builtins.list[RowT]:
        """Return every row that matches, for questions that one company's data bounds."""
        question = Select(self.table, where, self._complete(order))
        return self._models_of(await self._session.select(question, timeout=timeout), "select")

    async def _column(self, name: str, where: Filter, *, timeout: float | None = None) -> builtins.list[Any]:
        """Return one column of every row that matches, in its own order."""
        question = Select(self.table, where, (asc(name),), columns=(name,))
        return [row[name] for row in await self._session.select(question, timeout=timeout)]

    async def _mapping(self, key: str, value: str, where: Filter, *, timeout: float | None = None) -> dict[Any, Any]:
        """Return one column by another, over every row that matches."""
        question = Select(self.table, where, columns=(key, value))
        return {row[key]: row[value] for row in await self._session.select(question, timeout=timeout)}

    def _checked(self, **values: Any) -> Row:
        """Put arguments through the rules that hold for writing their columns; None is refused."""
        return writer_of(self.model).check(values, self._context, required=tuple(values))

    def _complete(self, order: OrderBy | None) -> OrderBy:
        return self.order if order is None else complete_order(order, self.primary_key)

    def _model_of(self, row: Row, operation: str) -> RowT:
        try:
            model: RowT = row_validator(self.model)(row)
        except ValidationError as error:
            misfits = misfit(error)
        else:
            return model
        raise self._misfit(misfits, operation)

    def _models_of(self, rows: builtins.list[Row], operation: str) -> builtins.list[RowT]:
        try:
            return list_adapter(self.model).validate_python(rows)
        except ValidationError as error:
            misfits = misfit(error)
        raise self._misfit(misfits, operation)

    def _misfit(self, misfits: tuple[str, str], operation: str) -> SchemaError:
        column, message = misfits
        return SchemaError(
            f"a row does not fit {self.model.__name__}.{column}: {message}",
            store=self._session.name,
            operation=operation,
            table=self.table,
            columns=(column,),
            hint="make the model's field fit the column",
        )


def given(**values: Any) -> dict[str, Any]:
    """Leave out optional arguments that were not given."""
    return {name: value for name, value in values.items() if value is not None}


def joined(where: Filter | None, equal: dict[str, Any]) -> Filter | None:
    """Join a filter and the columns that must equal a value; None where there is neither."""
    if where is not None and not isinstance(where, Filter):
        raise InvalidValueError("a filter is built by col(...)", field="where")
    if not equal:
        return where
    return where_equal(**equal) if where is None else where & where_equal(**equal)


def _columns(where: Filter | None, equal: dict[str, Any]) -> builtins.list[str]:
    return list(dict.fromkeys([*(where.columns() if where is not None else ()), *equal]))
