"""Giving a table of an earlier lakeloop the columns that have been declared since; its rows have null in them."""

from __future__ import annotations

import json
from collections.abc import Callable

from deltalake import CommitProperties, DeltaTable, Schema
from pyspark.sql import SparkSession
from pyspark.sql.types import StructField, StructType

from lakeloop.tables.address import TableAddress
from lakeloop.tables.catalog import render_add_columns
from lakeloop.tables.integrity import ADDED_COLUMNS
from lakeloop.tables.spark_statements import run_statements


def add_missing_columns(
    address: TableAddress, declared: StructType, spark: Callable[[], SparkSession]
) -> tuple[str, ...]:
    """Add the declared columns that a table lacks.

    Args:
        address: A table that is there.
        declared: Its columns as declared now.
        spark: Gives the session, which a catalog is asked by.

    Returns:
        Names of the columns that were added.

    >>> from lakeloop.schemas import TEXT, column
    >>> from lakeloop.tables.in_process import create_table, read_columns
    >>> shops, shop = fresh.lake.address("gold", "grown"), column("shop", TEXT, "the shop")
    >>> create_table(shops.path, StructType([shop]), "A shop.", {})
    >>> grown = StructType([shop, column("town", TEXT, "where it is")])
    >>> add_missing_columns(shops, grown, lambda: spark), add_missing_columns(shops, grown, lambda: spark)
    (('town',), ())
    >>> read_columns(shops.path).fieldNames()
    ['shop', 'town']
    """
    table = None if address.in_catalog else DeltaTable(address.path)
    there = spark().table(str(address)).schema if table is None else _columns_of(table)
    missing = [each for each in declared.fields if each.name not in there.fieldNames()]
    if missing and address.is_committed_by_spark:
        run_statements(spark(), [render_add_columns(address, [_nullable(each) for each in missing])], ADDED_COLUMNS)
    elif missing and table is not None:
        fields = Schema.from_json(StructType([_nullable(each) for each in missing]).json()).fields
        table.alter.add_columns(
            fields, commit_properties=CommitProperties(custom_metadata={"userMetadata": ADDED_COLUMNS})
        )
    return tuple(each.name for each in missing)


def _columns_of(table: DeltaTable) -> StructType:
    return StructType.fromJson(json.loads(table.schema().to_json()))


def _nullable(field: StructField) -> StructField:
    return StructField(field.name, field.dataType, nullable=True, metadata=field.metadata)
