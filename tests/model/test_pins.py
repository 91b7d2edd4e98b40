"""The protocol towards a secondary without a function of ours: what holds, and what every weaker rule would lose."""

from __future__ import annotations

import sys

import pytest
from tests.model.pins import Protocol, explore


@pytest.mark.parametrize("pin", ["before the read", "after, ledger"])
@pytest.mark.parametrize("writes", [(2, 0), (0, 2), (2, 0, 3)])
def test_relays_end_equal(pin: str, writes: tuple[int, ...]) -> None:
    """One apply in flight per key, read under its pin or checked against the ledger under it, ends equal."""
    protocol = Protocol("before the read") if pin == "before the read" else Protocol("after, ledger")
    assert explore(protocol, writes).counterexample is None


@pytest.mark.parametrize(
    "protocol",
    [
        pytest.param(Protocol("never"), id="no pin: an apply lands late"),
        pytest.param(Protocol("after"), id="read before the pin, and no ledger"),
        pytest.param(Protocol("before the read", release="timeout"), id="pin released while the apply can still land"),
        pytest.param(Protocol("after, ledger", release="timeout"), id="the same with a ledger"),
        pytest.param(Protocol("before the read", late="send"), id="pin runs from the take, request sent late"),
        pytest.param(Protocol("before the read", settle="all"), id="settle what was not seen"),
    ],
)
def test_a_weaker_rule_is_found_out(protocol: Protocol) -> None:
    """Each rule is needed: without it some order of steps ends with different stores and nothing owed."""
    found = explore(protocol, (2, 3)).counterexample
    assert found is not None
    assert len(found) > 0
    sys.stdout.write(f"{len(found)} steps: {'; '.join(found)}\n")
