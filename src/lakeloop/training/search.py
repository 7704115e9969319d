"""Search over a small grid: every candidate is fitted on the training part and judged on the validation part."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sklearn.pipeline import Pipeline

from lakeloop.config.estimator import MAX_CANDIDATES, Estimator, Parameter
from lakeloop.config.metric import Metric
from lakeloop.config.model import Model
from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.metrics import HIGHER_IS_BETTER, evaluate


@dataclass(frozen=True)
class Candidate:
    """A fitted pipeline and how it did on the validation part.

    Attributes:
        params: The parameters that were searched over.
        pipeline: The fitted pipeline.
        metrics: Metrics on the validation rows; NaN where one cannot be computed.
        fit_seconds: Wall time of the estimator's fit.
    """

    params: Mapping[str, Parameter]
    pipeline: Pipeline
    metrics: Mapping[Metric, float]
    fit_seconds: float


def candidates(estimator: Estimator) -> tuple[dict[str, Parameter], ...]:
    """List the combinations of a search.

    Args:
        estimator: The declaration with its `search`.

    Returns:
        One dictionary per combination, the first parameter varying slowest; one empty dictionary without a search.

    Raises:
        UsageError: If a parameter has no values, or there are more than 4 combinations.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": [1.0, 2.0], "positive": [True]}}
    >>> candidates(Estimator.model_validate(spec))
    ({'alpha': 1.0, 'positive': True}, {'alpha': 2.0, 'positive': True})
    """
    for name, values in estimator.search.items():
        if not values:
            raise UsageError(f"estimator.search.{name}", "no values", "at least one value", "add values or remove it")
    count = math.prod(len(values) for values in estimator.search.values())
    if count > MAX_CANDIDATES:
        allowed = f"at most {MAX_CANDIDATES}"
        raise UsageError("estimator.search", f"{count} combinations", allowed, "try fewer values; each is a whole fit")
    return tuple(
        dict(zip(estimator.search, values, strict=True)) for values in itertools.product(*estimator.search.values())
    )


def fit_candidates(
    model: Model,
    columns: tuple[str, ...],
    train: LabelledRows,
    validation: LabelledRows,
    seed: int,
    *,
    file: str = "the model's file",
) -> Iterator[Candidate]:
    """Fit every candidate of a model's search, one at a time.

    Candidates differ in their estimator only, so the steps before it are fitted once and shared: on the training part
    alone. The same rows in the same order with the same seed give the same metrics.

    Args:
        model: The model's declaration.
        columns: Model columns: known, on-demand and features, in order.
        train: Rows of the training part.
        validation: Rows of the validation part.
        seed: Seed of everything random.
        file: Where the model is declared, for messages.

    Yields:
        Candidates in the order of `candidates`.

    Raises:
        UsageError: If the search or the estimator is not what it has to be.
        ConfigError: If the estimator refuses a parameter's value, or the rows as the preprocessing leaves them.
        NotReadyError: If a part has no rows, or the training labels are all equal in a classification.
        DistributionError: If a label is missing, or a score is not a number.
        DataContractError: If a frame lacks a column.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pandas as pd
    >>> from lakeloop.config.loading import load_config
    >>> declared = load_config(Path()).models["late_arrival"]
    >>> search = {"class": "sklearn.linear_model.LogisticRegression", "search": {"C": [0.01, 1.0]}}
    >>> estimator = Estimator.model_validate(search)
    >>> model = declared.model_copy(update={"on_demand": {}, "estimator": estimator})
    >>> frame = pd.DataFrame({"distance": [100.0, 200.0, 300.0, 400.0]})
    >>> rows = LabelledRows(frame, np.array([False, False, True, True]))
    >>> for candidate in fit_candidates(model, ("distance",), rows, rows, seed=0):
    ...     print(candidate.params, round(candidate.metrics[Metric.LOG_LOSS], 3), candidate.metrics[Metric.ROC_AUC])
    {'C': 0.01} 0.686 1.0
    {'C': 1.0} 0.399 1.0
    """
    prepared = prepare_rows(model, columns, train, validation, seed)
    for params in candidates(model.estimator):
        fitted = fit_estimator(model, prepared, params, seed, file=file)
        scores = predict_scores(model.task, fitted.pipeline[-1], prepared.validation)
        metrics = evaluate(model.task, prepared.validation_label, scores)
        yield Candidate(params, fitted.pipeline, metrics, fitted.fit_seconds)


def choose_best(fitted: Iterable[Candidate], metric: Metric) -> Candidate:
    """Choose the candidate with the best value of a metric.

    Args:
        fitted: Candidates, in order.
        metric: Lower is better for losses and errors, higher for roc_auc, average_precision and r2.

    Returns:
        The best candidate; of equal ones the first. One whose metric is NaN is never chosen.

    Raises:
        NotReadyError: If there is no candidate with a value.

    >>> worse, better = (Candidate({}, None, {Metric.LOG_LOSS: loss}, 0.1) for loss in (0.6, 0.5))
    >>> choose_best([worse, better], Metric.LOG_LOSS) is better
    True
    """
    everyone = tuple(fitted)
    judged = [candidate for candidate in everyone if not math.isnan(candidate.metrics[metric])]
    if not judged:
        detail = f"{len(everyone)} candidates, none with a value of {metric}"
        raise NotReadyError("the search", [Failure(str(metric), detail)], "validate on more closed days")
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    return min(judged, key=lambda candidate: sign * candidate.metrics[metric])
