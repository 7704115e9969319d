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
    TimestampType,
)

from lakeloop.config.columns import resolve_features
from lakeloop.config.feature_table import FeatureTable, FeatureType, Kind
from lakeloop.config.grid import PERIOD_END_TS, PERIOD_TS
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
    """List the statements that Spark cannot compute, and features and keys of another type than is asked for.

    A feature is of the type that is declared, a key of the type it has in the spines that look it up: Spark would join
    the numbers 1 and 1 of two types, while no such row is found in this process.

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
                mistakes = list(_judge(config, table, frames, bronze))
                yield from mistakes
                if mistakes:
                    continue
            frames[f"gold.{table.feature_table}"] = with_ends(_empty(table, frames), table.entity)


def _judge(
    config: Config, table: FeatureTable, frames: Mapping[str, DataFrame], bronze: Mapping[str, DataFrame]
) -> Iterator[ConfigIssue]:
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
    for spine in _spines_of(config, table):
        for index, name in enumerate(table.entity):
            found, asked = types[name.lower()], _key_type(bronze[spine], name)
            if found != asked:
                got = f"{name}, which the statement gives as {found.simpleString()}"
                allowed = f"the type it has in source {spine}, whose rows look it up: {asked.simpleString()}"
                remedy = f"cast it in the statement: cast({name} as {asked.simpleString()}) as {name}"
                yield document.issue(("entity", index), got, allowed, remedy)


def _spines_of(config: Config, table: FeatureTable) -> list[str]:
    """Name the sources whose rows, or whose grid, look a table up."""
    models = config.models.values()
    return sorted(
        {
            each.predict.from_
            for each in models
            if any(feature.table == table.feature_table for feature in resolve_features(config, each))
        }
    )


def _key_type(spine: DataFrame, name: str) -> DataType:
    if name not in spine.columns and name in (PERIOD_TS, PERIOD_END_TS):  # made by the grid
        return TimestampType()
    return spine.schema[name].dataType


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
