"""What a training set holds, in numbers that do not depend on the order of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.errors import AccountingError, Failure


@dataclass(frozen=True)
class Content:
    """What a training set holds, from one pass over its rows.

    Attributes:
        digest: 32 hex digits, whatever the order of the rows: two sums of 64-bit hashes of whole rows, with
            different salts. A null counts where it stands: Spark's hash alone would pass over it.
        rows: Rows.
        data_through: Greatest `label_available_ts`; 1970 when there is none.
    """

    digest: str
    rows: int
    data_through: datetime


def read_content(rows: DataFrame) -> Content:
    """Hash and count the rows of a training set without moving them.

    Args:
        rows: Rows of a training set.

    Returns:
        What it holds.

    >>> from lakeloop.runs.training_set import find_training_set, training_rows
    >>> pinned, address = find_training_set(context, "late"), context.lake.address("training_sets", "late")
    >>> rows = training_rows(context, address, pinned.training_set_id)
    >>> content = read_content(rows.orderBy("label"))  # in whatever order
    >>> content.rows, content.digest == pinned.content_hash
    (741, True)
    """
    parts = [part for name in sorted(rows.columns) for part in (F.col(name).isNull(), F.col(name))]
    sums = [F.sum(F.xxhash64(F.lit(salt), *parts).cast("decimal(38,0)")).alias(f"sum_{salt}") for salt in (1, 2)]
    newest = F.unix_micros(F.max("label_available_ts")).alias("newest")
    found = rows.agg(F.count(F.lit(1)).alias("rows"), newest, *sums).first()
    if found is None:  # an aggregation without keys always has a row
        raise AccountingError("training set", [Failure("hash", "no answer")], "run the step again")
    digest = "".join(f"{int(found[f'sum_{salt}'] or 0) % 2**64:016x}" for salt in (1, 2))
    data_through = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(found["newest"] or 0))
    return Content(digest, int(found["rows"]), data_through)
