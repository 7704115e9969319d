"""Which rows the sources keep."""

import pytest
from lakeloop.errors import UsageError
from lakeloop.testing import RowFate, Sandbox

ORDER: dict[str, object] = {
    "order_id": 1,
    "courier": "alder",
    "items": 2,
    "distance_km": 3.5,
    "ordered_ts": "2024-01-01T09:00:00Z",
    "due_ts": "2024-01-02T09:00:00Z",
}
DELIVERY: dict[str, object] = {
    "order_id": 1,
    "courier": "alder",
    "delivered_ts": "2024-01-02T09:16:00Z",
    "delay_minutes": 16,
}

# What is changed of an order, and the rules it breaks.
ORDERS: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "a sound order": ({}, ()),
    "no items": ({"items": 0}, ("range_items",)),
    "no number of items": ({"items": "two"}, ("type_items", "not_null_items")),
    "no courier": ({"courier": None}, ("not_null_courier",)),
    "too far": ({"distance_km": 100.1}, ("range_distance_km",)),
    "as far as may be": ({"distance_km": 100}, ()),
    "no number": ({"order_id": None}, ("key_order_id",)),
}


def test_orders_are_kept_or_set_aside(sandbox: Sandbox) -> None:
    rows = [ORDER | {"order_id": number} | change for number, (change, _) in enumerate(ORDERS.values())]
    judged = sandbox.judge("orders", rows)  # all at once: a call of Spark takes seconds
    found = dict(zip(ORDERS, (each.broken for each in judged), strict=True))
    assert found == {name: broken for name, (_, broken) in ORDERS.items()}


def test_an_order_that_comes_twice_counts_once(sandbox: Sandbox) -> None:
    judged = sandbox.judge("orders", [ORDER, ORDER, ORDER | {"items": 3}])
    assert [each.fate for each in judged] == [RowFate.ACCEPTED, RowFate.DUPLICATE, RowFate.QUARANTINED]
    assert judged[2].broken == ("unique_key",)


def test_late_is_more_than_fifteen_minutes(sandbox: Sandbox) -> None:
    delays = [15, 16, -5]
    rows = [DELIVERY | {"order_id": number, "delay_minutes": delay} for number, delay in enumerate(delays)]
    assert [each.values["is_late"] for each in sandbox.judge("deliveries", rows)] == [False, True, False]


def test_a_delivery_is_known_ten_minutes_after_it(sandbox: Sandbox) -> None:
    (judged,) = sandbox.judge("deliveries", [DELIVERY])
    assert judged.values["available_ts"].isoformat() == "2024-01-02T09:26:00+00:00"


def test_a_column_that_is_not_declared_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match="did you mean items"):
        sandbox.judge("orders", [ORDER | {"itmes": 2}])
