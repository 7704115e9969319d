"""How the values of a table's columns are spread: all columns in one go, cut by time.

A table on a path is read in process, batch by batch, so that neither a session nor memory for the table is needed; one
in a catalog by two queries of Spark, whatever the number of columns. Both count the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType, StringType, StructType

from lakeloop.tables.address import TableAddress
from lakeloop.tables.formats import assert_readable
from lakeloop.tables.in_process import CHECKED, read_columns, read_rows
from lakeloop.tables.objects import has_log

BINS = 16
"""Stretches of equal length into which the values of a number are counted."""

MAX_WORDS = 8
"""Words of a column that are named, the most frequent ones."""

_MAX_DIFFERENT = 10_000
_ROWS_OF_A_BATCH = 65_536


@dataclass
class ColumnProfile:
    """How the values of a column are spread.

    Attributes:
        type: The column's type, as Spark writes it.
        nulls: Rows without a value; NaN is none.
        lower: Least finite value of a number.
        upper: Greatest one.
        counts: Of a number, rows per stretch between the two; the last stretch includes its end.
        words: Of a text, its most frequent values with their rows; ties by value.
        others: Rows with another text; None where there are too many different ones to count.
    """

    type: str
    nulls: int = 0
    lower: float | None = None
    upper: float | None = None
    counts: list[int] = field(default_factory=list)
    words: list[tuple[str, int]] = field(default_factory=list)
    others: int | None = 0


@dataclass
class TableProfile:
    """How a table's values are spread.

    Attributes:
        rows: Rows that were known.
        columns: Column -> its profile.
    """

    rows: int
    columns: dict[str, ColumnProfile]


def profile_path(
    path: str, columns: Sequence[str], as_of: datetime, *, by: str, unseen: Sequence[str] = ()
) -> TableProfile:
    """Profile a table on a path without Spark.

    Args:
        path: Its folder.
        columns: Columns to look at; those it does not have are left out.
        as_of: Rows with `by` after this instant are cut off.
        by: Column that says when a row became known.
        unseen: Columns of which only the missing values are counted.

    Returns:
        The profile.

    >>> path = context.lake.address("gold", "shop_delays").path
    >>> found = profile_path(path, ["count_is_late_6h"], context.as_of, by="available_ts")
    >>> sum(found.columns["count_is_late_6h"].counts) == found.rows > 0
    True
    """
    table = DeltaTable(path)
    dataset = table.to_pyarrow_dataset()  # bounded: read batch by batch
    types = _types(read_columns(path), columns)
    cut = pc.field(by) <= pa.scalar(as_of, dataset.schema.field(by).type)

    def batches() -> Iterator[pa.RecordBatch]:
        read = {"batch_size": _ROWS_OF_A_BATCH, "batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
        read |= {"fragment_scan_options": CHECKED}
        yield from dataset.scanner(columns=[by, *types], filter=cut, **read).to_batches()

    found = TableProfile(0, {name: ColumnProfile(kind) for name, (kind, _) in types.items()})
    numbers = [name for name, (_, is_number) in types.items() if is_number and name not in unseen]
    texts = {name: Counter[str]() for name, (kind, _) in types.items() if _is_word(kind) and name not in unseen}
    for batch in batches():
        found.rows += batch.num_rows
        for name in types:
            values = _present(batch.column(name))
            profile = found.columns[name]
            profile.nulls += batch.num_rows - len(values)
            if name in numbers:
                _widen(profile, _finite(values))
            if name in texts and len(texts[name]) <= _MAX_DIFFERENT:
                _count_words(texts[name], values)
    counted = {name: np.zeros(BINS, dtype=np.int64) for name in numbers if found.columns[name].lower is not None}
    for batch in batches() if counted else ():
        for name, counts in counted.items():
            profile = found.columns[name]
            counts += _count_bins(_finite(_present(batch.column(name))), profile)
    for name, counts in counted.items():
        found.columns[name].counts = [int(count) for count in counts]
    for name, words in texts.items():
        _name_words(found.columns[name], words)
    return found


def profile_frame(frame: DataFrame, columns: Sequence[str], *, unseen: Sequence[str] = ()) -> TableProfile:
    """Profile a frame by Spark.

    Args:
        frame: The rows, already cut by time.
        columns: Columns to look at; those it does not have are left out.
        unseen: Columns of which only the missing values are counted.

    Returns:
        The profile.

    >>> rows = spark.createDataFrame([(1.0, "a"), (2.0, "a"), (None, "b")], "delay double, shop string")
    >>> found = profile_frame(rows, ["delay", "shop"])
    >>> found.rows, found.columns["delay"].nulls, found.columns["shop"].words
    (3, 1, [('a', 2), ('b', 1)])
    """
    types = _types(frame.schema, columns)
    numbers = [name for name, (_, is_number) in types.items() if is_number and name not in unseen]
    texts = [name for name, (kind, _) in types.items() if _is_word(kind) and name not in unseen]
    asked: list[Column] = [F.count(F.lit(1)).alias("rows")]
    asked += [F.count(_value(name, is_number)).alias(f"n_{name}") for name, (_, is_number) in types.items()]
    for name in numbers:
        asked += [F.min(_finite_value(name)).alias(f"lo_{name}"), F.max(_finite_value(name)).alias(f"hi_{name}")]
    row: Any = frame.agg(*asked).collect()[0]  # bounded: one row
    found = TableProfile(int(row["rows"]), {})
    for name, (kind, _) in types.items():
        profile = found.columns[name] = ColumnProfile(kind, found.rows - int(row[f"n_{name}"]))
        if name in numbers and row[f"lo_{name}"] is not None:
            profile.lower, profile.upper = float(row[f"lo_{name}"]), float(row[f"hi_{name}"])
            profile.counts = [0] * BINS
    cells = [
        F.struct(F.lit(name).alias("name"), _bin(name, found.columns[name]).cast("string").alias("cell"))
        for name in numbers
        if found.columns[name].counts
    ]
    cells += [F.struct(F.lit(name).alias("name"), F.col(name).cast("string").alias("cell")) for name in texts]
    if not cells:
        return found
    pairs = frame.select(F.explode(F.array(*cells)).alias("pair")).select("pair.*").where("cell is not null")
    counts = pairs.groupBy("name", "cell").agg(F.count(F.lit(1)).alias("rows"))
    of_column = Window.partitionBy("name")
    ranked = counts.select(
        "*",
        F.row_number().over(of_column.orderBy(F.col("rows").desc(), "cell")).alias("rank"),
        F.count(F.lit(1)).over(of_column).alias("different"),
        F.sum("rows").over(of_column).alias("all"),
    )
    for each in ranked.where(F.col("rank") <= BINS).collect():  # bounded: few cells of each column
        profile = found.columns[each["name"]]
        if each["name"] in numbers:
            profile.counts[int(each["cell"])] = each["rows"]
        elif each["different"] > _MAX_DIFFERENT:
            profile.others = None
        elif each["rank"] <= MAX_WORDS:
            profile.words.append((each["cell"], each["rows"]))
            profile.others = each["all"]
    for name in texts:
        profile = found.columns[name]
        profile.words.sort(key=_most_frequent)
        if profile.words:
            profile.others = (profile.others or 0) - sum(count for _, count in profile.words)
    return found


def read_known(
    address: TableAddress,
    by: str,
    as_of: datetime,
    columns: Sequence[str] | None = None,
    where: Mapping[str, str | None] | None = None,
) -> list[dict[str, Any]]:
    """Read the rows of a small table on a path without Spark.

    Args:
        address: The table.
        by: Column it is cut by.
        as_of: Rows after this instant are cut off.
        columns: Columns to read; all without it.
        where: Column -> the text it has, None for rows without one; all rows without it.

    Returns:
        Column -> value, instants aware in UTC; none when the table does not exist yet.

    >>> from lakeloop.schemas import DECISIONS
    >>> read_known(context.lake.own(DECISIONS), "as_of", context.as_of, ["action"])
    [{'action': 'retrain'}, {'action': 'retrain'}]
    """
    if not has_table(address):
        return []
    return read_rows(address.path, by, as_of, columns, where)


def has_table(address: TableAddress) -> bool:
    """Tell whether a table on a path is there; one that a newer lakeloop has written is refused.

    >>> has_table(context.lake.address("gold", "shop_delays")), has_table(context.lake.address("gold", "nothing"))
    (True, False)
    """
    if not has_log(address.path):
        return False
    assert_readable(str(address), dict(DeltaTable(address.path).metadata().configuration))
    return True


def _types(schema: StructType, columns: Sequence[str]) -> dict[str, tuple[str, bool]]:
    """Give each column's type and whether it is a number; columns that are not there are left out."""
    kinds = {each.name: each.dataType for each in schema.fields}
    return {
        name: (kinds[name].simpleString(), isinstance(kinds[name], NumericType)) for name in columns if name in kinds
    }


