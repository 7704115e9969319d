"""A small project that takes every step of the loop: orders that may be delivered late, shop by shop."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakeloop.config import Config, load_config

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 45
ORDERS_A_DAY = 24
BAD_NUMBER = 5
"""Number of the order of a day after which a row that breaks a rule and a row that is repeated follow."""
TURNS = (datetime(2024, 1, 25, tzinfo=UTC), datetime(2024, 2, 4, tzinfo=UTC))

_FILES = {
    "project.yml": """
project: shops
timezone: UTC
retention: 400 days
seed: 7
notify: {file: notifications.jsonl}
""",
    "sources/orders.yml": """
source: orders
landing: {path: landing/orders}
key: [order]
event_ts: due_ts
available_ts: due_ts - interval 1 day
history: {trusted_until: 2030-01-01}
columns:
  order: {type: long}
  shop: {type: string}
  items: {type: integer}
  due_ts: {type: timestamp}
rules:
  - {rule: range, column: items, min: 1}
""",
    "sources/deliveries.yml": """
source: deliveries
landing: {path: landing/deliveries}
key: [order]
event_ts: delivered_ts
available_ts: delivered_ts + case when order % 11 = 0 then interval 30 hours else interval 10 minutes end
history: {trusted_until: 2030-01-01}
columns:
  order: {type: long}
  shop: {type: string}
  delivered_ts: {type: timestamp}
  delay_minutes: {type: double}
derive:
  is_late: {as: delay_minutes > 10, type: boolean}
""",
    "features/shop_delays.yml": """
feature_table: shop_delays
entity: [shop]
from: deliveries
every: 1 hour
aggregate:
  - {of: is_late, as: [mean, count], over: [6 hours, 2 days]}
""",
    "features/shop_last.yml": """
feature_table: shop_last
entity: [shop]
from: deliveries
ttl: 2 days
attributes:
  last_delay_minutes: {as: delay_minutes}
""",
    "models/late.yml": """
model: late
predict: {from: orders, id: [order], at: due_ts - interval 2 hours, known: [shop, items]}
label:
  from: deliveries
  as: delay_minutes > 10
  void: {lost: delivered_ts is null}
  closes: {each: day, of: due_ts, at: "06:00 next day", timezone: UTC}
features: [shop_delays.*, shop_last.*]
on_demand: {hour_of_day: hour(prediction_ts)}
split: {validation: 3 days, holdout: 5 days, gap: 1 day}
preprocess:
  - {columns: [shop], steps: [one_hot]}
  - {columns: [items], steps: [impute_median, log, scale]}
  - {columns: ["*"], steps: [impute_mean, clip_outliers, scale]}
estimator:
  class: sklearn.linear_model.LogisticRegression
  search: {C: [0.1, 1.0]}
gate:
  metric: log_loss
  non_inferior_by: 0.05
  min_blocks: 3
  confidence: 0.8  # Student's interval of five days is wide
  resamples: 200
  slices: [shop]
  fresh_process: false
monitor:
  window: 3 days
  persistence: 1 of 1
  min_rows: 10
  min_blocks: 9
  roles: {contract: [shop, items]}
  slices: {shop: {top: 2}, bulky: items > 5}
  granularities: [day]
decide: {schedule: 7 days, cooldown: 1 day, min_closed_days: 1, when: {bias: 0.2}}
""",
}


def write_project(root: Path) -> Config:
    """Write the project's files below a folder and load them."""
    for name, text in _FILES.items():
        path = root / "conf" / "base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), encoding="utf-8")
    return load_config(root)


def land(
    config: Config,
    until: datetime,
    *,
    after: datetime = datetime(2000, 1, 1, tzinfo=UTC),
    tamper_after: datetime | None = None,
    orders_a_day: int = ORDERS_A_DAY,
) -> None:
    """Land what became available in a stretch of time, one file per source.

    Args:
        config: The project.
        until: End of the stretch, included.
        after: Its start, not included.
        tamper_after: Rows that become available after this instant get other contents, and some are left out.
        orders_a_day: Orders of a day, evenly spread.
    """
    orders, deliveries = ["order,shop,items,due_ts"], ["order,shop,delivered_ts,delay_minutes"]
    for day in range(DAYS):
        for number in range(orders_a_day):
            drawn = random.Random(f"{day}-{number}")
            order = day * 1000 + number
            due = FIRST + timedelta(days=day, hours=24 * number / orders_a_day, minutes=7)
            shop, items = drawn.choice("ABC"), drawn.randint(1, 9)
            delay = drawn.gauss({"A": 0, "B": 6, "C": 12}[shop] + 6 * ((day // 3) % 2) + items, 5)
            is_lost = drawn.random() < 0.05
            known, delivered = due - timedelta(days=1), due + timedelta(minutes=delay)
            arrived = delivered + (timedelta(hours=30) if order % 11 == 0 else timedelta(minutes=10))  # some come late
            if tamper_after is not None and arrived > tamper_after:
                delay, is_lost = delay + 1000, drawn.random() < 0.5
            if tamper_after is not None and known > tamper_after:
                shop, items = "A", items + 1
            if after < known <= until:
                orders.append(f"{order},{shop},{items},{due:%Y-%m-%dT%H:%M:%SZ}")
                if number == BAD_NUMBER:
                    orders.append(f"{order + 500},{shop},0,{due:%Y-%m-%dT%H:%M:%SZ}")  # broken: no items
                    orders.append(orders[-2])  # a repeated row
            if after < arrived <= until and not is_lost:
                deliveries.append(f"{order},{shop},{delivered.isoformat()},{delay:.3f}")
    for source, lines in (("orders", orders), ("deliveries", deliveries)):
        folder = config.workspace / "landing" / source
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"until_{until:%Y%m%d}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
