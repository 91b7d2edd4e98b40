"""Columns of stored values as COPY's text: the way that looks at them together says what the way one by one says."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.transfer.tables import column

from datalayer.stores.catalog import Column, Kind
from datalayer.stores.sqlite.decode import DECODERS
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.readers.copy_text import NULL, to_texts
from datalayer.transfer.unreadable import UNREADABLE

_COLUMNS = {
    "text": (column("c", Kind.TEXT), column("c", Kind.TEXT)),
    "short text": (column("c", Kind.TEXT), column("c", Kind.TEXT, "varchar(5)")),
    "padded text": (column("c", Kind.TEXT), column("c", Kind.TEXT, "character(5)")),
    "required text": (column("c", Kind.TEXT), column("c", Kind.TEXT, nullable=False)),
    "integer": (column("c", Kind.BIGINT), column("c", Kind.INTEGER)),
    "numeric": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(5,2)")),
    "whole numeric": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(3)")),
    "fraction": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(2,2)")),
    "small fraction": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(2,5)")),
    "double": (column("c", Kind.DOUBLE), column("c", Kind.DOUBLE)),
    "timestamp": (column("c", Kind.TIMESTAMP), column("c", Kind.TIMESTAMP)),
    "boolean": (column("c", Kind.BOOLEAN), column("c", Kind.BOOLEAN)),
}
_TEXTS = st.text("ab\\\t\n\r\0é", max_size=6)
_PLAIN = {
    "integer": st.integers(-9, 9) | st.sampled_from([2**31 - 1, -(2**31), 2**31, 2**63]),
    "numeric": st.integers(-9, 1100)
    | st.decimals(-999, 999, places=2).map(float)
    | st.sampled_from([1e-7, 0.125, 1e9]),
    "double": st.floats(allow_nan=False),
    "timestamp": st.datetimes().map(str)
    | st.dates().map(lambda day: f"{day}T01:02:03.123")
    | st.just("2026-02-30 10:00:00"),
    "boolean": st.integers(0, 2),
}
_PLAIN["whole numeric"] = _PLAIN["numeric"]
_PLAIN["fraction"] = _PLAIN["small fraction"] = st.sampled_from([0, 1, -1, 0.5, -0.25, 0.00099, 0.125])
_SIGNS = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
#: What PostgreSQL reads from COPY's text.
_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: lambda text: re.sub(r"\\[\\tnr]", lambda sign: _SIGNS[sign[0]], text),
    Kind.INTEGER: int,
    Kind.NUMERIC: Decimal,
    Kind.DOUBLE: float,
    Kind.TIMESTAMP: dt.datetime.fromisoformat,
    Kind.BOOLEAN: {"True": True, "False": False}.__getitem__,
}


@pytest.mark.parametrize("name", _COLUMNS)
@given(data=st.data())
def test_a_column_is_read_as_its_values_one_by_one(name: str, data: st.DataObject) -> None:
    """Also among NULLs, and with values that are none of the column's type."""
    source, target = _COLUMNS[name]
    plain = _PLAIN.get(name, _TEXTS)
    stored = data.draw(st.lists(plain) | st.lists(plain | st.none()) | st.lists(plain | _TEXTS | st.integers(-3, 3)))
    convert, texts = _conversion(source, target), to_texts(source, target, _conversion(source, target))
    try:
        expected = [convert(value) for value in stored]
    except MisfitError:
        with pytest.raises(MisfitError):
            texts(stored)
        return
    read = _READ[target.type.kind]
    assert [None if text == NULL else read(text) for text in texts(stored)] == expected


def _conversion(source: Column, target: Column) -> Callable[[Any], Any]:
    fitted = fit(source, target)

    def convert(stored: Any) -> Any:
        try:
            value = None if stored is None else DECODERS[source.type.kind](stored)
        except UNREADABLE:
            raise MisfitError("unreadable") from None
        return fitted(value)

    return convert
