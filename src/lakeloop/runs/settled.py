"""Up to which instant a model's rows are scored, read from the commits of its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lakeloop.runs.order import STREAM
from lakeloop.tables import Lake, TableAddress

JOB = "score"
"""The job of a turn that answers what is due."""

SETTLED, HELD, LATE, LEFT_OUT = "settled_through", "held_since", "late", "left_out"
"""Notes of their commits."""


@dataclass(frozen=True)
class Settled:
    """How far a model's rows are scored.

    Attributes:
        through: Every row that was known then and is due up to this instant has its prediction; None before the first.
        held_since: Smallest `available_ts` of the rows that a stream has seen and not scored yet; None when there is
            none.
        is_followed: Whether a stream has seen the rows at all: without it nothing is known of what is held.
    """

    through: datetime | None
    held_since: datetime | None
    is_followed: bool


def read_settled(lake: Lake, address: TableAddress) -> Settled:
    """Tell how far a model's rows are scored.

    Args:
        lake: The tables.
        address: The model's prediction table, which may be missing.

    Returns:
        What its commits say.

    >>> read_settled(context.lake, context.lake.address("predictions", "late"))
    Settled(through=datetime.datetime(2024, 2, 4, 0, 0, tzinfo=datetime.timezone.utc), held_since=None, \
is_followed=False)
    """
    scored = [each for each in lake.commits(address) if each.job in (JOB, STREAM) and SETTLED in each.notes]
    through = max((datetime.fromisoformat(each.notes[SETTLED]) for each in scored), default=None)
    streamed = [each.notes for each in scored if each.job == STREAM]
    held = streamed[-1][HELD] if streamed else None
    return Settled(through, datetime.fromisoformat(held) if held else None, bool(streamed))
