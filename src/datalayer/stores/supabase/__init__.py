"""Supabase through PostgREST: supabase-py's client, exact values, answers read to their end."""

from datalayer.errors import ConfigurationError

try:
    import supabase as _client  # noqa: F401 - an application that has finished its move need not have it
except ModuleNotFoundError:
    raise ConfigurationError("Supabase's client is not installed: pip install 'datalayer[supabase]'") from None

from datalayer.stores.supabase.store import SupabaseStore

__all__ = ["SupabaseStore"]
