"""From spine rows to what a model is given: gold looked up point in time, on-demand columns computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from lakeloop import schemas
from lakeloop.config.columns import input_columns, resolve_features
from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.errors import Failure, NotReadyError
from lakeloop.features.on_demand import add_on_demand
from lakeloop.features.windows import floor_tick_of
from lakeloop.labels.spine import make_spine
from lakeloop.point_in_time.spark import STATUS_SUFFIX, Lookup, join_as_of
from lakeloop.runs.build_state import read_build_state
from lakeloop.runs.context import Context, instant_text


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
    """
    wanted: dict[str, list[str]] = {}
    for feature in resolve_features(context.config, model):
        wanted.setdefault(feature.table, []).append(feature.feature)
    inputs, failures = [], []
    for name, features in wanted.items():
        table = context.config.feature_tables[name]
        address = context.lake.address("gold", name)
        state = read_build_state(context.lake, address)
        needed = context.as_of if table.every is None else floor_tick_of(context.as_of, table.every)
        if state is None or state.built_through < needed:
            through = "never" if state is None else f"through {instant_text(state.built_through)}"
            failures.append(Failure(f"gold.{name}", f"STALE: built {through}, needed {instant_text(needed)}"))
            continue
        version = max(commit.version for commit in context.lake.commits(address))
        inputs.append(GoldInput(name, tuple(features), state.built_through, version, state.spec_hash))
    if failures:
        raise NotReadyError(
            f"model {model.model}", failures, f"run `lakeloop features --as-of {instant_text(context.as_of)}` first"
        )
    return tuple(inputs)


def spine_as_of(context: Context, model: Model) -> DataFrame:
    """Make the spine of a model from what was known at the logical now.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        `prediction_id`, `prediction_ts`, id and known columns, entity keys, arguments of on-demand calls, and the
        column that says when a label closes; rows with `prediction_ts` up to the logical now.
    """
    config, predict = context.config, model.predict
    rows = context.lake.read(context.lake.address("bronze", predict.from_), context.as_of)
    keys = [key for feature in resolve_features(config, model) for key in config.feature_tables[feature.table].entity]
    landed = [name for name in input_columns(config, model) if name in rows.columns]
    spine = make_spine(rows, predict, [*keys, *landed, model.label.closes.of])
    return spine.where(F.col("prediction_ts") <= F.lit(context.as_of))


def add_model_inputs(context: Context, model: Model, spine: DataFrame, inputs: tuple[GoldInput, ...]) -> DataFrame:
    """Look up the gold features point in time and compute the on-demand columns.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        spine: Spine rows.
        inputs: The model's gold tables.

    Returns:
        The spine's rows and columns with feature columns, `<table>__status` and on-demand columns.
    """
    lookups = []
    for each in inputs:
        table = context.config.feature_tables[each.table]
        address = context.lake.address("gold", each.table)
        rows = context.lake.read(address, context.as_of, version=each.version)
        lookups.append(
            Lookup(each.table, rows, table.entity, each.features, each.built_through, table.every, table.ttl)
        )
    joined = join_as_of(spine, lookups)
    return add_on_demand(joined, model.on_demand, model.label.closes.timezone)


def described_columns(config: Config, model: Model, frame: DataFrame) -> list[StructField]:
    """Describe the spine, feature, status and on-demand columns of a frame for a table's schema.

    Args:
        config: The project.
        model: The model's declaration.
        frame: The frame.

    Returns:
        A field per column of the frame, with its meaning.
    """
    source = config.sources[model.predict.from_]
    meanings: Mapping[str, str] = {
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
            return f"how the look-up in gold.{table} ended: OK, NO_ROW, NO_KEY, EXPIRED or STALE"
        return meanings.get(name, "")

    return [schemas.column(field.name, field.dataType, meaning(field.name)) for field in frame.schema.fields]


def with_columns(fixed: tuple[StructField, ...], more: list[StructField]) -> StructType:
    """Put the columns every such table has before those of the project; none twice."""
    names = {field.name for field in fixed}
    return StructType([*fixed, *(field for field in more if field.name not in names)])