def _is_word(kind: str) -> bool:
    return kind in (StringType().simpleString(), "boolean")


def _present(values: pa.Array) -> pa.Array:
    """Leave out what is missing; NaN is."""
    if pa.types.is_floating(values.type):
        values = values.filter(pc.invert(pc.is_nan(values)), null_selection_behavior="drop")
    return values.drop_null()


def _finite(values: pa.Array) -> Any:
    numbers = np.asarray(values.cast(pa.float64(), safe=False))
    return numbers[np.isfinite(numbers)]


def _widen(profile: ColumnProfile, numbers: Any) -> None:
    if not len(numbers):
        return
    least, greatest = float(numbers.min()), float(numbers.max())
    profile.lower = least if profile.lower is None else min(profile.lower, least)
    profile.upper = greatest if profile.upper is None else max(profile.upper, greatest)


def _count_bins(numbers: Any, profile: ColumnProfile) -> Any:
    lower, upper = profile.lower or 0.0, profile.upper or 0.0
    width = upper - lower
    if not width > 0 or not math.isfinite(width):
        where = np.zeros(len(numbers), dtype=np.int64)
    else:
        where = np.minimum(np.floor((numbers - lower) / width * BINS), BINS - 1).astype(np.int64)
    return np.bincount(where, minlength=BINS)


