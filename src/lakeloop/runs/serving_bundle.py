"""What a server has to know of a champion, from the project's declaration, the ledger and the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lakeloop.config.columns import input_columns
from lakeloop.config.model import Model
from lakeloop.model_versions import ModelVersion, hash_model_files
from lakeloop.runs.context import Context
from lakeloop.runs.model_inputs import GoldInput
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.spine import spine_as_of
from lakeloop.serving.bundle import Bundle, BundleTable, bundle_id_of


def describe_bundle(
    context: Context,
    model: Model,
    champion: Promotion,
    version: ModelVersion,
    inputs: Sequence[GoldInput],
    files: Path,
) -> Bundle:
    """Describe a champion for a server.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration, by which the champion was trained.
        champion: Its promotion.
        version: The version.
        inputs: The model's gold tables.
        files: The version's files, verified.

    Returns:
        The bundle.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> from lakeloop.runs.promotions import find_champion, read_promotions
    >>> model, champion = context.config.models["late"], find_champion(read_promotions(context, "late"))
    >>> version = context.registry.get_version("late", champion.version, champion.run_key)
    >>> files = context.registry.verify(version)
    >>> bundle = describe_bundle(context, model, champion, version, gold_inputs(context, model), files)
    >>> bundle.columns
    {'shop': 'string', 'items': 'int', 'prediction_ts': 'timestamp', 'order': 'bigint'}
    >>> bundle.required, bundle.inputs[:3], bundle.inputs[-1]
    (('shop', 'items', 'prediction_ts'), ('shop', 'items', 'prediction_ts'), 'shop_last__last_delay_minutes')
    """
    tables = tuple(_table(context, each) for each in inputs)
    given = input_columns(context.config, model)
    features = {f"{each.table}__{feature}" for each in inputs for feature in each.features}
    keys = [name for each in tables for name in each.entity]
    required = tuple(dict.fromkeys([*keys, *(name for name in given if name not in features)]))
    types = {field.name: field.dataType.simpleString() for field in spine_as_of(context, model).schema.fields}
    bundle = Bundle(
        bundle_id="",
        model=model.model,
        version=version.version,
        run_key=version.run_key,
        content_hash=hash_model_files(files),
        task=model.task.value,
        classes=model.label.classes,
        timezone=model.label.closes.timezone,
        id_columns=model.predict.id,
        columns={name: types[name] for name in dict.fromkeys([*required, *model.predict.id])},
        required=required,
        on_demand=dict(model.on_demand),
        inputs=given,
        tables=tables,
        trained_through=champion.trained_through,
        published_as_of=context.as_of,
    )
    return replace(bundle, bundle_id=bundle_id_of(bundle))


def _table(context: Context, wanted: GoldInput) -> BundleTable:
    table = context.config.feature_tables[wanted.table]
    return BundleTable(wanted.table, table.entity, wanted.features, table.every, table.ttl, wanted.spec_hash)
