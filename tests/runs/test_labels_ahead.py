"""Customers who buy again within three days, on a grid of customers and days; and a level six hours later.

All that ever lands, corrections of the future too, is there before the first turn: what a turn makes is compared with
plain Python over what was known by then.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.label import Conflict
from lakeloop.config.loading import load_config
from lakeloop.errors import DataContractError
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context
from lakeloop.runs.monitor import MonitorResult, monitor
from lakeloop.runs.promotions import PROMOTED
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.score import score
from lakeloop.runs.training_rows import build_in_process, build_on_spark
from lakeloop.runs.training_set import TrainingSet, find_training_set, make_training_set, training_rows
from lakeloop.runs.turn import run_turn
from lakeloop.statuses import Outcome, RebuildStatus
from tests.factories import Row, instant, rows_of

pytestmark = pytest.mark.loop

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = instant("2024-01-01 00:00")
FIRST, SECOND, THIRD = instant("2024-02-05 00:00"), instant("2024-02-09 06:00"), instant("2024-02-11 06:00")
Turns = tuple[Context, list[MonitorResult]]
CUSTOMERS = [f"c{number}" for number in range(8)]
FILES = {
    "project.yml": "{project: again, timezone: UTC, retention: 400 days, seed: 7}",
    "sources/customers.yml": """
source: customers
landing: {path: landing/customers}
key: [customer, since_ts]
event_ts: since_ts
available_ts: since_ts
history: {trusted_until: 2030-01-01}
columns:
  customer: {type: string}
  segment: {type: string}
  since_ts: {type: timestamp}
gate: {min_rows: 0}
""",
    "sources/purchases.yml": """
source: purchases
landing: {path: landing/purchases}
key: [purchase]
mode: upsert
order_by: version
event_ts: at_ts
available_ts: told_ts
history: {trusted_until: 2030-01-01}
columns:
  purchase: {type: long}
  version: {type: integer}
  customer: {type: string}
  at_ts: {type: timestamp}
  told_ts: {type: timestamp}
  amount: {type: double}
gate: {min_rows: 0}
""",
    "sources/levels.yml": """
source: levels
landing: {path: landing/levels}
key: [reading]
event_ts: at_ts
available_ts: told_ts
history: {trusted_until: 2030-01-01}
columns:
  reading: {type: long}
  customer: {type: string}
  at_ts: {type: timestamp}
  told_ts: {type: timestamp}
  level: {type: double}
gate: {min_rows: 0}
""",
    "models/again.yml": """
model: again
predict: {from: customers, every: 1 day, id: [customer, period_ts], known: [segment]}
label:
  from: purchases
  event: amount > 0
  within: 3 days
  on: [customer]
  closes: {of: prediction_ts, at: "06:00", after: 4 days, timezone: UTC}
split: {validation: 3 days, holdout: 5 days, gap: 4 days}
preprocess: [{columns: [segment], steps: [one_hot]}]
estimator: {class: sklearn.linear_model.LogisticRegression}
gate: {metric: log_loss, non_inferior_by: 0.05, min_blocks: 3, resamples: 100, fresh_process: false}
monitor: {window: 3 days, persistence: 1 of 1, min_rows: 10, min_blocks: 9}
decide: {schedule: 28 days, when: {bias: 0.5}}
""",
    "models/later.yml": """
model: later
task: regression
predict: {from: customers, every: 1 day, id: [customer, period_ts], known: [segment]}
label:
  from: levels
  as: level
  after: 6 hours
  tolerance: 2 hours
  on: [customer]
  conflict: newest
  closes: {of: prediction_ts, at: "06:00 next day", timezone: UTC}
