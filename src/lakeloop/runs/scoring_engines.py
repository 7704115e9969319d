"""What a version answers for rows on Spark, by one of two engines with one result.

`spark_udf` is MLflow's function. `arrow` hands the model's inputs alone to Python, whose worker processes load the
pipeline once each and import no MLflow; it answers only where a recorded comparison says that both give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from lakeloop.arrow_scoring import NUMBER, TEXT, StoredPipeline, make_arrow_scorer, make_series_scorer
from lakeloop.config.columns import input_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.score import ScoringEngine
from lakeloop.errors import ConflictError, Failure
from lakeloop.features.on_demand import as_model_input
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.scoring_parity import Parity, compare_answers, find_parity, record_parity
from lakeloop.statuses import ParityStatus
from lakeloop.training.preprocessing import TRUSTED_TYPES

ANSWER = "_answer"
SAMPLE_ROWS = 1_000
"""Rows that both engines answer for before `arrow` does so alone."""

_MOST_BYTES = 64 * 1024 * 1024
"""Of a compressed pipeline: it travels in the plan, of which Spark Connect takes 128 MiB."""

Sample = Callable[[int], DataFrame]


@dataclass(frozen=True)
class Answered:
    """Rows with the answers of a version.

    Attributes:
        rows: The rows with `_answer`: a double, or an array of class probabilities in the version's order.
        engine: SPARK_UDF or ARROW.
        warning: What has to be told of the choice; empty where there is nothing.
    """

    rows: DataFrame
    engine: ScoringEngine
    warning: str = ""


def add_answers(
    context: Context,
    model: Model,
    version: ModelVersion,
    joined: DataFrame,
    *,
    rows: int,
    sample: Sample | None = None,
) -> Answered:
    """Add what a version answers, by the engine that `score.engine` of the model chooses.

    The first rows of a version in an environment are compared, at most `SAMPLE_ROWS`, and the result is recorded in
    `ops.scoring_parity`.

    Args:
        context: The lake, the registry and the logical now; its lake is being written to.
        model: The model's declaration.
        version: The version that answers.
        joined: Rows with `prediction_id` and the model's input columns.
        rows: How many they are.
        sample: Gives the first of these rows by `prediction_id`, at most so many, where that costs less than to take
            them of `joined`.

    Returns:
        The rows with their answers, and the engine.

    Raises:
        ConflictError: If `arrow` is declared, and can't load the version or does not give what `spark_udf` gives; if
            the version's files are not those that were registered.

    >>> from lakeloop.runs.model_inputs import add_model_inputs, gold_inputs
    >>> from lakeloop.runs.spine import spine_as_of
    >>> model, version = context.config.models["late"], context.registry.list_versions("late")[0]
    >>> spine = spine_as_of(context, model).limit(3)
    >>> joined = add_model_inputs(context, model, spine, gold_inputs(context, model), 3)
    >>> answered = add_answers(context, model, version, joined, rows=3)  # it has scored, and was compared then
    >>> answered.engine.value, answered.rows.schema["_answer"].dataType.simpleString()
    ('arrow', 'array<double>')
    """
    stored, warning = _choose(context, model, version, joined, rows, sample)
    if stored is not None:
        return Answered(joined.withColumn(ANSWER, arrow_answer(joined, stored)), ScoringEngine.ARROW)
    answer = spark_udf_answer(context, model, version, joined)
    return Answered(joined.withColumn(ANSWER, answer), ScoringEngine.SPARK_UDF, warning)


def _choose(
    context: Context, model: Model, version: ModelVersion, joined: DataFrame, rows: int, sample: Sample | None
) -> tuple[StoredPipeline | None, str]:
    """Give the pipeline that answers by `arrow`, or None, and what has to be told of it."""
    if model.score.engine is ScoringEngine.SPARK_UDF:
        return None, ""
    stored = _find_stored(context, model, version, joined)
    if not isinstance(stored, StoredPipeline):
        _refuse_where_declared(model, version, stored)
        return None, ""
    parity = find_parity(context, version)
    if parity is None:
        first = _first_rows(joined, rows, sample)
        parity = _compare(context, model, version, stored, first) if rows else _NOTHING
        record_parity(context, version, parity)
    if parity.status is ParityStatus.DIFFERENT:
        found = f"of {parity.rows} rows its answers differ from those of spark_udf"
        _refuse_where_declared(model, version, f"{found}, by up to {parity.max_abs_difference:g}")
        return None, f"engine arrow was not used: {found}, by up to {parity.max_abs_difference:g}"
    return (stored if parity.status is ParityStatus.OK else None), ""


_NOTHING = Parity(ParityStatus.NO_ROWS, 0, None)


def _first_rows(joined: DataFrame, rows: int, sample: Sample | None) -> DataFrame:
    if rows <= SAMPLE_ROWS:
        return joined
    return joined.orderBy("prediction_id").limit(SAMPLE_ROWS) if sample is None else sample(SAMPLE_ROWS)


def _compare(context: Context, model: Model, version: ModelVersion, stored: StoredPipeline, first: DataFrame) -> Parity:
    context.progress(f"compare two ways of scoring {model.model}")
    by_mlflow, by_arrow = spark_udf_answer(context, model, version, first), arrow_answer(first, stored)
    return compare_answers(first, by_mlflow, by_arrow, probabilities=stored.probabilities)


def _refuse_where_declared(model: Model, version: ModelVersion, found: str) -> None:
    if model.score.engine is ScoringEngine.ARROW:
        raise ConflictError(
            f"model {model.model} version {version.version}",
            [Failure("score.engine arrow", found)],
            "write score: {engine: auto} or {engine: spark_udf} in the model's file",
        )


def _find_stored(context: Context, model: Model, version: ModelVersion, joined: DataFrame) -> StoredPipeline | str:
    """Read the version's files for the workers, or say why they can't load them."""
    from lakeloop.registry.stored_pipeline import read_stored_pipeline

    stored = read_stored_pipeline(context.registry.verify(version), TRUSTED_TYPES)
    if stored is None:
        return "its files are no skops file with named inputs of texts and doubles"
    if stored.probabilities is (model.task is Task.REGRESSION):
        return "it does not answer the way the task asks for"
    if len(stored.content) > _MOST_BYTES:
        return f"its file has {len(stored.content)} bytes, more than {_MOST_BYTES}"
    given = {name: _kind(joined, name) for name in input_columns(context.config, model) if name in joined.columns}
    other = [name for name, kind in stored.columns.items() if given.get(name) != kind]
    return f"its inputs are of other types: {', '.join(other)}" if other else stored


def _kind(joined: DataFrame, name: str) -> str:
    return TEXT if joined.schema[name].dataType.simpleString() == "string" else NUMBER


def spark_udf_answer(context: Context, model: Model, version: ModelVersion, joined: DataFrame) -> Column:
    """Give what a version answers by MLflow's `spark_udf`.

    Args:
        context: The registry.
        model: The model's declaration.
        version: The version.
        joined: Rows with the model's input columns.

    Returns:
        A double, or an array of class probabilities.

    >>> from lakeloop.runs.model_inputs import add_model_inputs, gold_inputs
    >>> from lakeloop.runs.spine import spine_as_of
    >>> model, version = context.config.models["late"], context.registry.list_versions("late")[0]
    >>> spine = spine_as_of(context, model).limit(3)
    >>> joined = add_model_inputs(context, model, spine, gold_inputs(context, model), 3)
    >>> answer = spark_udf_answer(context, model, version, joined)  # nothing is scored before the rows are asked for
    >>> joined.select(answer.alias("answer")).schema["answer"].dataType.simpleString()
    'array<double>'
    """
    udf = context.registry.scoring_udf(context.spark, version, probabilities=model.task is not Task.REGRESSION)
    return udf(F.struct(*(as_model_input(joined, each) for each in input_columns(context.config, model))))


def arrow_answer(joined: DataFrame, stored: StoredPipeline) -> Column:
    """Give what a pipeline answers, loaded once per worker process; its inputs alone go to Python.

    Args:
        joined: Rows with the pipeline's input columns.
        stored: The pipeline.

    Returns:
        A double, or an array of class probabilities.

    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> from lakeloop.arrow_scoring import store_pipeline
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> joined = spark.sql("select 3.0d as items")
    >>> joined.select(arrow_answer(joined, stored)).collect()[0][0]
    1.5
    """
    inputs = [as_model_input(joined, name) for name in stored.columns]
    try:
        from pyspark.sql.pandas.functions import arrow_udf
    except ImportError:  # Spark before 4.1
        return series_answer(joined, stored)
    udf = arrow_udf(make_arrow_scorer(stored), stored.result_type)  # type: ignore[call-overload]  # told by its hints
    answer: Column = udf(*inputs)
    return answer


def series_answer(joined: DataFrame, stored: StoredPipeline) -> Column:
    """Give the same by way of pandas, for a Spark that has no Arrow functions.

    Args:
        joined: Rows with the pipeline's input columns.
        stored: The pipeline.

    Returns:
        A double, or an array of class probabilities.

    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> from lakeloop.arrow_scoring import store_pipeline
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> joined = spark.sql("select 3.0d as items")
    >>> joined.select(series_answer(joined, stored)).collect()[0][0]
    1.5
    """
    inputs = [as_model_input(joined, name) for name in stored.columns]
    udf = pandas_udf(make_series_scorer(stored), stored.result_type)  # type: ignore[call-overload]  # told by its hints
    answer: Column = udf(*inputs)
    return answer
