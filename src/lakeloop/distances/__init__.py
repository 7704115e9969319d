"""Distances between two binned distributions, a file each: a new file is a new statistic of drift.

A distance is one function over shares, vectorised along the last axis, so that the same code compares one window and
every stretch of days of a reference. A file may hold a test of counts besides, or alone: tests are recorded, no column
is judged by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from lakeloop.distances.count_test import CountTest
from lakeloop.distances.distance import Distance, Kind

__all__ = ["DISTANCES", "TESTS", "CountTest", "Distance", "distances_of"]

_MODULES = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
_DISTANCES: list[Distance] = [module.DISTANCE for module in _MODULES if hasattr(module, "DISTANCE")]
_TESTS: list[CountTest] = [module.TEST for module in _MODULES if hasattr(module, "TEST")]

DISTANCES: Mapping[str, Distance] = MappingProxyType(
    {each.name: each for each in sorted(_DISTANCES, key=lambda distance: distance.name)}
)
"""Name -> distance, by name."""

TESTS: Mapping[str, CountTest] = MappingProxyType(
    {each.name: each for each in sorted(_TESTS, key=lambda test: test.name)}
)
"""Name -> test of counts, by name."""


def distances_of(kind: Kind) -> tuple[str, ...]:
    """Name the distances that a column of a kind can be judged by.

    >>> "ks" in distances_of("number"), "ks" in distances_of("category")
    (True, False)
    """
    return tuple(name for name, each in DISTANCES.items() if kind in each.kinds)
