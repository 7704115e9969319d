"""Calibration: the chosen pipeline's probabilities corrected on rows that it was neither fitted on nor chosen by."""

from __future__ import annotations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.training.fitting import LabelledRows, read_labels

MIN_ROWS_PER_CLASS = 10
"""Rows of each class by which a correction can be fitted at all; a good one needs many more."""


def calibrate(model: Model, pipeline: Pipeline, calibration: LabelledRows | None) -> Pipeline:
    """Correct the probabilities of a fitted pipeline, as the model declares.

    Preprocessing and estimator stay as they are fitted. The rows count the same here, whatever weights the fit had: the
    probabilities are to be those of the rows.

    Args:
        model: The model's declaration.
        pipeline: The fitted pipeline.
        calibration: Rows of the calibration part; None where the split has none.

    Returns:
        A pipeline with the same steps, whose last one is the calibrated estimator; the given one when none is declared.

    Raises:
        UsageError: If it is declared without such rows, or for a regression.
        NotReadyError: If the rows have one class only, or too few of one.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"]
    >>> calibrate(model, Pipeline([("estimator", None)]), None).named_steps  # none is declared
    {'estimator': None}
    """
    method = model.estimator.calibrate
    if method is None:
        return pipeline
    if model.task is Task.REGRESSION:
        raise UsageError("estimator.calibrate", f"{method} for a {model.task}", "a classification", "remove calibrate")
    if calibration is None:
        raise UsageError("estimator.calibrate", str(method), "a split with a calibration part", "add split.calibration")
    label = read_labels(model, {"calibration": calibration})["calibration"]
    classes = model.label.classes
    counted = np.bincount(label.astype(np.int64), minlength=len(classes) or 2)
    fewest = int(counted.min())
    if fewest < MIN_ROWS_PER_CLASS:
        rarest = f"class {classes[int(counted.argmin())]}" if classes else "one class"
        detail = f"{fewest} rows of {rarest}, {MIN_ROWS_PER_CLASS} needed"
        raise NotReadyError(model.model, [Failure("calibration", detail)], "declare a longer split.calibration")
    prepared = pipeline[:-1].transform(calibration.frame)
    # Frozen, its folds all come from the same fit, so their number says nothing.
    calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline[-1]), method=str(method), cv=2)
    calibrated.fit(prepared, np.asarray(label))
    return Pipeline([*pipeline.steps[:-1], (pipeline.steps[-1][0], calibrated)])
