"""Checks of a model whose spine is a grid against the source that makes its entities known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from lakeloop.config.durations import short_name
from lakeloop.config.grid import PERIOD_END_TS, PERIOD_TS
from lakeloop.config.label import Closes
from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.mistakes import listed
from lakeloop.config.model import Model
from lakeloop.config.periods import LOOKED_AT, periods_of_a_year
from lakeloop.config.predict import PREDICTION_TS, Predict
from lakeloop.config.rules.not_null import NotNull
from lakeloop.config.source import ColumnType, DerivedColumn, Source
from lakeloop.errors import ConfigIssue

MADE = (PERIOD_TS, PERIOD_END_TS)
"""Columns that a grid makes."""


def as_grid(source: Source, predict: Predict) -> Source:
    """Give the source of a grid the columns and the key that the rows of the grid have.

    Args:
        source: The source that makes entities known.
        predict: The declaration of the grid.

    Returns:
        The source as the model sees it.

    >>> predict = Predict.model_validate({"from": "orders", "every": "1 day", "id": ["shop", "period_ts"]})
    >>> seen = as_grid(shops.sources["orders"], predict)
    >>> [*seen.all_columns], seen.key
    (['order', 'shop', 'items', 'due_ts', 'period_ts'], ('shop', 'period_ts'))
    """
    start = DerivedColumn.model_validate({"as": PERIOD_TS, "type": ColumnType.TIMESTAMP})
    return source.model_copy(update={"key": predict.id, "derive": {**source.derive, PERIOD_TS: start}})


def grid_issues(document: LocatedYaml, model: Model, source: Source) -> Iterator[ConfigIssue]:
    """Check what only a grid asks for: names that are free, entities that are never null, labels that close in time.

    Args:
        document: The model's file.
        model: The model.
        source: The source that makes entities known.

    Yields:
        The mistakes; none where the spine is no grid.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> grid = {"from": "orders", "every": "1 day", "id": ["shop", "period_ts"]}
    >>> document = parse_yaml("predict: {from: orders, every: 1 day, id: [shop, period_ts]}", "models/late.yml")
    >>> model = shops.models["late"].model_copy(update={"predict": Predict.model_validate(grid)})
    >>> for issue in grid_issues(document, model, shops.sources["orders"]):
    ...     print(issue)
    models/late.yml:1: predict.id[0]
        got:     shop, which may be null in source orders
        allowed: columns that no row of the source lacks
        remedy:  declare {rule: not_null, columns: [shop]} in source orders; with
                 severity: warn rows without it are passed over
    """
    predict = model.predict
    if predict.every is None:
        return
    of = f"source {source.source}"
    for name in MADE:
        if name in source.all_columns:
            allowed = f"a source without columns that a grid makes: {listed(MADE)}"
            yield document.issue(("predict", "from"), f"{of} with {name}", allowed, "rename its column")
    present = {*source.key}
    for rule in source.rules:
        if isinstance(rule, NotNull):  # of severity warn it says that such rows are known of: they make no entity known
            present |= {*rule.columns}
    for index, name in enumerate(predict.id):
        if name in source.all_columns and name not in (*present, *MADE):
            got, allowed = f"{name}, which may be null in {of}", "columns that no row of the source lacks"
            asked = f"declare {{rule: not_null, columns: [{name}]}} in {of}"
            remedy = f"{asked}; with severity: warn rows without it are passed over"
            yield document.issue(("predict", "id", index), got, allowed, remedy)
    closes = model.label.closes
    counted = closes.of in (*MADE, PREDICTION_TS)
    if model.label.is_by_id and counted and _closes_early(closes, predict, predict.every):
        got = f"labels that close before a period of {short_name(predict.every)} is over"
        remedy = "write a later time at which they close"
        if closes.of != PERIOD_END_TS:
            remedy = f"count from the day on which a period ends: of: {PERIOD_END_TS}"
        yield document.issue(("label", "closes"), got, "a closing at or after the end of every period", remedy)


def _closes_early(closes: Closes, predict: Predict, every: timedelta) -> bool:
    """Look at the periods of a year, or the first of it where they are very many: zones change their clocks."""
    zone = ZoneInfo(closes.timezone)

    def counted_from(start: datetime, end: datetime) -> datetime:
        return {PERIOD_TS: start, PERIOD_END_TS: end}.get(closes.of, start + predict.offset)

    return any(
        closes.instant_of(counted_from(start, end).astimezone(zone).date()) < end
        for start, end in islice(periods_of_a_year(every), LOOKED_AT)
    )
