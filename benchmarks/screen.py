"""Figures on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.compare import NOISE, Change
from benchmarks.figures import Figure
from benchmarks.targets import Claim


class Screen:
    """Results go to stdout; what is going on goes to stderr."""

    def __init__(self) -> None:
        self._results = Console()
        self._notes = Console(stderr=True)

    def note(self, text: str) -> None:
        """Say what is going on."""
        self._notes.print(text, style="dim", highlight=False)

    def figures(self, scenario: str, figures: Sequence[Figure]) -> None:
        """Show one scenario."""
        table = _table(scenario, "variant", "p50 ms", "p95 ms", "per second", "ratio", "peak MB")
        for row in figures:
            table.add_row(
                row.variant,
                f"{row.p50_ms:,.3f}",
                f"{row.p95_ms:,.3f}",
                f"{row.per_second:,.1f}",
                f"{row.ratio:.2f}",
                "" if row.peak_mb is None else f"{row.peak_mb:,.0f}",
            )
        self._results.print(table)

    def claims(self, claims: Sequence[Claim]) -> None:
        """Show targets beside what was measured."""
        if not claims:
            return
        table = _table("targets", "scenario", "target", "measured", "")
        for claim in claims:
            met = "met" if claim.met else "[bold red]not met[/]"
            table.add_row(claim.scenario, claim.target, f"{claim.measured:,.2f}", met)
        self._results.print(table)

    def changes(self, changes: Sequence[Change]) -> None:
        """Show two runs side by side."""
        table = _table("ratios, old and new", "scenario", "variant", "old", "new", "new / old", "")
        for change in changes:
            table.add_row(
                change.scenario,
                change.variant,
                _number(change.old),
                _number(change.new),
                _number(change.factor),
                change.verdict,
            )
        self._results.print(table)
        self._results.print(f"differences below {NOISE} are taken for noise", style="dim", highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        words = column in {"", "variant", "scenario", "target"}
        table.add_column(column, justify="left" if words else "right")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
