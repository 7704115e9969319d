"""Which columns a column stands on, through the expressions of a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import sqlglot
from sqlglot import exp

from lakeloop.config.expressions import expression_columns
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.source import Source
from lakeloop.discovery.windowed import windowed_features


@cache
def columns_named(text: str) -> tuple[str, ...]:
    """Find the columns an expression of the configuration names, in lower case, as they are declared.

    >>> columns_named("coalesce(Arrival_ts, departure_ts + interval 6 hours)")
    ('arrival_ts', 'departure_ts')
    """
    return tuple(name.lower() for name in expression_columns(text))


def cast_type(text: str) -> str | None:
    """Tell the type an expression is cast to as a whole; None for any other, whose type only Spark knows.

    >>> cast_type("cast(year(due_ts) as int)"), cast_type("cast(a as int) + cast(b as int)")
    ('integer', None)
    """
    tree = sqlglot.parse_one(text, dialect="spark")
    if not isinstance(tree, exp.Cast):
        return None
    written = tree.to.sql(dialect="spark").lower()
    return {"int": "integer", "bigint": "long"}.get(written, written)


def source_needs(source: Source) -> dict[str, tuple[str, ...]]:
    """Tell what each column of a bronze table is made of, one step back.

    Args:
        source: The source.

    Returns:
        Column -> columns its expression names; none for a landed column.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> needs = source_needs(load_config(Path()).sources["outcomes"])
    >>> needs["is_late"], needs["distance"], needs["event_ts"]
    (('arrival_delay_minutes',), (), ('arrival_ts', 'departure_ts'))
    """
    needs: dict[str, tuple[str, ...]] = dict.fromkeys(source.columns, ())
    needs |= {name: columns_named(derived.as_) for name, derived in source.derive.items()}
    return needs | {"event_ts": columns_named(source.event_ts), "available_ts": columns_named(source.available_ts)}


def standing_on(names: Iterable[str], needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Follow columns back to everything they are made of.

    Args:
        names: Where to begin.
        needs: Column -> columns it is made of.

    Returns:
        The columns themselves and all below them, each once, nearest first.

    >>> standing_on(["elapsed"], {"elapsed": ["arrival_ts"], "arrival_ts": ["arrival_utc"], "arrival_utc": []})
    ('elapsed', 'arrival_ts', 'arrival_utc')
    """
    found = dict.fromkeys(names)
    waiting = list(found)
    while waiting:
        below = [name for name in needs.get(waiting.pop(0), ()) if name not in found]
        found |= dict.fromkeys(below)
        waiting += below
    return tuple(found)


def feature_needs(table: FeatureTable) -> dict[str, tuple[str, ...]]:
    """Tell which columns of its source each feature of a table names.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> needs = feature_needs(load_config(Path()).feature_tables["weather"])
    >>> needs["dew_point_spread_f"]
    ('temperature_f', 'dew_point_f')
    """
    windowed = {each.name: each.columns for each in windowed_features(table)}
    return windowed | {name: columns_named(each.as_) for name, each in table.attributes.items()}
