"""A fit on Spark: the training rows are prepared and fitted on where they are, and never come to the driver."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.pipeline import Pipeline

from lakeloop.config.metric import Task
from lakeloop.connect import is_connect
from lakeloop.errors import EnvironmentProblemError, Failure, UsageError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.training_read import ids_on_spark
from lakeloop.training.sampling import Sample
from lakeloop.training.split import TRAIN

_NOT_TAKEN = frozenset({"n_jobs", "enable_categorical", "callbacks"})
"""Parameters of the estimator that its twin on Spark does not take; Spark decides how many cores a worker has."""

_TWO_CLASSES = 2

_LOGGER = "XGBoost-PySpark"

_MIN_ROWS = 100
"""Rows of a worker; ids are spread by their hash, so that with fewer one could have none."""


@dataclass(frozen=True)
class SpreadFit:
    """A fit of an estimator of XGBoost over the workers of a cluster.

    Attributes:
        training: The training rows: `prediction_id`, `label` and the model's inputs.
        inputs: Names of the model's inputs.
        task: Kind of label.
        rows: Rows it fits on.
        workers: Workers it is spread over, a task each.
    """

    training: DataFrame
    inputs: tuple[str, ...]
    task: Task
    rows: int
    workers: int

    def __call__(self, steps: Pipeline, estimator: Any) -> Any:
        """Fit an estimator.

        Each worker gets the rows of a share of the ids, in their order: the same rows over as many workers give the
        same model.

        Args:
            steps: The fitted steps before it.
            estimator: An XGBClassifier or XGBRegressor, not fitted.

        Returns:
            One of the same class and parameters with the trees that were grown on Spark.

        Raises:
            EnvironmentProblemError: If a worker fails.
        """
        from xgboost.spark import SparkXGBClassifier, SparkXGBRegressor

        spread = self.training.repartition(self.workers, "prediction_id").sortWithinPartitions("prediction_id")
        prepared = spread.mapInArrow(_Prepare(steps, self.inputs), "features array<float>, label double")
        twin = SparkXGBRegressor if self.task is Task.REGRESSION else SparkXGBClassifier
        given = _given(estimator)
        told = logging.getLogger(_LOGGER)
        if told.level == logging.NOTSET:  # it would tell every fit's parameters on the terminal
            told.setLevel(logging.WARNING)
        try:
            fitted = twin(
                features_col="features", label_col="label", num_workers=self.workers, verbose=False, **given
            ).fit(prepared)
        except Exception as failure:
            if not isinstance(failure, PySparkException) and not type(failure).__name__.startswith("Py4J"):
                raise
            raise EnvironmentProblemError(
                "the distributed fit",
                [Failure("Spark", f"{type(failure).__name__} on {self.workers} workers, which tells no more here")],
                f"look into the workers' logs: they need xgboost, scikit-learn and lakeloop in the driver's versions, "
                f"{self.workers} cores that are free at once, and parameters that XGBoost takes",
            ) from failure
        booster = fitted.get_booster()
        booster.feature_names = [str(name) for name in steps.get_feature_names_out()]
        return _with_trees(estimator, booster)


def _given(estimator: Any) -> dict[str, Any]:
    """Give the parameters that are not the class's own; the twin has these itself, and refuses some of them."""
    own = type(estimator)().get_params()
    return {
        name: value
        for name, value in estimator.get_params().items()
        if name not in _NOT_TAKEN and value is not None and value is not own[name] and value != own[name]
    }


def _with_trees(estimator: Any, booster: Any) -> Any:
    """Put a booster into an estimator of scikit-learn's interface, as if it had been fitted here."""
    declared = estimator.get_params()
    estimator.load_model(bytearray(booster.save_raw("ubj")))
    if getattr(estimator, "n_classes_", 0) > _TWO_CLASSES:  # a fit here changes the objective of two classes, too
        del declared["objective"]
    return estimator.set_params(**declared)  # loading puts in parameters of its own


@dataclass(frozen=True)
class _Prepare:
    """Prepares rows on a worker by steps that were fitted on the driver."""

    steps: Pipeline
    inputs: tuple[str, ...]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                table = pa.Table.from_batches([batch])
                typed = pa.table({name: as_model_input(table[name]) for name in self.inputs})
                values = np.ascontiguousarray(self.steps.transform(_frame(typed)), dtype=np.float32)
                ends = pa.array(np.arange(0, values.size + 1, values.shape[1]), pa.int32())
                features = pa.ListArray.from_arrays(ends, pa.array(values.ravel()))
                label = as_model_input(table["label"]).combine_chunks()
                yield pa.RecordBatch.from_arrays([features, label], ["features", "label"])


def _frame(rows: pa.Table) -> Any:
    return rows.to_pandas()  # bounded: a batch on a worker


def check_can_spread(context: Context) -> None:
    """Refuse a distributed fit that cannot be done, before anything is read.

    Args:
        context: Project and session.

    Raises:
        UsageError: If XGBoost is not installed, or the session is one of Spark Connect.

    >>> check_can_spread(context)  # a classic session
    """
    if importlib.util.find_spec("xgboost") is None:
        remedy = "install it, `pip install 'lakeloop[xgboost]'`, here and on the workers"
        raise UsageError("estimator.distributed", "no package xgboost", "the package that fits on Spark", remedy)
    if is_connect(context.spark):
        remedy = "run it on a cluster that gives a classic session, or remove `distributed` and declare split.sample"
        allowed = "a classic session: XGBoost schedules its workers together by RDDs, which Connect does not have"
        raise UsageError("estimator.distributed", "a session of Spark Connect", allowed, remedy)


def spread_fit(rows: DataFrame, inputs: Sequence[str], sample: Sample, task: Task) -> SpreadFit:
    """Make a fit over the workers of the session's cluster.

    Args:
        rows: Rows of a training set.
        inputs: Names of the model's inputs.
        sample: The training rows that are trained on.
        task: Kind of label.

    Returns:
        The fit; the rows are counted, and stay where they are. It has a worker for every task that the cluster
        runs at once, as far as each has a hundred rows.

    >>> from lakeloop.runs.training_set import find_training_set, training_rows
    >>> pinned, address = find_training_set(context, "late"), context.lake.address("training_sets", "late")
    >>> rows = training_rows(context, address, pinned.training_set_id)
    >>> fit = spread_fit(rows, ["shop", "items"], Sample(1.0, seed=7), Task.CLASSIFICATION)
    >>> fit.rows, fit.training.columns
    (514, ['prediction_id', 'label', 'shop', 'items'])
    """
    kept = rows.where(F.col("_split") == TRAIN)
    kept = kept if sample.fraction >= 1 else kept.where(ids_on_spark(sample))
    count = kept.count()  # before the cores: whatever is to run has registered by then
    workers = max(1, min(_free_tasks(rows.sparkSession), count // _MIN_ROWS))
    return SpreadFit(kept.select("prediction_id", "label", *inputs), tuple(inputs), task, count, workers)


def _free_tasks(session: SparkSession) -> int:
    """Tell how many tasks the cluster runs at once: that many start together, and more never would."""
    scheduler: Any = session.sparkContext._jsc.sc()
    return int(scheduler.maxNumConcurrentTasks(scheduler.resourceProfileManager().defaultResourceProfile()))
