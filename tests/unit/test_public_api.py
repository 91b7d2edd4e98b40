"""The public names: all there, loaded late, and the same calls in both styles."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

import datalayer
from datalayer import errors
from datalayer.layer import DataLayer, EnvelopeCalls
from datalayer.layer.calls import Calls
from datalayer.layer.schema import DOMAIN
from datalayer.repositories import BaseRepository, RepositorySet

CALLS = [
    "get_dialog_context",
    "upsert_dialog_context",
    "get_client_by_phone",
    "get_client_by_id",
    "get_client_appointments",
    "get_upcoming_appointments",
    "search_clients_by_name",
    "upsert_client",
    "upsert_clients",
    "get_staff_by_id",
    "get_staff",
    "get_staff_schedules",
    "get_staff_schedule",
    "upsert_staff_schedules",
    "get_services",
    "get_service_by_id",
    "get_services_by_category",
    "upsert_services",
    "get_company",
    "upsert_company",
]

#: Loaded when they are used, and never by importing the package or opening a layer.
LATE = ["supabase", "sentry_sdk", "rich", "typer", "phonenumbers", "stamina", "prometheus_client", "opentelemetry"]


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and tell which modules it loaded."""
    script = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("name", datalayer.__all__)
def test_public_name_is_there(name: str) -> None:
    """Every name of __all__ can be imported."""
    assert getattr(datalayer, name) is not None
    assert name in dir(datalayer)


def test_public_names_include_every_error() -> None:
    """Whoever catches an error can name it from the package."""
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.DataLayerError)
    }
    assert tree <= set(datalayer.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as on any module."""
    misspelt = "DataLair"
    with pytest.raises(AttributeError, match="no attribute 'DataLair'"):
        getattr(datalayer, misspelt)


def test_import_loads_nothing_heavy() -> None:
    """Importing the package costs next to nothing: not even the database drivers are loaded."""
    loaded = loaded_after("import datalayer")
    assert not loaded & {"psycopg", "pydantic", "pydantic_settings", *LATE}


def test_import_of_the_layer_loads_no_optional_part() -> None:
    """What a mode does not use is not loaded with the layer."""
    loaded = loaded_after("from datalayer import *")
    assert not loaded & set(LATE)


def test_layer_has_the_twenty_calls_and_the_health_check() -> None:
    """The calls that application code makes exist by name, as coroutines."""
    assert [name for name in vars(Calls) if not name.startswith("_")] == CALLS
    assert all(inspect.iscoroutinefunction(getattr(DataLayer, name)) for name in [*CALLS, "health_check"])


@pytest.mark.parametrize("name", CALLS)
def test_envelope_call_has_the_signature_of_its_call(name: str) -> None:
    """A call site changes its style without changing its arguments."""
    assert inspect.signature(getattr(EnvelopeCalls, name)) == inspect.signature(getattr(Calls, name))


def test_schema_check_covers_every_repository_of_the_set() -> None:
    """A repository added to the set is checked at start as well."""
    made = _Recorder()
    for name, member in vars(RepositorySet).items():
        if isinstance(member, property):
            getattr(made, name)
    assert set(made.kinds) == set(DOMAIN)


class _Recorder(RepositorySet):
    """Remembers which repositories are asked for."""

    def __init__(self) -> None:
        self.kinds: list[type[BaseRepository[Any]]] = []

    def repository(self, kind: type[Any]) -> Any:
        """Remember the class."""
        self.kinds.append(kind)
