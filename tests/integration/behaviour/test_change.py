"""update and delete: what they touch, what they return, and that they ask for a filter."""

from __future__ import annotations

import pytest
from tests.integration.behaviour.asking import put, read

from datalayer.errors import InvalidValueError, UnsafeWriteError
from datalayer.query import Count, Delete, Insert, Update, col
from datalayer.stores.contract import Store

ROWS = [{"id": n, "number": n % 2, "word": f"w{n}"} for n in range(1, 6)]


@pytest.fixture
async def samples(store: Store) -> Store:
    """Lend the store with five samples."""
    await put(store, "samples", *ROWS)
    return store


async def test_update_changes_the_matching_rows_only(samples: Store) -> None:
    """Named columns of matching rows change; others keep what they had."""
    written = await samples.update(Update("samples", {"word": "new", "flag": True}, col("number").eq(1)))
    assert (written.count, written.rows) == (3, [])
    rows = await read(samples, "samples")
    assert [row["word"] for row in rows] == ["new", "w2", "new", "w4", "new"]
    assert [row["flag"] for row in rows] == [True, None, True, None, True]
    assert [row["number"] for row in rows] == [1, 0, 1, 0, 1]


async def test_update_sets_null_and_returns_rows_when_asked(samples: Store) -> None:
    """None in changes is NULL; returned rows have all columns as stored."""
    written = await samples.update(Update("samples", {"word": None}, col("id").eq(2), returning=True))
    assert written.count == 1
    assert written.rows == [{"id": 2, "number": 0, "word": None, "flag": None}]


async def test_update_that_matches_nothing_changes_nothing(samples: Store) -> None:
    """No match is a count of 0, not an error."""
    written = await samples.update(Update("samples", {"word": "x"}, col("id").eq(99), returning=True))
    assert (written.count, written.rows) == (0, [])


async def test_update_may_filter_by_the_column_it_changes(samples: Store) -> None:
    """The filter sees the values from before."""
    written = await samples.update(Update("samples", {"number": 1}, col("number").eq(0), returning=True))
    assert sorted(row["id"] for row in written.rows) == [2, 4]
    assert await samples.count(Count("samples", col("number").eq(1))) == 5


async def test_update_without_changes_is_refused(samples: Store) -> None:
    """An update changes at least one column."""
    with pytest.raises(InvalidValueError, match="changes"):
        await samples.update(Update("samples", {}, col("id").eq(1)))


async def test_delete_removes_the_matching_rows_only(samples: Store) -> None:
    """Matching rows go and come back when asked for; the rest stay."""
    written = await samples.delete(Delete("samples", col("id").gt(3), returning=True))
    assert written.count == 2
    assert sorted(row["word"] for row in written.rows) == ["w4", "w5"]
    assert [row["id"] for row in await read(samples, "samples")] == [1, 2, 3]
    again = await samples.delete(Delete("samples", col("id").gt(3)))
    assert (again.count, again.rows) == (0, [])


async def test_write_without_a_filter_is_refused(samples: Store) -> None:
    """Forgetting the filter must not cost a table."""
    with pytest.raises(UnsafeWriteError, match="every_row"):
        await samples.update(Update("samples", {"word": "gone"}))
    with pytest.raises(UnsafeWriteError, match="every_row"):
        await samples.delete(Delete("samples"))
    assert await read(samples, "samples") == [{**row, "flag": None} for row in ROWS]


async def test_write_to_every_row_is_done_when_meant(samples: Store) -> None:
    """every_row=True says it aloud."""
    changed = await samples.update(Update("samples", {"word": "same"}, every_row=True))
    assert changed.count == 5
    assert {row["word"] for row in await read(samples, "samples")} == {"same"}
    gone = await samples.delete(Delete("samples", every_row=True, returning=True))
    assert (gone.count, len(gone.rows)) == (5, 5)
    assert await samples.count(Count("samples")) == 0


async def test_writes_to_more_rows_than_any_cap_touch_and_return_them_all(store: Store) -> None:
    """An update or delete of 2,500 rows is counted and returned in full."""
    await store.insert(Insert("samples", [{"id": n} for n in range(2_500)], returning=False))
    changed = await store.update(Update("samples", {"word": "x"}, col("id").gte(0), returning=True))
    assert (changed.count, len({row["id"] for row in changed.rows})) == (2_500, 2_500)
    assert await store.count(Count("samples", col("word").eq("x"))) == 2_500
    gone = await store.delete(Delete("samples", col("id").gte(0), returning=True))
    assert (gone.count, len({row["id"] for row in gone.rows})) == (2_500, 2_500)


async def test_update_of_odd_names_filters_by_odd_names(store: Store) -> None:
    """Names with spaces, dots, quotes and Cyrillic work in changes and filters alike."""
    await put(store, "Odd Table", {"id": 1, "two words": "a", "Имя": "и"}, {"id": 2, "dot.ted": "d"})
    for name in ("select", "two words", "CamelCase", "Имя", "dot.ted", "semi;colon", "perc%ent", "single'quote"):
        await store.update(Update("Odd Table", {name: f"new {name}"}, col("id").eq(1)))
        assert [row["id"] for row in await read(store, "Odd Table", col(name).eq(f"new {name}"))] == [1], name
        assert await store.count(Count("Odd Table", col(name).eq(f"new {name}") | col(name).eq("none"))) == 1, name
    written = await store.update(Update("Odd Table", {'double"quote': "r"}, col("Имя").eq("new Имя"), returning=True))
    assert written.rows[0]['double"quote'] == "r"
    assert await store.count(Count("Odd Table", col('double"quote').eq("r"))) == 1
