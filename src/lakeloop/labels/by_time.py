"""Labels by time: the value of the same entity so much later."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.label import Label
from lakeloop.labels.found import (
    CHANGED_TS,
    CONFLICT,
    FOUND,
    KNOWN_TS,
    LABEL,
    REASON,
    SUPERSEDED_TS,
    has_keys,
    judge_truth,
    micros,
    settle,
)
from lakeloop.with_columns import with_columns

NO_VALUE = "no_value"
"""Reason of a label that is void because no row of its source is near enough to the instant."""

_AT, _IS_SPINE, _ROW, _FOUND, _GONE_TS = "_at", "_is_spine", "_row", "_found", "_gone_ts"


def find_later(spine: DataFrame, truth: DataFrame, label: Label) -> DataFrame:
    """Find for every spine row the newest row of its entity at `prediction_ts` and `label.after` later.

    That row's `event_ts` is at that instant or before it, by less than `label.tolerance`. It counts whether or not it
    has a value. Rows are passed once, in the order of time.

    Args:
        spine: Spine rows with `prediction_ts` and the columns `label.on`.
        truth: Rows of the label's source; of one with versions all of them, with `superseded_ts`.
        label: The declaration of the label, by time.

    Returns:
        The spine's rows with the columns `FOUND`; the reason is `no_value` where there is no such row.

    >>> label = Label.model_validate({
    ...     "from": "readings", "as": "celsius", "after": "6 hours", "tolerance": "1 hour", "on": ["station"],
    ...     "closes": {"of": "prediction_ts", "at": "06:00 next day", "timezone": "UTC"}})
    >>> spine = spark.sql(
    ...     "select 'A' as station, timestamp'2013-05-01 12:00:00Z' as prediction_ts"
    ...     " union all select 'A', timestamp'2013-05-01 13:00:00Z'")
    >>> truth = spark.sql(
    ...     "select 'A' as station, timestamp'2013-05-01 17:40:00Z' as event_ts, 21d as celsius,"
    ...     " timestamp'2013-05-01 17:45:00Z' as available_ts")
    >>> found = find_later(spine, truth, label).orderBy("prediction_ts")
    >>> [(row["_label"], row["_reason"]) for row in found.collect()]
    [(21.0, None), (None, 'no_value')]
    """
    if label.after is None or label.tolerance is None:
        raise ValueError(f"the label from {label.from_} is not by time")
    after, tolerance = micros(label.after), micros(label.tolerance)
    on = [f"_on_{number}" for number, _ in enumerate(label.on)]
    entity = [F.col(name).alias(each) for name, each in zip(label.on, on, strict=True)]
    present = truth.where(has_keys(label.on))
    has_versions = SUPERSEDED_TS in truth.columns
    standing = present.where(F.col(SUPERSEDED_TS).isNull()) if has_versions else present
    values = standing.select(*entity, F.unix_micros("event_ts").alias(_AT), "available_ts", *judge_truth(label))
    settled = settle(values, [*on, _AT], label.conflict)
    readings = settled.select(
        *on, _AT, F.lit(0).alias(_IS_SPINE), F.struct(_AT, LABEL, REASON, KNOWN_TS, CONFLICT).alias(_FOUND)
    )
    targets = spine.select(
        *entity,
        (F.unix_micros("prediction_ts") + F.lit(after)).alias(_AT),
        F.lit(1).alias(_IS_SPINE),
        F.struct(*spine.columns).alias(_ROW),
    )
    rows = targets.unionByName(readings, allowMissingColumns=True)
    same_entity = Window.partitionBy(*on)
    until = same_entity.orderBy(_AT, _IS_SPINE).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    found = {_FOUND: F.last(_FOUND, ignorenulls=True).over(until)}
    if has_versions:
        gone = present.where(F.col(SUPERSEDED_TS).isNotNull())
        gone = gone.select(*entity, F.unix_micros("event_ts").alias(_AT), F.col(SUPERSEDED_TS).alias(_GONE_TS))
        rows = rows.unionByName(gone, allowMissingColumns=True)
        near = same_entity.orderBy(_AT).rangeBetween(1 - tolerance, 0)
        found[CHANGED_TS] = F.max(_GONE_TS).over(near)
    else:
        found[CHANGED_TS] = F.lit(None).cast("timestamp")
    looked = with_columns(rows, found).where(F.col(_ROW).isNotNull())
    is_near = F.coalesce(F.col(f"{_FOUND}.{_AT}") > F.col(_AT) - F.lit(tolerance), F.lit(False))
    target_ts = F.timestamp_micros(_AT)
    made = {
        LABEL: F.when(is_near, F.col(f"{_FOUND}.{LABEL}")),
        REASON: F.when(is_near, F.col(f"{_FOUND}.{REASON}")).otherwise(F.lit(NO_VALUE)),
        KNOWN_TS: F.when(is_near, F.greatest(F.col(f"{_FOUND}.{KNOWN_TS}"), target_ts)),
        CONFLICT: is_near & F.col(f"{_FOUND}.{CONFLICT}"),
    }
    return with_columns(looked, made).select(f"{_ROW}.*", *FOUND)
