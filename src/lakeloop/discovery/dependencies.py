"""What of a project stands on what: every declared thing and the things it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lakeloop.aggregates import find_aggregate
from lakeloop.config.columns import matching_columns, model_columns, resolve_features
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.grid import PERIOD_END_TS, PERIOD_TS
from lakeloop.config.model import Model
from lakeloop.config.predict import PREDICTION_TS
from lakeloop.config.rules import Rule
from lakeloop.config.rules.table_rule import TableRule
from lakeloop.config.tree import Config
from lakeloop.discovery.lineage import columns_named, feature_needs, source_needs
from lakeloop.on_demand.calls import parse_call
from lakeloop.statuses import Role


class Part(StrEnum):
    """Kinds of things a project declares."""

    SOURCE = "source"
    COLUMN = "column"
    DERIVED = "derived column"
    TIME = "time"
    KEY = "key"
    ORDER = "order of versions"
    RULE = "rule"
    TABLE = "feature table"
    FEATURE = "feature"
    SPINE = "spine"
    KNOWN = "known column"
    LABEL = "label"
    VOID = "void"
    MODEL_FEATURE = "model feature"
    ON_DEMAND = "on-demand"
    SLICE = "gate slice"
    MONITOR = "monitored column"


@dataclass(frozen=True)
class Thing:
    """Something that is declared.

    Attributes:
        part: What kind of thing it is.
        of: The source, feature table or model that it belongs to.
        name: Its name there; empty for the whole.
    """

    part: Part
    of: str
    name: str = ""

    def __str__(self) -> str:
        whole = f"{self.part} {self.of}"
        return f"{self.part} {self.of}.{self.name}" if self.name else whole


def dependencies(config: Config) -> dict[Thing, tuple[Thing, ...]]:
    """Write down what every declared thing needs, one step back.

    Args:
        config: The project.

    Returns:
        Thing -> what it is made of.

    >>> needs = dependencies(shops)
    >>> [str(each) for each in needs[Thing(Part.FEATURE, "shop_last", "last_delay_minutes")]]
    ['feature table shop_last', 'column deliveries.delay_minutes']
    """
    return dict([*_of_sources(config), *_of_tables(config), *_of_models(config)])


_Need = tuple[Thing, tuple[Thing, ...]]


def _column(config: Config, source: str, name: str) -> Thing:
    declared = config.sources[source]
    part = Part.COLUMN if name in declared.columns else Part.DERIVED if name in declared.derive else Part.TIME
    return Thing(part, source, name)


def _columns(config: Config, source: str, *names: str) -> tuple[Thing, ...]:
    return tuple(_column(config, source, name.lower()) for name in dict.fromkeys(names))


def _of_sources(config: Config) -> Iterator[_Need]:
    for name, source in config.sources.items():
        whole = Thing(Part.SOURCE, name)
        yield whole, ()
        for column, needs in source_needs(source).items():
            yield _column(config, name, column), (whole, *_columns(config, name, *needs))
        yield Thing(Part.KEY, name, ", ".join(source.key)), _columns(config, name, *source.key)
        if source.order_by is not None:
            yield Thing(Part.ORDER, name, source.order_by), _columns(config, name, *columns_named(source.order_by))
        for rule in source.rules:
            named = [each for names in rule.columns_named().values() for each in names]
            named += [each for text in rule.expressions().values() for each in columns_named(text)]
            yield (
                Thing(Part.RULE, name, rule.label),
                (whole, *_columns(config, name, *named), *_looked_up(config, rule)),
            )


def _looked_up(config: Config, rule: Rule) -> tuple[Thing, ...]:
    """Name the columns of another source that a rule compares with."""
    if not isinstance(rule, TableRule) or rule.reference is None:
        return ()
    return _columns(config, rule.reference.to, *rule.reference.references)


def _of_tables(config: Config) -> Iterator[_Need]:
    for name, table in config.feature_tables.items():
        whole = Thing(Part.TABLE, name)
        times = ("event_ts", "available_ts") if table.kind in (Kind.ATTRIBUTES, Kind.PYTHON) else ("available_ts",)
        keys = table.entity if table.from_ is not None else ()
        below = [Thing(Part.SOURCE, each) for each in table.sources]
        below += [each for source in table.sources for each in _columns(config, source, *keys, *times)]
        if table.kind is Kind.ATTRIBUTES:
            below += [each for source in table.sources for each in _order(config, source)]
        ordered = _ordered_features(table)
        yield whole, (*below, *(Thing(Part.TABLE, each) for each in table.feature_tables))
        for feature, needs in feature_needs(config, table).items():
            made_of = [each for key, column in needs for each in _read(config, key, column)]
            made_of += _columns(config, str(table.from_), "event_ts") if feature in ordered else ()
            yield Thing(Part.FEATURE, name, feature), (whole, *dict.fromkeys(made_of))


def _ordered_features(table: FeatureTable) -> frozenset[str]:
    """Name the windowed features whose value depends on the order of the events."""
    parts = (
        (each.name, part.of_events) for each in table.window_features for part in find_aggregate(each.computed_as).parts
    )
    return frozenset(name for name, text in parts if "event_ts" in text)


def _order(config: Config, source: str) -> tuple[Thing, ...]:
    """Name the order of a source's versions: the newest of a key is read."""
    order_by = config.sources[source].order_by
    return () if order_by is None else (Thing(Part.ORDER, source, order_by),)


