"""Aggregates of windowed features, a file each: a new file is a new word for `as:` in `conf/*/features/*.yml`.

Other packages bring more of them, by entry points of the group `lakeloop.aggregates`.

An aggregate is data: what the events of one tick come to, how ticks come together, and what their sums say. It is text
of Spark SQL, so that this package needs no Spark and an analyst can read what a feature is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from string import Formatter
from types import MappingProxyType
from typing import Any, get_args

from lakeloop.aggregates.aggregate import Merge, Part, WindowAggregate
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

_PLACES = frozenset({"value", "raw", "level"})


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
    if found.name != word:
        return f"its name is {found.name!r}, not that of the entry point"
    for part in found.parts:
        unknown = {name for _, name, _, _ in Formatter().parse(part.of_events) if name is not None} - _PLACES
        if unknown:
            return f"its part {part.name} names {', '.join(sorted(unknown))}, other than {', '.join(sorted(_PLACES))}"
        if part.merge not in get_args(Merge):
            return f"its part {part.name} is merged by {part.merge!r}; write one of {', '.join(get_args(Merge))}"
    return None
