"""Rights: what a role may not do is said as such, on the stores that have roles."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.integration.behaviour.asking import put
from tests.integration.behaviour.failures import SECRET, failure
from tests.integration.behaviour.subjects import PostgresSubject, Subject, SupabaseSubject

from datalayer.errors import AccessDeniedError
from datalayer.query import Count, Delete, Insert, Update
from datalayer.stores.contract import Store

with_roles = pytest.mark.parametrize("subject", ["postgres", "supabase"], indirect=True)


@pytest.fixture
async def reader(subject: Subject) -> AsyncIterator[Store]:
    """Lend a store whose role may read `things` and write nothing."""
    assert isinstance(subject, PostgresSubject | SupabaseSubject)
    opened = await subject.open_reader()
    yield opened
    await opened.close()


@with_roles
async def test_write_without_the_right_is_denied(store: Store, reader: Store) -> None:
    """Reading works, every write is AccessDeniedError for the table, and nothing changes."""
    await put(store, "things", {"label": "kept"})
    assert await reader.count(Count("things")) == 1
    writes = {
        "insert": reader.insert(Insert("things", [{"label": SECRET}])),
        "update": reader.update(Update("things", {"label": SECRET}, every_row=True)),
        "delete": reader.delete(Delete("things", every_row=True)),
    }
    for operation, call in writes.items():
        error = await failure(AccessDeniedError, call)
        assert (error.operation, error.table, error.sqlstate) == (operation, "things", "42501")
    assert await store.count(Count("things")) == 1
