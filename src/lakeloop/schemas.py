"""The lake's own tables: columns with their meaning, grain, the column that time is cut by, and what is volatile.

Bronze, gold, training and prediction tables take their columns from the project; here stands what is added to them.
Volatile columns (wall-clock stamps, run ids, places of files) are left out when two tables are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

TEXT, LONG, INT, DOUBLE, INSTANT = StringType(), LongType(), IntegerType(), DoubleType(), TimestampType()
DATE, TRUTH = DateType(), BooleanType()


def column(name: str, data_type: DataType, meaning: str, *, required: bool = False) -> StructField:
    """Describe a column.

    Args:
        name: Its name.
        data_type: Its Spark type.
        meaning: What it says, with its unit.
        required: Whether null is refused.

    Returns:
        A field whose comment is the meaning.

    >>> field = column("delay_minutes", DOUBLE, "arrival delay, minutes", required=True)
    >>> field.simpleString(), field.nullable, field.metadata
    ('delay_minutes:double', False, {'comment': 'arrival delay, minutes'})
    """
    return StructField(name, data_type, not required, {"comment": meaning})


@dataclass(frozen=True)
class TableSchema:
    """A table of the lake.

    Attributes:
        layer: First part of its address.
        name: Second part.
        grain: What one row is.
        cut_by: Column by which reads are cut at `as_of`.
        columns: Its columns.
        volatile: Columns that may differ between two equal tables.
    """

    layer: str
    name: str
    grain: str
    cut_by: str
    columns: StructType
    volatile: frozenset[str] = frozenset()


def _table(
    layer: str, name: str, grain: str, cut_by: str, columns: Sequence[StructField], volatile: Sequence[str] = ()
) -> TableSchema:
    return TableSchema(layer, name, grain, cut_by, StructType(list(columns)), frozenset(volatile))


AS_OF = column("as_of", INSTANT, "logical now of the job that wrote the row, UTC", required=True)
ATTEMPT = column("attempt", INT, "1; greater after a failed gate was asked again: the last counts", required=True)
MODEL = column("model", TEXT, "model", required=True)
VERSION = column("model_version", TEXT, "version in the registry")
_STRETCH = StructType([StructField("start", INSTANT, False), StructField("end", INSTANT, False)])
WINDOW = column("window", _STRETCH, "stretch of prediction_ts, start included, end not, UTC", required=True)

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

INGESTED_FILES = _table(
    "ops",
    "ingested_files",
    "landed file seen",
    "as_of",
    [
        column("source", TEXT, "source the file belongs to", required=True),
        column("file", TEXT, "path below the landing folder", required=True),
        column("content_hash", TEXT, "SHA-256 of the bytes", required=True),
        column("size_bytes", LONG, "size", required=True),
        column("modified_ns", LONG, "modification time of the file, nanoseconds; volatile", required=True),
        column("status", TEXT, "ADMITTED, REFUSED or DUPLICATE_CONTENT", required=True),
        column("reason", TEXT, "why it was refused"),
        column("raw_rows", LONG, "records counted when the file was read to its end"),
        AS_OF,
    ],
    ["modified_ns"],
)

INGESTED_BATCHES = _table(
    "ops",
    "ingested_batches",
    "micro-batch of one source (law 5: read = accepted + quarantined + exact duplicates + superseded)",
    "as_of",
    [
        column("source", TEXT, "source", required=True),
        column("batch_id", LONG, "micro-batch", required=True),
        column("files", LONG, "landed files in the batch", required=True),
        column("rows_read", LONG, "records counted at admission", required=True),
        column("rows_accepted", LONG, "rows committed to bronze", required=True),
        column("rows_quarantined", LONG, "rows committed to quarantine", required=True),
        column("rows_duplicate", LONG, "rows equal to an accepted row in every landed column", required=True),
        column("rows_superseded", LONG, "rows replaced by a newer row of the same key", required=True),
        column("rows_warned", LONG, "accepted rows that broke a rule of severity warn", required=True),
        AS_OF,
    ],
    ["batch_id"],
)

REPLAYS = _table(
    "ops",
    "replays",
    "replay of a quarantine (law 5: read = accepted + still quarantined + exact duplicates)",
    "as_of",
    [
        *INGESTED_BATCHES.columns.fields[:1],
        column("rule", TEXT, "rule whose rows were judged again; null for all"),
        column("rows_read", LONG, "quarantined rows that were judged again", required=True),
        column("rows_accepted", LONG, "rows committed to bronze", required=True),
        column("rows_quarantined", LONG, "rows that stay in quarantine", required=True),
        *INGESTED_BATCHES.columns.fields[-4:],
    ],
)

FEATURE_BUILDS = _table(
    "ops",
    "feature_builds",
    "build of one gold table",
    "as_of",
    [
        column("feature_table", TEXT, "gold table", required=True),
        column("built_from", INSTANT, "the table was complete up to here before, UTC; null at first"),
        column("built_through", INSTANT, "the table is complete up to here, UTC", required=True),
        column("rows", LONG, "rows appended", required=True),
        column("spec_hash", TEXT, "hash of the table's declaration", required=True),
        column("gold_version", LONG, "Delta version of the gold table after the build; volatile", required=True),
        AS_OF,
    ],
    ["gold_version"],
)

QUALITY = _table(
    "monitoring",
    "quality",
    "source x turn x attempt x check",
    "as_of",
    [
        column("source", TEXT, "source", required=True),
        column("window", WINDOW.dataType, "stretch of available_ts that was checked, UTC", required=True),
        column("check", TEXT, "expectation and its columns; `suite` is the whole", required=True),
        column("severity", TEXT, "what a failure does: warn or fail", required=True),
        column("rows", LONG, "rows checked", required=True),
        column("status", TEXT, "OK, or why it could not be judged", required=True),
        column("passed", TRUTH, "the verdict; null when it could not be judged"),
        column("observed", TEXT, "what was expected and found, as JSON: counts and statistics, never rows"),
        ATTEMPT,
        AS_OF,
    ],
)

PROFILE_METRICS = _table(
    "monitoring",
    "profile_metrics",
    "model version x window x slice x column x evaluation",
    "as_of",
    [
        MODEL,
        VERSION,
        WINDOW,
        column("granularity", TEXT, "length of the window", required=True),
        column("slice_key", TEXT, "slicing expression; null for all rows"),
        column("slice_value", TEXT, "its value; null for all rows"),
        column("column_name", TEXT, "profiled column of the predictions", required=True),
        column("count", LONG, "rows", required=True),
        column("num_nulls", LONG, "rows without a value", required=True),
        column("percent_null", DOUBLE, "100 x num_nulls / count; null when there are no rows"),
        column("avg", DOUBLE, "mean of the values; null for categories"),
        column("bins", ArrayType(LONG, False), "rows per frozen bin; the last bin is null", required=True),
        column("status", TEXT, "OK, or why there is no profile", required=True),
        AS_OF,
    ],
)

DRIFT_METRICS = _table(
    "monitoring",
    "drift_metrics",
    "model version x window x slice x column x test x evaluation",
    "as_of",
    [
        MODEL,
        VERSION,
        WINDOW,
        column("granularity", TEXT, "length of the window", required=True),
        column("drift_type", TEXT, "BASELINE: compared with the champion's reference", required=True),
        column("slice_key", TEXT, "slicing expression; null for all rows"),
        column("slice_value", TEXT, "its value; null for all rows"),
        column("column_name", TEXT, "judged column", required=True),
        column("kind", TEXT, "feature, prediction or target", required=True),
        column("role", TEXT, "contract, regime or seasonal", required=True),
        column("test", TEXT, "the declared statistic", required=True),
        column("statistic", DOUBLE, "its value; null when it could not be judged"),
        column("threshold", DOUBLE, "value from which the verdict is DRIFT"),
        column("population_stability_index", DOUBLE, "PSI over the frozen bins; null for categories and targets"),
        column("tv_distance", DOUBLE, "total variation over the categories; null for numbers and targets"),
        column("count", LONG, "rows in the window", required=True),
        column("status", TEXT, "OK, or why it could not be judged", required=True),
        column("verdict", TEXT, "STABLE, DRIFT, RECORDED or UNKNOWN", required=True),
        column("evidence", TEXT, "what is needed to compute the verdict again, as JSON", required=True),
        AS_OF,
    ],
)

SCORE_SLICE = "score"
"""Slice key of the rows of `monitoring.performance` that hold calibration: predicted and realised share per stretch."""

PERFORMANCE = _table(
    "monitoring",
    "performance",
    "model version x window x slice x metric x evaluation; closed days only",
    "as_of",
    [
        MODEL,
        VERSION,
        WINDOW,
        column("slice_key", TEXT, "slicing expression, `score` for stretches of the score; null for all rows"),
        column("slice_value", TEXT, "its value; null for all rows"),
        column("metric", TEXT, "metric", required=True),
        column("value", DOUBLE, "its value on closed, matured rows; null when it could not be judged"),
        column("lower", DOUBLE, "lower bound of the interval from resampled days"),
        column("upper", DOUBLE, "upper bound of the interval from resampled days"),
        column("baseline", DOUBLE, "the same metric of the constant prediction of the reference"),
        column("rows", LONG, "matured rows", required=True),
        column(
            "rows_void", LONG, "closed rows without a label; counted over all rows only, 0 in a slice", required=True
        ),
        column("closed_days", LONG, "closed days in the window", required=True),
        column("status", TEXT, "OK, or why it could not be judged", required=True),
        AS_OF,
    ],
)

FLAGS = _table(
    "ops",
    "flags",
    "event of a flag",
    "as_of",
    [
        column("flag_id", TEXT, "hash of model, version, kind, subject and window end", required=True),
        column("event", TEXT, "raised, resolved or superseded", required=True),
        column("kind", TEXT, "what the flag is about", required=True),
        MODEL,
        VERSION,
        column("subject", TEXT, "column, metric or source", required=True),
        column("window_end", INSTANT, "end of the window it was raised for, UTC"),
        column("evidence", TEXT, "why, or how it ended, as JSON", required=True),
        AS_OF,
    ],
)

DECISIONS = _table(
    "ops",
    "decisions",
    "decision of one model x attempt",
    "as_of",
    [
        column("decision_id", TEXT, "hash of model, as_of and attempt", required=True),
        MODEL,
        column("action", TEXT, "none, notify or retrain", required=True),
        column("reasons", ArrayType(TEXT, False), "every rule and what it said", required=True),
        column("policy", TEXT, "the policy applied, as JSON", required=True),
        column("inputs", TEXT, "everything the policy looked at, as JSON", required=True),
        ATTEMPT,
        AS_OF,
    ],
)

TRAINING_SETS = _table(
    "ops",
    "training_sets",
    "training set",
    "as_of",
    [
        column("training_set_id", TEXT, "hash of what it is made from", required=True),
        MODEL,
        column("spec_hash", TEXT, "hash of the model's and its tables' declarations", required=True),
        column("inputs", TEXT, "every input table with its Delta version and built_through, as JSON", required=True),
        column("windows", TEXT, "first and last day of train, validation and holdout, as JSON", required=True),
        column("seed", LONG, "seed of everything random", required=True),
        column("rows", LONG, "rows", required=True),
        column("content_hash", TEXT, "hash of the rows, whatever their order", required=True),
        column("data_through", INSTANT, "greatest available_ts of any label or feature used, UTC", required=True),
        column("delta_version", LONG, "Delta version of the table that holds the rows; volatile", required=True),
        column("packages", TEXT, "versions of what made it, as JSON; volatile"),
        column("engine", TEXT, "spark or local: what joined it; volatile"),
        AS_OF,
    ],
    ["delta_version", "inputs", "packages", "engine"],
)

TRAINING_SET_EVENTS = _table(
    "ops",
    "training_set_events",
    "training set x event",
    "as_of",
    [
        column("training_set_id", TEXT, "training set", required=True),
        MODEL,
        column("event", TEXT, "retired: its inputs are held back no longer", required=True),
        column("reason", TEXT, "why, as it was said"),
        AS_OF,
    ],
)

PROMOTIONS = _table(
    "ops",
    "promotions",
    "model version judged by the gate",
    "as_of",
    [
        column("promotion_id", TEXT, "hash of model, version and as_of", required=True),
        MODEL,
        VERSION,
        column("outcome", TEXT, "promoted or rejected", required=True),
        column("previous_version", TEXT, "champion before"),
        column("training_set_id", TEXT, "training set", required=True),
        column("run_key", TEXT, "hash of model, training set, declaration and seed", required=True),
        column("trained_through", INSTANT, "greatest available_ts that touched the version, UTC", required=True),
        column("reasons", ArrayType(TEXT, False), "why it was rejected, or what it showed", required=True),
        column("evidence", TEXT, "every check with value, bound and status, as JSON", required=True),
        AS_OF,
    ],
)

RUNS = _table(
    "ops",
    "runs",
    "step of a job",
    "as_of",
    [
        column("run_id", TEXT, "hash of job, as_of and start; volatile", required=True),
        column("job", TEXT, "verb that was called", required=True),
        column("step", TEXT, "step, or the verb itself for the whole", required=True),
        column("subject", TEXT, "model the step was for"),
        column("outcome", TEXT, "done, failed or skipped", required=True),
        column("result", TEXT, "what the step reported, as JSON", required=True),
        column("started_ts", INSTANT, "wall-clock start, UTC; volatile", required=True),
        column("seconds", DOUBLE, "wall-clock duration; volatile", required=True),
        AS_OF,
    ],
    ["run_id", "started_ts", "seconds", "result"],
)

OWN_TABLES: tuple[TableSchema, ...] = (
    *(INGESTED_FILES, INGESTED_BATCHES, REPLAYS, FEATURE_BUILDS, QUALITY, PROFILE_METRICS, DRIFT_METRICS, PERFORMANCE),
    *(FLAGS, DECISIONS, TRAINING_SETS, TRAINING_SET_EVENTS, PROMOTIONS, RUNS),
)
"""Tables whose columns do not depend on the project."""

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
