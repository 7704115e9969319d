"""From spine rows to what a model is given: gold looked up point in time, on-demand columns computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType

from lakeloop import schemas
from lakeloop.arrow_frame import frame_of
from lakeloop.config.columns import resolve_features
from lakeloop.config.grid import PERIOD_END_TS, PERIOD_TS
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.config.tree import Config
from lakeloop.errors import Failure, NotReadyError
from lakeloop.features.on_demand import add_on_demand
from lakeloop.features.windows import floor_tick_of
from lakeloop.on_demand import arrow as arrow_on_demand
from lakeloop.point_in_time import arrow, spark
from lakeloop.point_in_time.lookup import STATUS_SUFFIX, Lookup, Rows
from lakeloop.runs.build_state import assert_same_table, read_build_state
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.engine import Held, choose_engine, held_columns, types_of
from lakeloop.tables import count_logged_rows, read_arrow

_COPIES_WITH_SPARK = 6
"""Of the joined rows: as Arrow twice in this process, then on their way to Spark's heap, as bytes and as rows."""


@dataclass(frozen=True)
class GoldInput:
    """A gold table a model looks up in.

    Attributes:
        table: Its name.
        features: Features the model uses.
        built_through: Instant up to which it is complete.
        version: Delta version that is read.
        spec_hash: Hash of the declaration it was built by.
    """

    table: str
    features: tuple[str, ...]
    built_through: datetime
    version: int
    spec_hash: str


def gold_inputs(context: Context, model: Model) -> tuple[GoldInput, ...]:
    """Find the gold tables of a model and check that they are built far enough for the logical now.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        The tables, in the order in which the model names them.

    Raises:
        NotReadyError: If a table is not built, or not up to the tick of the logical now (STALE).
        ConflictError: If a table's declaration was changed after rows were published.

    >>> from datetime import timedelta
    >>> model = context.config.models["late"]
    >>> [(each.table, instant_text(each.built_through)) for each in gold_inputs(context, model)]
    [('shop_delays', '2024-02-04T00:00:00Z'), ('shop_last', '2024-02-04T00:00:00Z')]
    >>> try:
    ...     gold_inputs(context.at(context.as_of + timedelta(hours=1)), model)
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    gold.shop_delays: STALE: built through 2024-02-04T00:00:00Z, needed 2024-02-04T01:00:00Z
    """
    inputs, failures = [], []
    for each in built_inputs(context, model):
        table = context.config.feature_tables[each.table]
        needed = context.as_of if table.every is None else floor_tick_of(context.as_of, table.every)
        if each.built_through < needed:
            through = f"through {instant_text(each.built_through)}"
            failures.append(Failure(f"gold.{each.table}", f"STALE: built {through}, needed {instant_text(needed)}"))
            continue
        inputs.append(each)
    if failures:
        raise NotReadyError(
            f"model {model.model}", failures, f"run `lakeloop features --as-of {instant_text(context.as_of)}` first"
        )
    return tuple(inputs)


def built_inputs(context: Context, model: Model) -> tuple[GoldInput, ...]:
    """Find the gold tables of a model, however far they are built.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        The tables, in the order in which the model names them.

    Raises:
        NotReadyError: If a table was never built.
        ConflictError: If a table's declaration was changed after rows were published.

    >>> from datetime import timedelta
    >>> later = context.at(context.as_of + timedelta(hours=1))
    >>> [each.table for each in built_inputs(later, context.config.models["late"])]
    ['shop_delays', 'shop_last']
    """
    inputs, failures = [], []
    for name, features in features_by_table(context.config, model).items():
        address = context.lake.address("gold", name)
        state = read_build_state(context.lake, address)
        if state is None:
            table = context.config.feature_tables[name]
            needed = context.as_of if table.every is None else floor_tick_of(context.as_of, table.every)
            failures.append(Failure(f"gold.{name}", f"STALE: built never, needed {instant_text(needed)}"))
            continue
        assert_same_table(context, name, state)
        version = max(commit.version for commit in context.lake.commits(address))
        inputs.append(GoldInput(name, tuple(features), state.built_through, version, state.spec_hash))
    if failures:
        raise NotReadyError(
            f"model {model.model}", failures, f"run `lakeloop features --as-of {instant_text(context.as_of)}` first"
        )
    return tuple(inputs)


