"""How a repository is defined, and what the collection of repositories hands out."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from datalayer.errors import InvalidValueError
from datalayer.query import asc, desc
from datalayer.repositories import BaseRepository, ClientRepository, RepositorySet
from datalayer.stores.contract import Store
from datalayer.stores.sqlite import SqliteStore

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
NOTES = """
    create table notes (
        author text not null, title text not null, text text, written timestamptz, unique (author, title))
"""


class Note(BaseModel):
    """A user's own row."""

    author: str
    title: str = Field(max_length=20)
    text: str | None = None
    written: dt.datetime | None = None


class NoteRepository(BaseRepository[Note]):
    """A user's own repository."""

    model = Note
    table = "notes"
    key = ("author", "title")
    stamps = ("written",)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Lend a store in memory that has the user's table."""
    opened = await SqliteStore.open(":memory:")
    await opened.run(lambda connection: connection.execute(NOTES))
    yield opened
    await opened.close()


async def test_own_repository_is_a_model_and_a_few_lines(store: Store) -> None:
    """It reads, writes by its key, pages and checks like the library's own."""
    notes = RepositorySet(store, clock=lambda: NOW).repository(NoteRepository)
    await notes.upsert(Note(author="Анна", title="one", text="first"))
    await notes.upsert_many([{"author": "Анна", "title": title} for title in ("one", "two", "three")])
    one = await notes.get(author="Анна", title="one")
    assert (one.text, one.written) == ("first", NOW)
    assert [note.title async for note in notes.iterate(page_rows=1)] == ["one", "three", "two"]
    with pytest.raises(InvalidValueError, match="titel: Note has no such column; did you mean 'title'"):
        await notes.update({"titel": "x"}, author="Анна")
    with pytest.raises(InvalidValueError, match="title: String should have at most 20 characters"):
        await notes.insert({"author": "Анна", "title": "x" * 21})


def test_primary_key_is_id_or_else_the_natural_key() -> None:
    """What pages go by need not be said."""
    assert ClientRepository.primary_key == ("id",)
    assert NoteRepository.primary_key == ("author", "title")


def test_order_ends_in_the_primary_key() -> None:
    """No two rows tie, so pages are the same at every call."""

    class Ordered(NoteRepository):
        order = (desc("title"),)

    assert list(Ordered.order) == [desc("title"), asc("author")]
    assert list(NoteRepository.order) == [asc("author"), asc("title")]


@pytest.mark.parametrize("missing", ["table", "key"])
def test_definition_without_table_or_key_is_refused(missing: str) -> None:
    """At once, where the class stands."""
    attributes = {"model": Note, "table": "notes", "key": ("author",)}
    del attributes[missing]
    with pytest.raises(TypeError, match=f"Bad lacks '{missing}'"):
        type("Bad", (BaseRepository,), attributes)


def test_definition_with_a_key_that_is_no_column_is_refused() -> None:
    """A mistyped key is found before the first upsert."""
    with pytest.raises(TypeError, match="key column 'autor' is no column of Note"):
        type("Bad", (BaseRepository,), {"model": Note, "table": "notes", "key": ("autor",)})


@pytest.mark.parametrize("name", ["key", "primary_key"])
def test_definition_with_a_text_for_a_key_is_refused(name: str) -> None:
    """The comma that makes a tuple is forgotten easily, and a text would be taken letter by letter."""
    attributes = {"model": Note, "table": "notes", "key": ("author",), name: "author"}
    with pytest.raises(TypeError, match=f"Bad: {name} must be a tuple of columns"):
        type("Bad", (BaseRepository,), attributes)


@pytest.mark.parametrize("kind", ["notes", Note, NoteRepository.table, 5])
async def test_set_takes_classes_of_repositories_alone(store: Store, kind: Any) -> None:
    """The name of a table is answered by what to write instead."""
    with pytest.raises(TypeError, match=r"repository\(\) takes a class"):
        RepositorySet(store).repository(kind)


async def test_set_makes_each_repository_once(store: Store) -> None:
    """The library's own and a user's alike, at the first use."""
    repositories = RepositorySet(store)
    assert repositories.clients is repositories.clients
    assert repositories.clients is repositories.repository(ClientRepository)
    assert repositories.repository(NoteRepository) is repositories.repository(NoteRepository)


async def test_set_gives_its_phone_region_to_the_rules(store: Store) -> None:
    """Where a number without country code belongs is one setting."""
    clients = RepositorySet(store, phone_region="US").clients
    with pytest.raises(InvalidValueError, match="phone: is no possible phone number"):
        await clients.find_by_phone("8 968 648-44-88")
