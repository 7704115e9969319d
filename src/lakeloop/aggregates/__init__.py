"""Aggregates of windowed features, a file each: a new file is a new word for `as:` in `conf/*/features/*.yml`.

An aggregate is data: what the events of one tick come to, how ticks come together, and what their sums say. It is text
of Spark SQL, so that this package needs no Spark and an analyst can read what a feature is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from lakeloop.aggregates.aggregate import Part, WindowAggregate

__all__ = ["AGGREGATES", "Part", "WindowAggregate"]


def _find() -> dict[str, WindowAggregate]:
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    found = [module.AGGREGATE for module in modules if hasattr(module, "AGGREGATE")]
    return {each.name: each for each in sorted(found, key=lambda aggregate: aggregate.name)}


AGGREGATES: Mapping[str, WindowAggregate] = MappingProxyType(_find())
"""Name -> aggregate, by name."""
