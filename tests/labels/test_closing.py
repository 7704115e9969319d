from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakeloop.config.label import Closes
from lakeloop.labels.closing import attach_labels, closing_instant, local_date
from lakeloop.statuses import LabelStatus
from tests.factories import (
    OUTCOME_COLUMNS,
    Row,
    day,
    declare_label,
    declare_predict,
    frame,
    instant,
    make_outcome,
    rows_of,
)

PENDING, MATURED, VOID = LabelStatus.PENDING, LabelStatus.MATURED, LabelStatus.VOID
NEW_YORK = "America/New_York"
SPINE = "flight int, departure_ts timestamp"

# The first of May closes at six in the morning of the second in New York, which is ten in UTC.
NOON, CLOSING = instant("2013-05-01 16:00"), instant("2013-05-02 10:00")
LATER = instant("2013-05-03 08:00")


@dataclass(frozen=True)
class Case:
    name: str
    truth: Row | None
    status: LabelStatus
    label: float | None = None
    void_reason: str | None = None
    departure_ts: datetime = NOON
    label_available_ts: datetime = CLOSING


CASES = [
    Case("late", {"delay": 15}, MATURED, 1.0),
    Case("on time", {"delay": 14}, MATURED, 0.0),
    Case("no row arrived", None, VOID, void_reason="cancelled"),  # every column of the truth is null
    Case("cancelled", {"left_ts": None, "arrival_ts": None, "delay": None}, VOID, void_reason="cancelled"),
    Case("diverted", {"arrival_ts": None, "delay": None}, VOID, void_reason="diverted"),
    Case("void although there is a number", {"arrival_ts": None, "delay": 20}, VOID, void_reason="diverted"),
    Case("the label can't be computed", {"delay": None}, VOID, void_reason="unknown"),
    Case("the truth came late", {"delay": 20, "available_ts": LATER}, MATURED, 1.0, label_available_ts=LATER),
    Case("the truth came at closing", {"delay": 20, "available_ts": CLOSING}, MATURED, 1.0),
    Case("the day's last second", {"delay": 20}, MATURED, 1.0, departure_ts=instant("2013-05-02 03:59:59.999999")),
    Case(
        "the next day",
        {"delay": 20},
        PENDING,
        departure_ts=instant("2013-05-02 04:00"),
        label_available_ts=instant("2013-05-03 10:00"),
    ),
    Case(
        "the next day without truth",
        None,
        PENDING,
        departure_ts=instant("2013-05-02 04:00"),
        label_available_ts=instant("2013-05-03 10:00"),
    ),
]


def label_cases(spark: SparkSession, as_of: datetime, truth_through: datetime | None = None) -> dict[str, Row]:
    """Attach labels to all cases at once: the flight's number is the case."""
    spine = [{"flight": number, "departure_ts": case.departure_ts} for number, case in enumerate(CASES)]
    truth = [
        make_outcome(case.departure_ts, flight=number, **case.truth)
        for number, case in enumerate(CASES)
        if case.truth is not None
    ]
    known = [row for row in truth if row["available_ts"] <= (truth_through or LATER)]
    predict, label = declare_predict(), declare_label()
    found = attach_labels(frame(spark, SPINE, spine), frame(spark, OUTCOME_COLUMNS, known), predict, label, as_of)
    return {CASES[row["flight"]].name: row for row in rows_of(found)}


@pytest.fixture(scope="module")
def at_closing(zoned: SparkSession) -> dict[str, Row]:
    """Labels as of the very instant of closing; what came later is there, as after a later ingest."""
    return label_cases(zoned, CLOSING)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_attach_labels_once_the_day_is_closed(at_closing: dict[str, Row], case: Case) -> None:
    row = at_closing[case.name]
    assert (row["label_status"], row["label"], row["void_reason"]) == (case.status, case.label, case.void_reason)
    assert row["label_available_ts"] == case.label_available_ts