def ready_through(context: Context, inputs: Sequence[GoldInput]) -> datetime:
    """Tell up to which instant of prediction no look-up is STALE.

    Args:
        context: Project and logical now.
        inputs: Gold tables.

    Returns:
        The instant, at most the logical now.

    >>> inputs = gold_inputs(context, context.config.models["late"])
    >>> instant_text(ready_through(context, inputs))
    '2024-02-04T00:00:00Z'
    """
    ready = [context.as_of]
    for each in inputs:
        every = context.config.feature_tables[each.table].every
        # The tick of an instant is the last one up to it: all of them up to the next tick are served by this one.
        ready.append(each.built_through if every is None else each.built_through + every - timedelta(microseconds=1))
    return min(ready)


def features_by_table(config: Config, model: Model) -> dict[str, list[str]]:
    """Give the features a model uses of each gold table, in the order in which it names them.

    Args:
        config: The project.
        model: The model's declaration.

    Returns:
        Gold table -> names of its features, without the table's.

    >>> features_by_table(context.config, context.config.models["late"])["shop_last"]
    ['last_delay_minutes']
    """
    found: dict[str, list[str]] = {}
    for feature in resolve_features(config, model):
        found.setdefault(feature.table, []).append(feature.feature)
    return found


def add_model_inputs(
    context: Context, model: Model, spine: DataFrame, inputs: Sequence[GoldInput], spine_rows: int
) -> DataFrame:
    """Look up the gold features point in time and compute the on-demand columns, by the engine that suits the sizes.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        spine: Spine rows.
        inputs: The model's gold tables.
        spine_rows: How many spine rows there are.

    Returns:
        The spine's rows and columns with feature columns, `<table>__status` and on-demand columns.

    Raises:
        BudgetError: If the in-process engine is declared and the rows do not fit the memory budget.

    >>> model = context.config.models["late"]
    >>> from lakeloop.runs.spine import spine_as_of
    >>> spine = spine_as_of(context, model)
    >>> rows = add_model_inputs(context, model, spine, gold_inputs(context, model), spine.count())
    >>> [name for name in rows.columns if name not in spine.columns][-4:]
    ['shop_delays__status', 'shop_last__last_delay_minutes', 'shop_last__status', 'hour_of_day']
    """
    held = held_by_join(context, model, inputs, spine.schema, spine_rows, copies=_COPIES_WITH_SPARK)
    if choose_engine(context, f"the look-ups of model {model.model}", held) is Engine.SPARK:
        return add_on_spark(context, model, spine, inputs)
    rows: pa.Table = spine.toArrow()  # bounded: the engine was chosen by size
    return frame_of(context.spark, add_in_process(context, model, rows, inputs))


def add_on_spark(context: Context, model: Model, spine: DataFrame, inputs: Sequence[GoldInput]) -> DataFrame:
    """Look up and compute by Spark.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        spine: Spine rows.
        inputs: The model's gold tables.

    Returns:
        The spine's rows and columns with feature columns, `<table>__status` and on-demand columns.

    >>> model = context.config.models["late"]
    >>> from lakeloop.runs.spine import spine_as_of
    >>> add_on_spark(context, model, spine_as_of(context, model), gold_inputs(context, model)).columns[-1]
    'hour_of_day'
    """
    lookups = []
    for each in inputs:
        rows = context.lake.read(context.lake.address("gold", each.table), context.as_of, version=each.version)
        lookups.append(_lookup(context, each, rows))
    joined = spark.join_as_of(spine, lookups)
    return add_on_demand(joined, model.on_demand, model.label.closes.timezone)


def add_in_process(context: Context, model: Model, spine: pa.Table, inputs: Sequence[GoldInput]) -> pa.Table:
    """Look up and compute in this process; the caller has asked for the sizes.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        spine: Spine rows.
        inputs: The model's gold tables, on paths.

    Returns:
        The spine's rows in their order, with the columns that `add_on_spark` gives.

    >>> model = context.config.models["late"]
    >>> from lakeloop.runs.spine import spine_as_of
    >>> spine = spine_as_of(context, model).limit(3).toArrow()
    >>> add_in_process(context, model, spine, gold_inputs(context, model)).num_rows
    3
    """
    lookups = []
    for each in inputs:
        address = context.lake.address("gold", each.table)
        columns = gold_columns(context.config, each)
        rows = read_arrow(context.lake, address, context.as_of, columns, version=each.version)
        lookups.append(_lookup(context, each, rows))
    joined = arrow.join_as_of(spine, lookups)
    return arrow_on_demand.add_on_demand(joined, model.on_demand, model.label.closes.timezone)


