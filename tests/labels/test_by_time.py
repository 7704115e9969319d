"""The value of the same entity so much later: which row counts, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.config.label import Conflict, Label
from lakeloop.config.predict import Predict
from lakeloop.labels.closing import attach_labels
from lakeloop.labels.found import SUPERSEDED_TS
from lakeloop.statuses import LabelStatus
from tests.factories import Row, frame, instant, rows_of

PENDING, MATURED, VOID = LabelStatus.PENDING, LabelStatus.MATURED, LabelStatus.VOID
SPINE = "station string, prediction_ts timestamp"
READINGS = "station string, event_ts timestamp, available_ts timestamp, celsius double, broken boolean"
PREDICT = Predict.model_validate({"from": "stations", "every": "1 hour", "id": ["station", "period_ts"]})

# Predicted on the first of May at noon in UTC, of six in the evening; the day closes at six the next morning.
PREDICTED, TARGET, CLOSING = instant("2013-05-01 12:00"), instant("2013-05-01 18:00"), instant("2013-05-02 06:00")
MICROSECOND, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)
LATE = CLOSING + HOUR


def declare(**changes: Any) -> Label:
    declared = {
        "from": "readings",
        "as": "celsius",
        "after": "6 hours",
        "tolerance": "1 hour",
        "on": ["station"],
        "void": {"broken": "broken"},
        "closes": {"of": "prediction_ts", "at": "06:00 next day", "timezone": "UTC"},
    }
    return Label.model_validate(declared | changes)


def reading(at: datetime, celsius: float | None, *, available: datetime | None = None, **changes: Any) -> Row:
    return {"event_ts": at, "available_ts": available or at + MINUTE, "celsius": celsius, **changes}


@dataclass(frozen=True)
class Case:
    name: str
    readings: tuple[Row, ...]
    label: float | None
    known_ts: datetime | None = TARGET + MINUTE
    available_ts: datetime = CLOSING
    void_reason: str | None = None
    conflict: bool = False


def void(name: str, *readings: Row, reason: str = "no_value", **changes: Any) -> Case:
    return Case(name, readings, None, None, void_reason=reason, **changes)


CASES = [
    Case("at the very instant", (reading(TARGET, 20.0),), 20.0),
    void("a microsecond later", reading(TARGET + MICROSECOND, 20.0)),
    Case(
        "just within the tolerance",
        (reading(TARGET - HOUR + MICROSECOND, 20.0),),
        20.0,
        known_ts=TARGET,  # until then another could come
    ),
    void("at the tolerance", reading(TARGET - HOUR, 20.0)),
    void("no row"),
    Case("the newest counts", (reading(TARGET - 2 * MINUTE, 19.0), reading(TARGET, 20.0)), 20.0),
    Case(
        "the newest counts, also where an older one came later",
        (reading(TARGET - MINUTE, 19.0, available=CLOSING - HOUR), reading(TARGET, 20.0)),
        20.0,
    ),
    void("the newest has no value", reading(TARGET - MINUTE, 19.0), reading(TARGET, None), reason="unknown"),
    void("the newest is void", reading(TARGET - MINUTE, 19.0), reading(TARGET, 20.0, broken=True), reason="broken"),
    Case("an older one is void", (reading(TARGET - MINUTE, 19.0, broken=True), reading(TARGET, 20.0)), 20.0),
    Case("came late", (reading(TARGET, 20.0, available=LATE),), 20.0, known_ts=LATE, available_ts=LATE),
    Case("known long before", (reading(TARGET, 20.0, available=PREDICTED),), 20.0, known_ts=TARGET),
    Case("the same twice", (reading(TARGET, 20.0), reading(TARGET, 20.0, available=TARGET)), 20.0),
    Case(
        "two at one instant, the newest",
        (reading(TARGET, 20.0), reading(TARGET, 21.0, available=TARGET + HOUR)),
        21.0,
        known_ts=TARGET + HOUR,
        conflict=True,
    ),
    Case("two that came together, the greater", (reading(TARGET, 22.0), reading(TARGET, 21.0)), 22.0, conflict=True),
    Case(
        "two of which one counts for nothing",
        (reading(TARGET - MINUTE, 1.0), reading(TARGET - MINUTE, 2.0), reading(TARGET, 20.0)),
        20.0,
    ),
    # Versions: what is taken back was believed until then.
    Case(
        "corrected after closing",
        (reading(TARGET, 20.0, superseded_ts=LATE), reading(TARGET, 25.0, available=LATE)),
        25.0,
        known_ts=LATE,
        available_ts=LATE,
    ),
    Case(
        "moved away after closing",
        (reading(TARGET, 20.0, superseded_ts=LATE), reading(TARGET - MINUTE, 19.0)),
        19.0,
        known_ts=LATE,
        available_ts=LATE,
    ),
    void("moved away after closing, and none is left", reading(TARGET, 20.0, superseded_ts=LATE), available_ts=LATE),
    Case(
        "one that was out of reach was corrected",
        (reading(TARGET - HOUR, 1.0, superseded_ts=LATE), reading(TARGET, 20.0)),
        20.0,
    ),
]


def label_cases(spark: SparkSession, as_of: datetime, label: Label | None = None) -> dict[str | None, Row]:
    """Attach labels to all cases at once: the station is the case."""
    spine = [{"station": case.name, "prediction_ts": PREDICTED} for case in CASES]
    rows = [{"station": case.name, **each} for case in CASES for each in case.readings]
    found = attach_labels(
        frame(spark, SPINE, [*spine, {"prediction_ts": PREDICTED}]),
        frame(spark, f"{READINGS}, {SUPERSEDED_TS} timestamp", [*rows, reading(TARGET, 1.0)]),
        PREDICT,
        label or declare(conflict="newest"),
        as_of,
    )
    return {row["station"]: row for row in rows_of(found)}


@pytest.fixture(scope="module")
def closed(zoned: SparkSession) -> dict[str | None, Row]:
    return label_cases(zoned, CLOSING)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_label_by_time(closed: dict[str | None, Row], case: Case) -> None:
    row = closed[case.name]
    status = VOID if case.void_reason else MATURED
    assert (row["label_status"], row["label"], row["void_reason"]) == (status, case.label, case.void_reason)
    assert (row["_known_ts"], row["label_available_ts"]) == (case.known_ts, case.available_ts)
    assert row["_conflict"] is case.conflict


def test_a_station_without_a_key_has_no_value(closed: dict[str | None, Row]) -> None:
    assert (closed[None]["label_status"], closed[None]["void_reason"]) == (VOID, "no_value")


def test_nothing_is_known_a_microsecond_before_closing(spark: SparkSession) -> None:
    found = label_cases(spark, CLOSING - MICROSECOND)
    assert {(row["label_status"], row["label"], row["_conflict"]) for row in found.values()} == {(PENDING, None, False)}


@pytest.mark.parametrize(
    ("conflict", "label", "reason", "known_ts"),
    [
        (Conflict.FIRST, 20.0, None, TARGET + MINUTE),
        (Conflict.VOID, None, "conflict", None),
        (Conflict.FAIL, None, "conflict", None),  # the job stops; the frame has no label for it
        (None, None, "conflict", None),
    ],
)
def test_of_two_at_one_instant_the_policy_tells_which_counts(
    spark: SparkSession, conflict: Conflict | None, label: float | None, reason: str | None, known_ts: datetime | None
) -> None:
    row = label_cases(spark, CLOSING, declare(conflict=conflict))["two at one instant, the newest"]
    assert (row["label"], row["void_reason"], row["_known_ts"]) == (label, reason, known_ts)
    assert row["_conflict"] is True


def test_many_predictions_of_a_station_read_the_same_readings(spark: SparkSession) -> None:
    """Every 20 minutes of a day, readings at every full hour: by hand, the last full hour that is not an hour old."""
    spine = [{"station": "A", "prediction_ts": PREDICTED + number * 20 * MINUTE} for number in range(72)]
    rows = [{"station": "A", **reading(TARGET + number * HOUR, float(number))} for number in range(20)]
    found = rows_of(
        attach_labels(
            frame(spark, SPINE, spine), frame(spark, READINGS, rows), PREDICT, declare(), instant("2013-05-09 00:00")
        ),
        "prediction_ts",
    )
    assert [row["label"] for row in found] == [float(number // 3) if number < 60 else None for number in range(72)]
