"""Keys in Supabase's form."""

from __future__ import annotations

from datalayer.servers.tokens import signed_key


def test_key_is_a_signed_token_for_the_role() -> None:
    """Three parts, without padding; another secret makes another signature."""
    key = signed_key("anon", "secret")
    head, claims, signature = key.split(".")
    assert head == "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9"
    assert "=" not in key
    assert signed_key("anon", "other").split(".")[:2] == [head, claims]
    assert signed_key("anon", "other").split(".")[2] != signature
