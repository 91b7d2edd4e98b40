"""Questions: plain frozen data with safe defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from datalayer.query import Count, Delete, Insert, Select, Update, Upsert

QUESTIONS = [
    Select("t"),
    Count("t"),
    Insert("t", [{"a": 1}]),
    Upsert("t", [{"a": 1}], ("a",)),
    Update("t", {"a": 1}),
    Delete("t"),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: type(question).__name__)
def test_question_cannot_be_changed(question: Any) -> None:
    """A question is a value: it can be kept, logged and asked again."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        question.table = "other"


def test_writes_do_not_touch_every_row_by_default() -> None:
    """Update and delete need a filter unless every row is meant."""
    assert Update("t", {"a": 1}).every_row is False
    assert Delete("t").every_row is False


def test_select_asks_for_all_rows_and_columns_by_default() -> None:
    """No hidden limit: a limit is always the caller's."""
    question = Select("t")
    assert (question.limit, question.offset, question.columns, question.order) == (None, 0, None, ())
