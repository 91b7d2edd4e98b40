"""Differences of columns and what each does to a move."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.transfer.tables import column, table

from datalayer.stores.catalog import Column, ColumnType, Kind
from datalayer.transfer.schemas.columns import compare_columns, is_narrower
from datalayer.transfer.schemas.reports import Weight


def _weights(source: Column, target: Column) -> list[Weight]:
    found = compare_columns(table("t", source), table("t", target), ("postgres", "sqlite"))
    return [difference.weight for difference in found]


@pytest.mark.parametrize(
    ("source", "target", "narrower"),
    [
        ((Kind.INTEGER, "integer"), (Kind.BIGINT, "bigint"), False),
        ((Kind.BIGINT, "INTEGER"), (Kind.INTEGER, "integer"), True),
        ((Kind.INTEGER, "integer"), (Kind.NUMERIC, "numeric(10,0)"), False),
        ((Kind.INTEGER, "integer"), (Kind.NUMERIC, "numeric(10,2)"), True),
        ((Kind.TEXT, "text"), (Kind.TEXT, "varchar(20)"), True),
        ((Kind.TEXT, "varchar(20)"), (Kind.TEXT, "character varying(20)"), False),
        ((Kind.TEXT, "varchar(21)"), (Kind.TEXT, "character varying(20)"), True),
        ((Kind.NUMERIC, "numeric(12,2)"), (Kind.NUMERIC, "numeric(12,4)"), True),
        ((Kind.NUMERIC, "numeric(12,2)"), (Kind.NUMERIC, "numeric(14,4)"), False),
        ((Kind.NUMERIC, "numeric"), (Kind.DOUBLE, "double precision"), True),
        ((Kind.REAL, "real"), (Kind.DOUBLE, "double precision"), False),
        ((Kind.DOUBLE, "double precision"), (Kind.REAL, "real"), True),
        ((Kind.BIGINT, "INTEGER"), (Kind.BOOLEAN, "boolean"), True),
        ((Kind.BOOLEAN, "boolean"), (Kind.INTEGER, "integer"), False),
        ((Kind.TEXT, "text"), (Kind.UUID, "uuid"), True),
        ((Kind.TIMESTAMP, "timestamp"), (Kind.TIMESTAMP, "timestamp(3) without time zone"), True),
        ((Kind.TIMESTAMP, "timestamp"), (Kind.TIMESTAMP, "timestamp(6) without time zone"), False),
    ],
)
def test_a_type_is_narrower_when_it_does_not_keep_every_value(
    source: tuple[Kind, str], target: tuple[Kind, str], narrower: bool
) -> None:
    """Ranges, lengths, precisions and scales count; a wider type is none."""
    assert is_narrower(ColumnType(*source), ColumnType(*target)) is narrower


def test_equal_columns_do_not_differ() -> None:
    """Defaults that mean the same on both stores are the same."""
    source = replace(column("c", Kind.BOOLEAN), default="false")
    assert _weights(source, replace(column("c", Kind.BOOLEAN), default="0")) == []
    moment = replace(column("c", Kind.TIMESTAMP), default="now()")
    assert _weights(moment, replace(column("c", Kind.TIMESTAMP), default="CURRENT_TIMESTAMP")) == []


@pytest.mark.parametrize(
    ("source", "target", "weight"),
    [
        (column("c", Kind.DATE), column("c", Kind.INTEGER), Weight.BLOCKS),
        (column("c", Kind.TEXT), column("c", Kind.TEXT, array=True), Weight.BLOCKS),
        (column("c", Kind.TEXT), column("c", Kind.TEXT, nullable=False), Weight.BLOCKS),
        (column("c", Kind.TEXT, nullable=False), column("c", Kind.TEXT), Weight.LOSES),
        (column("c", Kind.TIMESTAMPTZ), column("c", Kind.TIMESTAMP), Weight.LOSES),
        (column("c", Kind.TIMESTAMP), column("c", Kind.TIMESTAMPTZ), Weight.HARMLESS),
        (column("c", Kind.JSON), column("c", Kind.JSONB), Weight.LOSES),
        (column("c", Kind.UUID), column("c", Kind.TEXT), Weight.HARMLESS),
        (replace(column("c", Kind.TEXT), default="'a'"), column("c", Kind.TEXT), Weight.LOSES),
        (column("c", Kind.TEXT), replace(column("c", Kind.TEXT), default="'a'"), Weight.HARMLESS),
        (replace(column("c", Kind.INTEGER), identity=True), column("c", Kind.INTEGER), Weight.LOSES),
        (replace(column("c", Kind.INTEGER), generated=True), column("c", Kind.INTEGER), Weight.LOSES),
        (column("c", Kind.INTEGER), replace(column("c", Kind.INTEGER), generated=True), Weight.LOSES),
        (column("c", Kind.INTEGER), replace(column("c", Kind.INTEGER), identity=True), Weight.HARMLESS),
    ],
)
def test_each_difference_has_its_weight(source: Column, target: Column, weight: Weight) -> None:
    """What stops rows blocks; what is gone afterwards loses; the rest is harmless."""
    assert _weights(source, target) == [weight]


def test_columns_of_one_side_are_weighed_by_whether_rows_can_be_written() -> None:
    """A column that the target lacks blocks; one that only it has blocks when nothing fills it."""
    one, two = column("a", Kind.TEXT), column("b", Kind.TEXT)
    needed = column("c", Kind.TEXT, nullable=False)
    found = compare_columns(table("t", one, two), table("t", one, needed, column("d", Kind.TEXT)), ("sqlite", "sqlite"))
    assert [(d.weight, d.subject) for d in found] == [
        (Weight.BLOCKS, "column b"),
        (Weight.BLOCKS, "column c"),
        (Weight.HARMLESS, "column d"),
    ]
