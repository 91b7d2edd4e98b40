"""What a Supabase key tells about itself."""

from __future__ import annotations

import base64
from typing import Final

from pydantic_core import from_json

_SERVICE_ROLE: Final = "service_role"

#: What the keys of Supabase's newer kind begin with: those made for browsers, and the others.
_PUBLISHABLE, _SECRET = "sb_publishable_", "sb_secret_"


def role_of(key: str) -> str | None:
    """Name the role of a key as the key itself has it; None where it does not tell.

    The key's signature is not checked, which is the server's business.
    """
    if key.startswith((_PUBLISHABLE, _SECRET)):
        return _SERVICE_ROLE if key.startswith(_SECRET) else "anon"
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = from_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    return role if isinstance(role, str) else None


def lesser_role(key: str) -> str | None:
    """Say of a key that is plainly not the service role's what it is; None for any other key."""
    role = role_of(key)
    if role is None or role == _SERVICE_ROLE:
        return None
    if key.startswith(_PUBLISHABLE):
        return "a publishable key"
    return "the anon role's key" if role == "anon" else "a key of another role"
