"""A store made of two: each company's rows are asked for and written where its primary is.

What a question says of company_id decides. Reads that say nothing go to the main primary. Writes that say nothing are
split: each store changes the rows of its own companies. Nothing is ever written for one company in both stores.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from datalayer.errors import UnsupportedOperationError
from datalayer.query import Count, Delete, Filter, Insert, Row, Select, Update, Upsert, Written
from datalayer.routing.assignments import ANY, NOBODY, Assignments
from datalayer.routing.companies import COMPANY, company_of, of_all_others, of_companies, pinned
from datalayer.routing.holders import Holders
from datalayer.routing.late_transaction import LateTransaction, Question, late_transaction
from datalayer.routing.passing_store import Counting, PassingStore, Reading
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Isolation, Store

ChangeT = TypeVar("ChangeT", Update, Delete)
RowsT = TypeVar("RowsT", Insert, Upsert)


class CohortStore(PassingStore):
    """The main primary for most companies, the other store for the cohort.

    Args:
        main: answers and takes what is not the cohort's.
        other: the cohort's primary.
    """

    is_transparent = False

    def __init__(self, main: Store, other: Store, assignments: Assignments) -> None:
        super().__init__(main)
        self._main = main
        self._other = other
        self._assignments = assignments
        self._holders = Holders(main, other)

    def select(self, question: Select, *, timeout: float | None = None) -> Reading:
        """Return the rows that match."""
        return self._of_filter(question.where).select(question, timeout=timeout)

    def count(self, question: Count, *, timeout: float | None = None) -> Counting:
        """Return how many rows match."""
        return self._of_filter(question.where).count(question, timeout=timeout)

    def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows in bounded memory."""
        return self._of_filter(question.where).stream(question, chunk_rows=chunk_rows)

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none; rows of companies in both stores are refused."""
        concerned = NOBODY if await self._holders.is_nobodys(question.table) else ANY
        if concerned is NOBODY or self._is_undivided():
            async with self._assignments.writing(concerned, store=self.name, table=question.table):
                if concerned is NOBODY or self._is_undivided():
                    return await self._main.insert(question, timeout=timeout)
        owners = await self._holders.of_new(question)
        async with self._writing(owners, question.table):
            stores = {id(store): store for store in map(self._of_company, owners)}
            if len(stores) > 1:
                raise UnsupportedOperationError(
                    self.name,
                    f"an insert into {question.table} for companies in both stores, which could not be all or nothing",
                    "insert the rows of one company at a time",
                )
            store = next(iter(stores.values()), self._main)
            return await store.insert(question, timeout=timeout)

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update; atomic per store where the rows' companies are in both."""
        concerned = NOBODY if await self._holders.is_nobodys(question.table) else ANY
        if concerned is NOBODY or self._is_undivided():
            async with self._assignments.writing(concerned, store=self.name, table=question.table):
                if concerned is NOBODY or self._is_undivided():
                    return await self._main.upsert(question, timeout=timeout)
        owners = await self._holders.of_upsert(question)
        async with self._writing(owners, question.table):
            self._refuse_foreign_holders(question, await self._holders.of_targets(question), owners)
            written = Written(0, [])
            rows: dict[int, Row] = {}
            for store in (self._other, self._main):
                indexes = [index for index, owner in enumerate(owners) if self._of_company(owner) is store]
                if not indexes and (owners or store is self._other):
                    continue
                part = replace(question, rows=[question.rows[index] for index in indexes])
                answer = await store.upsert(part, timeout=timeout)
                rows.update(zip(indexes, answer.rows, strict=False))
                written = Written(written.count + answer.count, [])
            return Written(written.count, [rows[index] for index in sorted(rows)])

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match, each in its company's store."""
        if COMPANY in question.changes:
            self._refuse_change_of_company(question)

        def send(store: Store, part: Update) -> Awaitable[Written]:
            return store.update(part, timeout=timeout)

        return await self._change(question, send)

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match, each in its company's store."""

        def send(store: Store, part: Delete) -> Awaitable[Written]:
            return store.delete(part, timeout=timeout)

        return await self._change(question, send)

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AsyncIterator[LateTransaction]:
        """Open a transaction in the store of the first company that is asked for."""
        async with (
            self._assignments.writing(ANY, store=self.name, table="*"),
            late_transaction(
                self.name, self._choice, isolation=isolation, read_only=read_only, timeout=timeout
            ) as transaction,
        ):
            yield transaction

    async def close(self) -> None:
        """Close both stores."""
        await self._main.close()
        await self._other.close()

    async def _change(self, question: ChangeT, send: Callable[[Store, ChangeT], Awaitable[Written]]) -> Written:
        companies, concerned = pinned(question.where), ANY
        if await self._holders.is_nobodys(question.table, deleted=isinstance(question, Delete)):
            concerned = NOBODY
        async with self._assignments.writing(companies or concerned, store=self.name, table=question.table):
            others = self._assignments.others
            if not others or (companies is not None and not companies & others):
                return await send(self._main, question)
            if companies is not None and companies <= others:
                return await send(self._other, question)
            written = [
                await send(store, replace(question, where=where))
                for store, where in await self._split(question.table, question.where, others)
            ]
            return Written(sum(part.count for part in written), [row for part in written for row in part.rows])

    async def _split(
        self, name: str, where: Filter | None, others: frozenset[str]
    ) -> Sequence[tuple[Store, Filter | None]]:
        """Return a filter for each store that matches the rows of its own companies alone."""
        table = (await self._main.catalog()).table(name, store=self.name, operation="write")
        if COMPANY in table.by_name:
            parts = (self._other, of_companies(table, others)), (self._main, of_all_others(table, others))
            return [(store, part if where is None else where & part) for store, part in parts]
        if await self._holders.parent_of(table) is None:
            return [(self._main, where)]
        return await self._split_by_parent(table, where, others)

    async def _split_by_parent(
        self, table: Table, where: Filter | None, others: frozenset[str]
    ) -> Sequence[tuple[Store, Filter | None]]:
        """Look up whose the matching rows are, in each store by itself: there its own companies' rows are true."""
        parts: list[tuple[Store, Filter | None]] = []
        for store in (self._other, self._main):
            companies_of_store = partial(_is_among, others, wanted=store is self._other)
            own = await self._holders.children_of(store, table, where, companies_of_store)
            parts += [(store, one if where is None else where & one) for one in own]
        return parts or [(self._main, where)]

    @asynccontextmanager
    async def _writing(self, owners: Sequence[str | None], table: str) -> AsyncIterator[None]:
        companies = frozenset(owner for owner in owners if owner is not None)
        async with self._assignments.writing(companies or ANY, store=self.name, table=table):
            yield

    def _is_undivided(self) -> bool:
        """Whether all companies are in the main primary, so that nobody has to be looked up."""
        return not self._assignments.others and not self._assignments.moving

    def _of_company(self, company: str | None) -> Store:
        return self._other if company in self._assignments.others else self._main

    def _of_filter(self, where: Filter | None) -> Store:
        others = self._assignments.others
        if not others:
            return self._main
        companies = pinned(where)
        return self._other if companies and companies <= others else self._main

    def _refuse_foreign_holders(
        self, question: Upsert, holders: Sequence[str | None], owners: Sequence[str | None]
    ) -> None:
        """Refuse to give a row of one store's company to a company of the other."""
        for index, (holder, owner) in enumerate(zip(holders, owners, strict=True)):
            if holder is not None and self._of_company(holder) is not self._of_company(owner):
                raise UnsupportedOperationError(
                    self.name,
                    f"an upsert into {question.table} (row {index}) over a row of a company in the other store",
                    "delete that row first, or put both companies into one store",
                )

    def _refuse_change_of_company(self, question: Update) -> None:
        companies, goal = pinned(question.where), company_of(question.changes)
        others = self._assignments.others
        stores = {self._of_company(company) for company in companies} if companies is not None else set()
        if others and stores != {self._of_company(goal)}:
            raise UnsupportedOperationError(
                self.name,
                f"an update of {question.table} that gives rows to a company of the other store",
                "filter by company_id, and move rows between companies of one store only",
            )

    def _choice(self, question: Question, current: Store | None) -> Store:
        """Choose where a transaction is; a question about another store's company is refused."""
        companies = self._companies_of(question)
        others = self._assignments.others
        if companies is None:
            if current is None and others and not isinstance(question, Select | Count):
                raise UnsupportedOperationError(
                    self.name,
                    f"a transaction whose first write, to {question.table}, does not say which company it is for",
                    "filter by company_id, or give it in every row",
                )
            return current or self._main
        stores = {id(store): store for store in map(self._of_company, companies)}
        wanted = [*stores.values()] or [current or self._main]
        if len(wanted) > 1 or (current is not None and wanted[0] is not current):
            raise UnsupportedOperationError(
                self.name,
                f"a transaction over companies in both stores (at {question.table})",
                "make it a transaction for each company",
            )
        return wanted[0]

    def _companies_of(self, question: Question) -> frozenset[str] | None:
        if not isinstance(question, Insert | Upsert):
            return pinned(question.where)
        owners: list[Any] = [company_of(row) for row in question.rows]
        return None if None in owners else frozenset(owners)


def _is_among(companies: frozenset[str], company: str | None, *, wanted: bool) -> bool:
    return (company in companies) is wanted
