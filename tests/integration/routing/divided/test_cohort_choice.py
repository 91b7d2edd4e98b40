"""Which companies settings choose, and what is said of those that they cannot."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.routing.divided.companies import cohort
from tests.integration.routing.salons import CLIENT, carry, postgres_of, settled
from tests.integration.routing.waiting import until

from datalayer import (
    ConfigurationError,
    DataLayer,
    DualHealth,
    GivenSettings,
    UnavailableError,
    open_store,
)
from datalayer.layer.backfilling import resync_pair
from datalayer.query import Insert, Update, col


async def test_phone_selects_its_company(pair: dict[str, Any]) -> None:
    """Not the client alone: a company is never split, and the number may be written in any way."""
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        await layer.upsert_client({**CLIENT, "company_id": 7, "phone": "+79686484488"})
        await until(lambda: settled(layer))
    async with DataLayer.open(GivenSettings(**pair, test_phone="8 (968) 648-44-88")) as layer:
        await until(lambda: layer.cohort == {"7"})
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        assert layer.cohort == {"7"}
        await until(lambda: layer.cohort == frozenset(), seconds=60)


async def test_company_that_does_not_exist_is_told_of(pair: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in typing is in the log and in the health, by its name; a company that is there is not."""
    async with DataLayer.open(cohort(pair)) as layer:
        await layer.upsert_company({"company_id": 7, "title": "Салон"})
    async with DataLayer.open(cohort(pair, "7", "78", "79")) as layer:
        health = await layer.health_check()
    assert isinstance(health, DualHealth)
    assert health.unknown_companies == ("78", "79")
    assert any("DATALAYER_COHORT_COMPANIES names 78, 79" in message for message in caplog.messages)


@pytest.mark.parametrize("impossible", ["x", "007", "-7", "٧", "9223372036854775808"])
async def test_company_that_cannot_be_is_refused(pair: dict[str, Any], impossible: str) -> None:
    """No row can ever have it where companies are numbers, so it would be moved again and again."""
    with pytest.raises(ConfigurationError, match=f"DATALAYER_COHORT_COMPANIES names {impossible}, and") as caught:
        async with DataLayer.open(cohort(pair, "7", impossible)):
            pass
    assert caught.value.variables == ("DATALAYER_COHORT_COMPANIES",)


async def test_phone_that_selects_nobody_is_told_of_by_its_place(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which variable, and which one of a list; no digits of it. A stored plus makes no difference."""
    store = await open_store(f"supabase+{pair['supabase_url']}", key=pair["supabase_service_role_key"])
    await store.insert(Insert("clients", [{**CLIENT, "company_id": 7, "phone": "+79686484488"}]))
    await store.close()
    phones = ("8 (968) 648-44-88", "+7 968 648 44 89", "12")
    settings = GivenSettings(**pair, datalayer_cohort_phones=phones, test_phone="+79686484480")
    async with DataLayer.open(settings) as layer:
        await until(lambda: settled(layer))
    told = [message for message in caplog.messages if "PHONE" in message]
    assert told == [
        "DATALAYER_COHORT_PHONES (1 of 3) selects company 7 as a whole",
        "DATALAYER_COHORT_PHONES (2 of 3) is no client's and no company's phone in supabase, and selects nobody",
        "DATALAYER_COHORT_PHONES (3 of 3) is no phone number and selects nobody",
        "TEST_PHONE is no client's and no company's phone in supabase, and selects nobody",
    ]


async def test_cohort_needs_both_stores(pair: dict[str, Any]) -> None:
    """Where nobody can say which store a company is in, nothing is written to either."""
    with pytest.raises(UnavailableError):
        async with DataLayer.open(cohort({**pair, "database_url": "postgresql://nobody@127.0.0.1:1/x"}, "7")):
            pass


async def test_cohort_does_not_begin_with_a_store_that_was_written_while_it_followed(pair: dict[str, Any]) -> None:
    """A job changed a row there: a relay would carry that over the newer row. A resync lets it go."""
    plain, wanted = cohort(pair), cohort(pair, "7")
    async with DataLayer.open(plain) as layer, postgres_of(pair) as store:
        await layer.upsert_client({**CLIENT, "company_id": 8})
        await until(lambda: settled(layer))
        await store.update(Update("clients", {"name": "by a job"}, col("company_id").eq(8)))
        with pytest.raises(ConfigurationError, match="postgres owes 1 change made while it followed"):
            await layer.reload(wanted)
    with pytest.raises(ConfigurationError, match=r"postgres owes 1 change made while it followed, .* by a cohort"):
        async with DataLayer.open(wanted):
            pass
    with pytest.raises(ConfigurationError, match="postgres owes 1 change made while it followed"):
        await carry(wanted)
    await resync_pair(plain, tables=["clients"])
    async with DataLayer.open(plain) as layer:
        await until(lambda: settled(layer))
    async with DataLayer.open(wanted) as layer:
        await until(lambda: layer.cohort == {"7"})
        assert await layer.clients.count(name="by a job") == 0
