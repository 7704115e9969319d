"""A Python feature table as a state log: its function at every tick at which an event enters or leaves its window."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DoubleType, LongType, StringType, StructField, StructType, TimestampType

from lakeloop.config.feature_table import FeatureTable, FeatureType
from lakeloop.with_columns import with_columns

_LEAST, _GREATEST = -(2**63), 2**63 - 1  # of a long

FAILED = "lakeloop: the function failed with"
"""Begin of the text of an error in a function; the rest names no value."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = "_tick_us"
_TYPES: Mapping[FeatureType, DataType] = {
    FeatureType.DOUBLE: DoubleType(),
    FeatureType.LONG: LongType(),
    FeatureType.STRING: StringType(),
}

_ANSWERS: Mapping[FeatureType, pa.DataType] = {
    FeatureType.DOUBLE: pa.float64(),
    FeatureType.LONG: pa.int64(),
    FeatureType.STRING: pa.string(),
}
_NULLABLE: Mapping[pa.DataType, Any] = {
    pa.int32(): pd.Int64Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}

Function = Callable[[pd.DataFrame], Any]


def call_ticks(
    events: DataFrame,
    table: FeatureTable,
    function: Function,
    built_through: datetime | None,
    through: datetime,
    ties: Sequence[str] = (),
) -> DataFrame:
    """Call the function of a table for each entity at each of its ticks.

    Args:
        events: Bronze rows with `event_ts` and `available_ts`; at least all that became available in
            (built_through - needs, through].
        table: The table's declaration.
        function: Gets the events of one entity that became available in (t - needs, t], at least one, ordered by
            `available_ts`, `event_ts` and `ties`; gives feature -> value. Whole numbers are Int64, booleans boolean,
            doubles float64, instants datetime64[us, UTC], strings and dates objects, whatever the data.
        built_through: Tick up to which the log is complete; None at the first build.
        through: Tick up to which it is to be complete.
        ties: Columns by which events of the same instants are ordered.

    Returns:
        Entity, `event_ts`, `available_ts` (both the tick) and the features: one row per entity and tick in
        (built_through, through] at which an event enters or leaves; nulls where none is left. Rows whose entity has a
        null are left out.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "pace", "entity": ["shop"], "from": "orders", "every": "1 hour", "needs": "2 hours",
    ...     "python": "my_module.pace", "features": {"n": {"type": "long"}}})
    >>> orders = spark.sql("select 'A' as shop, timestamp'2024-01-01 10:30:00Z' as available_ts"
    ...                    ).selectExpr("*", "available_ts as event_ts")
    >>> log = call_ticks(orders, table, lambda rows: {"n": len(rows)}, None, datetime(2024, 1, 1, 20, tzinfo=UTC))
    >>> [(row["available_ts"].hour, row["n"]) for row in log.orderBy("available_ts").collect()]
    [(11, 1), (13, None)]
    """
    since = None if built_through is None else _micros(built_through)
    until = _micros(through)

    def of_entity(rows: pa.Table, instants: Sequence[str]) -> pa.Table:
        return answer_ticks(rows, table, function, instants, since, until, ties)

    log, keys = _answer_groups(events, table, of_entity)
    tick = F.timestamp_micros(_TICK)
    return log.select(*keys, tick.alias("event_ts"), tick.alias("available_ts"), *table.features)


