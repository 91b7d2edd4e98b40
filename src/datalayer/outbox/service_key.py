"""Whether a Supabase key sees all rows, as far as the key itself tells."""

from __future__ import annotations

from datalayer.errors import AccessDeniedError


def check_service_key(key: str, *, must_tell: bool = False) -> None:
    """Raise AccessDeniedError for a Supabase key that is known not to be the service role's.

    Args:
        must_tell: refuse a key that names no role, too: nothing else would show that it sees all rows.
    """
    from datalayer.stores.supabase.keys import role_of

    role = role_of(key)
    if role is None and must_tell:
        role = "(it names none)"
    if role is not None and role != "service_role":
        raise AccessDeniedError(
            f"the key is the role {role}'s, from whom row security hides rows, which would be taken for deleted ones",
            store="supabase",
            operation="check",
            sqlstate="42501",
            hint="set SUPABASE_SERVICE_ROLE_KEY to the service role's key",
        )
