"""The values of the feature table, worked out by hand."""

from lakeloop.testing import Sandbox


def delivery(number: int, courier: str, delivered_ts: str, delay_minutes: float) -> dict[str, object]:
    return {"order_id": number, "courier": courier, "delivered_ts": delivered_ts, "delay_minutes": delay_minutes}


DELIVERIES = [
    delivery(1, "alder", "2024-01-02T09:40:00Z", 40),  # known at 09:50: counts from the tick of 10:00 on
    delivery(2, "alder", "2024-01-02T10:10:00Z", 0),  # known at 10:20: from 11:00 on
    delivery(3, "birch", "2024-01-02T10:50:00Z", 16),  # known at 11:00, the very tick
]


def test_a_courier_has_the_delays_of_a_day(sandbox: Sandbox) -> None:
    rows = sandbox.features("courier_delays", {"deliveries": DELIVERIES}, as_of="2024-01-03T10:30:00Z")
    found = [
        (row["courier"], f"{row['available_ts']:%d %H:%M}", row["count_is_late_1d"], row["mean_delay_minutes_1d"])
        for row in rows
    ]
    assert found == [
        ("alder", "02 10:00", 1, 40.0),
        ("alder", "02 11:00", 2, 20.0),
        ("alder", "03 10:00", 1, 0.0),  # the first one is a day old: it has left the window
        ("birch", "02 11:00", 1, 16.0),
    ]


def test_what_becomes_known_later_changes_nothing_before(sandbox: Sandbox) -> None:
    earlier = sandbox.features("courier_delays", {"deliveries": DELIVERIES}, as_of="2024-01-02T11:00:00Z")
    later = [*DELIVERIES, delivery(4, "alder", "2024-01-02T10:55:00Z", 300)]
    assert sandbox.features("courier_delays", {"deliveries": later}, as_of="2024-01-02T11:00:00Z") == earlier
