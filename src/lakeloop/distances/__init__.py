"""Distances between two binned distributions, a file each: a new file is a new statistic of drift.

A distance is one function over shares, vectorised along the last axis, so that the same code compares one window and
every stretch of days of a reference. A file may hold a test of counts besides, or alone: tests are recorded, no column
is judged by one. Other packages bring more distances, by entry points of the group `lakeloop.distances`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from lakeloop.distances.count_test import CountTest
from lakeloop.distances.distance import Distance, Kind, Shares
from lakeloop.entry_points import PluginGroup, find_brought, plugin_failed

__all__ = ["DISTANCES", "TESTS", "CountTest", "Distance", "distances_of", "find_distance"]

_T = TypeVar("_T")

_MODULES = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
_DISTANCES: list[Distance] = [module.DISTANCE for module in _MODULES if hasattr(module, "DISTANCE")]
_TESTS: list[CountTest] = [module.TEST for module in _MODULES if hasattr(module, "TEST")]

DISTANCES: Mapping[str, Distance] = MappingProxyType(
    {each.name: each for each in sorted(_DISTANCES, key=lambda distance: distance.name)}
)
"""Name -> distance, by name; those that are built in."""

TESTS: Mapping[str, CountTest] = MappingProxyType(
    {each.name: each for each in sorted(_TESTS, key=lambda test: test.name)}
)
"""Name -> test of counts, by name."""


def distances_of(kind: Kind) -> tuple[str, ...]:
    """Name the built-in distances that a column of a kind can be judged by.

    >>> "ks" in distances_of("number"), "ks" in distances_of("category")
    (True, False)
    """
    return tuple(name for name, each in DISTANCES.items() if kind in each.kinds)


def find_distance(name: str) -> Distance:
    """Find a distance by its name: one that is built in, or that a package brings.

    Args:
        name: What is written in `monitor.statistic`.

    Returns:
        The distance.

    Raises:
        PluginError: If there is none, two packages bring it, or what is brought is none.

    >>> find_distance("psi").min_effect
    0.1
    """
    found = find_brought(PluginGroup.DISTANCES, name, DISTANCES, _problem)
    return found if name in DISTANCES else _guarded(found)


def _guarded(distance: Distance) -> Distance:
    """Hold a package's function to what it has to give: a distance that is not known is never a small one."""
    along, along_values = distance.along, distance.along_values
    return replace(
        distance,
        along=None if along is None else lambda one, other: _checked(distance, along, one, other, (one, other)),
        along_values=None
        if along_values is None
        else lambda one, other: _checked(distance, along_values, one, other, (one.shares, other.shares)),
    )


def _checked(
    distance: Distance, function: Callable[[_T, _T], Shares], one: _T, other: _T, shares: tuple[Shares, Shares]
) -> Shares:
    try:
        found = np.asarray(function(one, other), dtype=np.float64)
    except Exception as failure:
        raise plugin_failed(PluginGroup.DISTANCES, distance.name, failure) from failure
    shape = np.broadcast_shapes(*(each.shape[:-1] for each in shares))
    known = found[~np.isnan(found)] if distance.nulls_apart else found
    if found.shape != shape:
        said = f"gave distances of shape {found.shape} where {shape} was asked for"
        raise plugin_failed(PluginGroup.DISTANCES, distance.name, said)
    if not bool(((known >= 0) & np.isfinite(known)).all()):
        said = "gave a distance that is negative, infinite or not a number"
        raise plugin_failed(PluginGroup.DISTANCES, distance.name, said)
    return found


def _problem(found: Any, word: str) -> str | None:
    if not isinstance(found, Distance):
        return f"it is {type(found).__name__}, not a lakeloop.plugins.distances.Distance"
    if found.name != word:
        return f"its name is {found.name!r}, not that of the entry point"
    return None if found.table_column is None else "it names a table_column, which only lakeloop's own have"
