"""URLs as they may be shown."""

from __future__ import annotations

import pytest

from datalayer.urls import place, without_secrets


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://app:s3cret@db/shop", "postgresql://app@db/shop"),
        ("postgresql://app:s3c@ret#1?@db:6432/shop", "postgresql://app@db:6432/shop"),
        ("postgresql://app@db/shop?sslmode=require", "postgresql://app@db/shop?sslmode=require"),
        ("postgresql:///shop?host=/tmp&user=app&password=s3cret", "postgresql:///shop?host=/tmp&user=app"),
        ("postgresql:///shop?pass%77ord=s3cret", "postgresql:///shop"),
        ("postgresql://db/shop?sslpassword=s3cret&user=a@b", "postgresql://db/shop?user=a@b"),
        ("postgresql://db:5432/shop?user=a@b", "postgresql://db:5432/shop?user=a@b"),
        ("--source=postgresql://app:s3cret@db/shop", "--source=postgresql://app@db/shop"),
        ("supabase://key:s3cret@host", "supabase://key@host"),
        ("sqlite:////srv/a@b:c.db", "sqlite:////srv/a@b:c.db"),
        ("password", "password"),
    ],
)
def test_secrets_are_left_out_of_urls(given: str, shown: str) -> None:
    """Passwords go wherever a URL can hold them, and nothing else does."""
    assert without_secrets(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://app:s3cret@db:6432/shop?sslmode=require", "postgresql://db:6432/shop"),
        ("postgresql://app:s3c@ret#1?@db/shop", "postgresql://db/shop"),
        ("postgresql://app:s3c#ret@db/shop", "postgresql://db/shop"),
        ("postgresql://app@db/shop", "postgresql://db/shop"),
        ("postgresql:///shop?host=/tmp&user=app&password=s3cret&port=6432", "postgresql:///shop?host=/tmp&port=6432"),
        ("postgresql://app:s3c?host=ret@db/shop", "postgresql://db/shop"),
        ("supabase://project.supabase.co", "supabase://project.supabase.co"),
        ("sqlite:////srv/a@b:c#1.db", "sqlite:////srv/a@b:c#1.db"),
    ],
)
def test_a_place_has_neither_user_nor_password(given: str, shown: str) -> None:
    """It is what an export and a page of evidence say of their stores."""
    assert place(given) == shown


@pytest.mark.parametrize("option", ["", "--source="])
@pytest.mark.parametrize("scheme", ["supabase", "supabase+http"])
def test_a_supabase_url_is_shown_without_its_query(scheme: str, option: str) -> None:
    """It has none: what somebody wrote there may be a key, under any name."""
    assert without_secrets(f"{option}{scheme}://h:1?apikey=GEHEIM#x") == f"{option}{scheme}://h:1"
    assert without_secrets(f"{option}{scheme}://h:1#GEHEIM") == f"{option}{scheme}://h:1"
