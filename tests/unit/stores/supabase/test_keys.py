"""Keys: which of them are plainly not the service role's."""

from __future__ import annotations

import pytest

from datalayer.servers.tokens import signed_key
from datalayer.stores.supabase.keys import lesser_role

SECRET = "x" * 40


@pytest.mark.parametrize(
    ("key", "role"),
    [
        (signed_key("anon", SECRET), "the anon role's key"),
        (signed_key("authenticated", SECRET), "a key of another role"),
        (signed_key("service_role", SECRET), None),
        ("sb_publishable_abc", "a publishable key"),
        ("sb_secret_abc", None),
        ("wrong.s3cret.key", None),
        ("a.bnVsbA.c", None),
        ("a.\u00e9.c", None),
        ("key", None),
    ],
)
def test_lesser_role_is_told_by_the_key_itself(key: str, role: str | None) -> None:
    """The anon key that was pasted into the wrong variable is known; what cannot be read is not judged."""
    assert lesser_role(key) == role
