"""Trials of a search: what each fits, what came of it, and the rows that they share."""

from __future__ import annotations

import os
import pickle
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lakeloop.config.estimator import Parameter
from lakeloop.config.metric import Metric, Task
from lakeloop.config.model import Model
from lakeloop.errors import ConfigError, LakeloopError, UsageError
from lakeloop.statuses import TrialState
from lakeloop.training.fitting import (
    Fitted,
    LabelledRows,
    Prepared,
    fit_estimator,
    hide_quoted,
    predict_scores,
    prepare_rows,
)
from lakeloop.training.folds import Fold
from lakeloop.training.metrics import evaluate

_MAX_REASON = 200
_FEW, _FEW_OF_CLASS = 40, 20
"""Rows of a handful: of a regression, and of each class."""

_ARRAYS = ("label", "weight", "days", "prediction_seconds")
"""What rows have beside their inputs, as arrays."""


@dataclass(frozen=True)
class Trial:
    """What is fitted.

    Attributes:
        number: Its place in the search, from 0.
        params: The parameters that were searched over.
        feature_set: Name of its feature set; None where none are declared.
    """

    number: int
    params: Mapping[str, Parameter]
    feature_set: str | None = None


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Attributes:
        trial: The trial.
        state: FINISHED, or FAILED when a fit raised.
        metrics: Mean over the folds, weighted by their rows; NaN where one cannot be computed. Empty when it failed.
        fold_metrics: Metrics per fold, oldest first; empty with one fold, and when it failed.
        fit_seconds: Wall time of its fits.
        reason: Why it failed, in a line.
        pipeline: The fitted pipeline, where there is one fold and it was fitted in this process.
        refused: What the estimator refused of the declaration; None for any other failure.
        iterations: Rounds that the pipeline predicts with, where its fit was stopped early; None of any other.
    """

    trial: Trial
    state: TrialState
    metrics: Mapping[Metric, float] = field(default_factory=dict)
    fold_metrics: tuple[Mapping[Metric, float], ...] = ()
    fit_seconds: float = 0.0
    reason: str | None = None
    pipeline: Pipeline | None = None
    refused: ConfigError | None = None
    iterations: int | None = None


class FoldRows:
    """Rows of every fold as the steps before the estimator leave them, made when first asked for.

    Args:
        model: The model's declaration.
        feature_sets: Name -> its model columns, in order.
        rows: Rows of the training set.
        folds: Cuts of the rows, oldest first.
        seed: Seed of everything random.
        keep: How many prepared folds are held at once.
        file: Where the model is declared, for messages.

    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> every = np.ones(3, dtype=bool)
    >>> three = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> rows = FoldRows(model, {None: ("distance",)}, three, [Fold(every, every)], seed=0)
    >>> rows.prepare(None, 0) is rows.prepare(None, 0)
    True
    >>> FoldRows.unpack(rows.pack()).prepare(None, 0).train.equals(rows.prepare(None, 0).train)
    True
    """

    def __init__(
        self,
        model: Model,
        feature_sets: Mapping[str | None, tuple[str, ...]],
        rows: LabelledRows,
        folds: Sequence[Fold],
        seed: int,
        *,
        keep: int = 1,
        file: str = "the model's file",
    ) -> None:
        self.model, self.seed, self.folds, self._file = model, seed, tuple(folds), file
        self._feature_sets, self._rows, self._keep = dict(feature_sets), rows, max(keep, 1)
        self._held: dict[tuple[str | None, int], Prepared] = {}
        self._lock = threading.Lock()

    def prepare(self, feature_set: str | None, fold: int) -> Prepared:
        """Give one fold as a feature set leaves it.

        Args:
            feature_set: Name of the feature set.
            fold: Place of the fold.

        Returns:
            The fitted steps, and the rows as they leave them.
        """
        key = (feature_set, fold)
        with self._lock:
            found = self._held.pop(key, None)
            if found is None:
                while len(self._held) >= self._keep:
                    del self._held[next(iter(self._held))]
                cut, columns = self.folds[fold], self._feature_sets[feature_set]
                found = self._prepare(columns, cut)
            self._held[key] = found  # the newest last
            return found

    def handful(self, feature_set: str | None) -> Prepared:
        """Give a few training rows of the oldest fold, some of each class, as steps fitted on them alone leave them.

        Args:
            feature_set: Name of the feature set.

        Returns:
            The fitted steps, and the rows as they leave them: of training and of validation the same.
        """
        places = np.flatnonzero(self.folds[0].train)
        label = np.asarray(self._rows.label)[places]
        if self.model.task is Task.REGRESSION:
            few = places[np.unique(np.linspace(0, len(places) - 1, _FEW).astype(np.int64))]
        else:
            few = np.concatenate([places[label == each][:_FEW_OF_CLASS] for each in np.unique(label)])
        chosen = np.zeros(len(self._rows.label), dtype=np.bool_)
        chosen[few] = True
        part = self._part(chosen)
        return prepare_rows(self.model, self._feature_sets[feature_set], part, part, self.seed, file=self._file)

    def pack(self) -> bytes:
        """Give everything it is made from as bytes, to be unpacked where a trial is fitted."""
        rows = replace(self._rows, fit_elsewhere=None)
        made_from = (self.model, self._feature_sets, rows, self.folds, self.seed, self._file)
        return zlib.compress(pickle.dumps(made_from, pickle.HIGHEST_PROTOCOL), 1)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Make it again from what `pack` gave; prepared rows of one fold are held."""
        model, feature_sets, rows, folds, seed, file = pickle.loads(zlib.decompress(packed))  # noqa: S301 - our own
        return cls(model, feature_sets, rows, folds, seed, file=file)

    def _prepare(self, columns: tuple[str, ...], cut: Fold) -> Prepared:
        train, validation = self._part(cut.train), self._part(cut.validation)
        if len(self.folds) == 1:  # what is fitted elsewhere is fitted on the whole training part
            train = replace(train, fit_elsewhere=self._rows.fit_elsewhere)
        return prepare_rows(self.model, columns, train, validation, self.seed, file=self._file)

    def _part(self, chosen: NDArray[np.bool_]) -> LabelledRows:
        rows = self._rows
        cut: dict[str, Any] = {
            name: None if getattr(rows, name) is None else np.asarray(getattr(rows, name))[chosen] for name in _ARRAYS
        }
        return LabelledRows(rows.frame[chosen], **cut)


