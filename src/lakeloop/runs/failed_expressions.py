"""Which declared expression ended a batch: an error a person can act on in place of Spark's trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config import Config
from lakeloop.config.source import Source
from lakeloop.errors import ConfigError, DataContractError, Failure
from lakeloop.quality.rules import holds
from lakeloop.quality.typing import type_rows
from lakeloop.runs.expressions import find_mistakes


def explain_failure(
    config: Config, source: Source, batch: DataFrame, as_of: datetime, failure: PySparkException
) -> Exception:
    """Find the expression that Spark could not compute, by computing each one alone.

    Args:
        config: The project.
        source: The source's declaration.
        batch: The staged rows.
        as_of: Logical now of the ingest.
        failure: What Spark said of the whole batch.

    Returns:
        An error that names the expression, without any value of the data; the failure itself when no expression fails
        alone.

    >>> from dataclasses import replace
    >>> from pyspark.sql.pandas.types import from_arrow_schema
    >>> from lakeloop.landing import staged_schema
    >>> orders = context.config.sources["orders"]
    >>> wrong = orders.model_copy(update={"event_ts": "soonest(due_ts)"})
    >>> config = replace(context.config, sources={**context.config.sources, "orders": wrong})
    >>> staged = spark.createDataFrame([], from_arrow_schema(staged_schema(orders)))
    >>> mistake = explain_failure(config, wrong, staged, context.as_of, PySparkException("failed")).issues[0]
    >>> mistake.file, mistake.line, mistake.where
    ('conf/base/sources/orders.yml', 4, 'event_ts')
    """
    mistakes = find_mistakes(batch.sparkSession, config)
    if mistakes:
        return ConfigError(mistakes)
    file = config.files.get(f"source:{source.source}", "its file")
    for name, text, rows in _expressions(source, batch, as_of):
        try:
            rows.collect()  # bounded: one row
        except PySparkException as problem:
            return DataContractError(
                f"source {source.source}",
                [Failure(name, f"can't be computed for some row: {_condition(problem)}, in `{text}`")],
                f"guard the expression in {file} against such values (try_cast, try_divide, nullif) and ingest again",
            )
    return failure


def _expressions(source: Source, batch: DataFrame, as_of: datetime) -> Iterator[tuple[str, str, DataFrame]]:
    """List name, text and a frame that computes it for every row, in the order in which they depend on one another."""
    typed = type_rows(batch, source, as_of)
    texts = {name: derived.as_ for name, derived in source.derive.items()}
    for name, text in (texts | {"event_ts": source.event_ts, "available_ts": source.available_ts}).items():
        yield name, text, typed.agg(_needing(F.col(name)))
    for condition in (each for rule in source.rules for each in rule.conditions() if each.is_written):
        yield condition.name, condition.holds, typed.agg(_needing(holds(condition)))


def _needing(value: Column) -> Column:
    """Need the value of every row; Spark counts what is never null without computing it."""
    return F.max(F.xxhash64(value))


def _condition(problem: PySparkException) -> str:
    return problem.getCondition() or type(problem).__name__
