"""The part of a Markdown page that a run writes: targets beside what was measured, then a section per scenario."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.figures import Figure
from benchmarks.sections import Section, sections
from benchmarks.targets import Claim, check_targets

BEGIN = "<!-- figures: written by a run -->"
END = "<!-- end of the figures -->"


def fill_in(page: str, figures: Sequence[Figure], charts: str = "benchmarks") -> str:
    """Return the page with everything between its two marks replaced.

    Args:
        charts: directory of the charts, as seen from the page.

    Raises:
        ValueError: the page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}, between which the figures go")
    parts = [BEGIN, *_targets(check_targets(figures))]
    for section in sections(figures):
        parts += _section(section, charts)
    return before + "\n\n".join([*parts, END]) + after


def _targets(claims: Sequence[Claim]) -> Iterator[str]:
    if claims:
        rows = [
            (claim.scenario, claim.target, f"{claim.measured:,.2f}", "yes" if claim.met else "**no**")
            for claim in claims
        ]
        yield "## Targets"
        yield _table(("scenario", "target", "measured", "met"), rows)


def _section(section: Section, charts: str) -> Iterator[str]:
    yield f"## {section.title}"
    yield f"![{section.title}]({charts}/{section.slug}.svg)"
    with_memory = any(line.memory is not None for line in section.lines)
    rows = []
    for line in section.lines:
        label = f"**{line.label}**" if line.ours else line.label
        memory = ["" if line.memory is None else f"{line.memory:.2f}"] if with_memory else []
        rows.append([label, f"{line.ratio:.2f}", f"{line.spread:.1f}", *memory])
    head = ["", f"time, {section.baseline} = 1", "p95 / p50", *(["memory"] if with_memory else [])]
    yield _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
