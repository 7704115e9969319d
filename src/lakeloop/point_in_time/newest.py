"""The newest row of every entity, as of an instant by which the rows were cut: what a look-up at that instant finds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

AVAILABLE_TS = "available_ts"
_ROW, _STATE = "_row", "_state"


def newest_in_process(rows: pa.Table, entity: Sequence[str]) -> pa.Table:
    """Keep the newest row of every entity.

    Args:
        rows: Rows of a gold table, at most one per entity and `available_ts`.
        entity: Key columns.

    Returns:
        A row per entity, in the order of `available_ts`; those without a key are left out, as no look-up finds them.

    >>> rows = pa.table({"shop": ["A", "B", None, "A"], "available_ts": [3, 1, 5, 2], "mean": [0.3, 0.1, 0.5, 0.2]})
    >>> newest_in_process(rows, ["shop"]).to_pydict()
    {'shop': ['B', 'A'], 'available_ts': [1, 3], 'mean': [0.1, 0.3]}
    """
    keyed = rows.filter(reduce(and_, (pc.field(name).is_valid() for name in entity))).sort_by(AVAILABLE_TS)
    numbered = keyed.select(list(entity)).append_column(_ROW, pa.array(range(keyed.num_rows), pa.int64()))
    last = numbered.group_by(list(entity)).aggregate([(_ROW, "max")]).column(f"{_ROW}_max")
    return pc.take(keyed, pc.take(last, pc.sort_indices(last)))


def newest_on_spark(rows: DataFrame, entity: Sequence[str]) -> DataFrame:
    """Keep the newest row of every entity.

    Args:
        rows: Rows of a gold table, at most one per entity and `available_ts`.
        entity: Key columns.

    Returns:
        A row per entity with the columns of `rows`; those without a key are left out, as no look-up finds them.

    >>> rows = spark.sql("select * from values ('A', 3, 0.3d), ('B', 1, null), (null, 5, 0.5d), ('A', 2, 0.2d)"
    ...                  " as t(shop, available_ts, mean)")
    >>> [tuple(row) for row in newest_on_spark(rows, ["shop"]).orderBy("shop").collect()]
    [('A', 3, 0.3), ('B', 1, None)]
    """
    rest = [name for name in rows.columns if name not in entity]
    keyed = rows.where(reduce(and_, (F.col(name).isNotNull() for name in entity)))
    newest = keyed.groupBy(*entity).agg(F.max_by(F.struct(*rest), AVAILABLE_TS).alias(_STATE))
    return newest.select(*(F.col(name) if name in entity else F.col(f"{_STATE}.{name}") for name in rows.columns))
