"""What only Spark knows of an SQL feature table: whether its statement can be computed, and what types it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructType,
)

from lakeloop.config.feature_table import FeatureTable, FeatureType, Kind
from lakeloop.config.loading import read_document
from lakeloop.config.table_inputs import build_levels
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigIssue
from lakeloop.features.attributes import log_attributes
from lakeloop.features.statement_ticks import evaluate_statement, with_ends
from lakeloop.features.windows import aggregate_windows

_START = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = (ByteType, ShortType, IntegerType, LongType)
_FITTING: Mapping[FeatureType, tuple[type[DataType], ...]] = {
    FeatureType.LONG: _WHOLE,
    FeatureType.DOUBLE: (*_WHOLE, FloatType, DoubleType, DecimalType),
    FeatureType.STRING: (StringType,),
}
_WORDS = {
    FeatureType.LONG: "a whole number",
    FeatureType.DOUBLE: "a number",
    FeatureType.STRING: "a text",
}
_SPARK_TYPES = {FeatureType.LONG: LongType(), FeatureType.DOUBLE: DoubleType(), FeatureType.STRING: StringType()}


def feature_spark_type(kind: FeatureType) -> DataType:
    """Give the type of Spark that a computed feature has.

    >>> feature_spark_type(FeatureType.LONG).simpleString()
    'bigint'
    """
    return _SPARK_TYPES[kind]


def statement_mistakes(config: Config, bronze: Mapping[str, DataFrame]) -> Iterator[ConfigIssue]:
    """List the statements that Spark cannot compute, and features of another type than they are declared.

    Args:
        config: The project; every expression of its other feature tables can be computed.
        bronze: A frame without rows per source.

    Yields:
        The mistakes; nothing is told of a table that reads one whose statement is wrong.

    >>> list(statement_mistakes(shops, {}))  # there are no statements
    []
    """
    if not any(table.kind is Kind.SQL for table in config.feature_tables.values()):
        return
    frames = dict(bronze)
    for level in build_levels(config.feature_tables):
        for table in level:
            if any(key not in frames for key in table.inputs):
                continue
            if table.kind is Kind.SQL:
                mistakes = list(_judge(config, table, frames))
                yield from mistakes
                if mistakes:
                    continue
            frames[f"gold.{table.feature_table}"] = with_ends(_empty(table, frames), table.entity)


def _judge(config: Config, table: FeatureTable, frames: Mapping[str, DataFrame]) -> Iterator[ConfigIssue]:
    document = read_document(config, f"feature_table:{table.feature_table}")
    try:
        types = {field.name.lower(): field.dataType for field in _given(table, frames).fields}
    except AnalysisException as problem:  # its message holds no data: there are no rows
        text = str(problem).splitlines()[0].partition(" SQLSTATE")[0][:200]
        allowed = "a statement of functions and columns that Spark has"
        yield document.issue(("sql",), f"a statement, {text}", allowed, "mend the statement")
        return
    for name, feature in table.features.items():
        found = types[name]
        if not isinstance(found, _FITTING[feature.type]) and found.typeName() != "void":
            got = f"{name}, which the statement gives as {found.simpleString()}"
            remedy = "declare that type, or cast it in the statement"
            yield document.issue(("features", name), got, f"{_WORDS[feature.type]}: {feature.type}", remedy)


def _given(table: FeatureTable, frames: Mapping[str, DataFrame]) -> StructType:
    return evaluate_statement(table, frames, _START).schema


def _empty(table: FeatureTable, frames: Mapping[str, DataFrame]) -> DataFrame:
    """Give a frame with the columns of a feature table and no rows."""
    if table.kind is Kind.SQL:
        rows = evaluate_statement(table, frames, _START)
    elif table.kind is Kind.WINDOWED:
        return aggregate_windows(frames[str(table.from_)], table, None, _START)
    elif table.kind is Kind.ATTRIBUTES:
        return log_attributes(frames[str(table.from_)], table, None, None)
    else:
        rows = frames[str(table.from_)]
        rows = rows.select(*table.entity, *(F.lit(None).alias(name) for name in table.features))
    times = (F.lit(_START).alias(name) for name in ("event_ts", "available_ts"))
    typed = (F.col(name).cast(_SPARK_TYPES[each.type]).alias(name) for name, each in table.features.items())
    return rows.where("false").select(*table.entity, *times, *typed)
