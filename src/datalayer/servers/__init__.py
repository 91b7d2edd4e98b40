"""Throwaway servers for tests and the demo: PostgreSQL from a wheel, PostgREST from npm. Never for production data."""
