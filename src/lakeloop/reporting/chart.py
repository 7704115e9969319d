"""A line chart of realised loss against the baseline, as coordinates for an inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lakeloop.reporting.content import WindowPerformance
from lakeloop.reporting.judgements import Promotion

WIDTH, HEIGHT = 1100, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 18, 34
_GRID_LINES = 4
_MIN_SPAN = 1e-6
_LABEL_WIDTH = 90
_LAST_LABEL_WIDTH = 130


@dataclass(frozen=True)
class Dot:
    """A point with what it says."""

    x: float
    y: float
    says: str


@dataclass(frozen=True)
class Line:
    """A series: unbroken stretches as SVG `points`, and its dots."""

    name: str
    stretches: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis, in pixels."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Everything to draw, in pixels from the upper left corner of WIDTH x HEIGHT.

    Attributes:
        lines: The model, then the baseline.
        y_ticks: Horizontal grid lines.
        x_ticks: Window ends.
        marks: Promotions, as vertical lines.
        left: Left edge of the plot.
        right: Right edge.
        top: Upper edge.
        bottom: Lower edge.
    """

    lines: tuple[Line, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def draw_losses(windows: Sequence[WindowPerformance], promotions: Sequence[Promotion]) -> Chart | None:
    """Draw the realised loss of each window next to the baseline's.

    A window that was not judged breaks the line. The vertical axis fits the values, it does not start at 0.

    Args:
        windows: Windows, oldest first.
        promotions: Judgements; the promoted ones inside the chart's time are marked.

    Returns:
        The chart; None without a judged window.
    """
    values = [value for window in windows for value in (window.loss, window.baseline) if value is not None]
    if not values:
        return None
    low, high = min(values), max(values)
    margin = max((high - low) * 0.1, _MIN_SPAN)
    low, high = low - margin, high + margin
    first, last = windows[0].end, windows[-1].end
    seconds = max((last - first).total_seconds(), 1.0)
    single = first == last

    def x_of(instant: datetime) -> float:
        share = 0.5 if single else (instant - first).total_seconds() / seconds
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y_of(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    def line(name: str, figure: Callable[[WindowPerformance], float | None]) -> Line:
        stretches: list[list[Dot]] = [[]]
        for window in windows:
            value = figure(window)
            if value is None:
                stretches.append([])
            else:
                says = f"{name} {value:.4f}, window to {window.end:%Y-%m-%d}, version {window.version or '-'}"
                stretches[-1].append(Dot(x_of(window.end), y_of(value), says))
        return Line(
            name,
            tuple(" ".join(f"{dot.x},{dot.y}" for dot in stretch) for stretch in stretches if len(stretch) > 1),
            tuple(dot for stretch in stretches for dot in stretch),
        )

    steps = [low + (high - low) * step / (_GRID_LINES - 1) for step in range(_GRID_LINES)]
    promoted = sorted((each.as_of, each.version) for each in promotions if each.outcome == "promoted")
    return Chart(
        lines=(line("model", lambda each: each.loss), line("constant", lambda each: each.baseline)),
        y_ticks=tuple(Tick(y_of(step), f"{step:.3f}") for step in steps),
        x_ticks=_spread([Tick(x_of(window.end), f"{window.end:%Y-%m-%d}") for window in windows]),
        marks=tuple(Tick(x_of(as_of), f"v{version}") for as_of, version in promoted if first <= as_of <= last),
    )


def _spread(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Keep the ticks whose labels do not run into each other, the last one (which stands left of its place) first."""
    kept: list[Tick] = []
    for tick in reversed(ticks):
        room = _LAST_LABEL_WIDTH if len(kept) == 1 else _LABEL_WIDTH
        if not kept or kept[-1].at - tick.at >= room:
            kept.append(tick)
    return tuple(reversed(kept))
