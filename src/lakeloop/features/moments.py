"""Moments over sliding windows without cancellation: sums of differences from a value that lies in the window itself.

A sum of squares loses a small spread of large values to rounding, and a level subtracted first helps only where it is
near all values of a window. A level that is one of the window's own n values is always near enough:
n * (mean - level)^2 <= (n - 1) * M2, where M2 is the sum of squared differences from the mean, so rounding costs at
most about n times the precision of a double. But running sums need one level for many windows. So time is cut into
blocks as long as the window: it ends with the first part of one block and begins with the last part of the one before.
The first part always holds the block's first value, the last part its last one: these are the levels. Nothing outside
of a window enters its sums, and a build that reads one window back has the same sums as one that reads everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from lakeloop.with_columns import with_columns


@dataclass(frozen=True)
class Moments:
    """Moments to be merged over a window.

    Attributes:
        column: Column of the ticks' moments, a struct of `n`, `level`, `s` and `q`; null where a tick has no values.
        seconds: Length of the window.
        offset: How far back it ends, in seconds.
    """

    column: str
    seconds: int
    offset: int


def merge_moments(log: DataFrame, entity: Sequence[str], wanted: Mapping[str, Moments]) -> DataFrame:
    """Merge the moments of ticks over windows.

    Args:
        log: One row per entity and `_tick`, in seconds, with the ticks' moments: number n, a value as level, sums s
            and q of differences from it and of their squares.
        entity: Key columns.
        wanted: Column to make -> what it holds.

    Returns:
        The log with the columns: moments of the ticks in (_tick - offset - seconds, _tick - offset], their level a
        value of the window; null where it holds no value.

    >>> log = spark.sql(
    ...     "select 'UA' as carrier, _tick, named_struct('n', 1d, 'level', 1e9 + _tick, 's', 0d, 'q', 0d) as m"
    ...     " from values (1L), (2L), (4L), (8L) as ticks(_tick)")
    >>> merged = merge_moments(log, ["carrier"], {"of_4s": Moments("m", 4, 0)})
    >>> merged.selectExpr("_tick", "of_4s.n", "(of_4s.q - of_4s.s * of_4s.s / of_4s.n) as m2").orderBy("_tick").show()
    +-----+---+-----------------+
    |_tick|  n|               m2|
    +-----+---+-----------------+
    |    1|1.0|              0.0|
    |    2|2.0|              0.5|
    |    4|3.0|4.666666666666667|
    |    8|1.0|              0.0|
    +-----+---+-----------------+
    <BLANKLINE>
    """
    names = log.columns
    for seconds in sorted({each.seconds for each in wanted.values()}):
        columns = sorted({each.column for each in wanted.values() if each.seconds == seconds})
        log = _run_over_blocks(log, entity, columns, seconds)
    ordered = Window.partitionBy(*entity).orderBy("_tick")
    log = with_columns(
        log, {f"{name}_{end}": taken for name, each in wanted.items() for end, taken in _ends(each, ordered).items()}
    )
    return log.select(*names, *(_joined(f"{name}_head", f"{name}_tail").alias(name) for name in wanted))


def _run_over_blocks(log: DataFrame, entity: Sequence[str], columns: Sequence[str], seconds: int) -> DataFrame:
    """Add what each block comes to up to a tick, and from the tick on."""
    ordered = Window.partitionBy(*entity, "_block").orderBy("_tick")
    start, end, here = Window.unboundedPreceding, Window.unboundedFollowing, Window.currentRow
    levels, running = {}, {}
    for column in columns:
        level, block = F.col(f"{column}.level"), ordered.rowsBetween(start, end)
        levels[f"{column}_first"] = F.first(level, ignorenulls=True).over(block)
        levels[f"{column}_last"] = F.last(level, ignorenulls=True).over(block)
        up_to, onwards = ordered.rowsBetween(start, here), ordered.rowsBetween(here, end)
        running[f"{column}_up_to_{seconds}"] = _running(column, f"{column}_first", up_to)
        running[f"{column}_onwards_{seconds}"] = _running(column, f"{column}_last", onwards)
    return with_columns(with_columns(log.withColumn("_block", F.floor(F.col("_tick") / seconds)), levels), running)


def _running(column: str, level: str, frame: WindowSpec) -> Column:
    n, s, q = F.col(f"{column}.n"), F.col(f"{column}.s"), F.col(f"{column}.q")
    distance = F.col(f"{column}.level") - F.col(level)
    return F.struct(
        F.col("_block").alias("block"),
        F.sum(n).over(frame).alias("n"),
        F.col(level).alias("level"),
        F.sum(s + n * distance).over(frame).alias("s"),
        F.sum(q + distance * (2 * s + n * distance)).over(frame).alias("q"),
    )


def _ends(wanted: Moments, ordered: WindowSpec) -> dict[str, Column]:
    """Find the two parts a window consists of; null where there is no such part, or it holds no value."""
    frame = ordered.rangeBetween(1 - wanted.seconds - wanted.offset, -wanted.offset)
    block = F.floor((F.col("_tick") - wanted.offset) / wanted.seconds)
    tail = F.last(f"{wanted.column}_up_to_{wanted.seconds}").over(frame)
    head = F.first(f"{wanted.column}_onwards_{wanted.seconds}").over(frame)
    return {
        "tail": F.when((tail["block"] == block) & tail["n"].isNotNull(), tail),
        "head": F.when((head["block"] == block - 1) & head["n"].isNotNull(), head),
    }


def _joined(head: str, tail: str) -> Column:
    """Join two parts: the tail is brought to the head's level."""
    distance = f"(`{tail}`.level - `{head}`.level)"
    return F.expr(
        f"case when `{head}` is null then `{tail}` when `{tail}` is null then `{head}` else named_struct("
        f"'block', `{tail}`.block, 'n', `{head}`.n + `{tail}`.n, 'level', `{head}`.level, "
        f"'s', `{head}`.s + (`{tail}`.s + `{tail}`.n * {distance}), "
        f"'q', `{head}`.q + (`{tail}`.q + {distance} * (2 * `{tail}`.s + `{tail}`.n * {distance}))) end"
    )
