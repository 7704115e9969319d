"""Distances between two binned distributions, a file each: a new file is a new statistic of drift.

A distance is one function over shares, vectorised along the last axis, so that the same code compares one window and
every stretch of days of a reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from lakeloop.distances.distance import Distance

__all__ = ["DISTANCES", "Distance"]


def _find() -> dict[str, Distance]:
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    found = [module.DISTANCE for module in modules if hasattr(module, "DISTANCE")]
    return {each.name: each for each in sorted(found, key=lambda distance: distance.name)}


DISTANCES: Mapping[str, Distance] = MappingProxyType(_find())
"""Name -> distance, by name."""
