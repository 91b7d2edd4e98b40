"""Batches are checked whole, and come out as their rows would one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PlainSerializer, field_validator

from datalayer.errors import BatchItemError, InvalidValueError
from datalayer.models import Client, OnWrite
from datalayer.models.writing import writer_of
from datalayer.query import JSON_NULL

RU = {"phone_region": "RU"}


class Inner(BaseModel):
    """A document."""

    a: int = 1
    b: list[int] = []


@dataclass
class Plain:
    """Another kind of document."""

    a: int


class Mixed(BaseModel):
    """Fields that are written as they are, and fields that are not."""

    id: int
    name: Annotated[str, OnWrite(str.strip)] | None = None
    price: Decimal | None = Field(default=None, gt=0)
    day: dt.date | None = None
    tags: list[str | None] | None = None
    anything: Any = None
    inner: Inner | None = None
    inners: list[Inner | int] = []
    shouted: Annotated[str, PlainSerializer(str.upper)] = ""
    plain: Plain | None = None

    @field_validator("name")
    @classmethod
    def _no_digits(cls, value: str | None) -> str | None:
        if value is not None and any(letter.isdigit() for letter in value):
            raise ValueError("has digits")
        return value


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers() | st.just("7") | st.just("x"),
    "name": st.none() | st.text(max_size=3),
    "price": st.none() | st.decimals(allow_nan=False, allow_infinity=False) | st.floats(0, 9),
    "day": st.none() | st.dates() | st.dates().map(str),
    "tags": st.none() | st.lists(st.none() | st.text(max_size=2), max_size=2),
    "anything": st.sampled_from([None, JSON_NULL, 1, {"a": [Inner(), {}]}, Inner(a=5), (1, 2), Plain(3), [Plain(4)]]),
    "inner": st.sampled_from([None, Inner(a=2), {"b": [1]}]),
    "inners": st.sampled_from([[], [Inner()], [{"a": "3"}, 4]]),
    "shouted": st.text("aBc", max_size=3),
    "plain": st.sampled_from([None, Plain(1), {"a": 2}]),
    "unknown": st.just(1),
}
ROW = st.fixed_dictionaries({}, optional={name: value for name, value in VALUES.items() if name != "unknown"})


@given(rows=st.lists(ROW | st.fixed_dictionaries({}, optional=VALUES), max_size=5), size=st.integers(1, 3))
def test_a_batch_is_checked_as_its_rows_are(rows: list[Any], size: int) -> None:
    """The same values of the same types, or the same rows refused."""
    writer = writer_of(Mixed)
    one_by_one, bad = [], []
    for index, row in enumerate(rows):
        try:
            one_by_one.append(writer.check(row, RU, required=("id",)))
        except InvalidValueError:
            bad.append(index)
    parts: list[list[dict[str, Any]]] = []
    refused: tuple[int, ...] = ()
    try:
        parts += writer.check_batches(rows, RU, batch_rows=size, required=("id",))
    except BatchItemError as error:
        refused = error.indexes
    assert list(refused) == bad
    if not bad:
        assert repr([row for part in parts for row in part]) == repr(one_by_one)


@pytest.mark.parametrize("model", [Client, Mixed])
def test_a_batch_of_good_rows_needs_no_second_look(model: type[BaseModel], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows one by one are for telling what is wrong."""
    writer = writer_of(model)
    monkeypatch.delattr(type(writer), "_judge")
    rows: list[Mapping[str, Any]] = [{"name": "a"}, {"name": None}]
    assert list(writer.check_batches(rows, RU, batch_rows=10)) == [rows]


def test_a_batch_leaves_the_callers_rows_as_they_are() -> None:
    """Stamps and documents are laid over copies."""
    rows: list[dict[str, Any]] = [{"phone": "8 968 648-44-88", "ai_context": {"a": [1]}}]
    moment = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    [[checked]] = writer_of(Client).check_batches(rows, RU, batch_rows=5, stamps={"updated_at": moment})
    assert (checked["phone"], checked["updated_at"]) == ("79686484488", moment.replace(tzinfo=None))
    checked["ai_context"]["a"].append(2)
    assert rows == [{"phone": "8 968 648-44-88", "ai_context": {"a": [1]}}]
