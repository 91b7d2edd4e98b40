"""Charts as SVG: bars from the baseline's line, to the left faster, to the right slower, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.sections import Line, Section, sections

_WIDTH: Final = 760
_LABELS: Final = 270
_VALUES: Final = 60
_TOP: Final = 58
_BAR: Final = 18
_STEP: Final = 27
_STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .small { font-size: 11px; fill: #6e7781 }
  .grid { stroke: #d8dee4 } .one { stroke: #57606a }
  .peer { fill: #afb8c1 } .ours { fill: #1f6feb } .mine { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #8d96a0 } .grid { stroke: #30363d } .one { stroke: #8d96a0 }
    .peer { fill: #6e7681 } .ours { fill: #4493f8 }
  }
"""


def write_charts(directory: Path, figures: Iterable[Figure]) -> list[Path]:
    """Draw every section into the directory, and return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for section in sections(figures):
        file = directory / f"{section.slug}.svg"
        file.write_text(chart(section))
        files.append(file)
    return files


def chart(section: Section) -> str:
    """Draw one section."""
    scale = Scale.over([line.ratio for line in section.lines])
    height = _TOP + _STEP * len(section.lines) + 10
    subtitle = f"time against {section.baseline} = 1; left is faster, right is slower (logarithmic)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(section.title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="8" y="20">{escape(section.title)}</text>',
            f'<text class="small" x="8" y="36">{escape(subtitle)}</text>',
            *_grid(scale, height),
            *(part for place, line in enumerate(section.lines) for part in _bar(line, place, scale)),
            "</svg>\n",
        ]
    )


class Scale:
    """Places ratios between the labels and the values.

    Args:
        lowest: power of two at the left end, at most 0.
        highest: power of two at the right end, at least 0.
    """

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest = lowest
        self.highest = highest

    @classmethod
    def over(cls, ratios: Iterable[float]) -> Scale:
        """Return the narrowest scale with all of them and 1 on it."""
        powers = [0.0, *(math.log2(ratio) for ratio in ratios)]
        lowest, highest = math.floor(min(powers)), math.ceil(max(powers))
        return cls(lowest, max(highest, lowest + 1))

    @property
    def ticks(self) -> list[float]:
        """The ratios to mark."""
        step = max(1, (self.highest - self.lowest) // 8)
        return [2.0**power for power in range(self.lowest, self.highest + 1) if power % step == 0]

    def place(self, ratio: float) -> float:
        """Return where the ratio is."""
        share = (math.log2(ratio) - self.lowest) / (self.highest - self.lowest)
        return round(_LABELS + share * (_WIDTH - _LABELS - _VALUES), 1)


def _grid(scale: Scale, height: int) -> Iterator[str]:
    for ratio in scale.ticks:
        x, kind = scale.place(ratio), "one" if ratio == 1 else "grid"
        yield f'<line class="{kind}" x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{height - 8}"/>'
        yield f'<text class="small" x="{x}" y="{_TOP - 9}" text-anchor="middle">{_tick(ratio)}</text>'


def _bar(line: Line, place: int, scale: Scale) -> Iterator[str]:
    top, kind, weight = _TOP + _STEP * place, "ours" if line.ours else "peer", ' class="mine"' if line.ours else ""
    ends = sorted((scale.place(1), scale.place(line.ratio)))
    base = top + 14
    yield f'<text{weight} x="{_LABELS - 10}" y="{base}" text-anchor="end">{escape(line.label)}</text>'
    width = max(2.0, round(ends[1] - ends[0], 1))
    yield f'<rect class="{kind}" x="{ends[0]}" y="{top}" width="{width}" height="{_BAR}" rx="2"/>'
    yield f'<text{weight} x="{ends[1] + 6}" y="{base}">{line.ratio:.2f}</text>'


def _tick(ratio: float) -> str:
    return f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"
