"""Sketches: a number that is left out, because it can change nothing, changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from datasketches import HLL_4, hll_sketch

from lakeloop.drift.sketches import HLL_LOG_K, DistinctSketch

DRAWN = np.random.default_rng(7)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(0),
        np.array([0.0, -0.0, 1.5, 1.5]),
        np.arange(24.0).repeat(4000),
        DRAWN.integers(0, 180, 20_000).astype(float),  # as many as are listed
        DRAWN.integers(0, 260, 20_000).astype(float),
        DRAWN.integers(0, 3000, 20_000).astype(float),
        DRAWN.normal(size=90_000),
        DRAWN.integers(0, 3000, 90_000).astype(float),
        DRAWN.integers(0, 200, 90_000).astype(float),
        np.array([np.finfo(float).max, np.finfo(float).tiny, -np.finfo(float).max]),
    ],
    ids=[
        "none",
        "zeros",
        "hours",
        "listed",
        "just registers",
        "thousands",
        "all differ",
        "thousands of many",
        "hundreds of many",
        "extremes",
    ],
)
@pytest.mark.parametrize("batch", [1000, 65_536])
def test_numbers_at_once_give_the_bytes_of_numbers_one_by_one(values: np.ndarray, batch: int) -> None:
    plain, at_once = hll_sketch(HLL_LOG_K, HLL_4), DistinctSketch()
    for value in values.tolist():
        plain.update(value + 0.0)
    for start in range(0, len(values), batch):
        at_once.add_numbers(values[start : start + batch])
    assert at_once.to_bytes() == (bytes(plain.serialize_compact()) if len(values) else None)


def test_numbers_added_to_a_merged_sketch_are_counted() -> None:
    first, second = DistinctSketch(), DistinctSketch()
    first.add_numbers(np.arange(5000.0))
    second.add_numbers(np.arange(2500.0, 7500.0))
    merged = DistinctSketch.merged([first.to_bytes(), second.to_bytes()])
    merged.add_numbers(np.arange(7500.0, 10_000.0))
    assert merged.estimate == pytest.approx(10_000, rel=0.1)
