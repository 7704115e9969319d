"""Sample data: orders and deliveries of three couriers, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

FIRST_DAY = date(2024, 1, 1)
DAYS = 42
ORDERS_A_DAY = 20
TURNS = (date(2024, 2, 5), date(2024, 2, 12))
"""Logical nows that fit: the first leaves enough closed days to train on, the second is the end of the data."""

HISTORY_END = FIRST_DAY + timedelta(days=DAYS + 1)
"""Instant by which everything in the sample has become known."""

_MIDNIGHT = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
_FIRST_HOUR = 9
_LOST = 0.02
_USUAL_DELAY_MINUTES = {"alder": -6.0, "birch": 4.0, "cedar": 14.0}
_BAD_SPELL_DAYS = 4
_BAD_SPELL_MINUTES = 24.0


@dataclass(frozen=True)
class Sample:
    """The sample's files.

    Attributes:
        orders: CSV text, a line per order.
        deliveries: CSV text, a line per order that arrived.
    """

    orders: str
    deliveries: str


def make_sample() -> Sample:
    r"""Make the sample.

    A courier is usually early or late, has bad spells of some days, and is later the farther it is: what a feature
    table of recent delays and the order's own columns can tell. One order has no items, which breaks a rule.

    Returns:
        Orders and deliveries as CSV, instants in UTC.

    >>> sample = make_sample()
    >>> print("\n".join(sample.orders.splitlines()[:2]))
    order_id,courier,items,distance_km,ordered_ts,due_ts
    1000,alder,3,7.3,2023-12-31T09:00:00Z,2024-01-01T09:00:00Z
    >>> [len(text.splitlines()) for text in (sample.orders, sample.deliveries)]
    [841, 830]
    """
    orders = ["order_id,courier,items,distance_km,ordered_ts,due_ts"]
    deliveries = ["order_id,courier,delivered_ts,delay_minutes"]
    for order, delivery in _rows():
        orders.append(order)
        if delivery is not None:
            deliveries.append(delivery)
    return Sample("\n".join(orders) + "\n", "\n".join(deliveries) + "\n")


def _rows() -> Iterator[tuple[str, str | None]]:
    """Give an order and its delivery; only `random()` is used, whose sequence no release of Python changes."""
    draw = random.Random(1).random  # noqa: S311 - sample data
    couriers = tuple(_USUAL_DELAY_MINUTES)
    in_bad_spell = dict.fromkeys(couriers, False)
    for day in range(DAYS):
        if day % _BAD_SPELL_DAYS == 0:
            in_bad_spell = {name: draw() < 0.4 for name in couriers}
        for number in range(ORDERS_A_DAY):
            order_id = 1000 + day * ORDERS_A_DAY + number
            due = _MIDNIGHT + timedelta(days=day, hours=_FIRST_HOUR, minutes=30 * number)
            courier = couriers[int(draw() * len(couriers))]
            items, distance = 1 + int(draw() * 5), round(1 + draw() * 14, 1)
            noise = (draw() + draw() + draw() - 1.5) * 20
            spell = _BAD_SPELL_MINUTES if in_bad_spell[courier] else 0.0
            delay = round(_USUAL_DELAY_MINUTES[courier] + spell + 1.2 * (distance - 8) + noise, 1)
            has_arrived = draw() >= _LOST
            ordered = due - timedelta(days=1)
            delivered = due + timedelta(minutes=delay)
            if order_id == 1005:
                items = 0
            yield (
                f"{order_id},{courier},{items},{distance},{_text(ordered)},{_text(due)}",
                f"{order_id},{courier},{_text(delivered)},{delay}" if has_arrived else None,
            )


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
