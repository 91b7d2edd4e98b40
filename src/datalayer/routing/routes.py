"""Which table's primary is where, checked against the live schemas: no foreign key points into another store."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind, route_variable
from datalayer.stores.catalog import Catalog


def resolve_routes(
    given: Mapping[str, StoreKind],
    default: StoreKind,
    catalogs: Mapping[StoreKind, Catalog],
    repositories: Mapping[str, str] | None = None,
) -> dict[str, StoreKind]:
    """Return the tables whose primary is not the default store.

    Args:
        given: by name of a table or of a repository.
        default: the primary of all other tables.
        catalogs: live schemas of the stores that are named, the default included.
        repositories: table of each repository by the repository's name.

    Raises:
        ConfigurationError: a name is unknown, or tables joined by foreign keys would be split; says which to add.
    """
    routes: dict[str, StoreKind] = {}
    for name, kind in given.items():
        table = _table(name, kind, catalogs[kind], repositories or {})
        if routes.setdefault(table, kind) is not kind:
            raise ConfigurationError(
                f"table {table} is routed to {routes[table].value} and to {kind.value}: remove one of them",
                variables=(route_variable(name), route_variable(table)),
            )
    problems = [
        _split_message(split)
        for scope in closed_scopes(catalogs.values())
        if len(set((split := {table: routes.get(table, default) for table in scope}).values())) > 1
    ]
    if problems:
        raise ConfigurationError("; ".join(problems), variables=tuple(route_variable(name) for name in given))
    return {table: kind for table, kind in routes.items() if kind is not default}


def closed_scopes(catalogs: Iterable[Catalog]) -> list[frozenset[str]]:
    """Return the sets of tables that foreign keys join, in any of the schemas; tables that stand alone are left out."""
    scopes: dict[str, set[str]] = {}
    for catalog in catalogs:
        for table in catalog.tables.values():
            for key in table.foreign_keys:
                joined = scopes.get(table.name, {table.name}) | scopes.get(key.target_table, {key.target_table})
                scopes.update(dict.fromkeys(joined, joined))
    return sorted({frozenset(scope) for scope in scopes.values() if len(scope) > 1}, key=sorted)


def _table(name: str, kind: StoreKind, catalog: Catalog, repositories: Mapping[str, str]) -> str:
    if name in catalog.tables:
        return name
    if repositories.get(name) in catalog.tables:
        return repositories[name]
    near = difflib.get_close_matches(name, [*catalog.tables, *repositories], n=1)
    hint = f"; did you mean {route_variable(near[0])}?" if near else ""
    variable = route_variable(name)
    raise ConfigurationError(
        f"{variable}={kind.value}: {kind.value} has no table {name}{hint}", variables=(variable, "DATALAYER_ROUTES")
    )


def _split_message(split: Mapping[str, StoreKind]) -> str:
    """Say how the tables that are joined can be joined in one store again, for each store that has some of them."""
    ways = []
    for kind in sorted(set(split.values())):
        others = sorted(table for table, other in split.items() if other is not kind)
        ways.append(" ".join(f"{route_variable(table)}={kind.value}" for table in others))
    tables = ", ".join(f"{table} ({kind.value})" for table, kind in sorted(split.items()))
    return f"foreign keys join tables that are routed to different stores, {tables}: set {', or '.join(ways)}"
