"""Events for the tests of the sinks."""

from __future__ import annotations

from datalayer.telemetry import CallEvent

GOOD = CallEvent("postgres", "select", "clients", 0.012, 3, pool_size=4, pool_waiting=1)
FAILED = CallEvent("postgres", "upsert", "clients", 0.2, 0, error="UnavailableError", pool_size=0, pool_waiting=0)
REFUSED = CallEvent("sqlite", "insert", "staff", 0.001, 0, error="UniqueViolationError")
SLOW = CallEvent("supabase", "select", "services", 0.7, 63)
WITHOUT_TABLE = CallEvent("postgres", "transaction", "", 0.03, 0)
