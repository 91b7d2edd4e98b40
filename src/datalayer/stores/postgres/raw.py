"""Raw SQL for what the question language cannot say: literal text, parameters apart, typed results."""

from __future__ import annotations

from typing import Any, LiteralString, TypeVar, overload

from pydantic import TypeAdapter, ValidationError

from datalayer.errors import InvalidValueError, MultipleRowsError
from datalayer.query import Row
from datalayer.stores.postgres.executor import Executor, Parameters

T = TypeVar("T")

#: Validators by row type; grows by the types a program names, never by data.
_ADAPTERS: dict[type[Any], TypeAdapter[list[Any]]] = {}


class RawQueries(Executor):
    """Literal statements with psycopg's placeholders, ``%s`` or ``%(name)s``.

    The text is typed as a LiteralString, so a type checker refuses SQL put together from data. ``rows`` is what each
    row becomes: a pydantic model, a dataclass, a TypedDict; dicts when it is left out.
    """

    @overload
    async def fetch_all(
        self, query: LiteralString, parameters: Parameters | None = ..., *, timeout: float | None = ...
    ) -> list[Row]: ...

    @overload
    async def fetch_all(
        self, query: LiteralString, parameters: Parameters | None = ..., *, rows: type[T], timeout: float | None = ...
    ) -> list[T]: ...

    async def fetch_all(
        self,
        query: LiteralString,
        parameters: Parameters | None = None,
        *,
        rows: type[Any] | None = None,
        timeout: float | None = None,
    ) -> list[Any]:
        """Return every row of the result."""
        found, _ = await self.run("fetch_all", "", query.encode(), parameters, self.ends(timeout), writes=True)
        return found if rows is None else _typed(found, rows)

    @overload
    async def fetch_one(
        self, query: LiteralString, parameters: Parameters | None = ..., *, timeout: float | None = ...
    ) -> Row | None: ...

    @overload
    async def fetch_one(
        self, query: LiteralString, parameters: Parameters | None = ..., *, rows: type[T], timeout: float | None = ...
    ) -> T | None: ...

    async def fetch_one(
        self,
        query: LiteralString,
        parameters: Parameters | None = None,
        *,
        rows: type[Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Return the one row of the result, or None; raise MultipleRowsError for more."""
        found, _ = await self.run("fetch_one", "", query.encode(), parameters, self.ends(timeout), writes=True)
        if len(found) > 1:
            raise MultipleRowsError("the result of the query")
        if not found:
            return None
        return found[0] if rows is None else _typed(found, rows)[0]

    async def execute(
        self, query: LiteralString, parameters: Parameters | None = None, *, timeout: float | None = None
    ) -> int:
        """Run a statement without a result and return how many rows it touched."""
        _, count = await self.run(
            "execute", "", query.encode(), parameters, self.ends(timeout), has_rows=False, writes=True
        )
        return max(count, 0)


def _typed(found: list[Row], rows: type[Any]) -> list[Any]:
    try:
        return _list_adapter(rows).validate_python(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        index, *field = first["loc"]
        message = f"row {index} of the result does not fit {rows.__name__}: {first['msg']}"
        raise InvalidValueError(message, field=".".join(map(str, field)) or None) from None


def _list_adapter(rows: type[Any]) -> TypeAdapter[list[Any]]:
    adapter = _ADAPTERS.get(rows)
    if adapter is None:
        adapter = _ADAPTERS[rows] = TypeAdapter(list[rows])  # type: ignore[valid-type]
    return adapter
