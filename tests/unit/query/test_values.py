"""JSON_NULL: the JSON document null, which is not SQL NULL."""

from __future__ import annotations

import copy

from pydantic import BaseModel

from datalayer.query import JSON_NULL, JsonNull, col


class Document(BaseModel):
    """A model with a column that may hold JSON null."""

    body: JsonNull | dict[str, int] | None


def test_json_null_is_one_instance_however_it_is_made() -> None:
    """Identity survives construction, copying and pickling, so `is JSON_NULL` is a safe test."""
    assert JsonNull() is JSON_NULL
    assert copy.deepcopy(JSON_NULL) is JSON_NULL
    rebuild, arguments = JSON_NULL.__reduce__()
    assert rebuild(*arguments) is JSON_NULL


def test_json_null_is_falsy_and_not_none() -> None:
    """Code that asks `if row["data"]` treats it as empty; it still differs from SQL NULL."""
    assert not JSON_NULL
    assert JSON_NULL is not None
    assert repr(JSON_NULL) == "JSON_NULL"


def test_json_null_is_a_value_to_compare_with() -> None:
    """Only None is refused in comparisons; the JSON null is an ordinary document."""
    assert col("body").eq(JSON_NULL).value is JSON_NULL


def test_json_null_passes_through_a_model_and_dumps_as_null() -> None:
    """A pydantic model keeps the difference in Python and writes null in JSON."""
    document = Document(body=JSON_NULL)
    assert document.body is JSON_NULL
    assert document.model_dump() == {"body": JSON_NULL}
    assert document.model_dump_json() == '{"body":null}'
    assert Document(body=None).body is None
