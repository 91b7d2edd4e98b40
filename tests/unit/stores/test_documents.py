"""JSON documents, one and many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.errors import InvalidValueError
from datalayer.query import JSON_NULL
from datalayer.stores.documents import dump_document, dump_documents

_TEXTS = st.text(alphabet='\0a",[]{}:\\', max_size=3)
_LEAVES = st.one_of(st.just(JSON_NULL), st.booleans(), st.integers(), st.floats(allow_nan=False, width=32), _TEXTS)
_DOCUMENTS = st.recursive(
    _LEAVES.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_DOCUMENTS, max_size=6))
def test_many_documents_are_written_as_each_alone(documents: list[Any]) -> None:
    """Whatever is in them, what stands between two included."""
    assert dump_documents(documents) == [dump_document(document) for document in documents]


def test_a_document_may_hold_what_stands_between_two() -> None:
    """As a value, a key, or a document of its own."""
    documents = [["a", "\0", "b"], "\0", {"\0": "\0"}, "\0"]
    assert dump_documents(documents) == ['["a","\\u0000","b"]', '"\\u0000"', '{"\\u0000":"\\u0000"}', '"\\u0000"']


def test_a_document_inside_of_itself_is_refused() -> None:
    """Its depth ends it, alone and among others."""
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(InvalidValueError, match="cannot be written as JSON"):
        dump_document(circular)
    with pytest.raises(InvalidValueError, match="cannot be written as JSON"):
        dump_documents([{}, circular])


def test_one_document_without_a_form_refuses_all() -> None:
    """Nothing is written of a column with such a document."""
    with pytest.raises(InvalidValueError, match="a set inside of a JSON document has no exact form"):
        dump_documents([{"a": 1}, {"a": {1, 2}}])