def fit_fold(
    model: Model, prepared: Prepared, params: Mapping[str, Parameter], seed: int, *, file: str = "the model's file"
) -> tuple[Fitted, dict[Metric, float]]:
    """Fit an estimator on one fold and judge it.

    Args:
        model: The model's declaration.
        prepared: The fold's rows.
        params: Parameters of the candidate.
        seed: Seed of everything random.
        file: Where the model is declared, for messages.

    Returns:
        The fitted pipeline, and its metrics on the fold's validation rows.

    Raises:
        UsageError: If the estimator is not what it has to be.
        ConfigError: If the estimator refuses a parameter's value, or the rows as the preprocessing leaves them.
        DistributionError: If a score is not a number.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> import pandas as pd
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> rows = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> fitted, metrics = fit_fold(model, prepare_rows(model, ("distance",), rows, rows, 0), {"max_leaf_nodes": 8}, 0)
    >>> fitted.pipeline[-1].max_leaf_nodes, round(metrics[Metric.LOG_LOSS], 3)
    (8, 0.637)
    """
    fitted = fit_estimator(model, prepared, params, seed, file=file)
    scores = predict_scores(model.task, fitted.pipeline[-1], prepared.validation, len(model.label.classes))
    return fitted, evaluate(model.task, prepared.validation_label, scores)


def fit_trial(rows: FoldRows, trial: Trial, *, file: str = "the model's file") -> TrialResult:
    """Fit a trial on every fold. What its fits raise is recorded, not raised: the others go on.

    Args:
        rows: Rows of the folds.
        trial: The trial.
        file: Where the model is declared, for messages.

    Returns:
        Its mean metrics, or why it failed.

    Raises:
        UsageError: If the estimator is not what it has to be, whatever the parameters.
        NotReadyError: If a fold cannot be learned from.
        DistributionError: If a label is missing.
        DataContractError: If the rows lack a column.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> import pandas as pd
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> every = np.ones(3, dtype=bool)
    >>> three = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> rows = FoldRows(model, {None: ("distance",)}, three, [Fold(every, every)], seed=0)
    >>> fit_trial(rows, Trial(0, {"max_leaf_nodes": 8})).state.value
    'FINISHED'
    >>> failed = fit_trial(rows, Trial(1, {"max_leaf_nodes": -8}))
    >>> failed.state.value, failed.reason[:50]
    ('FAILED', "{'max_leaf_nodes': -8}: The 'max_leaf_nodes' param")
    """
    metrics: list[Mapping[Metric, float]] = []
    weights: list[int] = []
    seconds = 0.0
    alone: Fitted | None = None
    for number in range(len(rows.folds)):
        prepared = rows.prepare(trial.feature_set, number)
        try:
            fitted, found = fit_fold(rows.model, prepared, trial.params, rows.seed, file=file)
        except UsageError:
            raise
        except Exception as failure:  # noqa: BLE001 - a library may raise anything; it is recorded
            refused = failure if isinstance(failure, ConfigError) else None
            return TrialResult(trial, TrialState.FAILED, reason=_reason(failure), refused=refused)
        metrics.append(found)
        weights.append(len(prepared.validation_label))
        seconds += fitted.fit_seconds
        alone = fitted if len(rows.folds) == 1 else None
    per_fold = tuple(metrics) if len(metrics) > 1 else ()
    mean = mean_metrics(metrics, weights)
    result = TrialResult(trial, TrialState.FINISHED, mean, per_fold, seconds)
    return result if alone is None else replace(result, pipeline=alone.pipeline, iterations=alone.iterations)


