"""Every scenario of a run, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.stage import Stage

Scenario: TypeAlias = Callable[["Stage"], Awaitable[list["Figure"]]]

#: Modules by the names of the command line; they import what is measured, which need not be installed to ask for help.
SCENARIOS: Final[Mapping[str, str]] = {
    "single-read": "scenarios.single_read",
    "keyed-list": "scenarios.keyed_list",
    "lists": "scenarios.lists",
    "pages": "scenarios.pages",
    "upsert": "scenarios.upsert",
    "bulk-upsert": "scenarios.bulk_upsert",
    "bulk-strategies": "scenarios.bulk_strategies",
    "transaction": "scenarios.transaction",
    "callers": "scenarios.callers",
    "growth": "scenarios.growth",
    "streaming": "scenarios.streaming",
    "memory": "scenarios.keeping",
    "cold-start": "scenarios.cold_start",
    "dual-write": "scenarios.dual_write",
    "twenty-calls": "scenarios.twenty_calls",
    "relay": "scenarios.relay",
    "copy": "transfer_copy",
    "verify": "transfer_verify",
    "transfer-memory": "transfer_memory",
}


def scenario(name: str) -> Scenario:
    """Import a scenario of :data:`SCENARIOS`."""
    found: Scenario = import_module(f"benchmarks.{SCENARIOS[name]}").measure
    return found
