"""Labels by event: whether it comes within a stretch of time after the prediction."""

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
    micros,
)
from lakeloop.with_columns import with_columns

_AT, _ROW, _EVENT_TS, _NO_EVENT_TS, _NO_VOID_TS = "_at", "_row", "_event_ts", "_no_event_ts", "_no_void_ts"


def find_events(spine: DataFrame, truth: DataFrame, label: Label) -> DataFrame:
    """Find for every spine row whether the event comes to its entity in (prediction_ts, prediction_ts + label.within].

    Yes is known with the first event that became available; no only at the end, which is why nothing is known here of a
    row without an event: the closing tells. A condition of `void` that a row of the source meets in that stretch wins.

    Args:
        spine: Spine rows with `prediction_ts` and the columns `label.on`.
        truth: Rows of the label's source; of one with versions all of them, with `superseded_ts`. An event that a newer
            version takes back did not happen, from that version's availability on.
        label: The declaration of the label, by event.

    Returns:
        The spine's rows with the columns `FOUND`.

    >>> label = Label.model_validate({
    ...     "from": "purchases", "event": "amount > 0", "within": "30 days", "on": ["customer"],
    ...     "closes": {"of": "prediction_ts", "at": "06:00 next day", "after": "30 days", "timezone": "UTC"}})
    >>> spine = spark.sql("select id as customer, timestamp'2013-05-01 00:00:00Z' as prediction_ts from range(1, 3)")
    >>> truth = spark.sql(
    ...     "select 1L as customer, timestamp'2013-05-31 00:00:00Z' as event_ts, 9d as amount,"
    ...     " timestamp'2013-05-31 02:00:00Z' as available_ts"
    ...     " union all select 2L, timestamp'2013-05-31 00:00:01Z', 9d, timestamp'2013-05-31 02:00:00Z'")
    >>> [(row["customer"], row["_label"]) for row in find_events(spine, truth, label).orderBy("customer").collect()]
    [(1, 1.0), (2, 0.0)]
    """
    if label.within is None:
        raise ValueError(f"the label from {label.from_} is not by event")
    on = [f"_on_{number}" for number, _ in enumerate(label.on)]
    entity = [F.col(name).alias(each) for name, each in zip(label.on, on, strict=True)]
    happens = F.coalesce(F.expr(label.value), F.lit(False))
    voids = {f"_void_{reason}": F.coalesce(F.expr(text), F.lit(False)) for reason, text in label.void.items()}
    is_void = F.lit(False)
    for condition in voids.values():
        is_void = is_void | condition
    gone_ts = F.col(SUPERSEDED_TS) if SUPERSEDED_TS in truth.columns else F.lit(None).cast("timestamp")
    stands = gone_ts.isNull()
    events = truth.where(has_keys(label.on)).select(
        *entity,
        F.unix_micros("event_ts").alias(_AT),
        F.when(stands & happens, F.col("available_ts")).alias(_EVENT_TS),
        *(F.when(stands & condition, F.col("available_ts")).alias(name) for name, condition in voids.items()),
        F.when(happens, gone_ts).alias(_NO_EVENT_TS),
        F.when(is_void, gone_ts).alias(_NO_VOID_TS),
    )
    asked = spine.select(*entity, F.unix_micros("prediction_ts").alias(_AT), F.struct(*spine.columns).alias(_ROW))
    rows = asked.unionByName(events, allowMissingColumns=True)
    ahead = Window.partitionBy(*on).orderBy(_AT).rangeBetween(1, micros(label.within))
    found = {name: F.min(name).over(ahead) for name in (_EVENT_TS, *voids)}
    found |= {name: F.max(name).over(ahead) for name in (_NO_EVENT_TS, _NO_VOID_TS)}
    looked = with_columns(rows, found).where(F.col(_ROW).isNotNull())
    reasons = [F.when(F.col(name).isNotNull(), F.lit(name.removeprefix("_void_"))) for name in voids]
    void_ts = [F.col(name) for name in voids]
    happened, reason = F.col(_EVENT_TS).isNotNull(), F.coalesce(*reasons, F.lit(None).cast("string"))
    made = {
        LABEL: F.when(happened, F.lit(1.0)).otherwise(F.lit(0.0)),
        REASON: reason,
        KNOWN_TS: F.coalesce(*void_ts, F.col(_EVENT_TS)),
        # What was taken back was believed until then: no is no older than that, and neither is yes where it was void.
        CHANGED_TS: F.when(reason.isNull(), F.greatest(F.col(_NO_VOID_TS), F.when(~happened, F.col(_NO_EVENT_TS)))),
        CONFLICT: F.lit(False),
    }
    return with_columns(looked, made).select(f"{_ROW}.*", *FOUND)
