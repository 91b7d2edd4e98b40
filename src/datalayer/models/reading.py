"""Rows as a store answers them, made into models."""

from __future__ import annotations

import functools
from types import GenericAlias
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

ModelT = TypeVar("ModelT", bound=BaseModel)


@functools.cache
def list_adapter(model: type[ModelT]) -> TypeAdapter[list[ModelT]]:
    """Return the adapter that validates many rows in one call; it is built at the first use of the model."""
    rows: Any = GenericAlias(list, model)
    return TypeAdapter(rows)


def misfit(error: ValidationError) -> tuple[str, str]:
    """Say which column of a row did not fit its model, and why, without the value."""
    detail = error.errors(include_url=False, include_input=False, include_context=False)[0]
    columns = [str(part) for part in detail["loc"] if isinstance(part, str)]
    return (columns[0] if columns else "row"), detail["msg"]