split: {validation: 3 days, holdout: 5 days, gap: 1 day}
preprocess: [{columns: [segment], steps: [one_hot]}]
estimator: {class: sklearn.linear_model.LinearRegression}
gate: {metric: mean_absolute_error, non_inferior_by: 0.05, min_blocks: 3, resamples: 100, fresh_process: false}
decide: {schedule: 28 days}
""",
}


@dataclass(frozen=True)
class Told:
    """A version of a row as it became known."""

    key: int
    version: int
    customer: str
    at: datetime
    known: datetime
    value: float


def purchases() -> list[Told]:
    """Even customers buy daily or so, odd ones every ten days; c1's of 20 January is taken back on 6 February."""
    found = []
    for number, customer in enumerate(CUSTOMERS):
        drawn, at = random.Random(customer), START + timedelta(hours=number)
        while at < THIRD:
            at += HOUR * drawn.randint(12, 40) if number % 2 == 0 else DAY * drawn.randint(8, 12)
            key, told = 1000 * number + len(found), at + HOUR * drawn.randint(1, 5)
            found.append(Told(key, 1, customer, at, told, drawn.choice((0.0, 5.0, 9.0))))
    found = [each for each in found if each.customer != "c1"]
    bought = instant("2024-01-20 12:00")
    return [
        *found,
        Told(999_999, 1, "c1", bought, bought + HOUR, 9.0),
        Told(999_999, 2, "c1", bought, instant("2024-02-06 00:00"), 0.0),
    ]


def levels() -> list[Told]:
    """At five and at six in the morning of every day; of c1 never, of c2 at four alone; c3's of the 10th twice."""
    found = []
    for number, customer in enumerate(CUSTOMERS):
        for day in range(45):
            hours = {1: (), 2: (4,)}.get(number, (5, 6))
            for hour in hours:
                at = START + DAY * day + HOUR * hour
                found.append(Told(len(found), 1, customer, at, at + HOUR, float(100 * number + day + hour / 10)))
    at = instant("2024-01-10 06:00")
    return [*found, Told(len(found), 1, "c3", at, instant("2024-02-06 00:00"), -1.0)]


