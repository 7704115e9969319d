"""Trials of a search on Spark: a row per trial, the training rows carried once, whatever the session is."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import SparkSession
from threadpoolctl import threadpool_limits

from lakeloop.arrow_frame import frame_of
from lakeloop.config.model import Model
from lakeloop.config.tuning import Parallel
from lakeloop.errors import BudgetError, Failure, LakeloopError
from lakeloop.runs.context import Context
from lakeloop.session import is_cluster
from lakeloop.training.trials import FoldRows, Trial, TrialResult, fit_trial, without_pipeline

_MIB = 1024 * 1024
_MOST_MIB = 96
"""What a plan of Spark Connect may weigh is 128 MiB."""

_ELSEWHERE = ("SPARK_REMOTE", "PYSPARK_GATEWAY_PORT")
"""Variables that say that something else has chosen where Spark runs."""


def fits_on_spark(context: Context, model: Model) -> bool:
    """Tell whether a model's trials are fitted on Spark.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        What `tuning.parallel` says; with `auto` whether Spark is a cluster. No session is started to find out.

    >>> fits_on_spark(context, context.config.models["late"])  # this one is local
    False
    """
    parallel = model.estimator.tuning.parallel
    if parallel is not Parallel.AUTO:
        return parallel is Parallel.SPARK
    active = SparkSession.getActiveSession()
    if active is None and not any(each in os.environ for each in _ELSEWHERE):
        master = str(context.config.project.spark.get("spark.master", "local[*]"))
    else:
        master = _master(active or context.spark)
    return is_cluster(master)


def _master(spark: SparkSession) -> str:
    try:
        return str(spark.conf.get("spark.master"))
    except Exception:  # noqa: BLE001 - a session of Spark Connect may not tell; then it is a cluster's
        return ""


def run_on_spark(
    spark: SparkSession, rows: FoldRows, trials: Sequence[Trial], *, file: str = "the model's file"
) -> list[TrialResult]:
    """Fit trials as one job of Spark, each a task.

    The rows go with the function: Spark hands it to each executor once. What a trial gives does not depend on where it
    is fitted.

    Args:
        spark: The session; classic or Connect.
        rows: Rows of the folds.
        trials: What to fit.
        file: Where the model is declared, for messages.

    Returns:
        Results in the order of the trials, without pipelines.

    Raises:
        BudgetError: If the rows are too many to go with a function.
        LakeloopError: What `fit_trial` raises.

    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> from lakeloop.config.columns import model_columns
    >>> from lakeloop.training.fitting import LabelledRows
    >>> from lakeloop.training.folds import make_folds
    >>> model = context.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> columns = {None: model_columns(context.config, model)}
    >>> folds = make_folds(data.days, data.split, model.split, 1)
    >>> rows = FoldRows(model, columns, LabelledRows(data.frame, data.label), folds, seed=7)
    >>> trials = [Trial(0, {"C": 0.1}), Trial(1, {"C": 1.0})]
    >>> results = run_on_spark(spark, rows, trials)
    >>> [each.metrics == fit_trial(rows, each.trial).metrics for each in results]
    [True, True]
    """
    carried = rows.pack()
    if len(carried) > _MOST_MIB * _MIB:
        found = Failure("rows", f"they weigh {len(carried) // _MIB} MiB, {_MOST_MIB} can go with a function")
        raise BudgetError("trials on Spark", [found], "declare estimator.tuning.parallel: threads, or a shorter split")
    given = pa.table({"trial": pa.array([pickle.dumps(each) for each in trials], pa.binary())})
    tasks = frame_of(spark, given).repartition(len(trials))
    done = tasks.mapInArrow(_fitting(carried, file), "number int, result binary").toArrow()  # bounded: a row per trial
    found_by_number = {row["number"]: pickle.loads(row["result"]) for row in done.to_pylist()}  # noqa: S301 - our own
    results = [found_by_number[each.number] for each in trials]
    for each in results:
        if isinstance(each, LakeloopError):
            raise each
    return results


def _fitting(carried: bytes, file: str) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Make the function of the tasks: it is sent to where they run, so that it holds nothing but plain values."""

    def fit(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = None
        for batch in batches:
            for written in batch.column(0).to_pylist():
                trial = pickle.loads(written)  # noqa: S301 - written by the driver
                rows = FoldRows.unpack(carried) if rows is None else rows
                with threadpool_limits(1):  # an executor has a task per core
                    result = _result_of(rows, trial, file)
                numbers, results = pa.array([trial.number], pa.int32()), pa.array([pickle.dumps(result)], pa.binary())
                yield pa.RecordBatch.from_arrays([numbers, results], names=["number", "result"])

    return fit


def _result_of(rows: FoldRows, trial: Trial, file: str) -> TrialResult | LakeloopError:
    try:
        return without_pipeline(fit_trial(rows, trial, file=file))
    except LakeloopError as failure:
        return failure