def held_by_join(
    context: Context,
    model: Model,
    inputs: Sequence[GoldInput],
    spine_columns: StructType,
    spine_rows: int | None,
    copies: int = 3,
) -> list[Held]:
    """Tell what the in-process engine would hold for the look-ups of a model, from the tables' logs.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        inputs: The model's gold tables.
        spine_columns: Columns of the spine.
        spine_rows: Rows of the spine; None when that is not known.
        copies: How often the joined rows are held at once.

    Returns:
        The joined rows and each gold table.

    >>> model = context.config.models["late"]
    >>> from lakeloop.runs.spine import spine_as_of
    >>> held = held_by_join(context, model, gold_inputs(context, model), spine_as_of(context, model).schema, 741)
    >>> [(each.what, each.rows is None) for each in held]
    [('the joined rows', False), ('gold.shop_delays', False), ('gold.shop_last', False)]
    """
    if context.config.project.catalog is not None:
        return [Held("the joined rows", None, 0)]
    types = types_of(spine_columns)
    tables = []
    for each in inputs:
        address = context.lake.address("gold", each.table)
        rows = count_logged_rows(context.lake, address, each.version)
        own = types_of(context.lake.columns(address))
        types |= {f"{each.table}__{name}": own[name] for name in each.features}
        # Beside the rows that are read there are sorted keys and the numbers of the rows.
        columns = [
            *gold_columns(context.config, each),
            *context.config.feature_tables[each.table].entity,
            "_ts",
            "_row",
        ]
        tables.append(held_columns(f"gold.{each.table}", rows, own, columns, copies=1))
    wanted = [*types, *model.on_demand, *(f"{each.table}{STATUS_SUFFIX}" for each in inputs)]
    types |= {f"{each.table}{STATUS_SUFFIX}": StringType() for each in inputs}
    return [held_columns("the joined rows", spine_rows, types, wanted, copies), *tables]


def gold_columns(config: Config, wanted: GoldInput) -> list[str]:
    """Name the columns of a gold table that a look-up reads.

    Args:
        config: The project.
        wanted: The table and its features.

    Returns:
        Entity, times and features.

    >>> gold_columns(context.config, gold_inputs(context, context.config.models["late"])[1])
    ['shop', 'event_ts', 'available_ts', 'last_delay_minutes']
    """
    return [*config.feature_tables[wanted.table].entity, "event_ts", "available_ts", *wanted.features]


def _lookup(context: Context, wanted: GoldInput, rows: Rows) -> Lookup[Rows]:
    table = context.config.feature_tables[wanted.table]
    return Lookup(wanted.table, rows, table.entity, wanted.features, wanted.built_through, table.every, table.ttl)


def described_columns(config: Config, model: Model, columns: StructType) -> list[StructField]:
    """Describe spine, feature, status and on-demand columns for a table's schema.

    Args:
        config: The project.
        model: The model's declaration.
        columns: Their names and types.

    Returns:
        A field per column, with its meaning.

    >>> columns = StructType().add("shop", "string").add("hour_of_day", "integer")
    >>> columns = columns.add("shop_last__last_delay_minutes", "double")
    >>> for field in described_columns(context.config, context.config.models["late"], columns)[1:]:
    ...     print(field.metadata["comment"])
    hour(prediction_ts), computed at prediction_ts
    last_delay_minutes of gold.shop_last as known at prediction_ts
    """
    source = config.sources[model.predict.from_]
    made = {PERIOD_TS: "start of the period", PERIOD_END_TS: "start of the next period"}
    meanings: Mapping[str, str] = {
        **(made if model.predict.every is not None else {}),
        **{name: each.description for name, each in source.columns.items()},
        **{name: each.description for name, each in source.derive.items()},
        **{
            each.column: f"{each.feature} of gold.{each.table} as known at prediction_ts"
            for each in resolve_features(config, model)
        },
        **{name: f"{call}, computed at prediction_ts" for name, call in model.on_demand.items()},
    }

    def meaning(name: str) -> str:
        if name.endswith(STATUS_SUFFIX):
            table = name.removesuffix(STATUS_SUFFIX)
            return f"how the look-up in gold.{table} ended: OK, NO_ROW, NO_KEY, EXPIRED, STALE or, online alone, AHEAD"
        return meanings.get(name, "")

    return [schemas.column(field.name, field.dataType, meaning(field.name)) for field in columns.fields]


def with_columns(fixed: tuple[StructField, ...], more: list[StructField]) -> StructType:
    """Put the columns every such table has before those of the project; none twice.

    Args:
        fixed: Columns of every table of the kind.
        more: Those of the project.

    Returns:
        All columns, in this order.

    >>> key, shop = schemas.column("order", schemas.LONG, "key"), schemas.column("shop", schemas.TEXT, "who sold it")
    >>> with_columns((key,), [key, shop]).fieldNames()
    ['order', 'shop']
    """
    names = {field.name for field in fixed}
    return StructType([*fixed, *(field for field in more if field.name not in names)])
