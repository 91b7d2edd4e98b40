"""Values that Python has no word for."""

from __future__ import annotations

from typing import Any, Final, final

from pydantic_core import core_schema


@final
class JsonNull:
    """The JSON document ``null``, which is not SQL NULL. There is one instance, :data:`JSON_NULL`; it is falsy."""

    __slots__ = ()
    _instance: JsonNull | None = None

    def __new__(cls) -> JsonNull:
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __reduce__(self) -> tuple[type[JsonNull], tuple[()]]:
        return JsonNull, ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.is_instance_schema(
            cls, serialization=core_schema.plain_serializer_function_ser_schema(lambda _: None, when_used="json")
        )


JSON_NULL: Final = JsonNull()
