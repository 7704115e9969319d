"""What a trained version shows on its holdout, gathered: metrics, calibration, slices, importance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.config.metric import Metric, Task
from lakeloop.config.model import Model
from lakeloop.on_demand.calls import parse_call
from lakeloop.training.calibration_curve import CurveBin, measure_curve
from lakeloop.training.classes import class_shares, top_label
from lakeloop.training.importance import Importance, measure_importance
from lakeloop.training.metric_intervals import MetricInterval, measure_intervals
from lakeloop.training.metrics import FloatArray, evaluate
from lakeloop.training.slices import SliceInterval, estimate_slices

METRICS_FILE, CALIBRATION_FILE = "metric_intervals.json", "calibration.json"
SLICES_FILE, IMPORTANCE_FILE = "slices.json", "importance.json"


@dataclass(frozen=True)
class HoldoutRows:
    """Rows of the holdout as a trained version answers them.

    Attributes:
        frame: Inputs of the pipeline.
        y: Outcomes, shape (n_rows,).
        score: Probabilities of 1, or predictions, shape (n_rows,); of several classes shape (n_rows, n_classes).
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        slices: Slice column -> its values, shape (n_rows,).
    """

    frame: pd.DataFrame
    y: NDArray[Any]
    score: FloatArray
    days: NDArray[np.datetime64]
    slices: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Evidence:
    """What a trained version shows on its holdout.

    Attributes:
        task: Kind of label.
        confidence: Of all intervals.
        min_blocks: Days below which there is no interval.
        metrics: Every metric of the task with its interval.
        baseline: The same metrics of the constant model; what cannot be computed is left out.
        curve: The calibration curve, of several classes that of the predicted one; None for a regression.
        slices: The gate's metric per slice.
        importance: Permutation importance of the inputs.
    """

    task: Task
    confidence: float
    min_blocks: int
    metrics: tuple[MetricInterval, ...]
    baseline: Mapping[Metric, float]
    curve: tuple[CurveBin, ...] | None
    slices: tuple[SliceInterval, ...]
    importance: Importance

    @property
    def bounds(self) -> dict[str, float]:
        """Ends of the intervals by the names they are logged under: `holdout_<metric>_lower`, `holdout_<metric>_upper`.

        What has no interval is left out.
        """
        found: dict[str, float] = {}
        for each in self.metrics:
            if each.lower is not None and each.upper is not None:
                found |= {f"holdout_{each.metric}_lower": each.lower, f"holdout_{each.metric}_upper": each.upper}
        return found

    @property
    def documents(self) -> dict[str, Any]:
        """File name -> JSON-safe content; no calibration for a regression."""
        same = {"confidence": self.confidence, "min_blocks": self.min_blocks}
        found: dict[str, Any] = {
            METRICS_FILE: {
                **same,
                "metrics": [each.to_dict() for each in self.metrics],
                "baseline": {metric.value: value for metric, value in self.baseline.items()},
            },
            SLICES_FILE: {**same, "slices": [each.to_dict() for each in self.slices]},
            IMPORTANCE_FILE: self.importance.to_dict(),
        }
        if self.curve is not None:
            found[CALIBRATION_FILE] = {**same, "bins": [each.to_dict() for each in self.curve]}
        return found


def measure_evidence(
    model: Model,
    columns: tuple[str, ...],
    holdout: HoldoutRows,
    train_label: NDArray[Any],
    predict: Callable[[pd.DataFrame], FloatArray],
    *,
    hidden: Set[str] = frozenset(),
    seed: int = 0,
) -> Evidence:
    """Measure what a trained version shows on its holdout.

    Args:
        model: The model's declaration; its gate names metric, slices, confidence and the days an interval needs.
        columns: Model columns: known, on-demand and features.
        holdout: Rows that no candidate has seen.
        train_label: Labels of the training rows, for the constant model.
        predict: Scores rows with the columns of the holdout's frame.
        hidden: Columns that say something of a person, whose values are told nowhere.
        seed: Seed of everything random.

    Returns:
        The evidence, the same for the same rows and seed.

    Raises:
        DistributionError: If a value is missing or out of its range, or a declared slice is absent.

    >>> model = shops.models["late"]
    >>> frame = pd.DataFrame({"shop": ["A", "B"] * 4})
    >>> days = np.arange("2024-01-01", "2024-01-09", dtype="datetime64[D]")
    >>> rows = HoldoutRows(frame, np.tile([1.0, 0.0], 4), np.full(8, 0.5), days, {"shop": frame["shop"].to_numpy()})
    >>> found = measure_evidence(model, ("shop",), rows, np.array([1.0, 0.0]), lambda rows: np.full(len(rows), 0.5))
    >>> found.bounds["holdout_brier_lower"], found.baseline[Metric.BRIER], sorted(found.documents)
    (0.25, 0.25, ['calibration.json', 'importance.json', 'metric_intervals.json', 'slices.json'])
    """
    gate, task = model.gate, model.task
    same = (holdout.y, holdout.score, holdout.days)
    constant = evaluate(task, holdout.y, constant_scores(model, train_label, len(holdout.y)))
    top = (*top_label(holdout.y, holdout.score), holdout.days)
    return Evidence(
        task=task,
        confidence=gate.confidence,
        min_blocks=gate.min_blocks,
        metrics=measure_intervals(task, *same, confidence=gate.confidence, min_blocks=gate.min_blocks, seed=seed),
        curve=None
        if task is Task.REGRESSION
        else measure_curve(*top, confidence=gate.confidence, min_blocks=gate.min_blocks, seed=seed),
        baseline={metric: value for metric, value in constant.items() if np.isfinite(value)},
        slices=estimate_slices(gate, *same, holdout.slices, hidden=hidden, seed=seed),
        importance=measure_importance(
            gate.metric,
            predict,
            holdout.frame,
            holdout.y,
            seed=seed,
            on_demand={name: parse_call(text).columns for name, text in model.on_demand.items()},
            model_columns=columns,
        ),
    )


def constant_score(task: Task, label: NDArray[Any]) -> float:
    """Give the answer of the constant model of one number: the training rate, or the training median.

    Args:
        task: Kind of label.
        label: Labels of the training rows, at least one.

    Returns:
        The answer.

    >>> constant_score(Task.CLASSIFICATION, np.array([1.0, 0.0, 0.0, 0.0]))
    0.25
    """
    return float(np.mean(label) if task is Task.CLASSIFICATION else np.median(label))


def constant_scores(model: Model, label: NDArray[Any], rows: int) -> FloatArray:
    """Give the scores of the constant model: the training rate, the training median, or the shares of the classes.

    Args:
        model: The model's declaration.
        label: Labels of the training rows, at least one.
        rows: Rows that it answers for.

    Returns:
        The same answer for each, shape (rows,); of several classes shape (rows, n_classes).

    >>> constant_scores(shops.models["late"], np.array([1.0, 0.0, 0.0, 0.0]), 2).tolist()
    [0.25, 0.25]
    """
    if model.task is Task.MULTICLASS:
        return np.tile(class_shares(label, len(model.label.classes)), (rows, 1))
    return np.full(rows, constant_score(model.task, label))
