"""The content hash of a training set: every value counts where it stands, and no order of rows does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakeloop.runs.content import read_content

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_COLUMNS = "a string, b string, n long, label_available_ts timestamp"


def test_a_null_that_moves_to_another_column_is_seen(spark: SparkSession) -> None:
    sides = (
        [("x", None, 1, None), ("y", "z", None, None)],
        [(None, "x", 1, None), ("y", "z", None, None)],
        [("y", "z", None, None), ("x", None, 1, None)],
    )
    one, moved, turned = (read_content(spark.createDataFrame(rows, _COLUMNS)) for rows in sides)
    assert one.digest != moved.digest
    assert one == turned
