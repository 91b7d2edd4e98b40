"""Chooses for each side of a table how its rows become canonical texts and hashes.

PostgreSQL   texts, hashes and sums inside the server
SQLite       texts by SQLite, hashes and sums here
Supabase     with the script like PostgreSQL, but the rows of unequal segments are hashed here
otherwise    everything here: behind plain REST, and where a column is spelled by Python alone
"""

from __future__ import annotations

from collections.abc import Mapping

from datalayer.stores.contract import Store
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.catalog import Facts, read_schema
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.client_half import ClientHalf
from datalayer.transfer.verifying.digests import MD5, SHA256, Digest
from datalayer.transfer.verifying.function_half import FunctionHalf, spelled_by_server
from datalayer.transfer.verifying.plans import Plan
from datalayer.transfer.verifying.postgres_half import PostgresHalf
from datalayer.transfer.verifying.snapshots import Side, together
from datalayer.transfer.verifying.sqlite_half import SqliteHalf
from datalayer.transfer.verifying.texts import Form, RowTexts, SideName, form_of
from datalayer.transfer.verifying.texts_postgres import postgres_columns, server_spells
from datalayer.transfer.verifying.texts_sqlite import SqliteTexts

_LOOSE = frozenset({Form.DOCUMENT, Form.ARRAY})


class CanonicalPlans:
    """Plans tables of one comparison."""

    def __init__(self, source: _SideTexts, target: _SideTexts, digest: Digest) -> None:
        self._source = source
        self._target = target
        self._digest = digest

    async def plan(self, pair: TablePair) -> Plan | None:
        """Return how a table is hashed; None where it has no key by which rows are found again."""
        if not pair.key or not pair.columns:
            return None
        inside = self._source.can_spell(pair) and self._target.can_spell(pair)
        source = self._source.half(pair, self._digest, among_servers=inside)
        target = self._target.half(pair, self._digest, among_servers=inside)
        rows = await together(source.rows(), target.rows())
        return Plan(
            source,
            target,
            method="canonical, by SHA-256" if self._digest is SHA256 else "canonical",
            bits=128,
            rows=max(rows),
            ranged=pair.key_is_whole_number,
            # Documents, and whatever SQLite stores, may be written in several ways with the same meaning.
            exact=not any(form_of(c.source.type, c.target.type) in _LOOSE for c in pair.columns)
            and not isinstance(source, SqliteHalf)
            and not isinstance(target, SqliteHalf),
        )


class _SideTexts:
    """One side's way to spell rows.

    Args:
        spells: whether it is a PostgreSQL server whose texts are Python's.
        facts: what a SQLite store knows of its tables.
    """

    def __init__(self, side: Side, name: SideName, *, spells: bool, facts: Mapping[str, Facts] | None) -> None:
        self._side = side
        self._name = name
        self._spells = spells
        self._facts = facts

    def can_spell(self, pair: TablePair) -> bool:
        """Whether it is a server that spells all columns of a table."""
        return self._spells and postgres_columns(pair, self._name) is not None

    def half(
        self, pair: TablePair, digest: Digest, *, among_servers: bool
    ) -> PostgresHalf | SqliteHalf | FunctionHalf | ClientHalf:
        """Return what hashes a table on this side."""
        if self._spells:
            columns = postgres_columns(pair, self._name, printed=among_servers)
            if columns is not None:
                return PostgresHalf(self._side, columns, digest)
        if self._facts is not None:
            facts = self._facts[pair.name]
            return SqliteHalf(self._side, pair, SqliteTexts(pair, self._name, facts.codecs), facts, digest)
        client = ClientHalf(self._side, pair, RowTexts(pair, self._name), digest)
        if self._side.store.name == "supabase":
            return _summed_by_function(self._side.store, pair, self._name, client)
        return client


def _summed_by_function(store: Store, pair: TablePair, name: SideName, client: ClientHalf) -> FunctionHalf | ClientHalf:
    from datalayer.stores.supabase import SupabaseStore

    spelled = spelled_by_server(pair, name)
    if not isinstance(store, SupabaseStore) or spelled is None:
        return client
    return FunctionHalf(store, spelled, client)


async def canonical_plans(source: Side, target: Side, *, strong: bool) -> CanonicalPlans:
    """Get ready to plan."""
    sides = await together(_side_texts(source, "source"), _side_texts(target, "target"))
    return CanonicalPlans(*sides, SHA256 if strong else MD5)


async def _side_texts(side: Side, name: SideName) -> _SideTexts:
    spells = side.store.name == "postgres" and await server_spells(side)
    facts = None
    if isinstance(side.store, SqliteStore):
        async with side.sqlite() as session:
            facts = await session.read(lambda connection: read_schema(connection).facts)
    return _SideTexts(side, name, spells=spells, facts=facts)
