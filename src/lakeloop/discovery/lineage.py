"""Which columns a column stands on, through the expressions of a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import sqlglot
from sqlglot import exp

from lakeloop.config.computed_references import table_columns
from lakeloop.config.expressions import expression_columns
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.source import Source
from lakeloop.config.sql_statement import columns_named as statement_columns
from lakeloop.config.sql_statement import read_statement
from lakeloop.config.tree import Config
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


def feature_needs(config: Config, table: FeatureTable) -> dict[str, tuple[tuple[str, str], ...]]:
    """Tell which columns each feature of a table is made of, one step back.

    Args:
        config: The project.
        table: One of its feature tables.

    Returns:
        Feature -> pairs of `<source>` or `gold.<feature table>` and a column of it. All that a statement names counts
        for each of its features: what it filters and joins by, too. A function is given all columns of its source.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> config = load_config(Path())
    >>> feature_needs(config, config.feature_tables["weather"])["dew_point_spread_f"]
    (('weather', 'temperature_f'), ('weather', 'dew_point_f'))
    """
    if table.sql is not None:
        statement, known = read_statement(table.sql), table_columns(config)
        named_by = ((each.text.rpartition(".")[2], each.tables) for each in statement_columns(statement, known))
        used = dict.fromkeys((key, name) for name, keys in named_by for key in keys)
        return dict.fromkeys(table.features, tuple(used))
    source = str(table.from_)
    if table.kind is Kind.PYTHON:
        return dict.fromkeys(table.features, tuple((source, name) for name in config.sources[source].all_columns))
    named = {each.name: each.columns for each in windowed_features(table)}
    named |= {name: columns_named(each.as_) for name, each in table.attributes.items()}
    return {name: tuple((source, column) for column in columns) for name, columns in named.items()}


def landed_below(config: Config, used: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Follow columns of any table back to the landed columns they come from.

    Args:
        config: The project.
        used: Pairs of a table and a column, as of `feature_needs`.

    Returns:
        `<source>.<column>`, each once, nearest first.

    >>> landed_below(shops, [("gold.shop_last", "last_delay_minutes"), ("deliveries", "is_late")])
    ('deliveries.delay_minutes',)
    """
    return tuple(
        f"{source}.{column}"
        for source, column in source_columns_below(config, used)
        if column in config.sources[source].columns
    )


def source_columns_below(config: Config, used: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Follow columns of any table back through bronze and gold to all source columns they stand on.

    Args:
        config: The project.
        used: Pairs of a table and a column, as of `feature_needs`.

    Returns:
        Pairs of a source and a column, those that are named first, each once.

    >>> source_columns_below(shops, [("gold.shop_last", "last_delay_minutes")])
    (('deliveries', 'delay_minutes'),)
    """
    found: dict[tuple[str, str], None] = {}
    waiting, seen = list(used), set[tuple[str, str]]()
    while waiting:
        key, column = waiting.pop(0)
        if (key, column) in seen:
            continue
        seen.add((key, column))
        if key in config.sources:
            found[key, column] = None
            waiting += [(key, each) for each in source_needs(config.sources[key]).get(column, ())]
        elif key.startswith("gold.") and key.removeprefix("gold.") in config.feature_tables:
            table = config.feature_tables[key.removeprefix("gold.")]
            keys_of = [(source, column) for source in table.sources] if column in table.entity else []
            waiting += feature_needs(config, table).get(column, keys_of)
    return tuple(each for each in found if each[1] in _known(config.sources[each[0]]))


def _known(source: Source) -> frozenset[str]:
    return frozenset(source_needs(source))
