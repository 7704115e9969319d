"""The charts of the turns: what arrived, what was rejected, where the time went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lakeloop.reporting.charts import FULL, Chart, cut, draw_chart
from lakeloop.reporting.figure import Ink

if TYPE_CHECKING:
    from lakeloop.reporting.figure import Axes

MAX_SOURCES = 12
"""Sources drawn, the first ones."""

_LEAST_PLACES = 6  # of a bar chart, so that a single bar is no wall


def draw_volume(
    name: str, turns: Sequence[datetime], sources: Sequence[tuple[str, Sequence[int]]], says: str
) -> Chart | None:
    """Draw the records each turn read, every source against its own most.

    Args:
        name: Prefix of the ids.
        turns: `as_of` of the turns, oldest first.
        sources: Source and records per turn.
        says: What the chart says.

    Returns:
        One row of bars per source; None when nothing was read.

    >>> from datetime import UTC
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)
    >>> chart = draw_volume("volume", [april, may], [("weather", (2100, 40))], "Little of weather.")
    >>> ">weather, most 2,100<" in chart.wide, draw_volume("volume", [april], [("weather", (0,))], "") is None
    (True, True)
    """
    shown = [(source, read) for source, read in sources if any(read)][:MAX_SOURCES]
    if not shown:
        return None
    last = len(shown) - 1

    def paint(axes: Axes, narrow: bool) -> None:
        places = range(len(turns))
        for row, (_, read) in enumerate(shown):
            heights = [0.8 * rows / max(read) for rows in read]
            axes.bar(places, heights, width=0.7, bottom=last - row, color=Ink.ACCENT.value)
            axes.axhline(last - row, color=Ink.LINE.value, linewidth=1.0)
        labels = [source if narrow else f"{source}, most {max(read):,}" for source, read in shown]
        axes.set_yticks(
            [last - row + 0.4 for row in range(len(shown))], [cut(each, 14 if narrow else 40) for each in labels]
        )
        step = math.ceil(len(turns) / (4 if narrow else 12))
        axes.set_xticks(list(places)[::step], [f"{as_of:%d %b}" for as_of in turns][::step])
        axes.set_xlim(-0.6, max(len(turns), _LEAST_PLACES) - 0.4)
        axes.set_ylim(-0.05, last + 1.0)
        axes.grid(visible=False)

    height = 56 + 40 * len(shown)
    return draw_chart(
        name, "Records read per turn, each source against its own most", says, FULL, (height, height), paint
    )


def draw_quarantine(name: str, turns: Sequence[tuple[datetime, int]], says: str) -> Chart | None:
    """Draw the rows each turn put into quarantine.

    Args:
        name: Prefix of the ids.
        turns: `as_of` and rows, oldest first.
        says: What the chart says.

    Returns:
        The chart; None when no row was.

    >>> from datetime import UTC
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)
    >>> chart = draw_quarantine("bad", [(april, 0), (may, 3)], "Three rows in May.")
    >>> ">01 Apr<" in chart.wide, draw_quarantine("bad", [(april, 0), (may, 0)], "") is None
    (True, True)
    """
    if not any(rows for _, rows in turns):
        return None

    def paint(axes: Axes, narrow: bool) -> None:
        places = range(len(turns))
        axes.bar(places, [rows for _, rows in turns], width=0.7, color=Ink.WARN.value)
        step = math.ceil(len(turns) / (5 if narrow else 12))
        axes.set_xticks(list(places)[::step], [f"{as_of:%d %b}" for as_of, _ in turns][::step])
        axes.set_xlim(-0.6, max(len(turns), _LEAST_PLACES) - 0.4)
        axes.grid(visible=False, axis="x")
        axes.locator_params(axis="y", nbins=4, integer=True)
        axes.set_ylabel("rows")

    return draw_chart(name, "Rows put into quarantine per turn", says, FULL, (180, 170), paint)


def draw_step_times(name: str, steps: Sequence[tuple[str, float]], says: str) -> Chart | None:
    """Draw how long each step of a turn took.

    Args:
        name: Prefix of the ids.
        steps: Step and seconds, in the order of the turn.
        says: What the chart says.

    Returns:
        The chart; None without steps.

    >>> chart = draw_step_times("times", [("features origin_delays", 9.5), ("train", 41.0)], "Training took longest.")
    >>> ">features origin_delays<" in chart.wide, ">features origin_de..<" in chart.narrow
    (True, True)
    """
    if not steps:
        return None
    last = len(steps) - 1

    def paint(axes: Axes, narrow: bool) -> None:
        axes.barh(range(last, -1, -1), [seconds for _, seconds in steps], height=0.6, color=Ink.ACCENT.value)
        labels = [cut(label, 20 if narrow else 60) for label, _ in steps]
        axes.set_yticks(range(last, -1, -1), labels)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("seconds")

    height = 70 + 22 * len(steps)
    return draw_chart(name, "Seconds per step of the newest turn", says, FULL, (height, height), paint)
