"""Models, repositories and the live tables agree."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from datalayer.outbox.tables import is_bookkeeping
from datalayer.repositories import BaseRepository, RepositorySet
from datalayer.stores.catalog import Kind
from datalayer.stores.contract import Store

REPOSITORIES: list[type[BaseRepository[Any]]] = [
    get_type_hints(member.fget)["return"] for member in vars(RepositorySet).values() if isinstance(member, property)
]
#: PostgREST cannot tell unique keys, and hides column types behind its own names.
pytestmark = pytest.mark.parametrize("salon", ["sqlite", "postgres"], indirect=True)
MOMENT = dt.datetime(2026, 11, 21, 10, 0, 0, 123456)
SAMPLES: dict[Kind, Any] = {
    Kind.BOOLEAN: True,
    Kind.INTEGER: 7,
    Kind.BIGINT: 2**62,
    Kind.NUMERIC: Decimal("0.10"),
    Kind.TEXT: "текст",
    Kind.UUID: uuid.UUID(int=1),
    Kind.DATE: MOMENT.date(),
    Kind.TIME: MOMENT.time(),
    Kind.TIMESTAMP: MOMENT,
    Kind.TIMESTAMPTZ: MOMENT.replace(tzinfo=dt.UTC),
    Kind.JSONB: {"a": [1, None]},
}


async def test_every_table_has_a_repository(store: Store) -> None:
    """And no repository is without a table."""
    tables = {name for name in (await store.catalog()).tables if not is_bookkeeping(name)}
    assert {repository.table for repository in REPOSITORIES} == tables


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_model_has_the_columns_of_its_table(store: Store, repository: type[BaseRepository[Any]]) -> None:
    """In the table's order; a field is required where the column has neither NULL nor a default."""
    table = (await store.catalog()).tables[repository.table]
    fields = repository.model.model_fields
    assert list(fields) == [column.name for column in table.columns]
    for column in table.columns:
        optional = column.nullable or column.default is not None or column.identity
        assert fields[column.name].is_required() is not optional, column.name


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_model_takes_what_its_columns_hold(store: Store, repository: type[BaseRepository[Any]]) -> None:
    """Each column's type unchanged, and NULL exactly where the column may have it."""
    table = (await store.catalog()).tables[repository.table]
    for column in table.columns:
        field = repository.model.model_fields[column.name]
        adapter: TypeAdapter[Any] = TypeAdapter(field.annotation)
        sample = SAMPLES[column.type.kind]
        stored = [sample, None] if column.type.array else sample
        assert adapter.validate_python(stored, strict=True) == stored, column.name
        if column.nullable:
            assert adapter.validate_python(None) is None, column.name
        elif not column.type.is_json:
            with pytest.raises(ValidationError):
                adapter.validate_python(None)


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_keys_are_unique_in_the_table(store: Store, repository: type[BaseRepository[Any]]) -> None:
    """An upsert's conflict target and a page's last row need a unique index."""
    table = (await store.catalog()).tables[repository.table]
    assert table.has_key(repository.key)
    assert table.has_key(repository.primary_key)
