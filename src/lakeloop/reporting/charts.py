"""The charts of the report, each drawn for a wide and for a narrow page, so that its letters stay readable."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakeloop.reporting.calibration import Calibration
from lakeloop.reporting.estimates import EstimatedWindow
from lakeloop.reporting.figure import Ink, Size, draw_figure, place, set_time_axis
from lakeloop.reporting.judgements import GateCheck, Promotion
from lakeloop.reporting.windows import WindowPerformance

if TYPE_CHECKING:
    from lakeloop.reporting.figure import Axes

FULL, HALF, NARROW = 1180, 560, 340
"""Widths in pixels: the whole page, half of it, a phone."""

CHAMPION_CHECKS = ("no_worse_than_champion", "superior_to_champion")
PROMOTED = "promoted"
_MIN_MARGIN = 1e-6
_DOTS = (24.0, 260.0)  # areas of the smallest and the greatest dot, square pixels


@dataclass(frozen=True)
class Chart:
    """One chart in two widths, as `svg` elements."""

    wide: str
    narrow: str


def draw_chart(
    name: str, title: str, says: str, width: int, heights: tuple[int, int], paint: Callable[[Axes, bool], None]
) -> Chart:
    """Draw a chart in both widths.

    Args:
        name: Prefix of the ids.
        title: What it is.
        says: What it says, for those who cannot see it.
        width: Width of the wide one, pixels.
        heights: Heights of the wide and of the narrow one.
        paint: Draws on the axes; told whether they are the narrow ones.

    Returns:
        The chart.

    >>> draw_chart("line", "A line", "It rises.", HALF, (200, 150), lambda axes, _: axes.plot([0, 1])).wide[:26]
    '<svg viewBox="0 0 560 200"'
    """
    wide, narrow = Size(width, heights[0]), Size(NARROW, heights[1])
    return Chart(
        draw_figure(f"{name}-wide", title, says, wide, lambda axes: paint(axes, False)),
        draw_figure(f"{name}-narrow", title, says, narrow, lambda axes: paint(axes, True)),
    )


def draw_losses(
    name: str,
    windows: Sequence[WindowPerformance],
    promotions: Sequence[Promotion],
    words: str,
    says: str,
    estimates: Sequence[EstimatedWindow] = (),
) -> Chart | None:
    """Draw the realised loss of each window next to the constant's; promotions are marked, estimates drawn lighter.

    A window that was not judged breaks the line and has a cross on the axis. The vertical axis fits the values, it does
    not start at 0.

    Args:
        name: Prefix of the ids.
        windows: Windows, oldest first.
        promotions: Judgements; the promoted ones inside the chart's time are marked.
        words: The loss in words, with its unit.
        says: What the chart says, for those who cannot see it.
        estimates: What was expected of windows, oldest first.

    Returns:
        The chart; None without a judged window and without an estimate.

    >>> chart = draw_losses("loss", [judged], [], "log loss, nats", "It beat the constant.")
    >>> "Realised log loss, nats per window" in chart.wide
    True
    >>> draw_losses("loss", [], [], "log loss, nats", "") is None
    True
    """
    expected = [(place(each.end), each.loss) for each in estimates if each.loss is not None]
    if all(window.loss is None for window in windows) and not expected:
        return None
    ends = [window.end for window in windows] + [each.end for each in estimates if each.loss is not None]
    promoted = sorted({(each.as_of, each.version or "-") for each in promotions if each.outcome == PROMOTED})

    def paint(axes: Axes, narrow: bool) -> None:
        axes.plot(*_series(windows, lambda each: each.baseline), linestyle=(0, (4, 3)), color=Ink.SOFT.value)
        points = [at for at, _ in expected], [loss for _, loss in expected]
        axes.plot(*points, marker=".", linewidth=1.0, alpha=0.55, color=Ink.UNKNOWN.value)
        for window in windows:
            if window.loss is not None and window.loss_interval is not None:
                ends_of_loss = list(window.loss_interval)
                axes.plot([place(window.end)] * 2, ends_of_loss, color=Ink.ACCENT.value, linewidth=1.5, alpha=0.55)
        axes.plot(*_series(windows, lambda each: each.loss), marker="o", color=Ink.ACCENT.value)
        _pad(axes)
        _mark_unjudged(axes, windows, lambda each: each.loss)
        set_time_axis(axes, ends, ticks=4 if narrow else 13)
        last = None
        for as_of, version in promoted:
            if min(ends) <= as_of <= max(ends):
                axes.axvline(place(as_of), color=Ink.SOFT.value, linewidth=1.0, linestyle=(0, (1, 3)))
                apart = last is None or (as_of - last) > (max(ends) - min(ends)) * (0.12 if narrow else 0.03)
                if apart:
                    above = axes.get_xaxis_transform()
                    axes.text(place(as_of), 1.01, _name(version), ha="center", va="bottom", transform=above)
                    last = as_of
        axes.set_ylabel(words)

    return draw_chart(name, f"Realised {words} per window", says, FULL, (290, 250), paint)


def draw_bias(
    name: str, windows: Sequence[WindowPerformance], limit: float | None, words: str, says: str
) -> Chart | None:
    """Draw the bias of each window with its interval, and the declared limit.

    Args:
        name: Prefix of the ids.
        windows: Windows, oldest first.
        limit: Greatest absolute bias accepted; None when none is declared.
        words: Bias in words, with its unit.
        says: What the chart says.

    Returns:
        The chart; None without a judged window.

    >>> chart = draw_bias("bias", [judged], 0.05, "predicted minus realised", "Answers were too high.")
    >>> chart.wide.split('"')[1], chart.narrow.split('"')[1]
    ('0 0 560 320', '0 0 340 250')
    """
    judged = [window for window in windows if window.bias is not None]
    if not judged:
        return None

    def paint(axes: Axes, narrow: bool) -> None:
        axes.axhline(0.0, color=Ink.SOFT.value, linewidth=1.0)
        for edge in () if limit is None else (-limit, limit):
            axes.axhline(edge, color=Ink.BAD.value, linewidth=1.5, linestyle=(0, (4, 3)))
        for window in judged:
            if window.bias_lower is not None and window.bias_upper is not None:
                ends = [window.bias_lower, window.bias_upper]
                axes.plot([place(window.end)] * 2, ends, color=Ink.ACCENT.value, linewidth=1.5, alpha=0.55)
        axes.plot(*_series(judged, lambda each: each.bias), "o", color=Ink.ACCENT.value, markersize=4)
        _pad(axes)
        _mark_unjudged(axes, windows, lambda each: each.bias)
        set_time_axis(axes, [window.end for window in windows], ticks=4 if narrow else 7)
        axes.set_ylabel(words)

    return draw_chart(name, "Bias per window, with its interval", says, HALF, (320, 250), paint)


def draw_means(name: str, windows: Sequence[WindowPerformance], words: str, says: str) -> Chart | None:
    """Draw the mean prediction and the mean outcome of each window.

    Args:
        name: Prefix of the ids.
        windows: Windows, oldest first.
        words: The label in words.
        says: What the chart says.

    Returns:
        The chart; None without a judged window.

    >>> chart = draw_means("means", [judged], "minutes", "The mean prediction was above the mean outcome.")
    >>> "The mean prediction was above the mean outcome." in chart.wide
    True
    """
    if all(window.mean_score is None for window in windows):
        return None

    def paint(axes: Axes, narrow: bool) -> None:
        axes.plot(*_series(windows, lambda each: each.mean_outcome), linestyle=(0, (4, 3)), color=Ink.SOFT.value)
        axes.plot(*_series(windows, lambda each: each.mean_score), marker="o", color=Ink.ACCENT.value)
        _pad(axes)
        _mark_unjudged(axes, windows, lambda each: each.mean_score)
        set_time_axis(axes, [window.end for window in windows], ticks=4 if narrow else 7)
        axes.set_ylabel(words)

    return draw_chart(name, "Mean prediction and mean outcome per window", says, HALF, (320, 250), paint)


def draw_reliability(name: str, calibration: Calibration, says: str) -> Chart | None:
    """Draw realised against predicted shares; the area of a dot grows with its rows.

    Args:
        name: Prefix of the ids.
        calibration: What was recorded.
        says: What the chart says.

    Returns:
        The chart; None when nothing was recorded.

    >>> from lakeloop.reporting.calibration import ScoreStretch
    >>> stretches = (ScoreStretch("0.1 to 0.2", 600, 0.15, 0.14), ScoreStretch("0.3 to 0.4", 90, 0.34, 0.41))
    >>> chart = draw_reliability("shares", Calibration("2", windows=1, stretches=stretches), "It says too little.")
    >>> "realised share" in chart.wide, ">40%<" in chart.wide, draw_reliability("shares", Calibration(), "") is None
    (True, True, True)
    """
    stretches = calibration.stretches
    if not stretches:
        return None
    top = max(max(each.predicted, each.realised) for each in stretches)
    top = min(1.0, math.ceil(top * 10 + 0.2) / 10)
    most = max(each.rows for each in stretches)
    smallest, greatest = _DOTS

    def paint(axes: Axes, narrow: bool) -> None:
        axes.plot([0, top], [0, top], linestyle=(0, (4, 3)), color=Ink.SOFT.value, linewidth=1.5)
        predicted, realised = [each.predicted for each in stretches], [each.realised for each in stretches]
        axes.plot(predicted, realised, color=Ink.ACCENT.value, linewidth=1.0, alpha=0.6)
        areas = [smallest + (greatest - smallest) * each.rows / most * (0.6 if narrow else 1.0) for each in stretches]
        axes.scatter(predicted, realised, s=areas, color=Ink.ACCENT.value, edgecolors=Ink.CARD.value, zorder=3)
        axes.set_xlim(-0.02 * top, 1.02 * top)
        axes.set_ylim(-0.02 * top, 1.02 * top)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("predicted share")
        axes.set_ylabel("realised share")

    return draw_chart(name, "Calibration: realised against predicted share", says, HALF, (320, 280), paint)


def find_comparison(judged: Promotion) -> GateCheck | None:
    """Find the check that compared a challenger with the champion.

    Args:
        judged: A judgement of the gate.

    Returns:
        The check; None when there was none, as for the first version.

    >>> from datetime import UTC, datetime
    >>> check = GateCheck("no_worse_than_champion", "PASS", -0.002, 0.005, -0.004, 0.001, "")
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> judged = Promotion(may, "2", "promoted", "1", "set", None, (), "log_loss", 900, 28, 900, (check,), (), ())
    >>> find_comparison(judged).upper
    0.001
    """
    return next((check for check in judged.checks if check.name in CHAMPION_CHECKS), None)


def draw_comparisons(name: str, promotions: Sequence[Promotion], words: str, says: str) -> Chart | None:
    """Draw every challenger's difference to the champion with its interval, and the margin it has to stay below.

    Args:
        name: Prefix of the ids.
        promotions: Judgements of the gate, newest first.
        words: The metric in words.
        says: What the chart says.

    Returns:
        One line per judgement, newest at the top; one that could not be compared says so. None when none was compared.

    >>> from datetime import UTC, datetime
    >>> check = GateCheck("no_worse_than_champion", "PASS", -0.002, 0.005, -0.004, 0.001, "")
    >>> may, april = datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC)
    >>> second = Promotion(may, "2", "promoted", "1", "set", None, (), "log_loss", 900, 28, 900, (check,), (), ())
    >>> first = Promotion(april, "1", "promoted", None, "set", None, (), "log_loss", 900, 28, 0, (), (), ())
    >>> chart = draw_comparisons("gate", [second, first], "log loss", "The second was better.")
    >>> ">v2, 01 May 2013<" in chart.wide, ">no champion yet<" in chart.wide
    (True, True)
    >>> draw_comparisons("gate", [first], "log loss", "") is None
    True
    """
    lines = [(each, find_comparison(each)) for each in promotions]
    if all(check is None or check.value is None for _, check in lines):
        return None
    bounds = {check.bound for _, check in lines if check is not None and check.bound is not None}
    last = len(lines) - 1

    def paint(axes: Axes, narrow: bool) -> None:
        axes.axvline(0.0, color=Ink.SOFT.value, linewidth=1.0)
        for bound in bounds:
            axes.axvline(bound, color=Ink.BAD.value, linewidth=1.5, linestyle=(0, (4, 3)))
        for row, (judged, check) in enumerate(lines):
            height = last - row
            ink = (Ink.GOOD if judged.outcome == PROMOTED else Ink.WARN).value
            if check is None or check.value is None:
                said = "no champion yet" if judged.previous is None else "not compared"
                axes.text(0.02, height, said, va="center", transform=axes.get_yaxis_transform())
                continue
            if check.lower is not None and check.upper is not None:
                axes.plot([check.lower, check.upper], [height, height], color=ink, linewidth=2.5, alpha=0.6)
            is_judged = check.status in ("PASS", "FAIL", "WARN")
            axes.plot([check.value], [height], "o" if is_judged else "x", color=ink if is_judged else Ink.UNKNOWN.value)
        names = [(_name(each.version), each.as_of) for each, _ in lines]
        labels = [version if narrow else f"{version}, {as_of:%d %b %Y}" for version, as_of in names]
        axes.set_yticks(range(last, -1, -1), labels)
        axes.set_ylim(-0.6, last + 0.6)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.08)
        axes.locator_params(axis="x", nbins=4 if narrow else 6)
        axes.set_xlabel(f"{words}: challenger minus champion")

    height = 84 + 24 * len(lines)
    return draw_chart(name, "Challenger against champion, with intervals", says, FULL, (height, height), paint)


def _name(version: str | None) -> str:
    return f"v{cut(version or '-', 10)}"


def cut(label: str, letters: int) -> str:
    """Cut a label to its place on an axis.

    >>> cut("features origin_delays", 12)
    'features o..'
    """
    return label if len(label) <= letters else f"{label[: letters - 2]}.."


def _series(
    windows: Sequence[WindowPerformance], figure: Callable[[WindowPerformance], float | None]
) -> tuple[list[float], list[float]]:
    """Give a line's points; what was not judged is NaN, which breaks the line."""
    values = [figure(window) for window in windows]
    return [place(window.end) for window in windows], [math.nan if value is None else value for value in values]


def _pad(axes: Axes) -> None:
    """Leave room above and below, also when all values are equal, and keep the axis there."""
    low, high = axes.get_ylim()
    margin = max((high - low) * 0.03, _MIN_MARGIN)
    axes.set_ylim(low - margin, high + margin)


def _mark_unjudged(
    axes: Axes, windows: Sequence[WindowPerformance], figure: Callable[[WindowPerformance], float | None]
) -> None:
    missing = [place(window.end) for window in windows if figure(window) is None]
    if missing:
        low, _ = axes.get_ylim()
        axes.plot(missing, [low] * len(missing), "x", color=Ink.UNKNOWN.value, clip_on=False)
