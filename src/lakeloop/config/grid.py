"""The columns and the instants of a spine that is a grid: every known entity in every period."""

from __future__ import annotations

from datetime import timedelta

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeloop.config.durations import UNITS

PERIOD_TS = "period_ts"
"""Column of a grid that holds the start of the period."""

PERIOD_END_TS = "period_end_ts"
"""Column of a grid that holds the start of the next period."""

_FORM = f"{PERIOD_TS} alone, or with intervals, as in `{PERIOD_TS} - interval 2 hours`"


def read_offset(text: str) -> timedelta:
    """Read how far the instant of prediction lies from the start of its period.

    A length that is the same in every period tells which periods a stretch of time holds without trying them all.

    Args:
        text: Spark SQL: `period_ts`, to which intervals of seconds, minutes, hours, days (of 24 hours) or weeks are
            added, or from which they are taken.

    Returns:
        The offset; negative where predictions are due before the period begins.

    Raises:
        ValueError: If the text is anything else.

    >>> read_offset("period_ts - interval 1 day 2 hours") / timedelta(hours=1)
    -26.0
    >>> read_offset("period_ts + interval 1 month")
    Traceback (most recent call last):
    ValueError: INTERVAL '1' MONTH is not of one length; write period_ts alone, or with intervals, ...
    """
    try:
        tree = sqlglot.parse_one(text, dialect="spark")
    except SqlglotError:
        raise ValueError(f"it does not parse; write {_FORM}") from None
    try:
        starts, offset = _measure(tree)
    except OverflowError:
        raise ValueError(f"an interval is longer than a duration can be; write {_FORM}") from None
    if starts != 1:
        raise ValueError(f"{PERIOD_TS} is not in it once; write {_FORM}")
    return offset


def _measure(node: exp.Expr) -> tuple[int, timedelta]:
    """Count how often the period's start is in a sum, and add up the rest."""
    if isinstance(node, exp.Paren):
        return _measure(node.this)
    if isinstance(node, exp.Column) and node.sql().lower() == PERIOD_TS:
        return 1, timedelta(0)
    if isinstance(node, exp.Add | exp.Sub):
        (left_starts, left), (right_starts, right) = _measure(node.this), _measure(node.expression)
        sign = 1 if isinstance(node, exp.Add) else -1
        return left_starts + sign * right_starts, left + sign * right
    if isinstance(node, exp.Interval):
        unit, number = str(node.args.get("unit") or "").lower(), node.this.name if node.this is not None else ""
        if unit in UNITS and number.removeprefix("-").isdigit():
            return 0, int(number) * timedelta(**{f"{unit.removesuffix('s')}s": 1})
    shown = node.sql(dialect="spark")[:60]
    raise ValueError(
        f"{shown} is {'not of one length' if isinstance(node, exp.Interval) else 'no interval'}; write {_FORM}"
    )
