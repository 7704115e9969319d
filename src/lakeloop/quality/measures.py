"""All that the rules over a turn's rows measure, as one query that gives one row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.rules.table_rule import NEWEST, Reference, Spacing, TableRule, Value

ROWS = "_rows"


def measure_turn(
    turn: DataFrame,
    known: DataFrame,
    rules: Sequence[TableRule],
    others: Mapping[str, DataFrame],
    *,
    after: datetime,
    as_of: datetime,
) -> DataFrame:
    """Measure a turn's rows for all rules of their source.

    Args:
        turn: The turn's rows.
        known: All rows of the source that are known at the logical now, with `available_ts`.
        rules: The rules over the turn's rows as a whole.
        others: Source -> its rows that are known at the logical now, for those that are referred to; one that is
            absent has none.
        after: Up to this instant rows were judged in earlier turns.
        as_of: The logical now.

    Returns:
        One row: the number of rows as `_rows`, and every measure of every rule as `_<number of the rule>_<name>`.

    >>> from datetime import timedelta
    >>> from lakeloop.config.rules import RULES
    >>> kinds = {each.__name__: each for each in RULES}
    >>> gaps = kinds["NoGaps"](rule="no_gaps", every="1 hour")
    >>> fresh_enough = kinds["Freshness"](rule="freshness", within="1 hour")
    >>> times = ["00:00", "01:00", "04:30"]
    >>> rows = spark.createDataFrame([(f"2013-05-01T{each}:00Z",) for each in times], "text string")
    >>> rows = rows.selectExpr("cast(text as timestamp) as event_ts", "cast(text as timestamp) as available_ts")
    >>> noon = context.as_of
    >>> found = measure_turn(
    ...     rows, rows, [gaps, fresh_enough], {}, after=noon - timedelta(days=9999), as_of=noon
    ... ).first()
    >>> found[ROWS], found["_0_gaps"], found["_0_missing"], measures_of(found.asDict(), 1).keys()
    (3, 1, 3, dict_keys(['newest']))
    """
    rows, earlier = turn, known.where(F.col("available_ts") <= F.lit(after))
    measures = {ROWS: F.count(F.lit(1))}
    newest: dict[str, Column] = {}
    for index, rule in enumerate(rules):
        helper = f"_helper_{index}"
        if rule.reference is not None:
            rows = _look_up(rows, others.get(rule.reference.to), rule.reference, helper)
        if rule.spacing is not None:
            past = earlier.where(F.col(rule.spacing.column) <= F.lit(as_of))  # behind a row of the future all is late
            rows = _measure_gaps(rows, past, rule.spacing, helper)
        measures |= {f"_{index}_{name}": F.expr(sql) for name, sql in rule.measures(helper).items()}
        if rule.newest_of is not None:
            until_now = F.when(F.col(rule.newest_of) <= F.lit(as_of), F.unix_micros(rule.newest_of))
            newest[f"_{index}_{NEWEST}"] = F.max(until_now)
    measured = rows.agg(*_named(measures))
    return measured if not newest else measured.crossJoin(known.agg(*_named(newest)))


def measures_of(measured: Mapping[str, Value], number: int) -> dict[str, Value]:
    """Pick what was measured for one rule.

    Args:
        measured: The row of `measure_turn`.
        number: Number of the rule, from 0.

    Returns:
        Value by name of the measure.

    >>> measures_of({"_rows": 3, "_0_gaps": 1, "_1_newest": 7}, 1)
    {'newest': 7}
    """
    prefix = f"_{number}_"
    return {name.removeprefix(prefix): value for name, value in measured.items() if name.startswith(prefix)}


def _named(measures: Mapping[str, Column]) -> list[Column]:
    return [measure.alias(name) for name, measure in measures.items()]


def _look_up(rows: DataFrame, other: DataFrame | None, reference: Reference, found: str) -> DataFrame:
    """Say of every row whether the other source has its values; null where one is missing."""
    is_there = _all(F.col(column).isNotNull() for column in reference.columns)
    if other is None:
        return rows.withColumn(found, F.when(is_there, F.lit(False)))
    theirs = [f"_there_{index}" for index in range(len(reference.columns))]
    known = other.select(
        *(F.col(column).alias(name) for column, name in zip(reference.references, theirs, strict=True))
    ).distinct()
    is_same = _all(F.col(column) == F.col(name) for column, name in zip(reference.columns, theirs, strict=True))
    joined = rows.join(known, is_same, "left")
    return joined.withColumn(found, F.when(is_there, F.col(theirs[0]).isNotNull())).drop(*theirs)


def _measure_gaps(rows: DataFrame, earlier: DataFrame, spacing: Spacing, gap: str) -> DataFrame:
    """Give every row the distance to the instant before it, from the newest one that was known earlier on."""
    time, groups = F.unix_micros(spacing.column), [f"_group_{index}" for index in range(len(spacing.by))]
    newest = earlier.groupBy(*(F.col(column).alias(name) for column, name in zip(spacing.by, groups, strict=True))).agg(
        F.max(time).alias("_newest")
    )
    if spacing.by:
        is_same = _all(F.col(column).eqNullSafe(F.col(name)) for column, name in zip(spacing.by, groups, strict=True))
        joined = rows.join(newest, is_same, "left")
    else:
        joined = rows.crossJoin(newest)
    # What arrives behind the newest one can only fill a gap.
    is_late = F.col("_newest").isNotNull() & (time <= F.col("_newest"))
    joined = joined.withColumn("_time", F.when(~is_late, time))
    before = F.lag("_time").over(Window.partitionBy(*(spacing.by or [F.lit(0)])).orderBy(time))
    return joined.withColumn(gap, F.col("_time") - F.coalesce(before, "_newest")).drop("_newest", "_time", *groups)


def _all(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left & right, conditions)