def _read(config: Config, key: str, column: str) -> tuple[Thing, ...]:
    """Name what a feature table reads: a column of a source, or a feature of another table."""
    if key in config.sources:
        return _columns(config, key, column)
    name = key.removeprefix("gold.")
    is_feature = column in config.feature_tables[name].feature_names
    return (Thing(Part.FEATURE, name, column) if is_feature else Thing(Part.TABLE, name),)


def _of_models(config: Config) -> Iterator[_Need]:
    for name, model in config.models.items():
        spine, label = Thing(Part.SPINE, name), Thing(Part.LABEL, name)
        rows, truth = model.predict.from_, model.label.from_
        made = (PERIOD_TS, PERIOD_END_TS) if model.predict.every is not None else ()
        asks = (*model.predict.id, *columns_named(model.predict.at), *(("event_ts",) if made else ()), "available_ts")
        asked = _columns(config, rows, *(each for each in asks if each not in made))
        yield spine, (Thing(Part.SOURCE, rows), *asked, *_order(config, rows))
        of = model.label.closes.of
        is_by_id, is_of_spine = model.label.is_by_id, of in (*made, PREDICTION_TS)
        closes: tuple[Thing, ...] = (spine,) if is_of_spine or not is_by_id else ()
        closes += _columns(config, rows, *model.label.on, *(() if is_of_spine else (of,)))
        found_by = model.predict.id if is_by_id else (*model.label.on, "event_ts")
        told = (*found_by, *columns_named(model.label.value), "available_ts")
        yield label, (Thing(Part.SOURCE, truth), *_columns(config, truth, *told), *closes, *_order(config, truth))
        for reason, text in model.label.void.items():
            yield (
                Thing(Part.VOID, name, reason),
                (Thing(Part.SOURCE, truth), *_columns(config, truth, *columns_named(text))),
            )
        readable = {"prediction_ts": spine}
        for column in dict.fromkeys([*model.predict.id, *model.predict.known]):
            known = Thing(Part.KNOWN, name, column)
            if column in model.predict.known:
                yield known, _columns(config, rows, column)
                readable[column] = known
            elif column in made:
                readable[column] = spine
            else:
                readable[column] = _column(config, rows, column)
        for feature in resolve_features(config, model):
            readable[feature.column] = Thing(Part.MODEL_FEATURE, name, feature.column)
            entity = config.feature_tables[feature.table].entity
            keys = _columns(config, rows, *(key for key in entity if key in config.sources[rows].all_columns))
            yield readable[feature.column], (Thing(Part.FEATURE, feature.table, feature.feature), *keys)
        for column, text in model.on_demand.items():
            on_demand = Thing(Part.ON_DEMAND, name, column)
            yield on_demand, tuple(readable[each] for each in parse_call(text).columns if each in readable)
            readable[column] = on_demand
        for column in model.gate.slices:
            yield Thing(Part.SLICE, name, column), (readable[column],)
        for column in model_columns(config, model):
            yield Thing(Part.MONITOR, name, f"{column} ({role_of(config, model, column)})"), (readable[column],)


def role_of(config: Config, model: Model, column: str) -> Role:
    """Tell the role in which a model's column is monitored.

    Args:
        config: The project.
        model: One of its models.
        column: A model column.

    Returns:
        The declared role; regime without one.

    >>> role_of(shops, shops.models["late"], "items").value
    'contract'
    """
    columns, declared = model_columns(config, model), model.monitor.roles
    order = (Role.CONTRACT, Role.REGIME, Role.SEASONAL)  # as in monitoring: contract wins
    named = (role for role in order if column in matching_columns(declared.get(role, ()), columns))
    return next(named, Role.REGIME)