def mean_metrics(metrics: Sequence[Mapping[Metric, float]], weights: Sequence[int]) -> dict[Metric, float]:
    """Average metrics over folds, weighted by rows.

    Args:
        metrics: Metrics per fold.
        weights: Rows per fold.

    Returns:
        The means; NaN where a fold has none, which is never a good value.

    >>> mean_metrics([{Metric.BRIER: 0.25}, {Metric.BRIER: 0.5}], [300, 100])
    {<Metric.BRIER: 'brier'>: 0.3125}
    """
    return {
        metric: float(np.average([each[metric] for each in metrics], weights=weights)) if len(metrics) > 1 else value
        for metric, value in metrics[0].items()
    }


def _reason(failure: Exception) -> str:
    """Say why a trial failed: texts that a library quotes may be values of the data."""
    if isinstance(failure, ConfigError):
        return failure.issues[0].got[:_MAX_REASON]
    first = str(failure).strip().partition("\n")[0]
    told = first if isinstance(failure, LakeloopError) else f"{type(failure).__name__}: {hide_quoted(first)}"
    return told.removesuffix(": ")[:_MAX_REASON]


def run_on_threads(fit: Callable[[Trial], TrialResult], trials: Sequence[Trial], workers: int) -> Iterator[TrialResult]:
    """Fit trials side by side in this process.

    Args:
        fit: Fits one; estimators are made anew for each, so that they share nothing.
        trials: What to fit.
        workers: How many at once; each gets its share of the cores for what its library does in parallel.

    Yields:
        Results in the order of the trials, whatever was done first.

    >>> fit = lambda trial: TrialResult(trial, TrialState.FINISHED, {Metric.BRIER: 0.25})
    >>> [each.trial.number for each in run_on_threads(fit, [Trial(0, {}), Trial(1, {})], workers=2)]
    [0, 1]
    """
    workers = min(workers, len(trials))
    if workers <= 1:
        yield from map(fit, trials)
        return

    share = max((os.cpu_count() or 1) // workers, 1)

    def fit_with_its_share(trial: Trial) -> TrialResult:
        with threadpool_limits(share, "openmp"):  # of this thread alone; more would take the cores of the others
            return fit(trial)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="trial")
    try:
        with threadpool_limits(share, "blas"):  # of the process: set by one thread only
            for future in [pool.submit(fit_with_its_share, trial) for trial in trials]:
                yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def without_pipeline(result: TrialResult) -> TrialResult:
    """Give a result that holds no fitted pipeline: only the best one is worth its memory.

    >>> result = TrialResult(Trial(0, {}), TrialState.FINISHED, pipeline=Pipeline([("estimator", None)]))
    >>> without_pipeline(result) == TrialResult(Trial(0, {}), TrialState.FINISHED)
    True
    """
    return replace(result, pipeline=None)


def fit_chosen(
    model: Model, columns: tuple[str, ...], rows: tuple[LabelledRows, LabelledRows], trial: Trial, seed: int, file: str
) -> tuple[Fitted, dict[Metric, float]]:
    """Fit the chosen trial on the training part, for a search whose trials were fitted elsewhere or on other cuts.

    Args:
        model: The model's declaration.
        columns: Columns of its feature set.
        rows: Training part and validation part.
        trial: What was chosen.
        seed: Seed of everything random.
        file: Where the model is declared, for messages.

    Returns:
        The fitted pipeline, and its metrics on the validation part.

    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> three = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> fitted, _ = fit_chosen(model, ("distance",), (three, three), Trial(0, {"max_leaf_nodes": 8}), 0, "late.yml")
    >>> fitted.pipeline[-1].max_leaf_nodes, fitted.iterations
    (8, None)
    """
    return fit_fold(model, prepare_rows(model, columns, *rows, seed, file=file), trial.params, seed, file=file)
