"""What feature tables are made from through one another: sources, order of building, circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lakeloop.config.feature_table import FeatureTable

Tables = Mapping[str, FeatureTable]


def tables_below(tables: Tables, names: Iterable[str]) -> tuple[str, ...]:
    """Follow feature tables down to all those they are made from.

    Args:
        tables: The project's feature tables by name.
        names: Where to begin.

    Returns:
        The tables themselves and all below them, each once; a name that is not declared is left out.

    >>> tables_below(shops.feature_tables, ["shop_last"])
    ('shop_last',)
    """
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name in tables and name not in found:
            found[name] = None
            waiting += tables[name].feature_tables
    return tuple(found)


def tables_above(tables: Tables, name: str) -> tuple[str, ...]:
    """Find the feature tables that read a feature table, through any number of tables.

    Args:
        tables: The project's feature tables by name.
        name: The table they read.

    Returns:
        Their names, in the order of the project.

    >>> tables_above(shops.feature_tables, "shop_last")
    ()
    """
    return tuple(each for each in tables if each != name and name in tables_below(tables, [each]))


def sources_below(tables: Tables, names: Iterable[str]) -> tuple[str, ...]:
    """Find the sources that feature tables stand on, through any number of tables.

    Args:
        tables: The project's feature tables by name.
        names: Tables to ask for.

    Returns:
        Sources, each once.

    >>> sources_below(shops.feature_tables, ["shop_last", "shop_delays"])
    ('deliveries',)
    """
    return tuple(dict.fromkeys(each for name in tables_below(tables, names) for each in tables[name].sources))


def build_levels(tables: Tables) -> tuple[tuple[FeatureTable, ...], ...]:
    """Put feature tables in the order in which they are built.

    Args:
        tables: The project's feature tables by name; none stands on itself.

    Returns:
        Levels; a table stands on tables of earlier levels only, so that those of a level are built side by side.

    >>> [[each.feature_table for each in level] for level in build_levels(shops.feature_tables)]
    [['shop_delays', 'shop_last']]
    """
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = 1 + max((depth(each) for each in tables[name].feature_tables if each in tables), default=-1)
        return depths[name]

    levels: dict[int, list[FeatureTable]] = {}
    for name, table in tables.items():
        levels.setdefault(depth(name), []).append(table)
    return tuple(tuple(levels[each]) for each in sorted(levels))


def find_circle(tables: Tables, name: str) -> tuple[str, ...]:
    """Find the way from a feature table back to itself.

    Args:
        tables: The project's feature tables by name.
        name: One of them.

    Returns:
        The shortest way, `a`, `b`, `a`; none where there is none.

    >>> find_circle(shops.feature_tables, "shop_last")
    ()
    """
    ways: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for below in tables[way[-1]].feature_tables if way[-1] in tables else ():
            if below == name:
                return (*way, name)
            if below not in seen:
                seen.add(below)
                ways.append((*way, below))
    return ()
