"""What declarations alone say of leaks: inputs that are made of what the label is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lakeloop.config.columns import resolve_features
from lakeloop.config.model import Model
from lakeloop.config.sql_statement import GOLD
from lakeloop.config.tree import Config
from lakeloop.discovery.lineage import columns_named, feature_needs, source_needs, standing_on
from lakeloop.on_demand.calls import parse_call


@dataclass(frozen=True)
class LabelColumn:
    """An input of a model that is made of a column of its label.

    Attributes:
        column: The model's input.
        made_of: Columns of the label's source that both are made of.
    """

    column: str
    made_of: tuple[str, ...]


def find_label_columns(config: Config, model: Model) -> tuple[LabelColumn, ...]:
    """Find the inputs that share a landed column with the label and speak of the very row.

    What happened to others may be known and is a good feature: how late a carrier's flights arrived. So a gold feature
    counts only when its table is keyed by all that identifies a spine row, and so it is with the gold tables that it
    is made of, whatever they call their keys. A known column counts only when the spine is of the label's own source.

    A label by time or by event is of other rows than any that were known at the prediction: that they share columns,
    as today's temperature and tomorrow's do, is no leak.

    Args:
        config: The project.
        model: One of its models.

    Returns:
        Inputs, in the order of the model.

    >>> find_label_columns(shops, shops.models["late"])
    ()
    >>> late = shops.models["late"]
    >>> known = late.predict.model_copy(update={"from_": "deliveries", "known": ("delay_minutes",)})
    >>> [each.column for each in find_label_columns(shops, late.model_copy(update={"predict": known}))]
    ['delay_minutes']
    """
    if not model.label.is_by_id:
        return ()
    truth = config.sources[model.label.from_]
    needs = source_needs(truth)
    conditions = (model.label.value, *model.label.void.values())
    of_label = set(standing_on([name for text in conditions for name in columns_named(text)], needs))
    own_ids = {*model.predict.id}
    of_label = {name for name in of_label if name in truth.columns and name not in own_ids}
    found: dict[str, tuple[str, ...]] = {}
    if model.predict.from_ == model.label.from_:
        asked = [
            *model.predict.known,
            *(name for call in model.on_demand.values() for name in parse_call(call).columns),
        ]
        for name in dict.fromkeys(asked):
            found[name] = _shared(standing_on([name], needs), of_label)
    for feature in resolve_features(config, model):
        table = config.feature_tables[feature.table]
        if own_ids <= {*table.entity}:
            used = _of_the_row(config, feature_needs(config, table)[feature.feature], len(own_ids))
            of_truth = [column for source, column in used if source == model.label.from_]
            found[feature.column] = _shared(standing_on(of_truth, needs), of_label)
    return tuple(LabelColumn(name, shared) for name, shared in found.items() if shared)


def _of_the_row(config: Config, used: Iterable[tuple[str, str]], ids: int) -> Iterator[tuple[str, str]]:
    """Follow columns of gold tables down to sources; a table of fewer keys than a row has speaks of several rows."""
    for key, column in used:
        if key in config.sources:
            yield key, column
            continue
        table = config.feature_tables[key.removeprefix(f"{GOLD}.")]
        if len(table.entity) >= ids:
            yield from _of_the_row(config, feature_needs(config, table).get(column, ()), ids)


def _shared(names: tuple[str, ...], of_label: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in of_label)
