"""Tables that the tests of this room ask about."""

from __future__ import annotations

from datalayer.stores.catalog import Column, ColumnType, Kind, Table


def column(name: str, kind: Kind = Kind.TEXT, *, declared: str | None = None, nullable: bool = True) -> Column:
    """Return a column; a declared type that ends in [] is an array."""
    spelled = declared or kind.value
    return Column(name, ColumnType(kind, spelled, array=spelled.endswith("[]")), nullable=nullable)


PEOPLE = Table(
    "people",
    columns=(
        column("id", Kind.BIGINT, nullable=False),
        column("name"),
        column("age", Kind.INTEGER),
        column("price", Kind.NUMERIC),
        column("doc", Kind.JSONB),
        column("tags", declared="text[]"),
        column("two words"),
        column("mood", declared="public.mood"),
    ),
    primary_key=("id",),
    keys_known=False,
)

KEYLESS = Table(
    "log",
    columns=(column("line"), column("raw", Kind.JSON), column("span", declared="interval")),
    keys_known=False,
)

PAIRS = Table(
    "pairs",
    columns=(column("a", Kind.INTEGER, nullable=False), column("b", Kind.INTEGER, nullable=False), column("c")),
    primary_key=("a", "b"),
    keys_known=False,
)
