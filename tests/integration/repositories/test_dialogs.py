"""Talks with clients, salons, WhatsApp sessions and events."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.integration.repositories.conftest import NOW
from tests.integration.repositories.samples import OTHER_SALON, SALON

from datalayer.errors import InvalidValueError
from datalayer.query import JSON_NULL
from datalayer.repositories import RepositorySet

NOON = NOW.replace(tzinfo=None)


async def test_dialog_contexts_are_written_by_user_alone(repositories: RepositorySet) -> None:
    """Also when the salon changes; the last activity is now."""
    dialogs = repositories.dialog_contexts
    first = await dialogs.upsert({"user_id": "79686484488", "company_id": SALON, "data": {"step": 1}})
    second = await dialogs.upsert({"user_id": "79686484488", "company_id": OTHER_SALON, "state": "booking"})
    assert (second.id, second.data, second.state) == (first.id, {"step": 1}, "booking")
    assert second.last_activity == NOON
    assert await dialogs.find_by_user("79686484488") == second
    assert await dialogs.find_by_user_and_company("79686484488", OTHER_SALON) == second
    assert await dialogs.find_by_user_and_company("79686484488", SALON) is None


async def test_save_messages_keeps_count_and_last_command(repositories: RepositorySet) -> None:
    """The command is laid beside other metadata; without one the metadata stays."""
    dialogs = repositories.dialog_contexts
    await dialogs.upsert({"user_id": "u", "context_metadata": {"language": "ru"}, "state": "idle"})
    row = await dialogs.save_messages("u", [{"role": "user", "text": "Привет"}], last_command="SEARCH_SLOTS")
    assert (row.message_count, row.state) == (1, "idle")
    assert row.context_metadata == {"language": "ru", "last_command": "SEARCH_SLOTS"}
    row = await dialogs.save_messages("u", [1, None, "три"], company_id=SALON)
    assert (row.messages, row.message_count, row.company_id) == ([1, None, "три"], 3, SALON)
    assert row.context_metadata == {"language": "ru", "last_command": "SEARCH_SLOTS"}


async def test_save_messages_begins_a_talk(repositories: RepositorySet) -> None:
    """A user that is new gets a context."""
    row = await repositories.dialog_contexts.save_messages("new", [], last_command="START")
    assert (row.messages, row.context_metadata) == ([], {"last_command": "START"})


async def test_messages_and_actions_are_ordered_by_time(repositories: RepositorySet) -> None:
    """Messages the latest first, actions as they came up."""
    times = [NOON, NOON + dt.timedelta(hours=1)]
    await repositories.messages.insert_many([{"content": str(n), "created_at": at} for n, at in enumerate(times)])
    await repositories.actions.insert_many([{"action_type": str(n), "created_at": at} for n, at in enumerate(times)])
    assert [row.content for row in await repositories.messages.list()] == ["1", "0"]
    assert [row.action_type for row in await repositories.actions.list()] == ["0", "1"]


async def test_a_company_needs_a_title(repositories: RepositorySet) -> None:
    """Written by the CRM's id."""
    with pytest.raises(InvalidValueError, match="title: is required"):
        await repositories.companies.upsert({"company_id": SALON})
    row = await repositories.companies.upsert({"company_id": SALON, "title": " Салон ", "sms_short_names": ["A", None]})
    assert (row.title, row.sms_short_names, row.updated_at) == ("Салон", ["A", None], NOON)
    assert await repositories.companies.find_by_company_id(SALON) == row
    assert await repositories.companies.find_by_company_id(OTHER_SALON) is None
    with pytest.raises(InvalidValueError, match="company_id: must be a positive integer"):
        await repositories.companies.find_by_company_id(-1)


async def test_whatsapp_sessions_are_kept_by_salon_type_and_id(repositories: RepositorySet) -> None:
    """Expired keys go away."""
    await repositories.whatsapp_auth.upsert({"company_id": "962302", "creds": {"me": 1}})
    auth = await repositories.whatsapp_auth.upsert({"company_id": "962302", "creds": {"me": 2}})
    assert auth.creds == {"me": 2}
    key = {"company_id": "962302", "key_type": "session"}
    await repositories.whatsapp_keys.upsert_many(
        [
            {**key, "key_id": "a", "value": {"x": 1}},
            {**key, "key_id": "b", "value": "text", "expires_at": NOW + dt.timedelta(hours=1)},
            {**key, "key_id": "c", "value": [], "expires_at": NOW - dt.timedelta(hours=1)},
            {**key, "key_type": "pre-key", "key_id": "a", "value": {"x": 2}},
        ]
    )
    assert await repositories.whatsapp_keys.delete_expired() == 1
    values = await repositories.whatsapp_keys.values_by_ids("962302", "session", ["a", "b", "c"])
    assert values == {"a": {"x": 1}, "b": "text"}


@pytest.mark.parametrize("salon", ["sqlite", "postgres"], indirect=True)
async def test_json_null_is_a_value(repositories: RepositorySet) -> None:
    """And not SQL NULL, which the column refuses; PostgREST cannot write it."""
    row = await repositories.whatsapp_auth.upsert({"company_id": "962302", "creds": JSON_NULL})
    assert row.creds is JSON_NULL


async def test_an_event_is_taken_once(repositories: RepositorySet) -> None:
    """By the id that the CRM gave it."""
    event = {"event_id": "e1", "event_type": "record", "company_id": SALON, "payload": {"id": 1}}
    await repositories.webhook_events.upsert(event)
    await repositories.webhook_events.upsert({**event, "processed_at": NOW})
    assert [row.processed_at for row in await repositories.webhook_events.list()] == [NOON]


async def test_events_and_synchronisations_are_written_as_they_come(repositories: RepositorySet) -> None:
    """Tables without a natural key are known by their id."""
    event = await repositories.marketplace_events.insert({"salon_id": SALON, "event_type": "install"})
    assert (await repositories.marketplace_events.get(id=event.id)).event_type == "install"
    for hour in (1, 2):
        at = NOON + dt.timedelta(hours=hour)
        await repositories.company_sync_status.insert({"company_id": SALON, "last_sync_at": at, "clients_synced": hour})
    assert [row.clients_synced for row in await repositories.company_sync_status.list(company_id=SALON)] == [2, 1]
