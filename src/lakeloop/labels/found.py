"""What was found of the truth of a spine row, before it is known whether its period is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.label import Conflict, Label

LABEL = "_label"
"""The label, a double; null where there is none."""

REASON = "_reason"
"""The declared reason for which there is no label; null without one."""

KNOWN_TS = "_known_ts"
"""Instant the truth could first be known; null where nothing came, so that only the closing tells."""

CHANGED_TS = "_changed_ts"
"""Instant until which another version of the source told otherwise; null where none did."""

CONFLICT = "_conflict"
"""Whether rows of the source told different things."""

FOUND = (LABEL, REASON, KNOWN_TS, CHANGED_TS, CONFLICT)
"""Columns that are added to the spine's."""

SUPERSEDED_TS = "superseded_ts"
"""Column of the truth: when a newer version of its key became available; null of the newest."""

OTHER_CLASS = "other_class"
"""Reason of a label that is void because its value is none of the declared classes."""

CONFLICTING = "conflict"
"""Reason of a label that is void because rows of its source disagree."""


def micros(duration: timedelta) -> int:
    """Count the microseconds of a duration.

    >>> micros(timedelta(seconds=2))
    2000000
    """
    return duration // timedelta(microseconds=1)


def void_reason(label: Label) -> Column:
    """Name the first declared reason whose condition a row of the truth meets.

    Args:
        label: The declaration.

    Returns:
        A text column; null where no condition holds, or is not known to.

    >>> label = Label.model_validate({
    ...     "from": "deliveries", "as": "delay > 10", "void": {"lost": "delay is null", "refused": "delay < 0"},
    ...     "closes": {"of": "due_ts", "at": "06:00", "timezone": "UTC"}})
    >>> rows = spark.sql("select * from values (null), (-1), (3) as rows(delay)")
    >>> [row[0] for row in rows.select(void_reason(label)).collect()]
    ['lost', 'refused', None]
    """
    reasons = (F.when(F.expr(condition), F.lit(reason)) for reason, condition in label.void.items())
    return F.coalesce(*reasons, F.lit(None).cast("string"))


def judge_truth(label: Label) -> tuple[Column, Column]:
    """Give what a row of the truth says of its label.

    Args:
        label: The declaration, by id or by time.

    Returns:
        The label, a double: of several classes the place of the value, as text, among them, from 0. And the reason for
        which there is none; `other_class` for a value that is none of the classes and meets no condition of `void`.

    >>> label = Label.model_validate({
    ...     "from": "deliveries", "as": "state", "classes": ["in_time", "late", "lost"],
    ...     "closes": {"of": "due_ts", "at": "06:00", "timezone": "UTC"}})
    >>> rows = spark.sql("select * from values ('late'), ('Late'), (null) as rows(state)")
    >>> [tuple(row) for row in rows.select(*judge_truth(label)).collect()]
    [(1.0, None), (None, 'other_class'), (None, None)]
    """
    value, reason = F.expr(label.value), void_reason(label)
    if not label.classes:
        return value.cast("double").alias(LABEL), reason.alias(REASON)
    place = F.array_position(F.array(*(F.lit(name) for name in label.classes)), value.cast("string"))
    other = F.when(place == 0, F.lit(OTHER_CLASS))
    return F.when(place > 0, place - 1).cast("double").alias(LABEL), F.coalesce(reason, other).alias(REASON)


def settle(rows: DataFrame, by: Sequence[str], conflict: Conflict | None) -> DataFrame:
    """Let one row of the truth count where several speak of the same.

    Args:
        rows: Rows with the columns `by`, `available_ts`, `_label` and `_reason`.
        by: Columns that say what a row speaks of.
        conflict: Which of several counts; without a policy none does.

    Returns:
        The columns `by`, `_label`, `_reason`, `_known_ts` and `_conflict`: one row for all that are alike in `by`. Rows
        that tell the same are no conflict.

    >>> rows = spark.sql(
    ...     "select 1 as order, timestamp'2013-05-01 13:00:00Z' as available_ts, 0d as _label, cast(null as string) as"
    ...     " _reason union all select 1, timestamp'2013-05-01 14:00:00Z', 1d, null")
    >>> [settle(rows, ["order"], each).first()["_label"] for each in (Conflict.NEWEST, Conflict.FIRST)]
    [1.0, 0.0]
    >>> settle(rows, ["order"], Conflict.VOID).first()["_reason"]
    'conflict'
    """
    told = F.struct("available_ts", LABEL, REASON)
    counts = F.min(told) if conflict is Conflict.FIRST else F.max(told)
    grouped = rows.groupBy(*by).agg(
        counts.alias("_told"),
        F.max("available_ts").alias("_last_ts"),
        (F.size(F.collect_set(F.struct(LABEL, REASON))) > 1).alias(CONFLICT),
    )
    unsettled = F.col(CONFLICT) & F.lit(conflict not in (Conflict.NEWEST, Conflict.FIRST))
    return grouped.select(
        *by,
        F.when(~unsettled, F.col(f"_told.{LABEL}")).alias(LABEL),
        F.when(unsettled, F.lit(CONFLICTING)).otherwise(F.col(f"_told.{REASON}")).alias(REASON),
        F.when(unsettled, F.col("_last_ts")).otherwise(F.col("_told.available_ts")).alias(KNOWN_TS),
        CONFLICT,
    )


def has_keys(names: Sequence[str]) -> Column:
    """Tell whether a row has every column by which it is found: a null finds nothing.

    >>> rows = spark.sql("select * from values ('A', 1), ('A', null) as rows(shop, till)")
    >>> rows.where(has_keys(["shop", "till"])).count()
    1
    """
    present = F.lit(True)
    for name in names:
        present = present & F.col(name).isNotNull()
    return present
