"""Labels of several classes: the place of the value among them, and void for what is none of them."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

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
