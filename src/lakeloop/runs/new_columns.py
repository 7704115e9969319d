"""Columns of bronze that no source declares: taken from files as text, where `new_columns: add_nullable` says so."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from lakeloop.config.landing import NewColumns
from lakeloop.config.source import Source
from lakeloop.landing import UNKNOWN
from lakeloop.with_columns import with_columns

_MEANING = "as landed; not declared: taken from files by new_columns: add_nullable"


def is_added(field: StructField) -> bool:
    """Tell whether a column of bronze was taken from a file without being declared.

    >>> from lakeloop import schemas
    >>> is_added(schemas.column("tip", schemas.TEXT, _MEANING)), is_added(schemas.column("tip", schemas.TEXT, "a tip"))
    (True, False)
    """
    return (field.metadata or {}).get("comment") == _MEANING


def name_added(rows: DataFrame, source: Source, bronze: StructType) -> tuple[str, ...]:
    """Name the columns that bronze has, or gets by these rows, beside those that are declared.

    Args:
        rows: Staged rows; with `_unknown` where columns that are not declared are kept.
        source: The source's declaration.
        bronze: Columns of the bronze table.

    Returns:
        Their names: those of the table in its order, then new ones by name.

    >>> from lakeloop import schemas
    >>> rows = spark.sql("select map('tip', '1', 'colour', 'red') as _unknown")
    >>> source = context.config.sources["orders"]
    >>> landing = source.landing.model_copy(update={"new_columns": NewColumns.ADD_NULLABLE})
    >>> bronze = StructType([schemas.column("tip", schemas.TEXT, _MEANING)])
    >>> name_added(rows, source.model_copy(update={"landing": landing}), bronze), name_added(rows, source, bronze)
    (('tip', 'colour'), ('tip',))
    """
    there = tuple(each.name for each in bronze.fields if is_added(each) and each.name not in source.columns)
    if UNKNOWN not in rows.columns or source.origin.new_columns is not NewColumns.ADD_NULLABLE:
        return there
    named = rows.select(F.explode(F.map_keys(UNKNOWN)).alias("name")).distinct()
    met = {row["name"] for row in named.collect()}  # bounded: one per new column, few per file by admission
    return there + tuple(sorted(met - {*there, *source.columns}))


def take_added(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """Give rows the columns that are not declared, as text; null where a row has none.

    Args:
        rows: Staged or judged rows.
        names: The columns.

    Returns:
        The rows with these columns.

    >>> rows = spark.sql("select map('tip', '1') as _unknown")
    >>> take_added(rows, ["tip", "colour"]).drop("_unknown").first()
    Row(tip='1', colour=None)
    """
    has_any = UNKNOWN in rows.columns
    taken = {name: F.element_at(UNKNOWN, F.lit(name)) if has_any else F.lit(None).cast("string") for name in names}
    described = with_columns(rows, taken)
    for name in names:
        described = described.withMetadata(name, {"comment": _MEANING})
    return described
