"""The point-in-time join in this process, over Arrow tables: what `spark` means, at the cost of small data.

Polars finds the newest state per spine row by an as-of join over keys and instants alone; the features are then taken
by row number, so that their types are those of the gold table to the bit. Large tables are joined in pieces that hold
all rows of their keys and are small enough for a processor's cache, so that the cost per row stays what it is for few.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeloop.point_in_time.lookup import Lookup
from lakeloop.statuses import LookupStatus

_INSTANT = pa.timestamp("us", "UTC")
_MICROSECOND = timedelta(microseconds=1)
_ROW, _TS, _STATE, _PIECE = "_row", "_ts", "_state", "_piece"
_PIECE_ROWS = 200_000
"""Rows of the longest table per piece; from 100,000 to 300,000 make no difference."""

_Pieces = dict[int, pl.DataFrame]


def join_as_of(spine: pa.Table, lookups: Sequence[Lookup[pa.Table]], ts_col: str = "prediction_ts") -> pa.Table:
    """Give every spine row the state each gold table had for its keys at its instant.

    Args:
        spine: Rows with the key columns of every look-up and the instant; duplicates and null keys are kept.
        lookups: Gold tables; their keys are of the types of the spine's.
        ts_col: Column of the instant; not null.

    Returns:
        The spine's rows in their order and its columns, then per look-up its features as `<table>__<feature>` and
        `<table>__status`, with the meaning they have in `lakeloop.point_in_time.spark.join_as_of`.

    >>> from datetime import UTC
    >>> def at(hour):
    ...     return datetime(2013, 5, 1, hour, tzinfo=UTC)
    >>> gold = pa.table({"shop": ["A", "A"], "event_ts": [at(8), at(11)], "available_ts": [at(8), at(11)],
    ...                  "delay": [3.0, 9.0]})
    >>> delays = Lookup("delays", gold, ("shop",), ("delay",), built_through=at(12))
    >>> spine = pa.table({"id": [1, 2], "shop": ["A", None], "prediction_ts": [at(10), at(10)]})
    >>> joined = join_as_of(spine, [delays])
    >>> joined["delays__delay"].to_pylist(), joined["delays__status"].to_pylist()
    ([3.0, None], ['OK', 'NO_KEY'])
    """
    instants = _micros(spine.column(ts_col))
    longest = max([spine.num_rows, *(lookup.rows.num_rows for lookup in lookups)])
    pieces = -(-longest // _PIECE_ROWS)
    asked: dict[tuple[str, ...], _Pieces] = {}
    joined = spine
    for lookup in lookups:
        if lookup.entity not in asked:
            asked[lookup.entity] = _keyed(spine, lookup.entity, instants, _ROW, pieces)
        states = _keyed(lookup.rows, lookup.entity, _micros(lookup.rows.column("available_ts")), _STATE, pieces)
        newest = _find_newest(asked[lookup.entity], states, lookup.entity, spine.num_rows)
        for name, column in _look_up(spine, lookup, instants, newest).items():
            joined = joined.append_column(name, column)
    return joined


def _look_up(
    spine: pa.Table, lookup: Lookup[pa.Table], instants: NDArray[np.int64], newest: NDArray[np.int64]
) -> dict[str, pa.Array | pa.ChunkedArray]:
    is_known = newest >= 0
    no_key = np.zeros(spine.num_rows, dtype=bool)
    for column in lookup.entity:
        no_key |= spine.column(column).is_null().to_numpy()
    needed = instants if lookup.every is None else instants - instants % (lookup.every // _MICROSECOND)
    stale = needed > _micros_of(lookup.built_through)
    expired = np.zeros(spine.num_rows, dtype=bool)
    if lookup.ttl is not None and lookup.rows.num_rows:
        age = instants - _micros(lookup.rows.column("event_ts"))[newest]  # -1 takes the last; it is not known
        expired = is_known & (age > lookup.ttl // _MICROSECOND)
    status = np.select(
        [no_key, stale, ~is_known, expired],
        [each.value for each in (LookupStatus.NO_KEY, LookupStatus.STALE, LookupStatus.NO_ROW, LookupStatus.EXPIRED)],
        LookupStatus.OK.value,
    )
    taken = pa.array(newest, mask=~is_known | no_key | expired)
    found: dict[str, pa.Array | pa.ChunkedArray] = {
        f"{lookup.table}__{name}": pc.take(lookup.rows.column(name), taken) for name in lookup.features
    }
    return {**found, lookup.status_col: pa.array(status, pa.string())}


def _keyed(rows: pa.Table, entity: tuple[str, ...], instants: NDArray[np.int64], number: str, pieces: int) -> _Pieces:
    """Give keys, instant and number of every row without a null key, per piece and ordered by instant there."""
    frame = pl.from_arrow(rows.select(list(dict.fromkeys(entity))))
    if not isinstance(frame, pl.DataFrame):  # from_arrow gives a series for an array only
        raise TypeError(type(frame).__name__)
    numbered = frame.with_columns(pl.Series(_TS, instants), pl.int_range(pl.len(), dtype=pl.Int64).alias(number))
    keyed = numbered.drop_nulls(list(entity))
    if pieces <= 1:
        return {0: keyed.sort(_TS)}
    piece = pl.struct(frame.columns).hash() % pieces  # equal keys hash alike; others that do share a piece, no more
    parts = keyed.with_columns(piece.alias(_PIECE)).partition_by(_PIECE, as_dict=True, include_key=False)
    return {int(of): part.sort(_TS) for (of,), part in parts.items()}


def _find_newest(asked: _Pieces, states: _Pieces, entity: tuple[str, ...], spine_rows: int) -> NDArray[np.int64]:
    """Give per spine row the number of the newest state known at its instant; -1 where none was."""
    newest = np.full(spine_rows, -1, dtype=np.int64)
    keys = list(entity)
    for piece in asked.keys() & states.keys():
        # With keys polars cannot check the order, and says so; `_keyed` has sorted both sides.
        found = asked[piece].join_asof(states[piece], on=_TS, by=keys, strategy="backward", check_sortedness=False)
        known = found.drop_nulls(_STATE)
        newest[known[_ROW].to_numpy()] = known[_STATE].to_numpy()
    return newest


def _micros(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Give instants as microseconds since the epoch, shape [n_rows]."""
    return np.asarray(column.cast(_INSTANT).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _micros_of(instant: datetime) -> int:
    return (instant - datetime.fromtimestamp(0, instant.tzinfo)) // _MICROSECOND
