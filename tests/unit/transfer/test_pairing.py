"""Tables beside their targets: keys both sides share, and obstacles found before a row moves."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.transfer.tables import column, table

from datalayer.stores.catalog import Column, ColumnType, Kind, UniqueKey
from datalayer.transfer.pairing import obstacles, pair_for_copy, pair_for_verify

_ID = column("id", Kind.INTEGER, nullable=False)
_NAME = column("name", Kind.TEXT)


def test_obstacles_name_every_column_that_keeps_rows_from_moving() -> None:
    """A missing column, a needed column and an unlike type are all told at once."""
    source = table("t", _ID, _NAME, column("when", Kind.DATE))
    target = table("t", _ID, column("when", Kind.JSONB), column("owner", Kind.TEXT, nullable=False))
    assert obstacles(source, target) == [
        "t lacks the column name",
        "t.owner is NOT NULL without a default, and the source does not have it",
        "t.when is jsonb in the target and date in the source",
    ]


def test_obstacles_are_none_where_the_target_fills_its_columns_itself() -> None:
    """Extra target columns are fine when they are nullable, numbered, computed or have a default."""
    text = ColumnType(Kind.TEXT, "text")
    extra = (
        Column("a", text, nullable=True),
        Column("b", text, nullable=False, default="'x'::text"),
        Column("c", ColumnType(Kind.BIGINT, "bigint"), nullable=False, identity=True),
        Column("d", text, nullable=False, generated=True),
    )
    assert obstacles(table("t", _ID), table("t", _ID, *extra)) == []


def test_obstacles_leave_out_a_computed_source_column() -> None:
    """A column that the source computes need not be in the target."""
    computed = replace(_NAME, generated=True)
    assert obstacles(table("t", _ID, computed), table("t", _ID)) == []


def test_pair_for_copy_does_not_write_generated_columns() -> None:
    """A column that the target computes is left to it."""
    pair = pair_for_copy(table("t", _ID, _NAME), table("t", _ID, replace(_NAME, generated=True), key=("id",)))
    assert pair.column_names == ("id",)


def test_pair_for_copy_takes_a_key_that_both_sides_have() -> None:
    """The key is unique on both sides and never NULL; a key of one side alone could merge rows."""
    unique = (UniqueKey("t_name_key", ("name",)),)
    required = replace(_NAME, nullable=False)
    assert pair_for_copy(table("t", _ID, key=("id",)), table("t", _ID, key=("id",))).key == ("id",)
    assert pair_for_copy(table("t", _ID), table("t", _ID, key=("id",))).key == ()
    both = replace(table("t", _ID, required), uniques=unique)
    assert pair_for_copy(both, both).key == ("name",)
    nullable = replace(table("t", _ID, _NAME), uniques=unique)
    assert pair_for_copy(nullable, nullable).key == ()


def test_pair_for_verify_names_rows_by_a_key_of_either_side() -> None:
    """Comparing needs no unique index, only columns that name a row."""
    assert pair_for_verify(table("t", _ID), table("t", _ID, key=("id",))).key == ("id",)
    assert pair_for_verify(table("t", _ID), table("t", _ID)).key == ()
