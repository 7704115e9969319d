"""What is added to tables whose columns come from the project: bronze, quarantine, training sets, predictions."""

from __future__ import annotations

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
    column("purpose", TEXT, "production, or backtest (the model knew more than the instant allows)", required=True),
    column("revision", INT, "0; higher when a row was scored again on purpose", required=True),
    column("score", DOUBLE, "probability of the label, or the predicted number"),
    AS_OF,
)
"""Columns every prediction table has, besides the spine's id columns, the model's columns and the look-up statuses."""

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
