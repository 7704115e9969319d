"""Rows of this process as a frame of Spark, be there none: Spark Connect asks for a schema then."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema


def frame_of(session: SparkSession, rows: pa.Table) -> DataFrame:
    """Give a table of Arrow to Spark.

    Args:
        session: The session; classic or Connect.
        rows: Rows of any grain.

    Returns:
        The rows with the columns and types of the table, also where it is empty.

    >>> frame_of(spark, pa.table({"shop": pa.array([], pa.string())})).schema.simpleString()
    'struct<shop:string>'
    """
    return (
        session.createDataFrame(rows) if rows.num_rows else session.createDataFrame([], from_arrow_schema(rows.schema))
    )
