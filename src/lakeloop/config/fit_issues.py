"""Checks what a model says of its fit: weights, early stopping and calibration that go with its task and split."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.config.estimator import ClassWeights
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.errors import ConfigIssue


def fit_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    r"""Check what can be told without the estimator's class.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        Calibration without days of its own, days without calibration; what is of a classification in a regression, and
        what is of two classes in a multiclass model.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("estimator:", "estimator:\n  calibrate: sigmoid"), "late_arrival.yml")
    >>> [(each.where, each.allowed) for each in fit_issues(document, Model.model_validate(document.data))]
    [('estimator.calibrate', 'a split with a calibration part')]
    """
    estimator, split = model.estimator, model.split
    of_classes: dict[str, object] = {"class_weight": estimator.class_weight, "calibrate": estimator.calibrate}
    if model.task is Task.REGRESSION:
        for key, value in of_classes.items():
            if value is not None:
                path: KeyPath = ("estimator", key)
                got = f"{key} for a {model.task}"
                yield document.issue(path, got, f"a {Task.CLASSIFICATION}", "remove it", at_key=True)
    elif estimator.calibrate is not None and not _is_written(document, "split", "calibration"):
        remedy = "add split.calibration, as in calibration: 7 days"
        got = f"{estimator.calibrate}, without days of its own"
        yield document.issue(("estimator", "calibrate"), got, "a split with a calibration part", remedy)
    if model.task is Task.MULTICLASS and isinstance(estimator.class_weight, ClassWeights):
        got, remedy = "weights of true and false", "write balanced, or weigh rows by a column of weights: weight"
        path = ("estimator", "class_weight")
        yield document.issue(path, got, f"balanced, for the task {Task.MULTICLASS}", remedy, at_key=True)
    if split.calibration is not None and not _is_written(document, "estimator", "calibrate"):
        got = f"{split.calibration.days} days that nothing uses"
        allowed = "a calibration part only where estimator.calibrate is declared"
        remedy = "add estimator.calibrate: sigmoid, or remove the part"
        yield document.issue(("split", "calibration"), got, allowed, remedy)


def _is_written(document: LocatedYaml, section: str, key: str) -> bool:
    """Whether a key is there, even where its value is wrong: that is told already."""
    written = document.data.get(section) if isinstance(document.data, dict) else None
    return isinstance(written, dict) and written.get(key) is not None
