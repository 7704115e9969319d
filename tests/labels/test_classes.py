"""Labels of several classes: the place of the value among them, and void for what is none of them."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.config.label import Label
from lakeloop.config.predict import Predict
from lakeloop.labels.closing import attach_labels
from lakeloop.labels.found import judge_truth
from tests.factories import OUTCOME_COLUMNS, declare_label, declare_predict, frame, instant, make_outcome

AS_OF = instant("2013-05-03 10:00")
NOON = instant("2013-05-01 16:00")
CLASSES = ("on_time", "late", "never")
VALUE = "case when delay >= 15 then 'late' when delay >= 0 then 'on_time' when delay < 0 then 'early' end"


@pytest.mark.parametrize(
    ("value", "classes", "label"),
    [
        ("'late'", CLASSES, (1.0, None)),
        ("'on_time'", CLASSES, (0.0, None)),
        ("'Late'", CLASSES, (None, "other_class")),
        ("' late'", CLASSES, (None, "other_class")),
        ("''", CLASSES, (None, "other_class")),
        ("cast(null as string)", CLASSES, (None, None)),
        ("cast(2 as bigint)", ("1", "2", "3"), (1.0, None)),
        ("cast(4 as int)", ("1", "2", "3"), (None, "other_class")),
        ("true", ("false", "unknown", "true"), (2.0, None)),
    ],
)
def test_a_value_is_the_place_of_its_text_among_the_classes(
    spark: SparkSession, value: str, classes: tuple[str, ...], label: tuple[float | None, str | None]
) -> None:
    declared = declare_label(**{"as": value, "classes": list(classes), "void": {}})
    assert tuple(spark.range(1).select(*judge_truth(declared)).collect()[0]) == label


def test_what_is_no_class_is_void_and_a_declared_reason_comes_first(spark: SparkSession) -> None:
    outcomes: list[dict[str, Any]] = [
        {"delay": 20},
        {"delay": 14},
        {"delay": -3},
        {"delay": -3, "arrival_ts": None},
        {"delay": None},
    ]
    spine = [{"flight": number, "departure_ts": NOON} for number in range(6)]  # of the last nothing arrived
    truth = [make_outcome(NOON, flight=number, **each) for number, each in enumerate(outcomes)]
    label = declare_label(**{"as": VALUE, "classes": list(CLASSES)})
    labelled = attach_labels(
        frame(spark, "flight int, departure_ts timestamp", spine),
        frame(spark, OUTCOME_COLUMNS, truth),
        declare_predict(),
        label,
        AS_OF,
    )
    found = labelled.select("flight", "label", "label_status", "void_reason").orderBy("flight").collect()
    assert [tuple(row)[1:] for row in found] == [
        (1.0, "MATURED", None),
        (0.0, "MATURED", None),
        (None, "VOID", "other_class"),
        (None, "VOID", "diverted"),
        (None, "VOID", "unknown"),
        (None, "VOID", "cancelled"),
    ]
    assert dict(labelled.dtypes)["label"] == "double"


def test_by_time_the_newest_row_tells_the_class(spark: SparkSession) -> None:
    """The value six hours later, of rows that disagree none, and what is no class is void here too."""
    declared = {
        "from": "readings",
        "as": "sky",
        "classes": ["clear", "clouded", "raining"],
        "after": "6 hours",
        "tolerance": "1 hour",
        "on": ["station"],
        "conflict": "void",
        "closes": {"of": "prediction_ts", "at": "06:00 next day", "timezone": "UTC"},
    }
    at = instant("2013-05-01 12:00")
    readings = [
        *(("A", "17:10", "clear"), ("A", "17:50", "raining"), ("B", "17:50", "hail"), ("C", "17:50", None)),
        *(("D", "17:50", "clear"), ("D", "17:50", "clouded")),
    ]
    truth = [
        {"station": station, "event_ts": instant(f"2013-05-01 {time}"), "available_ts": AS_OF, "sky": sky}
        for station, time, sky in readings
    ]
    labelled = attach_labels(
        frame(spark, "station string, prediction_ts timestamp", [{"station": s, "prediction_ts": at} for s in "ABCDE"]),
        frame(spark, "station string, event_ts timestamp, available_ts timestamp, sky string", truth),
        Predict.model_validate({"from": "stations", "every": "1 hour", "id": ["station", "period_ts"]}),
        Label.model_validate(declared),
        AS_OF,
    )
    found = labelled.select("station", "label", "void_reason").orderBy("station").collect()
    assert [tuple(row) for row in found] == [
        ("A", 2.0, None),
        ("B", None, "other_class"),
        ("C", None, "unknown"),
        ("D", None, "conflict"),
        ("E", None, "no_value"),
    ]
