"""What a Supabase key tells about itself."""

from __future__ import annotations

import base64
from typing import Final

from pydantic_core import from_json

_SERVICE_ROLE: Final = "service_role"

#: What the keys of Supabase's newer kind that are made for browsers begin with; the others begin with sb_secret_.
_PUBLISHABLE: Final = "sb_publishable_"


def lesser_role(key: str) -> str | None:
    """Name the role of a key that is plainly not the service role's; None for any other key.

    The key's signature is not checked, which is the server's business.
    """
    if key.startswith(_PUBLISHABLE):
        return "a publishable key"
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = from_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    if not isinstance(role, str) or role == _SERVICE_ROLE:
        return None
    return "the anon role's key" if role == "anon" else "a key of another role"
