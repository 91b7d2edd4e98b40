"""Supabase through PostgREST: supabase-py's client, exact values, answers read to their end."""

from datalayer.stores.supabase.store import SupabaseStore

__all__ = ["SupabaseStore"]
