from __future__ import annotations

import hashlib

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession

from lakeloop.labels.spine import make_spine, prediction_id
from tests.factories import SCHEDULE_COLUMNS, Row, declare_predict, frame, instant, make_schedule, rows_of

NOON = instant("2013-05-01 12:00")


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def test_prediction_id_tells_null_from_text_and_one_column_from_the_next(spark: SparkSession) -> None:
    rows: list[Row] = [
        {"a": None, "b": "x"},
        {"a": "null", "b": "x"},
        {"a": "", "b": "x"},
        {"a": "x", "b": None},
        {"a": "x", "b": ""},
        {"a": "xx", "b": ""},
        {"a": "", "b": "xx"},
        {"a": 'x","b":"', "b": ""},
        {"a": None, "b": None},
    ]
    found = frame(spark, "a string, b string", rows).select("a", "b", prediction_id(["a", "b"]).alias("id")).collect()
    ids = {(row["a"], row["b"]): row["id"] for row in found}
    assert len(set(ids.values())) == len(rows)
    assert ids[None, "x"] == hash_of('{"a":null,"b":"x"}')
    assert ids["null", "x"] == hash_of('{"a":"null","b":"x"}')


def test_make_spine_gives_ids_that_do_not_depend_on_the_session_zone(zoned: SparkSession) -> None:
    rows = frame(zoned, SCHEDULE_COLUMNS, [make_schedule(NOON), make_schedule(NOON, flight=2)])
    found = rows_of(make_spine(rows, declare_predict()), "flight")
    micros = 1_367_409_600_000_000  # 2013-05-01 12:00 UTC
    assert [row["prediction_id"] for row in found] == [
        hash_of(f'{{"flight":{flight},"_id_departure_ts":{micros}}}') for flight in (1, 2)
    ]


def test_make_spine_gives_id_instant_known_and_wanted_columns(spark: SparkSession) -> None:
    rows = frame(spark, SCHEDULE_COLUMNS, [make_schedule(NOON), make_schedule(NOON, flight=None, distance=None)])
    predict = declare_predict(id=["flight"], known=["distance"])

    found = make_spine(rows, predict, extra=["departure_ts", "distance", "prediction_ts"]).drop("prediction_id")

    ten = instant("2013-05-01 10:00")
    expected: list[Row] = [
        {"prediction_ts": ten, "flight": 1, "distance": 700, "departure_ts": NOON},
        {"prediction_ts": ten, "flight": None, "distance": None, "departure_ts": NOON},
    ]
    columns = "prediction_ts timestamp, flight int, distance int, departure_ts timestamp"
    assert_df_equality(found, frame(spark, columns, expected), ignore_nullable=True, ignore_row_order=True)


@pytest.fixture(scope="module")
def kept(zoned: SparkSession) -> list[int]:
    """Flights that leave at noon, predicted at ten, by the instant at which they became known."""
    known = ["10:00:00", "09:59:59.999999", "10:00:00.000001", "11:00", None]
    rows = [
        make_schedule(NOON, flight=row, available_ts=text and instant(f"2013-05-01 {text}"))
        for row, text in enumerate(known)
    ]
    found = make_spine(frame(zoned, SCHEDULE_COLUMNS, rows), declare_predict())
    return [row["flight"] for row in rows_of(found, "flight")]


def test_make_spine_leaves_out_what_was_not_known_at_its_own_instant(kept: list[int]) -> None:
    assert kept == [0, 1]


def test_make_spine_of_no_rows_has_the_columns(spark: SparkSession) -> None:
    found = make_spine(frame(spark, SCHEDULE_COLUMNS, []), declare_predict())
    columns = "prediction_id string, prediction_ts timestamp, flight int, departure_ts timestamp, distance int"
    assert_df_equality(found, frame(spark, columns, []), ignore_nullable=True)
