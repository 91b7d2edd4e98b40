"""The reading half of a repository: questions about one table, answered with models."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from datalayer.collecting import MANY_ROWS, uncollected
from datalayer.errors import SchemaError
from datalayer.models.reading import list_adapter, misfit, row_validator
from datalayer.models.writing import writer_of
from datalayer.query import Filter, OrderBy, Row, Select, asc
from datalayer.query.keyset import complete_order
from datalayer.repositories.questions import DictQuestions, Questions
from datalayer.stores.contract import Session

RowT = TypeVar("RowT", bound=BaseModel)
Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present, aware, in UTC."""
    return datetime.now(UTC)


class ReadRepository(Questions[RowT]):
    """Answers questions about one table with models. Give a subclass ``model``, ``table`` and ``key``.

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
        super().__init__(session)
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

    @cached_property
    def dicts(self) -> DictQuestions:
        """The same questions, answered with dicts instead of models: as quick as the store itself.

        rows = await layer.clients.dicts.list(company_id=10, limit=1000)
        """
        return DictQuestions(self._session, self.table, self.primary_key, self.order)

    async def _all(
        self, where: Filter, order: OrderBy | None = None, *, timeout: float | None = None
    ) -> builtins.list[RowT]:
        """Return every row that matches, for questions that one company's data bounds."""
        question = Select(self.table, where, self._complete(order))
        return self._many(await self._session.select(question, timeout=timeout))

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

    def _one(self, row: Row, operation: str = "select") -> RowT:
        try:
            model: RowT = row_validator(self.model)(row)
        except ValidationError as error:
            misfits = misfit(error)
        else:
            return model
        raise self._misfit(misfits, operation)

    def _many(self, rows: builtins.list[Row], operation: str = "select") -> builtins.list[RowT]:
        validate = list_adapter(self.model).validate_python
        try:
            if len(rows) < MANY_ROWS:
                return validate(rows)
            with uncollected():
                return validate(rows)
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
