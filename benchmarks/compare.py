"""Two runs side by side: what became faster or slower, by ratios, so that the machines may differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure

#: Gaps below this are noise on a small machine.
NOISE = 1.3


@dataclass(frozen=True, slots=True)
class Change:
    """One variant in two runs; a side that lacks it has None."""

    scenario: str
    variant: str
    old: float | None
    new: float | None

    @property
    def factor(self) -> float | None:
        """The new ratio over the old one: below 1 it became faster."""
        if self.old is None or self.new is None:
            return None
        return self.new / self.old

    @property
    def verdict(self) -> str:
        """The change in a word; nothing where it is noise."""
        if self.factor is None:
            return "new" if self.old is None else "gone"
        if self.factor >= NOISE:
            return "slower"
        return "faster" if self.factor <= 1 / NOISE else ""


def compare(old: Sequence[Figure], new: Sequence[Figure]) -> list[Change]:
    """Pair what both runs measured, in the new one's order; what only the old one has comes last."""
    before = {(figure.scenario, figure.variant): figure.ratio for figure in old}
    after = {(figure.scenario, figure.variant): figure.ratio for figure in new}
    return [Change(*pair, before.get(pair), after.get(pair)) for pair in {**after, **before}]