def call_apart(events: DataFrame, table: FeatureTable, function: Function, by: str, ties: Sequence[str]) -> DataFrame:
    """Call the function of a table once for each group of events, over all of them.

    Args:
        events: Bronze rows, and a text that says to which group each belongs; those of a group are of one entity, and
            what the function is given of it at one tick.
        table: The table's declaration.
        function: As of `call_ticks`; it is not shown the group.
        by: Column of the group.
        ties: Columns by which events of the same instants are ordered.

    Returns:
        Group and features, a row per group.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "pace", "entity": ["shop"], "from": "orders", "every": "1 hour", "needs": "2 hours",
    ...     "python": "my_module.pace", "features": {"n": {"type": "long"}}})
    >>> orders = spark.sql(
    ...     "select 'x' as row, 'A' as shop, explode(array(timestamp'2024-01-01 10:30:00Z',"
    ...     " timestamp'2024-01-01 11:30:00Z')) as available_ts").selectExpr("*", "available_ts as event_ts")
    >>> [tuple(each) for each in call_apart(orders, table, lambda rows: {"n": len(rows)}, "row", []).collect()]
    [('x', 2)]
    """
    every = (table.every or timedelta(0)) // _MICROSECOND

    def of_group(rows: pa.Table, instants: Sequence[str]) -> pa.Table:
        newest = -(-pc.max(rows["available_ts"]).as_py() // every) * every  # its window holds them all
        answers = answer_ticks(rows.drop_columns([by]), table, function, instants, newest - every, newest, ties)
        return answers.append_column(by, pa.repeat(rows[by][0], answers.num_rows))

    log, _ = _answer_groups(events, table, of_group, by)
    return log.select(by, *table.features)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _answer_groups(
    events: DataFrame,
    table: FeatureTable,
    answer: Callable[[pa.Table, Sequence[str]], pa.Table],
    by: str | None = None,
) -> tuple[DataFrame, list[Column]]:
    """Give the answers of the groups of events, each of one entity, and the keys as they were."""
    groups = [*table.entity, *([by] if by is not None else [])]
    known = events
    for name in groups:
        known = known.where(F.col(name).isNotNull())
    instants = [each.name for each in events.schema.fields if isinstance(each.dataType, TimestampType)]
    # As microseconds: a key among them goes back as it came, whatever the zone of the session.
    known = with_columns(known, {name: F.unix_micros(name) for name in instants})
    kept = [StructField(name, events.schema[name].dataType) for name in groups if name not in instants]
    kept += [StructField(name, LongType()) for name in groups if name in instants]
    features = [StructField(name, _TYPES[each.type]) for name, each in table.features.items()]
    schema = StructType([*kept, StructField(_TICK, LongType()), *features])
    log = known.groupBy(*groups).applyInArrow(lambda rows: answer(rows, instants).select(schema.names), schema)
    keys = [F.timestamp_micros(name).alias(name) if name in instants else F.col(name) for name in table.entity]
    return log, keys


def answer_ticks(
    rows: pa.Table,
    table: FeatureTable,
    function: Function,
    instants: Sequence[str],
    since: int | None,
    until: int,
    ties: Sequence[str] = (),
) -> pa.Table:
    """Call the function for one entity at each of its ticks.

    Args:
        rows: Its events, instants in microseconds since 1970-01-01 UTC.
        table: The table's declaration.
        function: As of `call_ticks`.
        instants: Columns that hold instants.
        since: Tick up to which the log is complete, in microseconds; None at the first build.
        until: Tick up to which it is to be complete, in microseconds.
        ties: Columns by which events of the same instants are ordered.

    Returns:
        Entity, `_tick_us` and the features.

    Raises:
        RuntimeError: If the function fails or gives something else, with no value of the data in its text.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "pace", "entity": ["shop"], "from": "orders", "every": "1 hour", "needs": "2 hours",
    ...     "python": "my_module.pace", "features": {"n": {"type": "long"}}})
    >>> rows = pa.table({"shop": ["A"], "event_ts": [1], "available_ts": [1]})
    >>> answer_ticks(rows, table, lambda rows: {"n": len(rows)}, ["available_ts"], None, 10**12)["n"].to_pylist()
    [1, None]
    """
    if table.every is None or table.needs is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    every, needs = table.every // _MICROSECOND, table.needs // _MICROSECOND
    order = dict.fromkeys(("available_ts", "event_ts", *ties))
    ordered = _as_frame(rows, instants).sort_values(list(order), kind="stable", na_position="first")
    available = np.sort(rows["available_ts"].to_numpy())
    ticks = np.unique(-(-np.concatenate([available, available + needs]) // every) * every)
    ticks = ticks[(ticks <= until) & (ticks > (since if since is not None else ticks.min() - 1))]
    made: dict[str, list[Any]] = {name: [] for name in table.features}
    for tick in ticks.tolist():
        first, last = np.searchsorted(available, [tick - needs, tick], side="right")
        seen = ordered.iloc[first:last].reset_index(drop=True)
        values = dict.fromkeys(table.features) if seen.empty else _call(function, seen, table)
        for name, value in values.items():
            made[name].append(value)
    key = {name: pa.repeat(rows[name][0], len(ticks)) for name in table.entity}
    answers = {name: pa.array(made[name], _ANSWERS[each.type]) for name, each in table.features.items()}
    return pa.table(key | {_TICK: pa.array(ticks, pa.int64())} | answers)


def _as_frame(rows: pa.Table, instants: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: _as_series(rows[name], is_instant=name in instants) for name in rows.column_names})


def _as_series(column: pa.ChunkedArray, *, is_instant: bool) -> pd.Series[Any]:
    """Give a column its dtype by its type alone: what pandas infers would tell of nulls in rows that are not seen."""
    if is_instant:
        return pd.Series(column.cast(pa.timestamp("us")).to_numpy()).dt.tz_localize("UTC")
    if column.type == pa.float64():
        return pd.Series(column.to_numpy())
    if column.type in _NULLABLE:
        return pd.Series(_NULLABLE[column.type].__from_arrow__(column))
    return pd.Series(column.to_pylist(), dtype=object)


def _call(function: Function, seen: pd.DataFrame, table: FeatureTable) -> dict[str, Any]:
    try:
        given = function(seen)
    except Exception as error:  # noqa: BLE001 - it is the project's own code; its message may hold values
        raise RuntimeError(f"{FAILED} {type(error).__name__}{_line(error)}.") from None
    if not isinstance(given, dict) or set(given) != set(table.features):
        keys = ", ".join(table.features)
        raise RuntimeError(f"{FAILED} an answer that is no dict of exactly {keys}.")
    return {name: _value(name, given[name], each.type) for name, each in table.features.items()}


def _line(error: BaseException) -> str:
    lines = list(_lines(error))
    return f" in line {lines[-1]} of {lines[0]}" if len(lines) > 1 else ""


def _lines(error: BaseException) -> Iterator[Any]:
    """Give the file of the function, and the lines in it on the way to the error."""
    trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
    file = trace.tb_frame.f_code.co_filename if trace is not None else ""
    yield file.replace("\\", "/").rpartition("/")[2]
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            yield trace.tb_lineno
        trace = trace.tb_next


def _value(name: str, value: Any, kind: FeatureType) -> Any:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if kind is FeatureType.STRING and isinstance(value, str):
        return value
    if kind is not FeatureType.STRING and isinstance(value, numbers.Real):
        try:
            number = float(value)
        except OverflowError:
            raise RuntimeError(f"{FAILED} a value of {name} beyond the range of a {kind}.") from None
        if math.isnan(number):
            return None
        if kind is FeatureType.DOUBLE:
            return number
        if isinstance(value, numbers.Integral) or number.is_integer():
            whole = int(value) if isinstance(value, numbers.Integral) else int(number)
            if not _LEAST <= whole <= _GREATEST:
                raise RuntimeError(f"{FAILED} a value of {name} beyond the range of a {kind}.")
            return whole
    raise RuntimeError(f"{FAILED} a value of {name} that is no {kind}, but {type(value).__name__}.")
