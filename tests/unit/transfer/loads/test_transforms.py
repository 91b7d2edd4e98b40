"""A user's function over rows: found by name, its mistakes told, its values held to the target's columns."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.transfer.tables import column, table

from datalayer.errors import ConfigurationError, TransferError
from datalayer.query import JSON_NULL, Row
from datalayer.stores.catalog import Kind
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.loads.transforms import ValueFits, find_transform, transformed

_KEY = uuid.UUID(int=1)


def test_transform_is_found_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the caller needs no installation."""
    (tmp_path / "own_transforms.py").write_text("def upper(table, row):\n    return table.upper(), row\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [])
    assert find_transform("own_transforms:upper")("t", {}) == ("T", {})


@pytest.mark.parametrize("name", ["json", "json:", "json:nothing_of_this_name", "no_module_of_this_name:f", ":f"])
def test_transform_that_is_not_there_is_refused(name: str) -> None:
    """What is wrong with the name is said."""
    with pytest.raises(ConfigurationError, match="transform"):
        find_transform(name)


@pytest.mark.parametrize(
    ("content", "said"), [("def f(", "SyntaxError"), ("1 / 0", "ZeroDivisionError: division by zero")]
)
def test_transform_whose_module_fails_is_refused(
    content: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the file that an option names, whatever is wrong in it."""
    (tmp_path / "failing_transforms.py").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(ConfigurationError, match=f"cannot be imported: {said}"):
        find_transform("failing_transforms:f")


def test_transform_mistakes_name_the_row_and_no_value() -> None:
    """What it raises, or returns instead of a pair, is told by table and number."""

    def raising(table: str, row: Row) -> tuple[str, Row]:
        raise ValueError(row["secret"])

    def wrong(table: str, row: Row) -> Any:
        return row

    with pytest.raises(TransferError, match="raised ValueError for row 7 of users") as caught:
        transformed(raising, "users", {"secret": "hidden"}, 7)
    assert "hidden" not in str(caught.value)
    with pytest.raises(TransferError, match="returned a dict for row 8 of users"):
        transformed(wrong, "users", {}, 8)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (Kind.UUID, str(_KEY), _KEY),
        (Kind.NUMERIC, 5, Decimal(5)),
        (Kind.NUMERIC, 0.1, Decimal("0.1")),
        (Kind.INTEGER, True, 1),
        (Kind.BOOLEAN, 0, False),
        (Kind.TIMESTAMPTZ, dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        (Kind.TIMESTAMP, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1)),
        (Kind.JSONB, ["any", {"document": 1}], ["any", {"document": 1}]),
        (Kind.JSONB, JSON_NULL, JSON_NULL),
        (Kind.BYTEA, b"\x00", b"\x00"),
        (Kind.TEXT, None, None),
    ],
)
def test_values_become_the_columns_kind_where_they_mean_the_same(kind: Kind, value: Any, kept: Any) -> None:
    """A transform may answer with any Python type that the column can mean."""
    fits = ValueFits(table("t", column("v", kind)))
    for _ in range(2):
        found = fits.apply("v", value)
        assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INTEGER, "5"),
        (Kind.INTEGER, 2**31),
        (Kind.TEXT, 5),
        (Kind.DATE, dt.datetime(2024, 1, 1)),
        (Kind.UUID, "secret"),
        (Kind.TEXT, object()),
        (Kind.TEXT, "secret\x00"),
    ],
)
def test_values_that_mean_something_else_are_refused(kind: Kind, value: Any) -> None:
    """Nothing is guessed: text is not a number, a moment is not a date."""
    with pytest.raises(MisfitError) as caught:
        ValueFits(table("t", column("v", kind))).apply("v", value)
    assert "secret" not in str(caught.value)


def test_arrays_are_held_to_their_elements() -> None:
    """A list goes into an array column, element by element."""
    fits = ValueFits(table("t", column("v", Kind.TEXT, array=True)))
    assert fits.apply("v", ["a", None]) == ["a", None]
    with pytest.raises(MisfitError):
        fits.apply("v", [1])
    with pytest.raises(MisfitError):
        fits.apply("v", "a")
