"""The charts of slices, of the score and of the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakeloop.reporting.charts import FULL, HALF, Chart, cut, draw_chart
from lakeloop.reporting.distributions import Distribution, RateWindow
from lakeloop.reporting.figure import Ink, place, set_time_axis
from lakeloop.reporting.slices import SliceBias

if TYPE_CHECKING:
    from lakeloop.reporting.figure import Axes

_MOST_LABELS = 14
_DASHED = (0, (4, 3))


def draw_slices(name: str, slices: Sequence[SliceBias], limit: float | None, words: str, says: str) -> Chart | None:
    """Draw the bias of each slice with its interval.

    Args:
        name: Prefix of the ids.
        slices: The worst first.
        limit: Greatest absolute bias accepted over all rows; None when none is declared.
        words: Bias in words, with its unit.
        says: What the chart says.

    Returns:
        One line per slice that was measured, the worst at the top; None without any.

    >>> worst = SliceBias("origin", "JFK", "OK", 700, -0.2, -0.25, -0.15, 0.2, 0.4, 0.1, rank=1)
    >>> ">origin = JFK<" in draw_slices("slices", [worst], 0.05, "bias", "JFK is worst.").wide
    True
    >>> draw_slices("slices", [], None, "bias", "") is None
    True
    """
    shown = [(each, each.bias) for each in slices if each.bias is not None]
    if not shown:
        return None
    last = len(shown) - 1

    def paint(axes: Axes, narrow: bool) -> None:
        axes.axvline(0.0, color=Ink.SOFT.value, linewidth=1.0)
        for edge in () if limit is None else (-limit, limit):
            axes.axvline(edge, color=Ink.BAD.value, linewidth=1.5, linestyle=_DASHED)
        for row, (each, bias) in enumerate(shown):
            ink = (Ink.ACCENT if each.rank is None else Ink.BAD).value
            if each.lower is not None and each.upper is not None:
                axes.plot([each.lower, each.upper], [last - row] * 2, color=ink, linewidth=2.5, alpha=0.6)
            axes.plot([bias], [last - row], "o" if each.rank is None else "D", color=ink)
        axes.set_yticks(range(last, -1, -1), [cut(each.name, 20 if narrow else 48) for each, _ in shown])
        axes.set_ylim(-0.6, last + 0.6)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.08)
        axes.locator_params(axis="x", nbins=4 if narrow else 8)
        axes.set_xlabel(words)

    height = 74 + 24 * len(shown)
    return draw_chart(name, "Bias per slice, with its interval", says, FULL, (height, height), paint)


def draw_distribution(name: str, found: Distribution, says: str) -> Chart | None:
    """Draw the shares of the reference and of the newest window, bin by bin.

    Args:
        name: Prefix of the ids.
        found: The shares; a bin that neither side fills at the end, of missing values, is left out.
        says: What the chart says.

    Returns:
        The chart; None where the shares were not recorded.

    >>> from datetime import UTC, datetime
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    >>> shares = (("<= 0.2", "> 0.2", "NULL"), (0.5, 0.5, 0.0), (0.8, 0.2, 0.0))
    >>> found = Distribution("score", "prediction", april, may, "DRIFT", "OK", "psi", 0.4, 0.1, *shares)
    >>> chart = draw_distribution("score", found, "Low scores are more frequent.")
    >>> "&gt; 0.2<" in chart.wide, "NULL" in chart.wide
    (True, False)
    """
    bins = list(zip(found.labels, found.reference, found.window, strict=True))
    while bins and not bins[-1][1] and not bins[-1][2]:
        bins.pop()
    if not bins:
        return None

    def paint(axes: Axes, narrow: bool) -> None:
        places = range(len(bins))
        before, now = [each[1] for each in bins], [each[2] for each in bins]
        axes.bar(places, now, width=0.8, color=Ink.ACCENT.value, alpha=0.75)
        axes.hlines(before, [at - 0.4 for at in places], [at + 0.4 for at in places], colors=Ink.INK.value)
        step = math.ceil(len(bins) / (_MOST_LABELS // 2 if narrow else _MOST_LABELS))
        labels = [cut(label, 12) for label, _, _ in bins]
        turned = max(map(len, labels[::step])) > 3
        axes.set_xticks(
            list(places)[::step], labels[::step], rotation=40 if turned else 0, ha="right" if turned else "center"
        )
        axes.set_xlim(-0.7, len(bins) - 0.3)
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.locator_params(axis="y", nbins=4)
        axes.set_ylabel("share of rows")

    title = f"Shares of {found.column}, newest window against the reference"
    return draw_chart(name, title, says, HALF, (290, 250), paint)


def draw_rates(name: str, windows: Sequence[RateWindow], words: str, says: str) -> Chart | None:
    """Draw the label's mean of each closed window with its interval, and the reference's.

    Args:
        name: Prefix of the ids.
        windows: Oldest first.
        words: The mean in words.
        says: What the chart says.

    Returns:
        The chart; None where no window has a mean.

    >>> from datetime import UTC, datetime
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    >>> window = RateWindow("1", april, may, "OK", "DRIFT", 0.25, 0.5, 0.375, 0.625, 900)
    >>> "mean label" in draw_rates("rate", [window], "mean label", "It rose.").wide
    True
    """
    known = [(each, each.rate) for each in windows if each.rate is not None]
    if not known:
        return None

    def paint(axes: Axes, narrow: bool) -> None:
        held = [(place(each.end), each.reference) for each, _ in known if each.reference is not None]
        axes.plot(
            [at for at, _ in held],
            [mean for _, mean in held],
            linestyle=_DASHED,
            color=Ink.SOFT.value,
            drawstyle="steps-mid",
        )
        if len(held) == 1:
            axes.axhline(held[0][1], linestyle=_DASHED, color=Ink.SOFT.value)
        for each, rate in known:
            ink = (Ink.BAD if each.verdict == "DRIFT" else Ink.ACCENT).value
            if each.lower is not None and each.upper is not None:
                axes.plot([place(each.end)] * 2, [each.lower, each.upper], color=ink, linewidth=1.5, alpha=0.55)
            axes.plot([place(each.end)], [rate], "D" if each.verdict == "DRIFT" else "o", color=ink, markersize=5)
        axes.margins(y=0.12)
        set_time_axis(axes, [each.end for each in windows], ticks=4 if narrow else 7)
        axes.set_ylabel(words)

    return draw_chart(name, "Mean of the label per closed window", says, HALF, (290, 250), paint)
