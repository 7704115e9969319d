"""The point-in-time join on Spark: one union, one exchange and one sort per key set, for any number of tables.

Gold is a state log, so the newest row with `available_ts <= prediction_ts` is the state known at that instant. Spine
and gold rows of one key set are laid into one frame and ordered by time; each spine row takes the last state before
it. No row of the spine is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop.point_in_time.lookup import Lookup
from lakeloop.statuses import LookupStatus


def join_as_of(spine: DataFrame, lookups: Sequence[Lookup[DataFrame]], ts_col: str = "prediction_ts") -> DataFrame:
    """Give every spine row the state each gold table had for its keys at its instant.

    Args:
        spine: Rows with the key columns of every look-up and the instant; duplicates and null keys are kept.
        lookups: Gold tables.
        ts_col: Column of the instant; not null.

    Returns:
        The spine's rows and columns, then per look-up its features as `<table>__<feature>` and `<table>__status`: OK;
        NO_KEY when a key is null; STALE when the table is not built up to the row's tick (the newest values are given
        and marked); NO_ROW when the entity was not known; EXPIRED when the state is older than its ttl (values null).

    >>> from datetime import UTC, datetime
    >>> gold = spark.sql(
    ...     "select 'A' as shop, timestamp'2013-05-01 08:00:00Z' as event_ts,"
    ...     " timestamp'2013-05-01 08:00:00Z' as available_ts, 3d as delay"
    ...     " union all select 'A', timestamp'2013-05-01 11:00:00Z', timestamp'2013-05-01 11:00:00Z', 9d")
    >>> delays = Lookup("delays", gold, ("shop",), ("delay",), built_through=datetime(2013, 5, 2, tzinfo=UTC))
    >>> spine = spark.sql(
    ...     "select 1L as id, 'A' as shop, timestamp'2013-05-01 10:00:00Z' as prediction_ts"
    ...     " union all select 2L, null, timestamp'2013-05-01 10:00:00Z'")
    >>> join_as_of(spine, [delays]).select("id", "delays__delay", "delays__status").orderBy("id").show()
    +---+-------------+--------------+
    | id|delays__delay|delays__status|
    +---+-------------+--------------+
    |  1|          3.0|            OK|
    |  2|         NULL|        NO_KEY|
    +---+-------------+--------------+
    <BLANKLINE>
    """
    spine_columns = spine.columns
    rows = spine.select(F.struct(*spine_columns).alias("_row"))
    groups: dict[tuple[str, ...], list[Lookup[DataFrame]]] = {}
    for lookup in lookups:
        groups.setdefault(tuple(sorted(lookup.entity)), []).append(lookup)  # whatever the order of the keys
    found: list[str] = []
    for entity, group in groups.items():
        rows = _join_group(rows, entity, group, ts_col, found)
        found += [_state(lookup) for lookup in group]
    instant = F.col(f"_row.{ts_col}")
    output = [F.col(f"_row.{name}").alias(name) for name in spine_columns]
    for lookup in lookups:
        output += _features(lookup, instant)
    return rows.select(*output)


def _state(lookup: Lookup[DataFrame]) -> str:
    return f"_state_{lookup.table}"


def _join_group(
    rows: DataFrame, entity: tuple[str, ...], group: Sequence[Lookup[DataFrame]], ts_col: str, found: Sequence[str]
) -> DataFrame:
    """Join the tables of one key set; structs keep the plan narrow whatever the number of columns."""
    keys = [f"_key_{index}" for index in range(len(entity))]
    row_type = rows.schema["_row"].dataType
    states = {_state(lookup): F.struct("event_ts", *lookup.features).alias(_state(lookup)) for lookup in group}
    types: dict[str, StructType] = {
        name: lookup.rows.select(state).schema[name].dataType  # type: ignore[misc]  # a struct, by its making
        for lookup, (name, state) in zip(group, states.items(), strict=True)
    }
    carried = {name: rows.schema[name].dataType for name in found}

    def empty(name: str) -> Column:
        return F.lit(None).cast(types[name]).alias(name)

    parts = [
        rows.select(
            *(F.col(f"_row.{column}").alias(key) for column, key in zip(entity, keys, strict=True)),
            F.col(f"_row.{ts_col}").alias("_ts"),
            F.lit(1).alias("_kind"),
            "_row",
            *found,
            *(empty(name) for name in states),
        )
    ]
    for lookup in group:
        own = _state(lookup)
        parts.append(
            lookup.rows.select(
                *(F.col(column).alias(key) for column, key in zip(entity, keys, strict=True)),
                F.col("available_ts").alias("_ts"),
                F.lit(0).alias("_kind"),  # at the same instant the state comes before the spine row
                F.lit(None).cast(row_type).alias("_row"),
                *(F.lit(None).cast(kind).alias(name) for name, kind in carried.items()),
                *(states[own] if name == own else empty(name) for name in states),
            )
        )
    union = parts[0]
    for part in parts[1:]:
        union = union.union(part)
    until_now = Window.partitionBy(*keys).orderBy("_ts", "_kind").rowsBetween(Window.unboundedPreceding, 0)
    newest = [F.last(name, ignorenulls=True).over(until_now).alias(name) for name in states]
    return union.select("_kind", "_row", *found, *newest).where("_kind = 1").drop("_kind")


def _features(lookup: Lookup[DataFrame], instant: Column) -> list[Column]:
    state = F.col(_state(lookup))
    no_key = F.lit(False)
    for column in lookup.entity:
        no_key = no_key | F.col(f"_row.{column}").isNull()
    built_micros = F.unix_micros(F.lit(lookup.built_through))
    needed_micros = F.unix_micros(instant)
    if lookup.every is not None:
        tick = lookup.every // timedelta(microseconds=1)
        needed_micros = needed_micros - F.pmod(needed_micros, F.lit(tick))
    expired = F.lit(False)
    if lookup.ttl is not None:
        age = F.unix_micros(instant) - F.unix_micros(state["event_ts"])
        expired = age > F.lit(lookup.ttl // timedelta(microseconds=1))
    status = (
        F.when(no_key, LookupStatus.NO_KEY.value)
        .when(built_micros < needed_micros, LookupStatus.STALE.value)
        .when(state.isNull(), LookupStatus.NO_ROW.value)
        .when(expired, LookupStatus.EXPIRED.value)
        .otherwise(LookupStatus.OK.value)
    )
    usable = ~no_key & ~F.coalesce(expired, F.lit(False))
    values = [F.when(usable, state[name]).alias(f"{lookup.table}__{name}") for name in lookup.features]
    return [*values, status.alias(lookup.status_col)]
