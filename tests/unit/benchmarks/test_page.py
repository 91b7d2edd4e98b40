"""The part of a page that a run writes."""

from __future__ import annotations

import pytest
from benchmarks import names
from benchmarks.page import BEGIN, END, fill_in
from tests.unit.benchmarks.figures import figure

_FIGURES = [
    figure(names.SINGLE_READ, names.RAW, 1.0, peak_mb=40),
    figure(names.SINGLE_READ, names.OURS, 1.1, peak_mb=60),
]


def test_figures_take_the_place_between_the_marks() -> None:
    """What stood there goes, what stands around it stays, and doing it twice changes nothing."""
    page = fill_in(f"# Title\n\n{BEGIN}\nold\n{END}\n\nend\n", _FIGURES)
    assert page.startswith("# Title\n\n" + BEGIN)
    assert page.endswith(END + "\n\nend\n")
    assert "old" not in page
    assert fill_in(page, _FIGURES) == page


def test_page_shows_ratios_and_targets() -> None:
    """Times of one machine mean nothing elsewhere: neither seconds nor megabytes are shown."""
    page = fill_in(f"{BEGIN}{END}", _FIGURES)
    assert "| single-row read | datalayer: at most 1.2 x raw psycopg | 1.10 | yes |" in page
    assert "| **datalayer** | 1.10 | 1.5 | 1.50 |" in page
    assert "![Single-row read](benchmarks/single-row-read.svg)" in page
    assert " ms" not in page


def test_page_without_marks_is_refused() -> None:
    """A page is never overwritten."""
    with pytest.raises(ValueError, match="lacks"):
        fill_in("# Title\n", _FIGURES)
