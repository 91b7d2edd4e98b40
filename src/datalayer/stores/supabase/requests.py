"""Requests for questions, made with supabase-py's query builder; addresses and bodies are written exactly by us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from postgrest import AsyncRequestBuilder
from postgrest.base_request_builder import RequestConfig
from postgrest.types import CountMethod, ReturnMethod
from supabase import AsyncClient

from datalayer.errors import UnfitValueError, UnsupportedOperationError
from datalayer.query import Filter, OrderBy, Select
from datalayer.stores.catalog import Table
from datalayer.stores.supabase import errors, filters, quoting, values
from datalayer.stores.supabase.transport import Request

#: PostgREST's server ends at 50 kB of request head, most gateways long before.
_LONGEST_URL: Final = 48_000


class Requests:
    """Builds requests for one table."""

    def __init__(self, client: AsyncClient, table: Table) -> None:
        self._client = client
        self._table = table

    def select(self, page: Select) -> Request:
        """Rows of one page."""
        builder = self._builder().select("*")
        parameters = [("select", self._selected(page.columns)), *self._filter(page.where), *_order(page.order)]
        if page.limit is not None:
            parameters.append(("limit", str(page.limit)))
        if page.offset:
            parameters.append(("offset", str(page.offset)))
        return _request(builder.request, parameters)

    def count(self, where: Filter | None) -> Request:
        """The number of matching rows, in the header Content-Range."""
        column = quoting.name(self._table.columns[0].name)
        builder = self._builder().select("*", count=CountMethod.exact)
        return _request(builder.request, [("select", column), *self._filter(where), ("limit", "0")])

    def insert(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, returning: bool) -> Request:
        """New rows; a column that a row lacks takes its default."""
        complete = all(len(row) == len(columns) for row in rows)
        builder = self._builder().insert(
            [{}], count=CountMethod.exact, returning=_returned(returning), default_to_null=complete
        )
        return self._write(builder.request, self._encoded(rows), [("columns", _names(columns))], returning=returning)

    def upsert(
        self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], target: Sequence[str], *, returning: bool
    ) -> Request:
        """Rows with the same columns, to insert or to update."""
        builder = self._builder().upsert(
            [{}], count=CountMethod.exact, returning=_returned(returning), on_conflict=_names(target)
        )
        return self._write(builder.request, self._encoded(rows), [("columns", _names(columns))], returning=returning)

    def update(self, changes: Mapping[str, Any], where: Filter | None, *, returning: bool) -> Request:
        """New values for matching rows."""
        builder = self._builder().update({}, count=CountMethod.exact, returning=_returned(returning))
        chosen = None if where is None else filters.column_parameters(where, self._table)
        parameters = [("columns", _names(list(changes))), *(chosen or self._filter_of_write(where))]
        return self._write(builder.request, self._encoded([changes])[0], parameters, returning=returning)

    def delete(self, where: Filter | None, *, returning: bool) -> Request:
        """Matching rows go away."""
        builder = self._builder().delete(count=CountMethod.exact, returning=_returned(returning))
        return self._write(builder.request, None, self._filter_of_write(where), returning=returning)

    def query_length(self, page: Select) -> int:
        """Return how many bytes the query of a select takes in its URL."""
        selected = ("select", self._selected(page.columns))
        return len(quoting.query_string([selected, *self._filter(page.where)]))

    def _builder(self) -> AsyncRequestBuilder:
        return self._client.table(self._table.name)

    def _selected(self, columns: Sequence[str] | None) -> str:
        names = columns or [column.name for column in self._table.columns]
        return ",".join(values.selected(self._table.by_name[name]) for name in names)

    def _filter(self, where: Filter | None) -> list[tuple[str, str]]:
        if where is None:
            return []
        if "*" in where.columns():
            raise UnsupportedOperationError(
                errors.STORE, "a filter on a column named *", "rename the column, or use the PostgreSQL store"
            )
        return [("and", filters.logic_tree(where, self._table))]

    def _filter_of_write(self, where: Filter | None) -> list[tuple[str, str]]:
        return [("and", filters.every_row(self._table))] if where is None else self._filter(where)

    def _encoded(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        by_name = self._table.by_name
        return [{name: values.encode(value, by_name[name]) for name, value in row.items()} for row in rows]

    def _write(
        self, config: RequestConfig[Any], content: Any, parameters: list[tuple[str, str]], *, returning: bool
    ) -> Request:
        if returning:
            parameters = [*parameters, ("select", self._selected(None))]
        return _request(config, parameters, None if content is None else values.body(content))


def _request(
    config: RequestConfig[Any], parameters: Sequence[tuple[str, str]], content: bytes | None = None
) -> Request:
    headers = config.headers.copy()
    if content is not None:
        headers["Content-Type"] = "application/json"
    # The builder drops spaces after a quotation mark in a column's name: what is selected is written here.
    built = [(name, text) for name, text in config.params.multi_items() if name != "select"]
    url = f"{config.path}?{quoting.query_string([*built, *parameters])}"
    if len(url) > _LONGEST_URL:
        raise UnfitValueError(errors.FILTER_TOO_LONG, store=errors.STORE, operation="encode")
    return Request(config.http_method, url, headers, content)


def _order(order: OrderBy) -> list[tuple[str, str]]:
    if not order:
        return []
    parts = (
        f"{quoting.quoted(part.column)}.{'desc' if part.descending else 'asc'}"
        f".{'nullsfirst' if part.nulls_first else 'nullslast'}"
        for part in order
    )
    return [("order", ",".join(parts))]


def _names(columns: Sequence[str]) -> str:
    return ",".join(quoting.name(column) for column in columns)


def _returned(returning: bool) -> ReturnMethod:
    return ReturnMethod.representation if returning else ReturnMethod.minimal
