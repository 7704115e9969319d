"""On-demand columns over Arrow tables: the same NumPy functions that are the first step of the model's pipeline."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.on_demand.calls import apply_calls, parse_call


def as_model_input(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column the way models and on-demand functions take it.

    Args:
        column: The column.

    Returns:
        An instant as seconds since the epoch, UTC; a number or boolean as the nearest double, as Spark casts it; a text
        as it is. Missing stays null.

    >>> from datetime import UTC, datetime
    >>> as_model_input(pa.chunked_array([[datetime(2013, 5, 1, 0, 0, 1, tzinfo=UTC), None]])).to_pylist()
    [1367366401.0, None]
    >>> as_model_input(pa.chunked_array([[True, False]])).to_pylist(), as_model_input(pa.chunked_array([["JFK"]]))[0]
    ([1.0, 0.0], <pyarrow.StringScalar: 'JFK'>)
    >>> as_model_input(pa.chunked_array([[2**53 + 1]])).to_pylist()
    [9007199254740992.0]
    """
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        return pc.divide(micros.cast(pa.float64(), safe=False), 1_000_000.0)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    if pa.types.is_decimal(column.type):  # Arrow's own cast scales in floating point, and may miss the nearest double
        column = column.cast(pa.string())
    return column.cast(pa.float64(), safe=False)


def add_on_demand(table: pa.Table, calls: Mapping[str, str], timezone: str) -> pa.Table:
    """Add the on-demand columns.

    Args:
        table: Rows with the columns the calls read.
        calls: Column -> call of a named function.
        timezone: Zone of the calls' wall clock.

    Returns:
        The rows with one double column per call, null where it has no value.

    >>> from datetime import UTC, datetime
    >>> rows = pa.table({"at": [datetime(2013, 5, 1, 12, tzinfo=UTC)]})
    >>> add_on_demand(rows, {"hour_of_day": "hour(at)"}, "America/New_York")["hour_of_day"].to_pylist()
    [8.0]
    """
    names = dict.fromkeys(name for call in calls.values() for name in parse_call(call).columns)
    arguments = pd.DataFrame(
        {name: as_model_input(table.column(name)).to_numpy() for name in names}, index=pd.RangeIndex(table.num_rows)
    )
    made = apply_calls(dict(calls), arguments, timezone)
    for name in calls:
        table = table.append_column(name, pa.array(made[name], pa.float64(), from_pandas=True))
    return table
