"""Rows as a store answers them, made into models."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import GenericAlias
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

ModelT = TypeVar("ModelT", bound=BaseModel)


@functools.cache
def row_validator(model: type[ModelT]) -> Callable[[dict[str, Any]], ModelT]:
    """Return what makes a model of one row, found once for all calls.

    The model is built here: a deferred build from a bare validator looks for names five frames up the stack, which a
    task of an event loop written in C does not have.
    """
    model.model_rebuild()
    return model.__pydantic_validator__.validate_python


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
