"""A replay as a page of the workspace."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lakeloop.discovery.text import count_of
from lakeloop.reporting.replay import Mark, ReplayedPolicy, ReplayPage, render_replay
from lakeloop.runs.context import Context
from lakeloop.runs.history.kept import FOLDER
from lakeloop.runs.history.result import PolicyResult, ReplayResult
from lakeloop.runs.history.text import NOT_LOOKED_AT, show_turn
from lakeloop.runs.promotions import PROMOTED
from lakeloop.statuses import Action


def write_page(context: Context, found: ReplayResult) -> Path:
    """Write a replay as a page with its charts.

    Args:
        context: Project and workspace.
        found: What was found.

    Returns:
        `<workspace>/replay/<model>.html`; what an earlier call wrote is replaced.

    >>> write_page(fresh, replayed).name
    'late_arrival.html'
    """
    context.progress(f"replay {found.model}: page")
    path = context.config.workspace / FOLDER / f"{found.model}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_replay(lay_out_page(found)), encoding="utf-8")
    return path


def lay_out_page(found: ReplayResult) -> ReplayPage:
    """Lay a replay out for its page.

    Args:
        found: What was found.

    Returns:
        What the page shows.

    >>> page = lay_out_page(replayed)
    >>> page.lines, page.policies[1].cells[:3]
    (('3 turns from 2013-04-01 to 2013-04-15; compared on 900 rows of 14 days.',), ('drift', '1', '0'))
    """
    metric, level = found.metric.replace("_", " "), f"{found.confidence:.0%} interval"
    begin, end = (show_turn(at, found.timezone) for at in (found.turns[0], found.turns[-1]))
    lines = (
        f"{count_of(len(found.turns), 'turn')} from {begin} to {end}; compared on {count_of(found.rows, 'row')} of "
        f"{count_of(found.days, 'day')}.",
    )
    heads = (
        *("policy", "trained", "recalibrated", "promoted", "refused", "fits, s"),
        *(metric, level, "minus never", level, "minus random", level, "draws as good"),
    )
    policies = tuple(_policy(found, each) for each in found.policies)
    return ReplayPage(found.model, metric, lines, heads, policies, tuple(found.said), (NOT_LOOKED_AT,))


def _policy(found: ReplayResult, each: PolicyResult) -> ReplayedPolicy:
    marks = tuple(
        Mark(
            datetime.fromisoformat(done["as_of"]),
            done["action"] == Action.RETRAIN.value,
            done["answer"]["outcome"] == PROMOTED.value,
        )
        for done in each.decisions
        if done["answer"] is not None and done["answer"]["version"] is not None
        if done["as_of"] > found.first_trained
    )
    own, never, random = each.metric(found.metric), each.minus_never, each.beside_random
    cells = (
        each.policy,
        *(str(number) for number in (each.retrainings, each.recalibrations, each.promotions, each.refused)),
        f"{each.seconds:.0f}",
        f"{each.loss:.5f}",
        "-" if own is None else _between(own.lower, own.upper, ""),
        "-" if never is None else f"{never.difference:+.5f}",
        "-" if never is None else _between(never.lower, never.upper, "+"),
        "-" if random is None else f"{random.difference.difference:+.5f}",
        "-" if random is None else _between(random.difference.lower, random.difference.upper, "+"),
        "-" if random is None else f"{random.as_good} of {random.draws}",
    )
    return ReplayedPolicy(
        each.policy,
        each.meaning,
        tuple(datetime.fromisoformat(part.end) for part in each.stretches),
        tuple(part.value for part in each.stretches),
        marks,
        cells,
    )


def _between(lower: float | None, upper: float | None, sign: str) -> str:
    if lower is None or upper is None or not lower <= upper:  # false for NaN: too few days
        return "-"
    return f"{lower:{sign}.4f} to {upper:{sign}.4f}"
