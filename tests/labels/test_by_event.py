"""Whether an event comes within a horizon: yes may be known early, no only at the end; exact values by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lakeloop.config.label import Label
from lakeloop.config.predict import Predict
from lakeloop.labels.closing import attach_labels
from lakeloop.labels.found import SUPERSEDED_TS
from lakeloop.statuses import LabelStatus
from tests.factories import Row, frame, instant, rows_of

PENDING, MATURED, VOID = LabelStatus.PENDING, LabelStatus.MATURED, LabelStatus.VOID
SPINE = "customer string, prediction_ts timestamp"
EVENTS = "customer string, event_ts timestamp, available_ts timestamp, amount double, kind string"
PREDICT = Predict.model_validate({"from": "customers", "every": "1 day", "id": ["customer", "period_ts"]})


def declare(**changes: Any) -> Label:
    """Buys again within 30 days; a day closes 31 days later at six in New York, which is ten in UTC."""
    closes = {"of": "prediction_ts", "at": "06:00", "after": "31 days", "timezone": "America/New_York"}
    declared = {
        "from": "purchases",
        "event": "amount > 0",
        "within": "30 days",
        "on": ["customer"],
        "void": {"left": "kind = 'left'", "died": "kind = 'died'"},
        "closes": closes,
    }
    return Label.model_validate(declared | changes)


# Predicted on the first of May at noon in UTC; 30 days are over on the 31st at noon; closed on the first of June.
PREDICTED, OVER, CLOSING = instant("2013-05-01 12:00"), instant("2013-05-31 12:00"), instant("2013-06-01 10:00")
MICROSECOND, HOUR = timedelta(microseconds=1), timedelta(hours=1)


def event(at: datetime, *, later: timedelta = HOUR, amount: float | None = 9.0, **changes: Any) -> Row:
    return {"event_ts": at, "available_ts": at + later, "amount": amount, **changes}


@dataclass(frozen=True)
class Case:
    name: str
    events: tuple[Row, ...]
    label: float | None
    known_ts: datetime | None = CLOSING
    available_ts: datetime = CLOSING
    void_reason: str | None = None


LATE = CLOSING + HOUR
CASES = [
    Case("no event", (), 0.0),
    Case("at the very instant of the prediction", (event(PREDICTED),), 0.0),
    Case("a microsecond later", (event(PREDICTED + MICROSECOND),), 1.0, known_ts=PREDICTED + MICROSECOND + HOUR),
    Case("at the end of the horizon", (event(OVER),), 1.0, known_ts=OVER + HOUR),
    Case("a microsecond after it", (event(OVER + MICROSECOND),), 0.0),
    Case("before and after", (event(PREDICTED - HOUR), event(OVER + HOUR)), 0.0),
    Case("no such event", (event(OVER, amount=0.0), event(OVER - HOUR, amount=-1.0)), 0.0),
    Case("a null is no event", (event(OVER, amount=None),), 0.0),
    Case(
        "the first that became known, not the first that happened",
        (event(PREDICTED + HOUR, later=9 * HOUR), event(PREDICTED + 2 * HOUR)),
        1.0,
        known_ts=PREDICTED + 3 * HOUR,
    ),
    Case("the same twice", (event(OVER), event(OVER)), 1.0, known_ts=OVER + HOUR),
    Case("known after closing", (event(OVER, later=LATE - OVER),), 1.0, known_ts=LATE, available_ts=LATE),
    Case("void", (event(OVER, amount=None, kind="left"),), None, known_ts=None, void_reason="left"),
    Case(
        "void although it happened, for the first reason declared",
        (event(OVER), event(PREDICTED + HOUR, kind="died"), event(OVER, kind="left")),
        None,
        known_ts=None,
        void_reason="left",
    ),
    Case("void before the prediction", (event(PREDICTED, kind="left"),), 0.0),
    Case(
        "void, known after closing",
        (event(OVER, later=LATE - OVER, kind="left"),),
        None,
        known_ts=None,
        available_ts=LATE,
        void_reason="left",
    ),
    # Versions: what is taken back was believed until then.
    Case(
        "taken back before closing",
        (event(PREDICTED + HOUR, superseded_ts=OVER), event(PREDICTED + HOUR, later=OVER - PREDICTED, amount=0.0)),
        0.0,
    ),
    Case("taken back after closing", (event(OVER, superseded_ts=LATE),), 0.0, known_ts=LATE, available_ts=LATE),
    Case(
        "another stands",
        (event(OVER, superseded_ts=LATE), event(OVER - HOUR)),
        1.0,
        known_ts=OVER,
    ),
    Case(
        "a reason taken back after closing",
        (event(OVER), event(OVER, amount=0.0, kind="left", superseded_ts=LATE)),
        1.0,
        known_ts=LATE,
        available_ts=LATE,
    ),
    Case("taken back, outside the horizon", (event(PREDICTED, superseded_ts=LATE),), 0.0),
    Case("taken back, and never the event", (event(OVER, amount=0.0, superseded_ts=LATE),), 0.0),
]


def label_cases(spark: SparkSession, as_of: datetime) -> dict[str, Row]:
    """Attach labels to all cases at once: the customer is the case; one without a name has no events."""
    spine = [{"customer": case.name, "prediction_ts": PREDICTED} for case in CASES]
    events = [{"customer": case.name, **each} for case in CASES for each in case.events]
    known = [each for each in events if each["available_ts"] <= as_of]
    found = attach_labels(
        frame(spark, SPINE, [*spine, {"prediction_ts": PREDICTED}]),
        frame(spark, f"{EVENTS}, {SUPERSEDED_TS} timestamp", [*known, event(OVER)]),
        PREDICT,
        declare(),
        as_of,
    )
    return {row["customer"]: row for row in rows_of(found)}


@pytest.fixture(scope="module")
def closed(zoned: SparkSession) -> dict[str, Row]:
    return label_cases(zoned, LATE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_label_by_event(closed: dict[str, Row], case: Case) -> None:
    row = closed[case.name]
    status = VOID if case.void_reason else MATURED
    assert (row["label_status"], row["label"], row["void_reason"]) == (status, case.label, case.void_reason)
    assert (row["_known_ts"], row["label_available_ts"]) == (case.known_ts, case.available_ts)
    assert (str(row["block_date"]), row["_conflict"]) == ("2013-05-01", False)


def test_a_customer_without_a_key_has_no_events(closed: dict[str, Row]) -> None:
    assert (closed[None]["label_status"], closed[None]["label"]) == (MATURED, 0.0)  # type: ignore[index]


def test_nothing_is_known_before_closing_neither_yes_nor_no(spark: SparkSession) -> None:
    """Early yes without the noes that belong to them would be a biased sample."""
    found = label_cases(spark, CLOSING - MICROSECOND)
    assert {(row["label_status"], row["label"], row["void_reason"], row["_known_ts"]) for row in found.values()} == {
        (PENDING, None, None, None)
    }


@pytest.mark.parametrize(
    ("as_of", "status"),
    [("2013-05-31 11:59:59.999999", PENDING), ("2013-05-31 12:00", MATURED)],
)
def test_a_closing_that_comes_too_early_waits_for_the_horizon(spark: SparkSession, as_of: str, status: str) -> None:
    """Declared by a column that tells nothing of predictions, it cannot be refused: the row waits."""
    closes = {"of": "opened_ts", "at": "06:00 next day", "timezone": "UTC"}
    columns = f"{SPINE}, opened_ts timestamp"
    spine = [{"customer": each, "prediction_ts": PREDICTED, "opened_ts": instant("2013-04-01 09:00")} for each in "AB"]
    events = [{"customer": "A", **event(PREDICTED + HOUR)}]
    found = rows_of(
        attach_labels(
            frame(spark, columns, spine),
            frame(spark, EVENTS, events),
            PREDICT,
            declare(closes=closes),
            instant(as_of),
        ),
        "customer",
    )
    assert [row["label_status"] for row in found] == [status, status]
    assert [row["label"] for row in found] == ([1.0, 0.0] if status == MATURED else [None, None])
    assert {row["label_available_ts"] for row in found} == {OVER}


def test_every_row_of_the_source_is_an_event_where_no_condition_is_declared(spark: SparkSession) -> None:
    declared = declare().model_dump(by_alias=True, exclude={"event", "void"})
    spine = frame(spark, SPINE, [{"customer": each, "prediction_ts": PREDICTED} for each in "AAB"])
    events = frame(spark, EVENTS, [{"customer": "A", **event(OVER, amount=None)}])
    found = rows_of(attach_labels(spine, events, PREDICT, Label.model_validate(declared), CLOSING), "customer")
    assert [row["label"] for row in found] == [1.0, 1.0, 0.0]  # a row that is there twice stays so


Told = tuple[int, int, int]  # hour of the event, hours until it is known, amount


def oracle(events: Sequence[Told], predicted: int, within: int) -> tuple[float, int | None]:
    """Look at every event: the label, and the hour at which yes was known."""
    known = [at + later for at, later, amount in events if predicted < at <= predicted + within and amount > 0]
    return (1.0, min(known)) if known else (0.0, None)


@given(
    customers=st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12), st.integers(0, 1)), max_size=6),
        min_size=20,
        max_size=20,
    ),
    within=st.integers(1, 12),
)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_label_by_event_is_what_looking_at_every_event_gives_and_the_future_changes_nothing(
    spark: SparkSession, customers: list[list[Told]], within: int
) -> None:
    def of(hours: int) -> datetime:
        return PREDICTED + hours * HOUR

    closes = {"of": "prediction_ts", "at": "06:00", "after": "3 days", "timezone": "UTC"}
    label = declare(within=f"{within} hours", void={}, closes=closes)
    asked = [{"customer": str(each), "prediction_ts": of(hour)} for each in range(20) for hour in range(0, 24, 5)]
    told = [
        {"customer": str(number), "event_ts": of(at), "available_ts": of(at + later), "amount": float(amount)}
        for number, events in enumerate(customers)
        for at, later, amount in events
    ]
    found = rows_of(attach_labels(frame(spark, SPINE, asked), frame(spark, EVENTS, told), PREDICT, label, of(24 * 9)))
    for row in found:
        hour = (row["prediction_ts"] - PREDICTED) // HOUR
        expected, known = oracle(customers[int(row["customer"])], hour, within)
        assert (row["label"], row["label_status"]) == (expected, MATURED)
        if known is not None:
            assert row["_known_ts"] == of(known)
        assert row["label_available_ts"] == max(
            row["_known_ts"],
            instant("2013-05-04 06:00") + timedelta(days=(row["prediction_ts"].date() - PREDICTED.date()).days),
        )
