"""What is added to tables whose columns come from the project: bronze, quarantine, training sets, predictions."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import ArrayType, StructField, StructType

from lakeloop.schemas.table import AS_OF, DATE, DOUBLE, INSTANT, INT, LONG, TEXT, VERSION, column

BRONZE_VOLATILE = frozenset({"_ingested_ts", "_batch_id", "_source_file", "_source_row"})
BRONZE_COLUMNS: tuple[StructField, ...] = (
    column("event_ts", INSTANT, "instant the thing happened, UTC"),
    column("available_ts", INSTANT, "instant the platform could first know it, UTC"),
    column("_warnings", ArrayType(TEXT, False), "rules of severity warn that the row broke"),
    column("_batch_id", LONG, "micro-batch that accepted the row; below 0: number of the quarantined row it was"),
    column("_source_file", TEXT, "landed file the row came from"),
    column("_source_row", LONG, "number of the record in that file, from 1"),
    column("_ingested_ts", INSTANT, "wall-clock instant of acceptance, UTC; volatile"),
)

REASON = StructType([StructField("rule", TEXT), StructField("column", TEXT), StructField("message", TEXT)])
QUARANTINE_COLUMNS: tuple[StructField, ...] = (
    column("_reasons", ArrayType(REASON, False), "every rule the row broke"),
    column("as_of", INSTANT, "logical now of the ingest that rejected the row, UTC"),
    column("_batch_id", LONG, "micro-batch that rejected the row"),
    column("_source_file", TEXT, "landed file the row came from"),
    column("_source_row", LONG, "number of the record in that file, from 1"),
    column("_ingested_ts", INSTANT, "wall-clock instant of rejection, UTC; volatile"),
)

PREDICTION_COLUMNS: tuple[StructField, ...] = (
    column("prediction_id", TEXT, "hash of the spine row's id columns", required=True),
    column("prediction_ts", INSTANT, "instant the prediction stands for, UTC", required=True),
    column("model_name", TEXT, "model", required=True),
    VERSION,
    column(
        "purpose",
        TEXT,
        "production, backtest (in hindsight) or shadow (of a challenger)",
        required=True,
    ),
    column("revision", INT, "0; higher when a row was scored again on purpose", required=True),
    column("score", DOUBLE, "probability of the label, or the predicted number"),
    AS_OF,
)
"""Columns every prediction table has, besides the spine's id columns, the model's columns and the look-up statuses."""

PREDICTED_CLASS, CLASS_SCORES = "predicted_class", "class_scores"
"""Columns that predictions of a multiclass model have besides."""

REQUEST_COLUMNS: tuple[StructField, ...] = (
    column("request_id", TEXT, "request that the row was part of", required=True),
    column("prediction_id", TEXT, "hash of the row's id columns, as in the predictions; null when it gave no id"),
    column("prediction_ts", INSTANT, "instant the answer stands for, UTC", required=True),
    column("received_ts", INSTANT, "instant the request came, by the server's clock, UTC", required=True),
    column("model_name", TEXT, "model", required=True),
    VERSION,
    column("bundle_id", TEXT, "publish that the server answered by", required=True),
    column("score", DOUBLE, "probability of the label or of the predicted class, or the predicted number"),
    column("predicted_class", TEXT, "the likeliest class of several"),
    column("class_scores", ArrayType(DOUBLE, True), "probability of each class of several, in the declared order"),
    AS_OF,
)
"""Columns every table of requests has, besides the request's columns, the features and what was said of look-ups."""

EXPLANATION_COLUMNS: tuple[StructField, ...] = (
    column("prediction_id", TEXT, "explained prediction, as in the predictions", required=True),
    column("prediction_ts", INSTANT, "instant the prediction stands for, UTC", required=True),
    column("model_name", TEXT, "model", required=True),
    VERSION,
    column("revision", INT, "revision of the prediction", required=True),
    column("rank", INT, "1: largest absolute contribution", required=True),
    column("feature", TEXT, "input column of the model, as in the predictions; never a value", required=True),
    column("contribution", DOUBLE, "what the column adds to the baseline, in the unit of the score", required=True),
    column("score", DOUBLE, "score of the prediction; of several classes that of the predicted one"),
    column("baseline", DOUBLE, "mean score of the background: training rows of the version", required=True),
    AS_OF,
)
"""Columns of every table of explanations."""

TRAINING_COLUMNS: tuple[StructField, ...] = (
    column("training_set_id", TEXT, "training set the row belongs to", required=True),
    column("prediction_id", TEXT, "hash of the spine row's id columns", required=True),
    column("prediction_ts", INSTANT, "instant a prediction would stand for, UTC", required=True),
    column("label", DOUBLE, "the truth: 0 or 1, or the number; null when void"),
    column("label_status", TEXT, "MATURED or VOID", required=True),
    column("label_available_ts", INSTANT, "instant the label could first be known, UTC", required=True),
    column("block_date", DATE, "period of the label: the unit that is resampled", required=True),
    column("_split", TEXT, "train, gap, validation, holdout or unused", required=True),
    AS_OF,
)
"""Columns every training table has, besides the spine's id columns, the model's columns and the look-up statuses."""


def prediction_columns(classes: Sequence[str]) -> tuple[StructField, ...]:
    """Give the columns that a model's prediction table has, besides those of the project.

    Args:
        classes: Classes of a multiclass label, in their order; none of another model.

    Returns:
        The columns; of several classes `score` is that of the predicted one, and two columns follow it.

    >>> [each.name for each in prediction_columns(("in_time", "late", "lost"))][6:9]
    ['score', 'predicted_class', 'class_scores']
    >>> prediction_columns(()) == PREDICTION_COLUMNS
    True
    """
    if not classes:
        return PREDICTION_COLUMNS
    of_classes = (
        column("score", DOUBLE, "probability of the predicted class"),
        column(PREDICTED_CLASS, TEXT, "the likeliest class; of equally likely ones the first of class_scores"),
        column(CLASS_SCORES, ArrayType(DOUBLE, True), f"probability of each class, in the order {_listed(classes)}"),
    )
    return tuple(each for field in PREDICTION_COLUMNS for each in (of_classes if field.name == "score" else (field,)))


def training_columns(classes: Sequence[str]) -> tuple[StructField, ...]:
    """Give the columns that a model's training table has, besides those of the project.

    Args:
        classes: Classes of a multiclass label, in their order; none of another model.

    Returns:
        The columns; of several classes the comment of `label` tells their order.

    >>> training_columns(("in_time", "late", "lost"))[3].metadata["comment"]
    'the truth: place of its class, from 0, among in_time, late, lost; null when void'
    """
    if not classes:
        return TRAINING_COLUMNS
    said = f"the truth: place of its class, from 0, among {_listed(classes)}; null when void"
    return tuple(column("label", DOUBLE, said) if field.name == "label" else field for field in TRAINING_COLUMNS)


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes)
