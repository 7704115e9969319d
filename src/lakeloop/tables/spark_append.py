"""An append by Spark that Delta drops when it knows the write already."""

from __future__ import annotations

from pyspark.sql import DataFrame

from lakeloop.tables.address import TableAddress


def append_frame(frame: DataFrame, address: TableAddress, app_id: str, metadata: str, *, adds_columns: bool) -> None:
    """Append rows to a table.

    Args:
        frame: Rows; columns are matched by name.
        address: The table; it exists.
        app_id: Identity of the write.
        metadata: What the commit says of itself.
        adds_columns: Whether columns that the table lacks are added to it; without it they are refused.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shops = TableAddress("gold", "shops", folder)
    ...     spark.sql("select 'A' as shop").write.format("delta").save(shops.path)
    ...     for _ in range(2):  # the second is the same write
    ...         append_frame(spark.sql("select 'B' as shop"), shops, "write 1", "{}", adds_columns=False)
    ...     spark.read.format("delta").load(shops.path).count()
    2
    """
    writer = (
        frame.write.format("delta")
        .mode("append")
        .option("txnAppId", app_id)
        .option("txnVersion", 0)
        .option("userMetadata", metadata)
        .option("mergeSchema", adds_columns)
    )
    if address.in_catalog:
        writer.saveAsTable(address.sql)
    else:
        writer.save(address.path)
