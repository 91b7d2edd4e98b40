"""Stores whose key may not see all rows: said wherever rows are moved, counted or compared."""

from __future__ import annotations

from datalayer.stores.contract import Store


def hidden_rows(*stores: Store) -> list[str]:
    """Return a note on each Supabase whose key is not known to be the service role's."""
    notes = []
    for store in stores:
        if store.name != "supabase":
            continue
        from datalayer.stores.supabase import SupabaseStore
        from datalayer.stores.supabase.keys import role_of

        if isinstance(store, SupabaseStore) and (role := role_of(store.key)) != "service_role":
            whose = "names no role" if role is None else f"is the role {role}'s"
            notes.append(
                f"Supabase's key {whose}, and row level security may hide rows from it: they would be neither moved nor"
                " compared; set SUPABASE_SERVICE_ROLE_KEY to the service role's key"
            )
    return notes