def test_attach_labels_a_microsecond_before_closing_leaves_all_pending(spark: SparkSession) -> None:
    found = label_cases(spark, instant("2013-05-02 09:59:59.999999"))
    assert {(row["label_status"], row["label"], row["void_reason"]) for row in found.values()} == {
        (PENDING, None, None)
    }


def test_attach_labels_gives_late_truth_a_label_of_its_own_later(spark: SparkSession) -> None:
    then = label_cases(spark, CLOSING, truth_through=CLOSING)["the truth came late"]
    later = label_cases(spark, LATER, truth_through=LATER)["the truth came late"]
    assert (then["label_status"], then["void_reason"], then["label_available_ts"]) == (VOID, "cancelled", CLOSING)
    assert (later["label_status"], later["label"], later["label_available_ts"]) == (MATURED, 1.0, LATER)


@pytest.mark.parametrize("void", [{}, {"diverted": "left_ts is not null and arrival_ts is null"}])
def test_attach_labels_calls_a_row_without_truth_unknown_where_no_reason_holds(
    spark: SparkSession, void: dict[str, str]
) -> None:
    spine = frame(spark, SPINE, [{"flight": 1, "departure_ts": NOON}, {"flight": None, "departure_ts": NOON}])
    truth = frame(spark, OUTCOME_COLUMNS, [make_outcome(NOON, flight=2), make_outcome(NOON, flight=None)])
    found = rows_of(attach_labels(spine, truth, declare_predict(), declare_label(void=void), CLOSING))
    assert [(row["label_status"], row["void_reason"]) for row in found] == [(VOID, "unknown")] * 2


def test_attach_labels_keeps_the_spine_and_its_columns(spark: SparkSession) -> None:
    columns = f"{SPINE}, note string"
    spine = [{"flight": 1, "departure_ts": NOON, "note": "a"}, {"flight": 1, "departure_ts": NOON, "note": "a"}]
    truth = frame(spark, OUTCOME_COLUMNS, [make_outcome(NOON, delay=42), make_outcome(NOON, flight=9)])
    label = declare_label(**{"as": "delay"})  # a number: regression

    found = attach_labels(frame(spark, columns, spine), truth, declare_predict(), label, CLOSING)

    labelled = {
        "label": 42.0,
        "label_status": "MATURED",
        "label_available_ts": CLOSING,
        "block_date": day("2013-05-01"),
        "_known_ts": NOON,  # known before it is final
        "_conflict": False,
    }
    expected = frame(
        spark,
        f"{columns}, label double, label_status string, void_reason string, label_available_ts timestamp,"
        " block_date date, _known_ts timestamp, _conflict boolean",
        [row | labelled for row in spine],
    )
    assert_df_equality(found, expected, ignore_nullable=True)


def test_attach_labels_of_an_empty_spine_is_empty(spark: SparkSession) -> None:
    found = attach_labels(
        frame(spark, SPINE, []), frame(spark, OUTCOME_COLUMNS, []), declare_predict(), declare_label(), CLOSING
    )
    labelled = ["label", "label_status", "void_reason", "label_available_ts", "block_date"]
    assert found.columns[-7:] == [*labelled, "_known_ts", "_conflict"]
    assert rows_of(found) == []


@pytest.mark.parametrize(
    ("conflict", "labels", "reasons"),
    [
        ("newest", [1.0, 0.0, None], [None, None, "cancelled"]),
        ("first", [0.0, 0.0, None], [None, None, "cancelled"]),
        ("void", [None, 0.0, None], ["conflict", None, "cancelled"]),
    ],
)
def test_of_several_rows_of_one_id_the_policy_tells_which_counts(
    spark: SparkSession, conflict: str, labels: list[float | None], reasons: list[str | None]
) -> None:
    """Of the first two disagree, of the second they tell the same, of the third there is none."""
    spine = frame(spark, SPINE, [{"flight": each, "departure_ts": NOON} for each in (1, 2, 3)])
    truth = [
        *(make_outcome(NOON, delay=0), make_outcome(NOON, delay=20, available_ts=LATER)),
        *(make_outcome(NOON, flight=2, delay=1), make_outcome(NOON, flight=2, delay=2, available_ts=LATER)),
    ]
    label = declare_label(conflict=conflict)
    found = rows_of(
        attach_labels(spine, frame(spark, OUTCOME_COLUMNS, truth), declare_predict(), label, LATER), "flight"
    )
    assert [row["label"] for row in found] == labels
    assert [row["void_reason"] for row in found] == reasons
    assert [row["_conflict"] for row in found] == [True, False, False]
    assert found[0]["label_available_ts"] == (CLOSING if conflict == "first" else LATER)