def write(root: Path) -> Context:
    for name, text in FILES.items():
        path = root / "conf/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), encoding="utf-8")
    config = load_config(root)
    customers = [
        f"{each},{'often' if number % 2 == 0 else 'seldom'},2023-12-31T12:00:00Z"
        for number, each in enumerate(CUSTOMERS)
    ]
    landed = {
        "customers": ["customer,segment,since_ts", *customers],
        "purchases": ["purchase,version,customer,at_ts,told_ts,amount", *map(_line, purchases())],
        "levels": ["reading,customer,at_ts,told_ts,level", *(_line(each, of_versions=False) for each in levels())],
    }
    for source, lines in landed.items():
        folder = config.workspace / "landing" / source
        folder.mkdir(parents=True)
        (folder / "all.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Context(config, FIRST)


def _line(told: Told, *, of_versions: bool = True) -> str:
    version = f"{told.version}," if of_versions else ""
    return f"{told.key},{version}{told.customer},{told.at.isoformat()},{told.known.isoformat()},{told.value}"


def closed_at(predicted: datetime) -> datetime:
    return predicted + 4 * DAY + 6 * HOUR


def again(customer: str, predicted: datetime, as_of: datetime) -> tuple[float, datetime]:
    """Whether a customer bought within three days, and since when that is known, by what was told by an instant."""
    newest: dict[int, Told] = {}
    for each in sorted(purchases(), key=lambda each: each.version):
        if each.known <= as_of:
            newest[each.key] = each
    within = [
        each for each in newest.values() if each.customer == customer and predicted < each.at <= predicted + 3 * DAY
    ]
    bought = [each.known for each in within if each.value > 0]
    if bought:
        return 1.0, min(bought)
    taken_back = [each.known for each in within if each.version > 1]
    return 0.0, max([closed_at(predicted), *taken_back])


@pytest.fixture(scope="module")
def turns(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Turns:
    """A turn that trains, and later instants at which the champion answers and is monitored."""
    assert spark
    context = write(tmp_path_factory.mktemp("again"))
    trained = run_turn(context, ["again"]).models[0].train
    assert trained is not None
    assert trained.gate.outcome == PROMOTED, trained.gate.reasons
    found = []
    for later in (context.at(SECOND), context.at(THIRD)):
        score(later, "again")
        found.append(monitor(later, "again"))
    return context, found


def rows_of_set(context: Context, pinned: TrainingSet) -> list[Row]:
    address = context.lake.address("training_sets", pinned.model)
    return rows_of(training_rows(context, address, pinned.training_set_id), "customer", "prediction_ts")


def days_until(last: str) -> Iterator[tuple[str, datetime]]:
    for customer in CUSTOMERS:
        day = START
        while day <= instant(f"{last} 00:00"):
            yield customer, day
            day += DAY


def test_every_customer_has_a_label_for_every_closed_day(turns: Turns) -> None:
    context = turns[0].at(FIRST)
    rows = rows_of_set(context, find_training_set(context, "again"))
    # 31 January closes on 4 February at six, 1 February a day later: after the turn.
    expected = {
        (customer, day): (label, max(known, closed_at(day)))
        for customer, day in days_until("2024-01-31")
        for label, known in (again(customer, day, FIRST),)
    }
    found = {(row["customer"], row["prediction_ts"]): (row["label"], row["label_available_ts"]) for row in rows}
    assert found == expected
    assert 0 < sum(label for label, _ in found.values()) < len(found)
    assert found["c1", instant("2024-01-18 00:00")] == (1.0, instant("2024-01-22 06:00"))  # taken back later


def test_no_label_of_one_part_tells_of_the_time_of_the_next(turns: Turns) -> None:
    context = turns[0].at(FIRST)
    rows = rows_of_set(context, find_training_set(context, "again"))
    days: dict[str, list[datetime]] = {}
    for row in rows:
        days.setdefault(row["_split"], []).append(row["prediction_ts"])
    assert closed_at(max(days["train"])) <= min(days["validation"])  # what is learned from is known by then
    assert closed_at(max(days["validation"])) <= min(days["holdout"])
    assert (max(days["train"]), max(days["holdout"])) == (instant("2024-01-15 00:00"), instant("2024-01-31 00:00"))


def test_a_correction_is_a_new_version_that_earlier_sets_never_see(turns: Turns) -> None:
    context = turns[0]
    earlier, later = context.at(FIRST), context.at(THIRD)
    pinned = find_training_set(earlier, "again")
    corrected = make_training_set(later, "again")
    row = {(each["customer"], each["prediction_ts"]): each for each in rows_of_set(later, corrected)}
    taken_back = row["c1", instant("2024-01-18 00:00")]
    assert (taken_back["label"], taken_back["label_available_ts"]) == (0.0, instant("2024-02-06 00:00"))
    assert make_training_set(earlier, "again").outcome is Outcome.SKIPPED
    again_made = rebuild_training_set(earlier, "again", pinned.training_set_id)
    assert again_made.status is RebuildStatus.REPRODUCED


@pytest.mark.parametrize("name", ["again", "later"])
def test_both_engines_make_the_same_rows(turns: Turns, name: str) -> None:
    context = turns[0].at(FIRST)
    model, lake = context.config.models[name], context.lake
    versions = {each: lake.version(lake.address("bronze", each)) for each in ("customers", model.label.from_)}
    on_spark = build_on_spark(context, model, "set", (), versions)
    in_process = build_in_process(context, model, "set", (), versions)
    digests = [
        read_content(on_spark.rows).digest,
        read_content(context.spark.createDataFrame(in_process.rows)).digest,
    ]
    assert digests[0] == digests[1]
    assert (on_spark.matured, on_spark.void, on_spark.conflicts) == (
        in_process.matured,
        in_process.void,
        in_process.conflicts,
    )


def test_the_value_six_hours_later(turns: Turns) -> None:
    """Of c1 there is none; c2's of four is two hours old; c3's of the 10th was told otherwise on 6 February."""
    context = turns[0]
    rows = rows_of_set(context.at(FIRST), make_training_set(context.at(FIRST), "later"))
    # 4 February closes on the 5th at six: after the turn.
    expected = {
        (customer, day): 100.0 * int(customer[1:]) + (day - START).days + 0.6
        for customer, day in days_until("2024-02-03")
        if customer not in ("c1", "c2")
    }
    found = {(row["customer"], row["prediction_ts"]): row["label"] for row in rows}
    assert found == pytest.approx(expected)
    later = rows_of_set(context.at(THIRD), make_training_set(context.at(THIRD), "later"))
    of_tenth = next(
        row for row in later if (row["customer"], row["prediction_ts"]) == ("c3", instant("2024-01-10 00:00"))
    )
    assert (of_tenth["label"], of_tenth["label_available_ts"]) == (-1.0, instant("2024-02-06 00:00"))
    notes = context.lake.commits(context.lake.address("training_sets", "later"))
    assert sorted(each.notes["label_conflicts"] for each in notes if "label_conflicts" in each.notes) == [0, 1]


def test_rows_that_disagree_stop_the_job_where_no_policy_is_declared(turns: Turns) -> None:
    context = turns[0].at(THIRD)
    model, lake = context.config.models["later"], context.lake
    strict = model.model_copy(update={"label": model.label.model_copy(update={"conflict": Conflict.FAIL})})
    versions = {each: lake.version(lake.address("bronze", each)) for each in ("customers", "levels")}
    with pytest.raises(DataContractError, match="disagree on 1 closed rows"):
        build_on_spark(context, strict, "set", (), versions)


def test_performance_is_measured_once_the_labels_of_a_window_are_closed(
    turns: Turns,
) -> None:
    context, (second, third) = turns
    assert (second.windows, second.late, dict(second.metrics)) == (1, 0, {})
    assert (third.windows, third.late, third.outcome) == (1, 1, Outcome.WRITTEN)
    assert third.metrics["bias"] == pytest.approx(third.metrics["mean_score"] - third.metrics["mean_outcome"])
    rows = context.lake.own_rows(schemas.PERFORMANCE, None)

    def of(as_of: datetime, start: str, slice_key: str | None) -> dict[tuple[Any, str], Any]:
        window = instant(f"{start} 00:00")
        return {
            (row["slice_value"], row["metric"]): (row["value"], row["rows"], row["status"])
            for row in rows
            if row["as_of"] == as_of and row["window"]["start"] == window and row["slice_key"] == slice_key
        }

    assert of(SECOND, "2024-02-05", None) == {(None, "none"): (None, 0, "NOT_MATURED")}
    early = of(SECOND, "2024-02-05", schemas.LABEL_SLICE)
    # 5 February closes at that very instant; the 6th and the 7th, eight customers each, wait.
    assert early["CLOSED", "share"] == (pytest.approx(1 / 3), 8, "OK")
    assert early["PENDING", "share"] == (pytest.approx(2 / 3), 16, "OK")
    closed = of(THIRD, "2024-02-05", schemas.LABEL_SLICE)
    assert closed["CLOSED", "share"] == closed["MATURED", "share"] == (1.0, 24, "OK")
    assert closed["VOID", "share"] == closed["PENDING", "share"] == (0.0, 0, "OK")
    asked = [(each, instant("2024-02-05 00:00") + DAY * day) for each in CUSTOMERS for day in range(3)]
    known = [(customer, day, *again(customer, day, THIRD)) for customer, day in asked]
    delays = sorted((since - day).total_seconds() for _, day, _, since in known)
    for quantile in (0.5, 0.9, 0.99):
        expected = delays[math.ceil(quantile * 24) - 1]
        assert closed["MATURED", f"delay_seconds_p{round(100 * quantile)}"] == (expected, 24, "OK")
    outcome = of(THIRD, "2024-02-05", None)[None, "mean_outcome"]
    assert outcome == (pytest.approx(sum(label for *_, label, _ in known) / 24), 24, "OK")
    assert of(THIRD, "2024-02-08", schemas.LABEL_SLICE)["MATURED", "delay_seconds_p50"] == (None, 0, "NOT_MATURED")


def test_a_second_run_measures_nothing_again(turns: Turns) -> None:
    context = turns[0].at(THIRD)
    before = len(context.lake.own_rows(schemas.PERFORMANCE, None))
    again = monitor(context, "again")
    assert (again.outcome, again.late) == (Outcome.SKIPPED, 1)
    assert len(context.lake.own_rows(schemas.PERFORMANCE, None)) == before
