"""Aggregates of windowed features, a file each: a new file is a new word for `as:` in `conf/*/features/*.yml`.

Other packages bring more of them, by entry points of the group `lakeloop.aggregates`.

An aggregate is data: what the events of one tick come to, how ticks come together, and what their sums say. It is text
of Spark SQL, so that this package needs no Spark and an analyst can read what a feature is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from lakeloop.aggregates.aggregate import Part, WindowAggregate
from lakeloop.entry_points import PluginGroup, find_brought

__all__ = ["AGGREGATES", "PARTS", "Part", "WindowAggregate", "find_aggregate"]


def _find() -> dict[str, WindowAggregate]:
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    found = [module.AGGREGATE for module in modules if hasattr(module, "AGGREGATE")]
    return {each.name: each for each in sorted(found, key=lambda aggregate: aggregate.name)}


AGGREGATES: Mapping[str, WindowAggregate] = MappingProxyType(_find())
"""Name -> aggregate, by name; those that are built in."""

PARTS = frozenset(part for each in AGGREGATES.values() for part in each.parts)
"""What they are made of; aggregates of one measure share these."""


def find_aggregate(name: str) -> WindowAggregate:
    """Find an aggregate by its name: one that is built in, or that a package brings.

    Args:
        name: What is written in `as:`.

    Returns:
        The aggregate.

    Raises:
        PluginError: If there is none, two packages bring it, or what is brought is none.

    >>> find_aggregate("count").gives
    'long'
    """
    return find_brought(PluginGroup.AGGREGATES, name, AGGREGATES, _problem)


def _problem(found: Any, word: str) -> str | None:
    if not isinstance(found, WindowAggregate):
        return f"it is {type(found).__name__}, not a lakeloop.plugins.aggregates.WindowAggregate"
    return f"its name is {found.name!r}, not that of the entry point" if found.name != word else None
