"""Batches of rows checked whole: one call into pydantic's core for all rows, and no model object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

#: Schemas whose valid values are written as they are. A value of any other kind may have a model inside, or a way of
#: its own to be written.
_AS_THEY_ARE = frozenset(
    {
        "none", "bool", "int", "float", "decimal", "str", "bytes", "date", "time", "datetime", "timedelta", "uuid",
        "enum", "literal", "nullable", "default", "union", "list", "model-field",
        "function-before", "function-after", "function-wrap",
    }
)  # fmt: skip


class BatchChecker:
    """Checks batches against a model of optional fields, and answers dicts; see :class:`RowWriter`.

    What is wrong with a batch it does not say: that takes a second look, row by row.
    """

    def __init__(self, twin: type[BaseModel], annotations: Mapping[str, Any]) -> None:
        dynamic: Any = TypedDict
        row = dynamic("Row", dict(annotations), total=False)
        row.__pydantic_config__ = ConfigDict(**twin.model_config)
        whole: Any = list
        self._rows: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(whole[row])
        fields = _field_schemas(twin)
        self._dumped = {
            name: TypeAdapter(whole[annotation]).serializer
            for name, annotation in annotations.items()
            if not _is_written_as_it_is(fields.get(name))
        }

    def checked(
        self, rows: Sequence[dict[str, Any]], context: Mapping[str, Any], required: tuple[str, ...]
    ) -> list[dict[str, Any]] | None:
        """Answer rows as they are to be written; None where one breaks a rule or lacks a required column."""
        try:
            if any(None in map(itemgetter(name), rows) for name in required):
                return None
            checked = self._rows.validate_python(rows, context=context)
        except (KeyError, ValidationError):
            return None
        for name, serializer in self._dumped.items():
            holders = [row for row in checked if name in row]
            dumped = serializer.to_python(list(map(itemgetter(name), holders)), by_alias=True)
            for row, value in zip(holders, dumped, strict=True):
                row[name] = value
        return checked


def has_aliases(model: type[BaseModel]) -> bool:
    """Whether a field goes by another name than its own."""
    return any(
        field.alias or field.validation_alias or field.serialization_alias for field in model.model_fields.values()
    )


def _field_schemas(twin: type[BaseModel]) -> Mapping[str, Any]:
    """Return the schema of each field; none where pydantic built the model's in a way that is not known here."""
    schema: Any = twin.__pydantic_core_schema__
    inner = schema.get("schema", {}) if schema.get("type") == "model" else {}
    fields: Mapping[str, Any] = inner.get("fields", {}) if inner.get("type") == "model-fields" else {}
    return fields


def _is_written_as_it_is(schema: Any) -> bool:
    if isinstance(schema, tuple):  # a member of a union with its label
        schema = schema[0]
    if not isinstance(schema, dict) or schema.get("type") not in _AS_THEY_ARE or "serialization" in schema:
        return False
    inner = [schema[key] for key in ("schema", "items_schema") if key in schema]
    return all(map(_is_written_as_it_is, [*inner, *schema.get("choices", ())]))