def _bin(name: str, profile: ColumnProfile) -> Column:
    lower, upper = profile.lower or 0.0, profile.upper or 0.0
    width = upper - lower
    value = _finite_value(name)
    if not width > 0 or not math.isfinite(width):
        return F.when(value.isNotNull(), F.lit(0))
    place = F.floor((value - F.lit(lower)) / F.lit(width) * F.lit(float(BINS)))
    return F.when(value.isNotNull(), F.least(place, F.lit(BINS - 1)).cast("int"))  # least leaves nulls out


def _value(name: str, is_number: bool) -> Column:
    if not is_number:
        return F.col(name)
    return F.when(~F.isnan(F.col(name).cast("double")), F.col(name))


def _finite_value(name: str) -> Column:
    value = F.col(name).cast("double")
    return F.when(F.abs(value) < F.lit(math.inf), value)  # NaN is above everything in Spark, and so left out


def _count_words(words: Counter[str], values: pa.Array) -> None:
    texts = values.cast(pa.string())
    for each in pc.value_counts(texts):
        words[each["values"].as_py()] += each["counts"].as_py()


def _name_words(profile: ColumnProfile, words: Counter[str]) -> None:
    if len(words) > _MAX_DIFFERENT:
        profile.others = None
        return
    ranked = sorted(words.items(), key=_most_frequent)
    profile.words = ranked[:MAX_WORDS]
    profile.others = sum(count for _, count in ranked[MAX_WORDS:])


def _most_frequent(word: tuple[str, int]) -> tuple[int, str]:
    return (-word[1], word[0])
