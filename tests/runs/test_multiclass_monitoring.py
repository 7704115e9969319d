"""What a window of several classes says: rows of the tables, alarms, counts made on Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.drift.counts import COUNTS_SCHEMA, lay_out_daily
from lakeloop.drift.performance import Performance
from lakeloop.drift.reference import Reference
from lakeloop.drift.target_classes import judge_classes
from lakeloop.drift.targets import TargetDay
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.errors import ConflictError
from lakeloop.runs import monitor_counts
from lakeloop.runs.alarms import find_alarms
from lakeloop.runs.class_scores import add_class_scores
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.performance_rows import performance_rows, read_performance
from lakeloop.runs.verdict_rows import target_row
from lakeloop.statuses import FlagKind, Role, Status, Verdict
from lakeloop.training.metrics import row_losses
from tests.laws.situations import BEGIN
from tests.training.test_multiclass import declare

CLASSES = ("on_time", "late", "never")
REFERENCE = Reference(
    "late",
    Task.MULTICLASS,
    datetime(2013, 4, 1, tzinfo=UTC),
    (),
    (),
    {},
    {},
    targets=tuple(TargetDay(date(2013, 1, 1) + timedelta(days=day), 100, 0.0, (60, 30, 10)) for day in range(90)),
)


def judge_week(*rows: int) -> ColumnVerdict:
    week = [TargetDay(date(2013, 4, 2) + timedelta(days=day), sum(rows), 0.0, rows) for day in range(7)]
    return judge_classes(REFERENCE, week, CLASSES, Monitor(), seed=0)


def test_shares_that_moved_are_drift_of_the_target() -> None:
    row = target_row(judge_week(30, 60, 10))
    assert (row["kind"], row["column_name"], row["role"]) == ("target", "label", "regime")
    assert (row["test"], row["verdict"], row["statistic"]) == ("total_variation", "DRIFT", pytest.approx(0.3))


def test_baselines_are_those_of_the_constant_model() -> None:
    metrics = {"mean_score": 0.7, "mean_outcome": 0.6, "bias": 0.1, "log_loss": 0.6, "brier": 0.2, "skill": 0.25}
    measured = Performance(Status.OK, Task.MULTICLASS, 7, 700, metrics, {}, 0, 0)
    rows = {row["metric"]: row["baseline"] for row in performance_rows(measured, 3, REFERENCE)}
    assert rows == {
        "mean_score": pytest.approx(0.6),
        "mean_outcome": None,
        "bias": None,
        "log_loss": pytest.approx(0.8),
        "brier": None,
        "skill": 0.0,
    }
    assert read_performance(performance_rows(measured, 3, REFERENCE), Task.MULTICLASS) == measured


def test_alarms_tell_answers_from_features() -> None:
    judged = (Status.OK, Verdict.DRIFT, 700, 0.0)
    columns = tuple(
        ColumnVerdict(name, "category", Role.REGIME, "total_variation", 0.3, 0.1, 0.05, *judged)
        for name in ("predicted_class", "carrier")
    )
    measured = Performance(Status.NOT_MATURED, Task.MULTICLASS, 0, 0, {}, {}, 0.05, 0)
    laid = lay_out_daily(COUNTS_SCHEMA.empty_table(), [])
    finding = WindowFinding(None, columns, judge_week(60, 30, 10), measured, (), 0, laid)  # type: ignore[arg-type]
    found = {
        (kind, subject): (alarmed, evidence) for kind, subject, alarmed, evidence in find_alarms(declare(), finding)
    }
    assert found[FlagKind.PREDICTION_DRIFT, "predicted_class"][0] is True
    assert found[FlagKind.REGIME_DRIFT, "carrier"][0] is True
    alarmed, evidence = found[FlagKind.TARGET_DRIFT, "label"]
    assert alarmed is False
    assert evidence["statistic"] == "total_variation"
    assert evidence["rows"] == 700


def test_answers_are_brought_into_the_declared_order_on_spark(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(1, [0.2, 0.5, 0.3]), (2, [0.4, 0.2, 0.4])], "id int, answer array<double>")
    found = add_class_scores(rows, "answer", ["never", "on_time", "late"], CLASSES).orderBy("id").collect()
    assert [tuple(row)[2:] for row in found] == [
        ([0.5, 0.3, 0.2], "on_time", 0.5),
        ([0.2, 0.4, 0.4], "late", 0.4),  # of equally likely ones the first declared
    ]
    unseen = add_class_scores(
        rows.selectExpr("id", "array(0.25d, 0.75d) as answer"), "answer", ["never", "late"], CLASSES
    )
    assert [tuple(row)[2:] for row in unseen.collect()] == [([0.0, 0.75, 0.25], "late", 0.75)] * 2
    with pytest.raises(ConflictError, match="is no class of"):
        add_class_scores(rows, "answer", ["never", "on_time", "lost"], CLASSES)


def test_losses_on_spark_are_those_of_a_training(spark: SparkSession) -> None:
    scores = [[0.5, 0.3, 0.2], [0.2, 0.4, 0.4], [1.0, 0.0, 0.0], [0.1, 0.2, 0.7]]
    labels: list[float | None] = [0.0, 2.0, 1.0, None]
    predicted = [CLASSES[int(np.argmax(each))] for each in scores]
    data: list[tuple[Any, ...]] = list(zip(range(4), labels, predicted, scores, strict=True))
    columns = "id int, label double, predicted_class string, class_scores array<double>"
    shares = (0.6, 0.3, 0.1)
    made, loss, baseline, squared = monitor_counts._of_classes(spark.createDataFrame(data, columns), CLASSES, shares)
    found = made.select("id", "label", "class", loss, baseline, squared).orderBy("id").collect()
    assert tuple(found[-1])[1:] == (None,) * 5  # it has no label yet
    assert [row["label"] for row in found[:3]] == [1.0, 0.0, 0.0]
    assert [row["class"] for row in found[:3]] == [0, 2, 1]
    y = np.array(labels[:3], dtype=np.float64)
    numbers = np.array([tuple(row)[3:] for row in found[:3]])
    np.testing.assert_allclose(numbers[:, 0], row_losses(declare().gate.metric, y, np.array(scores[:3])))
    np.testing.assert_allclose(numbers[:, 1], -np.log(np.array(shares)[y.astype(int)]))
    np.testing.assert_allclose(numbers[:, 2], row_losses("brier", y, np.array(scores[:3])))  # type: ignore[arg-type]


def test_a_reference_without_labels_has_no_shares() -> None:
    assert Reference("late", Task.MULTICLASS, BEGIN, (), (), {}, {}).target_shares is None
