"""Every scenario of a run, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from benchmarks import transfer_copy, transfer_memory, transfer_verify
from benchmarks.figures import Figure
from benchmarks.scenarios import (
    bulk_strategies,
    bulk_upsert,
    callers,
    cold_start,
    dual_write,
    growth,
    keeping,
    keyed_list,
    lists,
    pages,
    relay,
    single_read,
    streaming,
    transaction,
    twenty_calls,
    upsert,
)
from benchmarks.stage import Stage

Scenario: TypeAlias = Callable[[Stage], Awaitable[list[Figure]]]

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "single-read": single_read.measure,
    "keyed-list": keyed_list.measure,
    "lists": lists.measure,
    "pages": pages.measure,
    "upsert": upsert.measure,
    "bulk-upsert": bulk_upsert.measure,
    "bulk-strategies": bulk_strategies.measure,
    "transaction": transaction.measure,
    "callers": callers.measure,
    "growth": growth.measure,
    "streaming": streaming.measure,
    "memory": keeping.measure,
    "cold-start": cold_start.measure,
    "dual-write": dual_write.measure,
    "twenty-calls": twenty_calls.measure,
    "relay": relay.measure,
    "copy": transfer_copy.measure,
    "verify": transfer_verify.measure,
    "transfer-memory": transfer_memory.measure,
}
