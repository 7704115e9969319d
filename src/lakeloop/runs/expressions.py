"""What only Spark knows of the declared expressions: whether their functions exist, and what type they give.

`lakeloop plan` has judged their syntax and their columns without Spark. Here Spark's analyzer judges the rest before
the work, on frames without rows; no job runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ByteType, DataType, IntegerType, LongType, NumericType, ShortType

from lakeloop.config import Config
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.loading import read_document
from lakeloop.config.located_yaml import KeyPath
from lakeloop.config.model import Model
from lakeloop.config.source import TIME_COLUMNS, Source
from lakeloop.errors import ConfigError, ConfigIssue
from lakeloop.quality.typing import SQL_TYPES
from lakeloop.runs.bronze import bronze_schema
from lakeloop.runs.context import Context
from lakeloop.runs.statement_types import statement_mistakes

_TRUTH, _INSTANT = frozenset({"boolean"}), frozenset({"timestamp", "date"})
_MEASURE = _TRUTH | {"number"}
_CLASS = _TRUTH | {"string", "whole"}
_WHOLE_NUMBERS = (ByteType, ShortType, IntegerType, LongType)
_VALUE = _MEASURE | _INSTANT | {"string", "timestamp_ntz"}
_FEATURE = _MEASURE | {"string", "timestamp"}  # what models are given; an instant counts in seconds
_NOTHING = "void"  # the type of `null`, which goes with every other
_WORDS = {
    _TRUTH: "a condition: true or false",
    _INSTANT: "an instant: a timestamp",
    _MEASURE: "true or false, or a number",
    _CLASS: "a text, a whole number, or true or false: one of label.classes",
    _VALUE: "a number, a text, true or false, a date or an instant",
    _FEATURE: "a number, a text, true or false, or an instant: a timestamp",
}
_KNOWN = "functions that Spark has, over values they take"
_MAX_MESSAGE = 200
_NO_ROWS: list[tuple[Any, ...]] = []


@dataclass(frozen=True)
class _Declared:
    """One expression as it is computed, where it stands, and the types it may give."""

    path: KeyPath
    text: str
    kinds: frozenset[str]


def assert_expressions(context: Context) -> None:
    """Refuse declared expressions that Spark cannot compute, or whose type does not fit their place.

    Args:
        context: Project and Spark session.

    Raises:
        ConfigError: With all mistakes of all files.

    >>> assert_expressions(context)
    >>> find_mistakes(context.spark, context.config)
    []
    """
    mistakes = find_mistakes(context.spark, context.config)
    if mistakes:
        raise ConfigError(mistakes)


def find_mistakes(spark: SparkSession, config: Config) -> list[ConfigIssue]:
    """List the declared expressions that Spark cannot compute, or whose type does not fit their place.

    Args:
        spark: The session.
        config: The project; every column its expressions name exists.

    Returns:
        The mistakes in the order of the files; none where all is well.

    >>> from dataclasses import replace
    >>> orders = context.config.sources["orders"].model_copy(update={"event_ts": "items + 1"})
    >>> wrong = replace(context.config, sources={**context.config.sources, "orders": orders})
    >>> [(each.file, each.line, each.where, each.allowed) for each in find_mistakes(context.spark, wrong)]
    [('conf/base/sources/orders.yml', 4, 'event_ts', 'an instant: a timestamp')]
    """
    mistakes: list[ConfigIssue] = []
    for name, source in config.sources.items():
        typed = _frame(spark, {each: SQL_TYPES[kind] for each, kind in source.all_columns.items()})
        mistakes += _judge(config, f"source:{name}", typed, _of_source(source))
        mistakes += _judge_patterns(spark, config, source)
    bronze = {name: spark.createDataFrame(_NO_ROWS, bronze_schema(source)) for name, source in config.sources.items()}
    for name, table in config.feature_tables.items():
        if table.from_ is not None:
            mistakes += _judge(config, f"feature_table:{name}", bronze[table.from_], _of_table(table))
    if not mistakes:  # a statement is judged over the tables it reads
        mistakes += statement_mistakes(config, bronze)
    for name, model in config.models.items():
        if model.predict.every is None:  # that of a grid was read with the file
            at = [_Declared(("predict", "at"), model.predict.at, _INSTANT)]
            mistakes += _judge(config, f"model:{name}", bronze[model.predict.from_], at)
        mistakes += _judge(config, f"model:{name}", bronze[model.label.from_], _of_label(model))
    return mistakes


def _frame(spark: SparkSession, types: dict[str, str]) -> DataFrame:
    columns = types | dict.fromkeys(TIME_COLUMNS, "timestamp")
    return spark.createDataFrame(_NO_ROWS, ", ".join(f"`{name}` {kind}" for name, kind in columns.items()))


def _of_source(source: Source) -> list[_Declared]:
    declared = [
        _Declared(("derive", name, "as"), f"try_cast((\n{each.as_}\n) as {SQL_TYPES[each.type]})", _VALUE)
        for name, each in source.derive.items()
    ]
    declared += [_Declared((name,), getattr(source, name), _INSTANT) for name in TIME_COLUMNS]
    if source.order_by is not None:
        declared.append(_Declared(("order_by",), source.order_by, _VALUE))
    for index, rule in enumerate(source.rules):
        for place, text in rule.expressions().items():
            declared.append(_Declared(("rules", index, *place), text, _TRUTH))
    return declared


def _of_table(table: FeatureTable) -> list[_Declared]:
    declared = [_Declared(("attributes", key, "as"), each.as_, _FEATURE) for key, each in table.attributes.items()]
    for index, aggregate in enumerate(table.aggregate):
        for key, text in (("rate", aggregate.rate), ("where", aggregate.where)):
            if text is not None:
                declared.append(_Declared(("aggregate", index, key), text, _TRUTH))
    return declared


def _of_label(model: Model) -> list[_Declared]:
    voids = [_Declared(("label", "void", name), text, _TRUTH) for name, text in model.label.void.items()]
    label = model.label
    kinds = _CLASS if label.classes else _MEASURE
    value = [_Declared(("label", "as"), label.as_, kinds)] if label.as_ is not None else []
    event = [_Declared(("label", "event"), label.event, _TRUTH)] if label.event is not None else []
    return [*value, *event, *voids]


def _judge(config: Config, key: str, rows: DataFrame, declared: Sequence[_Declared]) -> Iterator[ConfigIssue]:
    """Judge the expressions of a file in one query; each alone where Spark refuses them together."""
    try:
        types: list[DataType | str] = list(_types(rows, declared))
    except AnalysisException:
        types = [_type_or_refusal(rows, each) for each in declared]
    for each, found in zip(declared, types, strict=True):
        if isinstance(found, str):
            yield _mistake(config, key, each, found, _KNOWN, "mend the expression")
        elif not _kinds(found) & (each.kinds | {_NOTHING}):
            got = f"of type {found.simpleString()}"
            yield _mistake(config, key, each, got, _WORDS[each.kinds], "write an expression of that type")


def _judge_patterns(spark: SparkSession, config: Config, source: Source) -> Iterator[ConfigIssue]:
    """Judge the regular expressions of a source: all at once, each alone where Java refuses one."""
    declared = [
        (("rules", index, *place), text)
        for index, rule in enumerate(source.rules)
        for place, text in rule.regular_expressions().items()
    ]
    if not declared or _are_read(spark, [text for _, text in declared]):
        return
    document = read_document(config, f"source:{source.source}")
    for path, text in declared:
        if not _are_read(spark, [text]):
            got = f"{document.shown_at(path)}, which Java does not read"
            yield document.issue(path, got, "a regular expression of Java", "mend the expression")


def _are_read(spark: SparkSession, patterns: Sequence[str]) -> bool:
    # Constants are folded while the query is planned: over a row that is in the plan no job runs.
    row = spark.sql("select '' as text from values (1)")
    try:
        row.select(*(F.col("text").rlike(each) for each in patterns)).collect()  # bounded: the one row
    except PySparkException:
        return False
    return True


def _types(rows: DataFrame, declared: Sequence[_Declared]) -> Iterator[DataType]:
    columns = [F.expr(each.text).alias(f"_{index}") for index, each in enumerate(declared)]
    yield from (field.dataType for field in rows.select(*columns).schema.fields)


def _type_or_refusal(rows: DataFrame, declared: _Declared) -> DataType | str:
    try:
        return next(_types(rows, [declared]))
    except AnalysisException as problem:  # its message holds no data: there are no rows
        return str(problem).splitlines()[0].partition(" SQLSTATE")[0][:_MAX_MESSAGE]


def _kinds(found: DataType) -> frozenset[str]:
    kind = "number" if isinstance(found, NumericType) else str(found.typeName())
    return frozenset({kind, "whole"} if isinstance(found, _WHOLE_NUMBERS) else {kind})


def _mistake(config: Config, key: str, declared: _Declared, got: str, allowed: str, remedy: str) -> ConfigIssue:
    document = read_document(config, key)
    return document.issue(declared.path, f"{document.shown_at(declared.path)}, {got}", allowed, remedy)
