"""Routes: names against live schemas, and no foreign key between two stores."""

from __future__ import annotations

import pytest

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.routing.routes import closed_scopes, resolve_routes
from datalayer.stores.catalog import Catalog, ForeignKey, Table

POSTGRES, SUPABASE = StoreKind.POSTGRES, StoreKind.SUPABASE


def catalog(**references: list[str]) -> Catalog:
    """Build tables, each with the tables that its foreign keys point to."""
    return Catalog(
        {
            name: Table(
                name,
                (),
                foreign_keys=tuple(ForeignKey(f"{name}_{to}", (f"{to}_id",), to, ("id",)) for to in targets),
            )
            for name, targets in references.items()
        }
    )


SALON = catalog(clients=[], staff=[], bookings=[], reminders=["bookings"], appointments_cache=[])
CATALOGS = {POSTGRES: SALON, SUPABASE: SALON}


def test_routes_keep_what_differs_from_the_default() -> None:
    """A route to where the table is anyway changes nothing; a repository's name stands for its table."""
    given = {"clients": POSTGRES, "staff": SUPABASE, "appointments": POSTGRES}
    routes = resolve_routes(given, SUPABASE, CATALOGS, {"appointments": "appointments_cache"})
    assert routes == {"clients": POSTGRES, "appointments_cache": POSTGRES}


def test_routes_refuse_to_split_what_foreign_keys_join() -> None:
    """The message names every table that would have to come along, or go back."""
    with pytest.raises(ConfigurationError) as caught:
        resolve_routes({"bookings": POSTGRES}, SUPABASE, CATALOGS)
    assert "DATALAYER_ROUTE_REMINDERS=postgres" in str(caught.value)
    assert "DATALAYER_ROUTE_BOOKINGS=supabase" in str(caught.value)
    both = {"bookings": POSTGRES, "reminders": POSTGRES}
    assert resolve_routes(both, SUPABASE, CATALOGS) == both


def test_routes_count_foreign_keys_of_either_store() -> None:
    """A reference that only one of the schemas has joins the tables all the same."""
    catalogs = {POSTGRES: SALON, SUPABASE: catalog(clients=[], staff=["clients"])}
    with pytest.raises(ConfigurationError, match="DATALAYER_ROUTE_STAFF=postgres"):
        resolve_routes({"clients": POSTGRES}, SUPABASE, catalogs)


def test_routes_name_the_nearest_table() -> None:
    """A slip in a variable's name is told with the variable that was meant."""
    with pytest.raises(ConfigurationError, match="did you mean DATALAYER_ROUTE_CLIENTS") as caught:
        resolve_routes({"cleints": POSTGRES}, SUPABASE, CATALOGS)
    assert caught.value.variables[0] == "DATALAYER_ROUTE_CLEINTS"


def test_routes_refuse_two_primaries_of_one_table() -> None:
    """A table and the repository over it cannot go different ways."""
    given = {"appointments": POSTGRES, "appointments_cache": SUPABASE}
    with pytest.raises(ConfigurationError, match="appointments_cache is routed to"):
        resolve_routes(given, SUPABASE, CATALOGS, {"appointments": "appointments_cache"})


def test_scopes_join_chains_of_references() -> None:
    """Tables are joined through others, in whatever order they come; a table that refers to itself stands alone."""
    scopes = closed_scopes([catalog(a=["b"], c=["d"], d=["b"], e=["e"], f=[])])
    assert scopes == [frozenset("abcd")]
