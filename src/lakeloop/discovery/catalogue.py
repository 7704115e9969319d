"""The catalogue: every feature with what it is, where it comes from and which models use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lakeloop.config.columns import resolve_features
from lakeloop.config.durations import short_name
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.section import PII
from lakeloop.config.source import TIME_COLUMNS, Source
from lakeloop.config.tree import Config
from lakeloop.discovery.lineage import cast_type, feature_needs, landed_below
from lakeloop.discovery.private import private_features
from lakeloop.discovery.windowed import windowed_features


@dataclass(frozen=True)
class FeatureEntry:
    """A feature.

    Attributes:
        table: Its gold table.
        feature: Its column there.
        description: What it means.
        owner: Who answers for it.
        tags: Its own and its table's; `pii` where it is made of such a column.
        type: Type as it is declared; None where only Spark knows what the expression gives.
        unit: Its unit; None where it has none, or it is not known.
        entity: Key columns.
        kind: windowed, attributes, sql or python.
        window: Length of the window, `3h`; how far back a statement or a function sees; None for an attribute.
        made_of: What it is computed from: the aggregate and its measure, the expression, the statement, the function.
        columns: Columns it is made of, `<source>.<column>` or `gold.<feature table>.<column>`.
        landed: Landed columns it comes from in the end.
        models: Models that use it, by name.
    """

    table: str
    feature: str
    description: str
    owner: str
    tags: tuple[str, ...]
    type: str | None
    unit: str | None
    entity: tuple[str, ...]
    kind: Kind
    window: str | None
    made_of: str
    columns: tuple[str, ...]
    landed: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is named in a model: `<table>.<feature>`."""
        return f"{self.table}.{self.feature}"

    @property
    def is_private(self) -> bool:
        """Whether its values are hidden."""
        return PII in self.tags

    @property
    def origin(self) -> str:
        """Its way from what landed to the columns it names."""
        above = [name for name in self.landed if name not in self.columns]
        return " -> ".join(", ".join(step) for step in (above, self.columns) if step)

    @property
    def lineage(self) -> str:
        """Its way from what landed to the models."""
        models = ", ".join(self.models) or "no model"
        return " -> ".join(step for step in (self.origin, f"gold.{self.name}", models) if step)


@dataclass(frozen=True)
class TableEntry:
    """A gold feature table.

    Attributes:
        table: Its name.
        description: What a row says.
        owner: Who answers for it.
        tags: Its own tags.
        entity: Key columns.
        kind: windowed, attributes, sql or python.
        source: Source it is made from; of a statement all that it reads, `outcomes, gold.weather`.
        every: Tick, `30min`; None for attributes.
        ttl: Age at which an attribute is not used any more, `6h`; None where it never expires.
        file: Where it is declared.
        features: Its features, in order.
        models: Models that use one of them.
    """

    table: str
    description: str
    owner: str
    tags: tuple[str, ...]
    entity: tuple[str, ...]
    kind: Kind
    source: str
    every: str | None
    ttl: str | None
    file: str
    features: tuple[FeatureEntry, ...]
    models: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """The feature store of a project as it is declared.

    Attributes:
        project: The project's name.
        tables: Its gold tables by name.
    """

    project: str
    tables: tuple[TableEntry, ...]

    @property
    def features(self) -> tuple[FeatureEntry, ...]:
        """All features, table by table."""
        return tuple(feature for table in self.tables for feature in table.features)


def build_catalogue(config: Config) -> Catalogue:
    """Write down what the configuration says of every feature.

    Args:
        config: The project.

    Returns:
        Gold tables by name, their features in the tables' order.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> tables = {each.table: each for each in build_catalogue(load_config(Path())).tables}
    >>> mean = tables["carrier_delays"].features[4]
    >>> mean.name, mean.unit, mean.type, mean.landed
    ('carrier_delays.mean_arrival_delay_minutes_1d', 'minutes', 'double', ('outcomes.arrival_delay_minutes',))
    >>> tables["carrier_delays"].features[0].lineage.split(" -> ")[:2]
    ['outcomes.arrival_delay_minutes', 'outcomes.is_late']
    >>> tables["aircraft"].models
    ()
    """
    users: dict[str, list[str]] = {}
    for name, model in config.models.items():
        for feature in resolve_features(config, model):
            users.setdefault(feature.column, []).append(name)
    tables = (describe_table(config, table, users) for table in config.feature_tables.values())
    return Catalogue(config.project.project, tuple(tables))


