"""Tables of what was found: quality, profiles, drift, performance."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, BinaryType, StructField, StructType

from lakeloop.schemas.table import (
    AS_OF,
    ATTEMPT,
    DATE,
    DOUBLE,
    INSTANT,
    LONG,
    MODEL,
    TEXT,
    TRUTH,
    VERSION,
    WINDOW,
    column,
    declare_table,
)

QUALITY = declare_table(
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

DAILY_PROFILES = declare_table(
    "monitoring",
    "daily_profiles",
    "model version x block x slice x column x evaluation; the profile of a window is the merge of its blocks",
    "as_of",
    [
        MODEL,
        VERSION,
        column("block", DATE, "local day of prediction_ts", required=True),
        column("block_start", INSTANT, "start of the block, UTC: of the day, or of one of its hours", required=True),
        column("slice_key", TEXT, "name of the slicing; null for all rows"),
        column("slice_value", TEXT, "the slice; null for all rows"),
        column("column_name", TEXT, "profiled column of the predictions", required=True),
        column("count", LONG, "rows", required=True),
        column("num_nan", LONG, "rows with a NaN, which counts as null", required=True),
        column("num_zeros", LONG, "rows with 0", required=True),
        column("num_infinite", LONG, "rows with an infinite value, which falls into an end bin", required=True),
        column("sum_squares", DOUBLE, "sum of the squares of the finite values", required=True),
        column("min", DOUBLE, "least finite value; null for categories"),
        column("max", DOUBLE, "greatest finite value; null for categories"),
        column("bins", ArrayType(LONG, False), "rows per frozen bin; the last bin is null", required=True),
        column("bin_sums", ArrayType(DOUBLE, False), "sum of the finite values per bin; null for categories"),
        column("quantile_sketch", BinaryType(), "KLL sketch (k = 800) of the finite values, DataSketches' floats"),
        column("distinct_sketch", BinaryType(), "HLL sketch (lg k = 11) of the values, as DataSketches writes it"),
        column("status", TEXT, "OK, or why the column could not be read", required=True),
        column("generation", LONG, "only rows of a version's newest generation count", required=True),
        AS_OF,
    ],
    volatile=["quantile_sketch", "distinct_sketch"],
)

PROFILE_METRICS = declare_table(
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
        column("avg", DOUBLE, "mean of the finite values; null for categories"),
        column("bins", ArrayType(LONG, False), "rows per frozen bin; the last bin is null", required=True),
        column("status", TEXT, "OK, or why there is no profile", required=True),
        column("num_nan", LONG, "rows with a NaN, which count as null too; null for categories"),
        column("num_zeros", LONG, "rows with 0; null for categories"),
        column("num_infinite", LONG, "rows with an infinite value; null for categories"),
        column("percent_nan", DOUBLE, "100 x num_nan / count; null for categories"),
        column("percent_zeros", DOUBLE, "100 x num_zeros / count; null for categories"),
        column("stddev", DOUBLE, "standard deviation of the finite values, divisor n - 1; null for categories"),
        column("min", DOUBLE, "least finite value; null for categories"),
        column("max", DOUBLE, "greatest finite value; null for categories"),
        column("median", DOUBLE, "of a KLL sketch, rank within 0.35 %; null for categories and in slices"),
        column("quantiles", ArrayType(DOUBLE, False), "every twentieth, from least to greatest, of the same sketch"),
        column("distinct_count", LONG, "different values, of an HLL sketch within 2.3 %; null in slices"),
        column("percent_distinct", DOUBLE, "100 x distinct_count / rows with a value"),
        AS_OF,
    ],
)

_TEST = StructType([StructField("statistic", DOUBLE), StructField("pvalue", DOUBLE)])

DRIFT_METRICS = declare_table(
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
        column("population_stability_index", DOUBLE, "PSI over the frozen bins; null for a target that is a mean"),
        column("tv_distance", DOUBLE, "total variation over the frozen bins; null for a target that is a mean"),
        column("count", LONG, "rows in the window", required=True),
        column("status", TEXT, "OK, or why it could not be judged", required=True),
        column("verdict", TEXT, "STABLE, DRIFT, RECORDED or UNKNOWN", required=True),
        column("evidence", TEXT, "what is needed to compute the verdict again, as JSON", required=True),
        column("js_distance", DOUBLE, "Jensen-Shannon distance over the frozen bins, base 2"),
        column("ks_test", _TEST, "Kolmogorov-Smirnov over a number's bins; the p-value takes rows for independent"),
        column("wasserstein_distance", DOUBLE, "Wasserstein of a number, standard deviations of the reference"),
        column("chi_squared_test", _TEST, "chi-squared over the frozen bins; the p-value takes rows for independent"),
        column("l_infinity_distance", DOUBLE, "greatest difference of the share of a bin"),
        column("count_delta", DOUBLE, "rows less those of as many average days of the reference"),
        column("avg_delta", DOUBLE, "mean of a number less that of the reference, in its unit"),
        column("percent_null_delta", DOUBLE, "percentage points of missing values more than in the reference"),
        column("other_fraction", DOUBLE, "share of rows whose category has no bin: new, or rare in the reference"),
        column("vanished_categories", ArrayType(TEXT, False), "categories of the reference that no row has any more"),
        column("severity", TEXT, "low, medium or high: how much a drifted column weighs; null where that is not known"),
        AS_OF,
    ],
)
"""Only the declared statistic judges; the others are recorded, null where they do not apply."""

LEAKAGE = declare_table(
    "monitoring",
    "leakage",
    "training set x audit x check x subject",
    "as_of",
    [
        column("training_set_id", TEXT, "training set", required=True),
        column("audit_id", TEXT, "hash of how it was audited", required=True),
        MODEL,
        column("check", TEXT, "time_travel, suspicious_score, label_column or post_event", required=True),
        column("subject", TEXT, "gold table, or column of the model, or source", required=True),
        column("status", TEXT, "PASS, FAIL, WARN (accepted), INSUFFICIENT or NOT_APPLICABLE", required=True),
        column("value", DOUBLE, "rows that differ, the score, or rows available before they happened"),
        column("bound", DOUBLE, "from which value on it is a finding"),
        column("detail", TEXT, "what was found, for people", required=True),
        AS_OF,
    ],
)

SCORE_SLICE = "score"
"""Slice key of the rows of `monitoring.performance` that hold calibration: predicted and realised share per stretch."""

LABEL_SLICE = "label_status"
"""Slice key of the rows of `monitoring.performance` that tell how far the labels of a window are, and their delay."""

WORST_RANK = "worst_slice_rank"
"""Metric of `monitoring.performance` that tells the place of a slice among the worst of its window, from 1."""

PERFORMANCE = declare_table(
    "monitoring",
    "performance",
    "model version x window x slice x metric x evaluation; closed days only",
    "as_of",
    [
        MODEL,
        VERSION,
        WINDOW,
        column(
            "slice_key",
            TEXT,
            "`score`: stretches of the score; `label_status`: how far labels are; null: all rows; else a slicing",
        ),
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
ESTIMATED_PERFORMANCE = declare_table(
    "monitoring",
    "estimated_performance",
    "model version x window x metric x evaluation; all scored rows, no label is looked at",
    "as_of",
    [
        MODEL,
        VERSION,
        WINDOW,
        column("metric", TEXT, "metric, as in monitoring.performance; none when nothing was estimated", required=True),
        column("value", DOUBLE, "what it is expected to be, if the scores are right; null when it was not estimated"),
        column("rows", LONG, "scored rows with a score", required=True),
        column("rows_open", LONG, "scored rows of days that are not closed yet", required=True),
        column("scored_days", LONG, "days in the window with scored rows", required=True),
        column("calibration_error", DOUBLE, "of the version on its holdout; null when it is not known"),
        column("status", TEXT, "ESTIMATED, or why it could not be estimated", required=True),
        AS_OF,
    ],
)
"""A table of its own, so that no query of `monitoring.performance` takes an estimate for what was realised."""

CONSISTENCY = declare_table(
    "monitoring",
    "consistency",
    "model x origin x column x audit",
    "as_of",
    [
        MODEL,
        column("origin", TEXT, "online: requests that were answered; offline: predictions of turns and streams"),
        WINDOW,
        column("column_name", TEXT, "served column, or `score`", required=True),
        column("count", LONG, "rows compared", required=True),
        column("num_missing", LONG, "served without a value where there is one; look-ups that said so left out"),
        column("num_extra", LONG, "served with a value where there is none; likewise"),
        column("num_mismatch", LONG, "served with another value; likewise"),
        column("num_marked", LONG, "rows whose look-up was STALE or AHEAD, and said so"),
        column("num_marked_different", LONG, "of those, rows that differ"),
        column("mean_difference", DOUBLE, "mean absolute difference of the numbers that differ"),
        column("max_difference", DOUBLE, "greatest absolute difference of them"),
        column("verdict", TEXT, "CONSISTENT, STALE, SKEWED or UNKNOWN (no rows)", required=True),
        AS_OF,
    ],
)
