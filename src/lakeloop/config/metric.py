"""Kinds of labels, and the metrics of each by their standard names."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """Kind of label."""

    CLASSIFICATION = "classification"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Metric(StrEnum):
    """Metrics by their standard names; the first of each kind of task is a mean of losses per row."""

    LOG_LOSS = "log_loss"
    BRIER = "brier"
    ROC_AUC = "roc_auc"
    AVERAGE_PRECISION = "average_precision"
    CALIBRATION_ERROR = "calibration_error"
    ACCURACY = "accuracy"
    F1_MACRO = "f1_macro"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"
    R2 = "r2"


COMPARED = (Metric.LOG_LOSS, Metric.BRIER, Metric.MEAN_ABSOLUTE_ERROR)
"""Metrics that are means of losses per row, which a gate can compare."""

METRICS_OF: dict[Task, tuple[Metric, ...]] = {
    Task.CLASSIFICATION: (
        Metric.LOG_LOSS,
        Metric.BRIER,
        Metric.ROC_AUC,
        Metric.AVERAGE_PRECISION,
        Metric.CALIBRATION_ERROR,
    ),
    Task.MULTICLASS: (
        Metric.LOG_LOSS,
        Metric.BRIER,
        Metric.ROC_AUC,
        Metric.CALIBRATION_ERROR,
        Metric.ACCURACY,
        Metric.F1_MACRO,
    ),
    Task.REGRESSION: (Metric.MEAN_ABSOLUTE_ERROR, Metric.ROOT_MEAN_SQUARED_ERROR, Metric.R2),
}
"""Metrics of each kind of label, in the order in which they are told."""
