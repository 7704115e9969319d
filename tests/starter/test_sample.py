"""The sample data: the same everywhere, small, and enough for two turns."""

from __future__ import annotations

import csv
import hashlib
from datetime import UTC, datetime

from lakeloop.starter.sample import HISTORY_END, TURNS, make_sample


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_sample_is_the_same_bytes_everywhere() -> None:
    sample = make_sample()
    digest = hashlib.sha256((sample.orders + sample.deliveries).encode()).hexdigest()
    assert digest[:16] == "105c0793ddee2690"
    assert len(sample.orders) + len(sample.deliveries) < 100_000


def test_every_delivery_has_an_order_and_some_orders_have_none() -> None:
    sample = make_sample()
    orders, deliveries = _rows(sample.orders), _rows(sample.deliveries)
    ids = {row["order_id"] for row in orders}
    assert (len(ids), len(orders), len(deliveries)) == (840, 840, 829)
    assert {row["order_id"] for row in deliveries} < ids


def test_one_order_breaks_a_rule() -> None:
    assert [row["order_id"] for row in _rows(make_sample().orders) if int(row["items"]) < 1] == ["1005"]


def test_all_is_known_by_the_end_of_the_history_and_the_last_turn_follows_the_last_order() -> None:
    sample = make_sample()
    delivered = max(datetime.fromisoformat(row["delivered_ts"]) for row in _rows(sample.deliveries))
    due = max(datetime.fromisoformat(row["due_ts"]) for row in _rows(sample.orders))
    assert delivered < datetime(HISTORY_END.year, HISTORY_END.month, HISTORY_END.day, tzinfo=UTC)
    assert due == datetime(2024, 2, 11, 18, 30, tzinfo=UTC)
    assert [turn.isoformat() for turn in TURNS] == ["2024-02-05", "2024-02-12"]


def test_no_row_knows_the_delay_before_the_prediction() -> None:
    """An order is known a day ahead, its delivery after the prediction two hours ahead."""
    sample = make_sample()
    due = {row["order_id"]: datetime.fromisoformat(row["due_ts"]) for row in _rows(sample.orders)}
    assert all(
        (due[row["order_id"]] - datetime.fromisoformat(row["ordered_ts"])).days == 1 for row in _rows(sample.orders)
    )
    early = [
        (due[row["order_id"]] - datetime.fromisoformat(row["delivered_ts"])).total_seconds()
        for row in _rows(sample.deliveries)
    ]
    assert max(early) < 2 * 3600
