"""The page of a replay: the gate's metric per turn and policy, with what was trained and promoted, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop.reporting.charts import FULL, NARROW, Chart
from lakeloop.reporting.figure import Ink, Size, draw_figure, place, set_time_axis
from lakeloop.reporting.page import page_environment

_PANEL, _PANEL_NARROW = 190, 170


@dataclass(frozen=True)
class Mark:
    """An action of a policy.

    Attributes:
        at: The turn.
        is_training: Whether it was a training; else a recalibration.
        is_promoted: Whether what it made was promoted.
    """

    at: datetime
    is_training: bool
    is_promoted: bool


@dataclass(frozen=True)
class ReplayedPolicy:
    """A policy on the page.

    Attributes:
        name: Its name.
        meaning: What it does.
        ends: Turns; each stands for the rows predicted since the turn before.
        values: The metric of these rows; None without rows.
        marks: What it did.
        cells: Its figures, in the order of the heads.
    """

    name: str
    meaning: str
    ends: tuple[datetime, ...]
    values: tuple[float | None, ...]
    marks: tuple[Mark, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ReplayPage:
    """What the page shows.

    Attributes:
        model: The model.
        metric: The metric in words.
        lines: What was replayed, in sentences.
        heads: Heads of the figures.
        policies: The policies; the first is the one the others are compared with.
        said: What follows.
        notes: What was not looked at.
    """

    model: str
    metric: str
    lines: tuple[str, ...]
    heads: tuple[str, ...]
    policies: tuple[ReplayedPolicy, ...]
    said: tuple[str, ...]
    notes: tuple[str, ...]


def render_replay(page: ReplayPage) -> str:
    """Render the page.

    Args:
        page: What to show.

    Returns:
        A complete HTML document, UTF-8, that needs nothing else.

    >>> from datetime import UTC
    >>> ends = tuple(datetime(2013, 4, day, tzinfo=UTC) for day in (8, 15))
    >>> weekly = ReplayedPolicy("weekly", "often", ends, (0.5, 0.4), (Mark(ends[0], True, True),), ("weekly", "1"))
    >>> html = render_replay(ReplayPage("late", "log loss", (), ("policy", "trained"), (weekly,), ("It helps.",), ()))
    >>> "It helps." in html, html.count("<svg")
    (True, 2)
    """
    never = page.policies[0] if page.policies else None
    drawn = [
        (each, draw_policy(f"p{number}", each, never if each is not never else None, page.metric))
        for number, each in enumerate(page.policies)
    ]
    return page_environment().get_template("replay.html").render(page=page, drawn=drawn)


def draw_policy(name: str, policy: ReplayedPolicy, beside: ReplayedPolicy | None, metric: str) -> Chart | None:
    """Draw a policy's metric turn by turn, beside another's, with what it did.

    Args:
        name: Prefix of the ids.
        policy: The policy.
        beside: The policy it is compared with; None for that one itself.
        metric: The metric in words.

    Returns:
        The chart; None without a value.

    >>> from datetime import UTC
    >>> nothing = ReplayedPolicy("weekly", "often", (datetime(2013, 4, 8, tzinfo=UTC),), (None,), (), ())
    >>> draw_policy("p1", nothing, None, "log loss") is None
    True
    """
    if all(value is None for value in policy.values):
        return None
    title = f"{metric} of the rows of each turn: {policy.name}"
    trained = sum(each.is_training for each in policy.marks)
    says = f"{policy.name}: {trained} trainings, {len(policy.marks) - trained} recalibrations."

    def paint(axes: Any, narrow: bool) -> None:
        if beside is not None:
            axes.plot(*_series(beside), color=Ink.SOFT.value, linestyle=(0, (4, 3)), linewidth=1.5)
        axes.plot(*_series(policy), color=Ink.ACCENT.value, marker="o")
        for each in policy.marks:
            ink = Ink.GOOD if each.is_promoted else Ink.BAD
            style = (0, (1, 0)) if each.is_training else (0, (1, 2))
            axes.axvline(place(each.at), color=ink.value, linewidth=1.5, linestyle=style, zorder=0)
        set_time_axis(axes, policy.ends, ticks=4 if narrow else 13)
        axes.set_ylabel(metric)

    wide, small = Size(FULL, _PANEL), Size(NARROW, _PANEL_NARROW)
    return Chart(
        draw_figure(f"{name}-wide", title, says, wide, lambda axes: paint(axes, False)),
        draw_figure(f"{name}-narrow", title, says, small, lambda axes: paint(axes, True)),
    )


def _series(policy: ReplayedPolicy) -> tuple[Sequence[float], Sequence[float]]:
    shown = [(place(end), value) for end, value in zip(policy.ends, policy.values, strict=True)]
    return [at for at, _ in shown], [float("nan") if value is None else value for _, value in shown]