def describe_table(config: Config, table: FeatureTable, users: Mapping[str, list[str]] | None = None) -> TableEntry:
    """Write down what the configuration says of one gold table.

    Args:
        config: The project.
        table: The table's declaration.
        users: `<table>__<feature>` -> models that use it; none are named without it.

    Returns:
        The table with its features.

    >>> entry = describe_table(shops, shops.feature_tables["shop_last"])
    >>> entry.kind.value, entry.ttl, entry.features[0].lineage
    ('attributes', '2d', 'deliveries.delay_minutes -> gold.shop_last.last_delay_minutes -> no model')
    """
    known = users or {}
    features = tuple(_features(config, table, known))
    models = dict.fromkeys(name for feature in features for name in feature.models)
    return TableEntry(
        table=table.feature_table,
        description=table.description,
        owner=table.owner,
        tags=table.tags,
        entity=table.entity,
        kind=table.kind,
        source=", ".join(table.inputs),
        every=short_name(table.every) if table.every is not None else None,
        ttl=short_name(table.ttl) if table.ttl is not None else None,
        file=config.files.get(f"feature_table:{table.feature_table}", ""),
        features=features,
        models=tuple(sorted(models)),
    )


@dataclass(frozen=True)
class _Said:
    """What a declaration says of one feature alone."""

    description: str
    type: str | None
    unit: str | None
    window: str | None
    made_of: str
    tags: tuple[str, ...]


def _features(config: Config, table: FeatureTable, users: Mapping[str, list[str]]) -> Iterator[FeatureEntry]:
    private = private_features(config, table)
    source = config.sources[table.from_] if table.from_ is not None else None
    said = _computed(table)
    if source is not None:
        said |= {**_windowed(table, source), **_attributes(table, source)}
    for name, used in feature_needs(config, table).items():
        each = said[name]
        tags = (*table.tags, *each.tags, *((PII,) if name in private else ()))
        yield FeatureEntry(
            table=table.feature_table,
            feature=name,
            description=each.description,
            owner=table.owner,
            tags=tuple(dict.fromkeys(tags)),
            type=each.type,
            unit=each.unit,
            entity=table.entity,
            kind=table.kind,
            window=each.window,
            made_of=each.made_of,
            columns=tuple(f"{key}.{column}" for key, column in used),
            landed=landed_below(config, used),
            models=tuple(users.get(f"{table.feature_table}__{name}", ())),
        )


def _windowed(table: FeatureTable, source: Source) -> dict[str, _Said]:
    return {
        each.name: _Said(
            description=each.describe(source),
            type=each.type(source),
            unit=each.unit(source),
            window=each.window_name,
            made_of=each.made_of,
            tags=each.aggregate.tags,
        )
        for each in windowed_features(table)
    }


def _attributes(table: FeatureTable, source: Source) -> dict[str, _Said]:
    found = {}
    for name, each in table.attributes.items():
        same = source.declared.get(each.as_.strip().strip("`").lower())  # the column itself keeps what is said of it
        kind = same.type.value if same is not None else cast_type(each.as_)
        if each.as_.strip().lower() in TIME_COLUMNS:
            kind = "timestamp"
        unit = each.unit or (same.unit if same is not None else None)
        meaning = each.description or (same.description if same is not None else "")
        found[name] = _Said(meaning, kind, unit, None, each.as_, each.tags)
    return found


def _computed(table: FeatureTable) -> dict[str, _Said]:
    made_of = " ".join((table.sql or table.python or "").split())
    window = short_name(table.needs) if table.needs is not None else None
    return {
        name: _Said(each.description, each.type.value, each.unit, window, made_of, each.tags)
        for name, each in table.features.items()
    }
