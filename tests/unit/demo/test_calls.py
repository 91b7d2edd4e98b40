"""The calls of the demo are the calls of the library, all of them."""

from __future__ import annotations

from datalayer.demo.calls import regular_phone, salon_calls
from datalayer.demo.salon import build_salon
from datalayer.layer.calls import Calls
from datalayer.models import normalise_phone
from datalayer.repositories import RepositorySet

SALON = build_salon()


def test_every_named_call_is_made_once_and_writes_come_first() -> None:
    """The twenty calls and the health check, the six that write before those that read."""
    named = {name for name in vars(Calls) if not name.startswith("_")} - set(vars(RepositorySet))
    made = [call.name for call in salon_calls(SALON)]
    assert len(made) == 21
    assert sorted(made) == sorted([*named, "health_check"])
    assert all(name.startswith("upsert_") for name in made[:6])
    assert not any(name.startswith("upsert_") for name in made[6:])


def test_phone_is_asked_for_as_people_write_it() -> None:
    """The call by phone has something to normalise, and finds the first client."""
    phone = SALON["clients"][0]["phone"]
    assert regular_phone(SALON).startswith("8 (9")
    assert normalise_phone(regular_phone(SALON)) == phone
