"""What says something of a person: columns with the tag `pii`, and all that is made of them."""

from __future__ import annotations

from lakeloop.config.columns import resolve_features
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.model import Model
from lakeloop.config.private_columns import private_source_columns
from lakeloop.config.section import PII
from lakeloop.config.source import TIME_COLUMNS
from lakeloop.config.sql_statement import GOLD
from lakeloop.config.table_inputs import tables_below
from lakeloop.config.tree import Config
from lakeloop.discovery.lineage import columns_named, feature_needs
from lakeloop.discovery.windowed import windowed_features
from lakeloop.on_demand.calls import parse_call

HIDDEN = "hidden (pii)"
"""Shown instead of what a person's data would say."""


def private_features(config: Config, table: FeatureTable) -> frozenset[str]:
    """Find the features of a gold table that say something of a person.

    Args:
        config: The project.
        table: One of its feature tables.

    Returns:
        Features with the tag themselves, by their table or their aggregate, and those made of a private column.

    >>> private_features(shops, shops.feature_tables["shop_delays"])
    frozenset()
    """
    private = _private_below(config, table)
    tagged = {each.name for each in windowed_features(table) if PII in each.aggregate.tags}
    tagged |= {name for name, each in (table.attributes | table.features).items() if PII in each.tags}
    if PII in table.tags:
        tagged |= set(table.feature_names)
    return frozenset(
        name for name, used in feature_needs(config, table).items() if name in tagged or private.intersection(used)
    )


def private_gold_columns(config: Config, table: FeatureTable) -> frozenset[str]:
    """Find the columns of a gold table that say something of a person: features, and what they are looked up by.

    Args:
        config: The project.
        table: One of its feature tables.

    Returns:
        Its private features; entity columns and times that a source has as private columns. All that a statement names
        counts for its entity, as it does for its features.

    >>> private_gold_columns(shops, shops.feature_tables["shop_delays"])
    frozenset()
    """
    if table.sql is not None:
        named = {pair for used in feature_needs(config, table).values() for pair in used}
        keys = table.entity if named & _private_below(config, table) else ()
    else:
        times = TIME_COLUMNS if table.kind is Kind.ATTRIBUTES else ()  # those of the others are ticks
        private = {each for name in table.sources for each in private_source_columns(config.sources[name])}
        keys = tuple(name for name in (*table.entity, *times) if name in private)
    return private_features(config, table) | frozenset(keys)


def _private_below(config: Config, table: FeatureTable) -> frozenset[tuple[str, str]]:
    """Find the private columns of all that a table can read, as pairs of a table and a column."""
    private = {(name, each) for name, source in config.sources.items() for each in private_source_columns(source)}
    below = tables_below(config.feature_tables, table.feature_tables)
    return frozenset(private) | {
        (f"{GOLD}.{name}", each)
        for name in below
        if name != table.feature_table
        for each in private_gold_columns(config, config.feature_tables[name])
    }


def private_columns(config: Config, model: Model) -> frozenset[str]:
    """Find the columns of a model's predictions that say something of a person.

    Args:
        config: The project.
        model: One of its models.

    Returns:
        Known and id columns, gold features as `<table>__<feature>`, on-demand columns, and `prediction_ts` where it is
        made of a private column.

    >>> private_columns(shops, shops.models["late"])
    frozenset()
    """
    spine = private_source_columns(config.sources[model.predict.from_])
    found = {name for name in (*model.predict.id, *model.predict.known) if name in spine}
    if spine.intersection(columns_named(model.predict.at)):
        found.add("prediction_ts")
    tables = {name: private_features(config, table) for name, table in config.feature_tables.items()}
    found |= {each.column for each in resolve_features(config, model) if each.feature in tables[each.table]}
    for name, text in model.on_demand.items():
        if found.intersection(parse_call(text).columns):
            found.add(name)
    return frozenset(found)
