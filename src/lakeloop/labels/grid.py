"""Spines that are a grid: a row for every entity that was known, in every period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.grid import PERIOD_END_TS, PERIOD_TS
from lakeloop.config.predict import Predict

_FIRST, _LAST, _PERIOD = "_first", "_last", "_period"
_MICROSECOND = timedelta(microseconds=1)


def lay_grid(states: DataFrame, predict: Predict, through: datetime, after: datetime | None = None) -> DataFrame:
    """Give every state a row for each period whose prediction is due while it is the newest known of its entity.

    The periods of a state are counted, not searched: its stretch of time begins when it became available and ends
    before the next state of its entity, or when it has grown older than the ttl. So the rows of a period are the same
    at whatever later instant they are asked for.

    Args:
        states: Entity columns, `event_ts`, `available_ts` and others: at most one row per entity and `available_ts`,
            each the newest that was known by then.
        predict: The declaration of the grid.
        through: Last instant of prediction, included.
        after: Instant of prediction after which rows are wanted; None for all.

    Returns:
        The states' columns, `period_ts` and `period_end_ts`; one row per entity and period.

    >>> predict = Predict.model_validate({
    ...     "from": "shops", "every": "1 day", "id": ["shop", "period_ts"], "at": "period_ts - interval 2 hours"})
    >>> states = spark.sql(
    ...     "select 'A' as shop, 'north' as region, timestamp'2013-05-01 22:00:00Z' as available_ts"
    ...     " union all select 'A', 'south', timestamp'2013-05-02 22:00:01Z'")
    >>> states = states.selectExpr("*", "available_ts as event_ts")
    >>> rows = lay_grid(states, predict, datetime(2013, 5, 4, tzinfo=UTC)).orderBy("period_ts")
    >>> rows.select("shop", "region", "period_ts").show()
    +----+------+-------------------+
    |shop|region|          period_ts|
    +----+------+-------------------+
    |   A| north|2013-05-02 00:00:00|
    |   A| north|2013-05-03 00:00:00|
    |   A| south|2013-05-04 00:00:00|
    +----+------+-------------------+
    <BLANKLINE>
    """
    every, offset = _every(predict), predict.offset // _MICROSECOND
    known, event = F.unix_micros("available_ts"), F.unix_micros("event_ts")
    following = Window.partitionBy(*predict.entity).orderBy("available_ts")
    first = known if after is None else F.greatest(known, F.lit(_micros(after) + 1))
    ends = [F.lead(known).over(following) - 1, F.lit(_micros(through)).cast("bigint")]
    if predict.ttl is not None:
        ends.append(event + F.lit(predict.ttl // _MICROSECOND))
    last = F.least(*ends) - offset  # passes over the null of a state that no other follows
    spans = states.withColumns(
        {_FIRST: _next_period(first - offset, every), _LAST: last - F.pmod(last, F.lit(every).cast("bigint"))}
    )
    # A sequence that would run backwards is an error: it is not asked for, in whatever order Spark filters.
    periods = F.when(F.col(_FIRST) <= F.col(_LAST), F.sequence(_FIRST, _LAST, F.lit(every).cast("bigint")))
    rows = spans.withColumn(_PERIOD, F.explode(periods))
    return rows.select(*states.columns, *_columns(F.col(_PERIOD), every))


def first_periods(rows: DataFrame, predict: Predict) -> DataFrame:
    """Give rows the first period that can be asked for because of them.

    Args:
        rows: Bronze rows of the grid's source.
        predict: The declaration of the grid.

    Returns:
        `period_ts` and `period_end_ts`, a row per row.

    >>> predict = Predict.model_validate({"from": "shops", "every": "1 day", "id": ["shop", "period_ts"]})
    >>> rows = spark.sql("select timestamp'2013-05-01 22:00:00Z' as available_ts")
    >>> first_periods(rows, predict).show()
    +-------------------+-------------------+
    |          period_ts|      period_end_ts|
    +-------------------+-------------------+
    |2013-05-02 00:00:00|2013-05-03 00:00:00|
    +-------------------+-------------------+
    <BLANKLINE>
    """
    every, offset = _every(predict), predict.offset // _MICROSECOND
    return rows.select(*_columns(_next_period(F.unix_micros("available_ts") - offset, every), every))


def _next_period(micros: Column, every: int) -> Column:
    return micros + F.pmod(-micros, F.lit(every).cast("bigint"))


def _columns(micros: Column, every: int) -> tuple[Column, Column]:
    return F.timestamp_micros(micros).alias(PERIOD_TS), F.timestamp_micros(micros + every).alias(PERIOD_END_TS)


def _every(predict: Predict) -> int:
    if predict.every is None:
        raise ValueError(f"the spine from {predict.from_} is no grid")
    return predict.every // _MICROSECOND


def _micros(instant: datetime) -> int:
    return (instant - datetime.fromtimestamp(0, UTC)) // _MICROSECOND
