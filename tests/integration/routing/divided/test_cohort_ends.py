"""A cohort that settings end, or that another main primary takes along."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.divided.companies import cohort, command, environment_of, placements, there
from tests.integration.routing.salons import CLIENT, assert_equal, postgres_of, serving, settled, supabase_pair
from tests.integration.routing.waiting import until

from datalayer import (
    DataLayer,
    GivenSettings,
)
from datalayer.cli.errors import ExitCode
from datalayer.flags import resolve_mode
from datalayer.testing.servers import FoundServer


async def test_ended_cohort_leaves_nothing_behind(
    datalayer_postgres: FoundServer, salon_template: str, postgres: PostgresPlace
) -> None:
    """Its companies go with all others when the main primary changes, also those of which an old row has stayed."""
    async with serving(datalayer_postgres, salon_template, script=True) as supabase:
        pair = await supabase_pair(supabase, postgres)
        async with DataLayer.open(cohort(pair, "7", "8")) as layer:
            await until(lambda: layer.cohort == {"7", "8"})
            assert sorted(await placements(pair)) == [("7", "postgres"), ("8", "postgres")]
        async with DataLayer.open(GivenSettings(**pair)) as layer:
            await until(lambda: layer.cohort == frozenset())
            await until(lambda: settled(layer))
        assert await placements(pair) == []
        async with postgres_of(pair) as store:
            await store.execute(
                "insert into datalayer_cohorts (company, store, wanted, version)"
                " select company, 'supabase', 'supabase', 1 from unnest(array['7', '9']) company"
            )
        async with DataLayer.open(GivenSettings(**pair, use_legacy_supabase=False)) as layer:
            assert layer.cohort == frozenset()
            await layer.upsert_client({**CLIENT, "company_id": 7})
            assert await there(pair, "clients", company_id=7) == 1
        assert await placements(pair) == []


async def test_commands_look_both_ways_while_a_company_is_not_back(pair: dict[str, Any]) -> None:
    """Also where the settings name no cohort any more: what its store owes is shown, carried, and not dropped."""
    quiet = {**pair, "datalayer_relay": False}
    plain = GivenSettings(**quiet)
    environment = environment_of(plain)
    async with DataLayer.open(cohort(quiet, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        await layer.upsert_client({**CLIENT, "company_id": 7})
    code, shown = await command(environment, "outbox", "status", "--json")
    assert code == ExitCode.OK, shown
    tables = json.loads(shown)["tables"]
    assert [(table["store"], table["table"], table["waiting"]) for table in tables] == [("postgres", "clients", 1)]
    code, shown = await command(environment, "relay", "--once")
    assert code == ExitCode.OK, shown
    assert "postgres to supabase: 1 settled, 0 left" in shown
    await assert_equal(plain, resolve_mode(plain), "clients")
    code, shown = await command(environment, "outbox", "uninstall")
    assert code == ExitCode.USAGE
    assert "companies of a cohort are in the other store" in shown
    code, shown = await command(environment, "outbox", "uninstall", "--yes")
    assert code == ExitCode.OK, shown
    async with postgres_of(pair) as store:
        assert not any(name.startswith("datalayer_cohort") for name in (await store.catalog()).tables)


async def test_main_primary_takes_all_companies_along_where_a_cohort_goes_on(
    datalayer_postgres: FoundServer, salon_template: str, postgres: PostgresPlace
) -> None:
    """Only those that settings name are brought to the other store, from the first write on."""
    async with serving(datalayer_postgres, salon_template, script=True) as supabase:
        pair = await supabase_pair(supabase, postgres)
        async with DataLayer.open(cohort(pair, "7")) as layer:
            await until(lambda: layer.cohort == {"7"})
        async with postgres_of(pair) as store:
            await store.execute(
                "insert into datalayer_cohorts (company, store, wanted, version)"
                " values ('8', 'supabase', 'supabase', 1)"
            )
        async with DataLayer.open(cohort(pair, "9", use_legacy_supabase=False)) as layer:
            assert layer.cohort == frozenset()
            for company in (7, 8):
                await layer.upsert_client({**CLIENT, "company_id": company})
                assert await there(pair, "clients", company_id=company) == 1
            await until(lambda: layer.cohort == {"9"})
        assert await placements(pair) == [("9", "supabase")]
