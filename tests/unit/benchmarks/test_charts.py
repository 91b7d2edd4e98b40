"""Charts: well-formed, to scale, and one for each section."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import names
from benchmarks.charts import Scale, chart, write_charts
from benchmarks.sections import Line, Section
from tests.unit.benchmarks.figures import figure

_SVG = "{http://www.w3.org/2000/svg}"


def bars(section: Section) -> list[tuple[str, float, float]]:
    """Return kind, left end and width of every bar."""
    root = ElementTree.fromstring(chart(section))  # noqa: S314 - our own text
    return [
        (bar.attrib["class"], float(bar.attrib["x"]), float(bar.attrib["width"])) for bar in root.iter(f"{_SVG}rect")
    ]


def test_bars_lead_from_the_baseline_to_the_ratio() -> None:
    """Twice as fast and twice as slow are as long, on either side of 1."""
    one, faster, slower = bars(Section("Read", "raw", [Line("a", 1, 1), Line("b", 0.5, 1), Line("c", 2, 1, ours=True)]))
    assert one[2] == 2.0
    assert faster[1] + faster[2] == pytest.approx(one[1])
    assert slower[1] == one[1]
    assert slower[2] == pytest.approx(faster[2])
    assert [kind for kind, _, _ in (one, faster, slower)] == ["peer", "peer", "ours"]


def test_chart_escapes_its_words() -> None:
    """Names with signs of XML do no harm."""
    ElementTree.fromstring(chart(Section("<a & b>", '"c"', [Line("<d>", 1, 1)])))  # noqa: S314 - our own text


@pytest.mark.parametrize(
    ("ratios", "ends"), [([1.0], (0, 1)), ([0.3, 1.0, 7.4], (-2, 3)), ([1.0, 1.1], (0, 1)), ([0.4], (-2, 0))]
)
def test_scale_has_every_ratio_and_one(ratios: list[float], ends: tuple[int, int]) -> None:
    """It ends at powers of two."""
    scale = Scale.over(ratios)
    assert (scale.lowest, scale.highest) == ends


def test_scale_marks_no_more_than_can_be_read() -> None:
    """A wide scale marks every second or third power, and 1 always."""
    ticks = Scale(-6, 12).ticks
    assert 1 in ticks
    assert len(ticks) <= 10


def test_each_section_has_a_file(tmp_path: Path) -> None:
    """Calls share one chart, and so do tables that grow."""
    figures = [
        figure(names.SINGLE_READ, names.RAW, 1.0),
        figure("call a", names.CALL_SUPABASE, 1.0),
        figure("call a", names.CALL_POSTGRES, 0.2),
        figure("call b", names.CALL_POSTGRES, 0.3),
        figure(names.growing_read(names.RAW), "10 rows", 1.0),
        figure(names.growing_read(names.OURS), "10 rows", 1.0),
    ]
    files = write_charts(tmp_path / "charts", figures)
    assert [file.name for file in files] == [
        "single-row-read.svg",
        "the-calls-of-an-application.svg",
        "the-same-call-as-its-table-grows.svg",
    ]
    assert all(file.exists() for file in files)