# New York goes from UTC-5 to UTC-4 at 07:00 UTC of 2013-03-10, and back at 06:00 UTC of 2013-11-03.
LOCAL_DATES = [
    ("2013-03-10 04:59:59.999999", "2013-03-09"),
    ("2013-03-10 05:00", "2013-03-10"),  # midnight, UTC-5
    ("2013-03-10 07:00", "2013-03-10"),  # two o'clock, which is three
    ("2013-03-11 03:59:59.999999", "2013-03-10"),
    ("2013-03-11 04:00", "2013-03-11"),  # midnight, UTC-4: the day had 23 hours
    ("2013-11-03 04:00", "2013-11-03"),
    ("2013-11-04 04:59:59.999999", "2013-11-03"),
    ("2013-11-04 05:00", "2013-11-04"),  # the day had 25 hours
    ("1969-12-31 23:59:59", "1969-12-31"),
    ("1970-01-01 04:59:59", "1969-12-31"),
]


def test_local_date_follows_the_clock_of_its_zone(zoned: SparkSession) -> None:
    rows = [{"row": row, "at": instant(text)} for row, (text, _) in enumerate(LOCAL_DATES)]
    found = frame(zoned, "row int, at timestamp", rows).select("row", local_date(F.col("at"), NEW_YORK).alias("date"))
    assert [row["date"] for row in rows_of(found, "row")] == [date.fromisoformat(text) for _, text in LOCAL_DATES]


CLOSINGS = [
    ("2013-03-08 17:00", "06:00 next day", "2013-03-09 11:00"),
    ("2013-03-09 17:00", "06:00 next day", "2013-03-10 10:00"),  # after the change
    ("2013-03-10 17:00", "06:00 next day", "2013-03-11 10:00"),
    ("2013-03-10 17:00", "01:30", "2013-03-10 06:30"),  # before it
    ("2013-03-10 17:00", "02:30", "2013-03-10 07:30"),  # no clock showed it: an hour later, 03:30
    ("2013-11-01 17:00", "06:00 next day", "2013-11-02 10:00"),
    ("2013-11-02 17:00", "06:00 next day", "2013-11-03 11:00"),
    ("2013-11-03 17:00", "01:30", "2013-11-03 05:30"),  # clocks showed it twice: the first time
    ("2013-11-03 17:00", "23:00", "2013-11-04 04:00"),
    ("2013-12-31 17:00", "00:00 next day", "2014-01-01 05:00"),
]


def test_closing_instant_is_a_wall_clock_time(zoned: SparkSession) -> None:
    rows = [{"row": row, "departure_ts": instant(departure)} for row, (departure, _, _) in enumerate(CLOSINGS)]

    def closes(at: str) -> Closes:
        declared: dict[str, Any] = {"of": "departure_ts", "at": at, "timezone": NEW_YORK}
        return Closes.model_validate(declared)

    each = F.coalesce(
        *(F.when(F.col("row") == row, closing_instant(closes(at))) for row, (_, at, _) in enumerate(CLOSINGS))
    )
    found = rows_of(frame(zoned, "row int, departure_ts timestamp", rows).select("row", each.alias("closes_ts")), "row")
    assert [row["closes_ts"] for row in found] == [instant(text) for _, _, text in CLOSINGS]
