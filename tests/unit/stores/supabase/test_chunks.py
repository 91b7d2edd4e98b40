"""How batches are cut."""

from __future__ import annotations

from tests.unit.stores.supabase.tables import PEOPLE

from datalayer.stores.supabase.chunks import CHUNK_BYTES, CHUNK_ROWS, insert_chunks, upsert_chunks


def test_insert_of_different_shapes_is_one_request() -> None:
    """One statement is all or nothing; absent columns take their defaults in it."""
    [chunk] = insert_chunks([{"id": 1}, {"name": "x"}, {}], PEOPLE)
    assert chunk.columns == ("id", "name")
    assert chunk.places == (0, 1, 2)


def test_insert_of_nothing_but_defaults_names_a_column_all_the_same() -> None:
    """A request must name one."""
    [chunk] = insert_chunks([{}], PEOPLE)
    assert chunk.columns == ("name",)


def test_upsert_is_grouped_by_columns() -> None:
    """An absent column must keep its stored value, so it cannot be in the statement."""
    chunks = upsert_chunks([{"id": 1, "name": "a"}, {"id": 2}, {"name": "c", "id": 3}])
    assert [(chunk.columns, chunk.places) for chunk in chunks] == [(("id", "name"), (0, 2)), (("id",), (1,))]


def test_large_batches_are_cut_by_rows_and_by_bytes() -> None:
    """No row is lost, a row larger than a chunk goes alone."""
    chunks = insert_chunks([{"id": n} for n in range(CHUNK_ROWS + 1)], PEOPLE)
    assert [len(chunk.rows) for chunk in chunks] == [CHUNK_ROWS, 1]
    huge = {"name": "x" * CHUNK_BYTES}
    assert [len(chunk.rows) for chunk in insert_chunks([{"id": 1}, huge, {"id": 2}], PEOPLE)] == [1, 1, 1]
    nested = {"doc": {"key": ["y" * CHUNK_BYTES]}, "tags": [b"z"]}
    assert [len(chunk.rows) for chunk in insert_chunks([nested, nested], PEOPLE)] == [1, 1]
