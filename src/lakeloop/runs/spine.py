"""The spine of a model: the rows of its source, or of a grid, for which a prediction is due."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from lakeloop.config.columns import input_columns, resolve_features
from lakeloop.config.model import Model
from lakeloop.config.private_columns import private_source_columns
from lakeloop.config.rules.not_null import NotNull
from lakeloop.config.source import TIME_COLUMNS, Source
from lakeloop.discovery.private import HIDDEN
from lakeloop.errors import DataContractError, Failure
from lakeloop.features.attributes import log_states
from lakeloop.labels.grid import lay_grid
from lakeloop.labels.spine import make_spine, prediction_instant
from lakeloop.quality.versions import newest_versions, standing_versions
from lakeloop.runs.context import Context
from lakeloop.statuses import Severity

_BEFORE_ALL = datetime(1900, 1, 1, tzinfo=UTC)
"""No row was known then, and the files' statistics say so: nothing is read."""


def spine_as_of(
    context: Context,
    model: Model,
    *,
    version: int | None = None,
    after: datetime | None = None,
    since: datetime | None = None,
) -> DataFrame:
    """Make the spine of a model from what was known at the logical now.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: Delta version of the bronze table to read; the newest without it.
        after: Instant of prediction after which rows are wanted; without it all.
        since: Rows that became available before it are not read; of no effect on a grid, whose entities stay known.

    Returns:
        `prediction_id`, `prediction_ts`, id and known columns, entity keys, arguments of on-demand calls, and the
        column that says when a label closes; rows with `prediction_ts` up to the logical now.

    Raises:
        DataContractError: If `predict.at` gives no instant for some row.

    >>> spine_as_of(context, context.config.models["late"]).columns
    ['prediction_id', 'prediction_ts', 'order', 'shop', 'items', 'due_ts']
    """
    config, predict = context.config, model.predict
    rows = context.lake.read(context.lake.address("bronze", predict.from_), context.as_of, version=version)
    if since is not None and predict.every is None:
        rows = rows.where(F.col("available_ts") >= F.lit(since))
    source = config.sources[predict.from_]
    keys = [key for feature in resolve_features(config, model) for key in config.feature_tables[feature.table].entity]
    landed = [name for name in input_columns(config, model) if name in rows.columns]
    if predict.every is None:
        _refuse_missing_instants(model, source, rows)
        if source.order_by is not None:  # a version that came after its instant of prediction takes the place of none
            rows = newest_versions(rows.where(F.col("available_ts") <= prediction_instant(predict)), source)
    else:
        wanted = dict.fromkeys((*predict.entity, *predict.known, *keys, *landed))
        names = [name for name in wanted if name in source.all_columns]  # the others are made by the grid
        states = standing_versions(rows, source).select(*names, *TIME_COLUMNS).dropna(subset=[*predict.entity])
        rows = lay_grid(log_states(states, predict.entity), predict, context.as_of, after)
    spine = make_spine(rows, predict, [*keys, *landed, model.label.closes.of])
    if after is not None:
        spine = spine.where(F.col("prediction_ts") > F.lit(after))
    return spine.where(F.col("prediction_ts") <= F.lit(context.as_of))


def _refuse_missing_instants(model: Model, source: Source, rows: DataFrame) -> None:
    """Refuse a spine with rows that have no instant of prediction: they would be left out without a word.

    Of a key with versions the newest counts: one that gives the instant mends those that lacked it.
    """
    if not _can_be_null(model.predict.at, source, rows):
        return
    instant = F.expr(model.predict.at).cast("timestamp")
    private = private_source_columns(source)
    key_shown = (F.lit(HIDDEN).alias(name) if name in private else F.col(name) for name in source.key)
    of_key = F.first(F.to_json(F.struct(*key_shown)), ignorenulls=True)
    found = newest_versions(rows, source).where(instant.isNull()).agg(F.count(F.lit(1)), of_key).first()
    count, key = (int(found[0]), found[1]) if found is not None else (0, None)
    if count:
        raise DataContractError(
            f"spine of model {model.model}",
            [Failure("prediction_ts", f"is null in {count} rows of bronze.{source.source}, the first of them {key}")],
            f"declare {{rule: not_null, columns: [...]}} in source {source.source} for what `{model.predict.at}` reads,"
            " or give predict.at a value for such rows (coalesce)",
        )


def _can_be_null(expression: str, source: Source, rows: DataFrame) -> bool:
    """Ask Spark's analyzer whether an expression can be null, given the columns that no accepted row lacks."""
    # An instant that is a column's own: no row is accepted without it.
    present = {*source.key, *TIME_COLUMNS, source.event_ts.strip(), source.available_ts.strip()}
    for rule in source.rules:
        if isinstance(rule, NotNull) and rule.severity is not Severity.WARN:
            present |= {*rule.columns}
    fields = [StructField(each.name, each.dataType, each.name not in present) for each in rows.schema.fields]
    nothing = rows.sparkSession.createDataFrame([], StructType(fields))
    return bool(nothing.select(F.expr(expression).cast("timestamp")).schema[0].nullable)


def spine_columns(context: Context, model: Model) -> StructType:
    """Tell the columns of a spine; rows are not looked at.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        Columns and types of `spine_as_of`.

    >>> model = context.config.models["late"]
    >>> spine_columns(context, model) == spine_as_of(context, model).schema
    True
    """
    return spine_as_of(context.at(_BEFORE_ALL), model).schema
