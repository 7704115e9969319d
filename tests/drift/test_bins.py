from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.drift.bins import ColumnBins, measure_deviations, propose_bins
from lakeloop.drift.counts import count_bins
from lakeloop.errors import DistributionError


def propose(values: list[object], bins: int = 4, **options: int) -> ColumnBins:
    return propose_bins(pa.table({"x": values}), ["x"], bins, **options)[0]


def test_quantile_edges_are_observed_values_that_split_the_rows_evenly():
    assert propose([float(n) for n in range(1, 101)]).edges == (25.0, 50.0, 75.0)


def test_a_constant_column_has_bins_for_leaving_the_constant():
    below, at = propose([7.0, 7.0, None]).edges
    assert (below < 7.0, math.nextafter(below, math.inf), at) == (True, 7.0, 7.0)


def test_few_distinct_values_get_a_bin_each_and_bins_outside_their_range():
    bins = propose([0, 1, 1, 5])
    assert bins.edges == (math.nextafter(0.0, -math.inf), 0.5, 3.0, 5.0)


def test_neighbouring_floats_are_still_told_apart():
    low, high = 1.0, math.nextafter(1.0, 2.0)
    bins = propose([low, high])
    assert np.searchsorted(bins.edges, [low, high]).tolist() == [1, 2]


def test_a_value_that_fills_several_quantiles_has_a_bin_of_its_own():
    bins = propose([*range(1, 11), *[50] * 80, *range(91, 101)], bins=10)
    places = np.searchsorted(bins.edges, [10, 49, 50, 51])
    assert (places[1] < places[2] < places[3], places[0] <= places[1]) == (True, True)


@pytest.mark.parametrize("values", [[], [None, None], [float("nan"), None], [float("inf"), float("-inf")]])
def test_a_column_without_finite_values_has_no_edges(values):
    bins = propose_bins(pa.table({"x": pa.array(values, pa.float64())}), ["x"], 4)[0]
    assert (bins.kind, bins.edges, bins.n_bins) == ("number", (), 2)


def test_text_gets_its_most_frequent_values_then_the_alphabet():
    assert propose(["b", "a", "c", "c", None, "d"], max_categories=3).categories == ("c", "a", "b")


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        (pa.array([True, False, True]), ("true", "false")),
        (pa.array(["x", None, "x"]).dictionary_encode(), ("x",)),
        (pa.nulls(2), ()),
    ],
)
def test_booleans_dictionaries_and_untyped_nulls_are_categories(values, categories):
    bins = propose_bins(pa.table({"x": values}), ["x"], 4)[0]
    assert (bins.kind, bins.categories) == ("category", categories)


@pytest.mark.parametrize(
    ("table", "bins", "problem"),
    [
        (pa.table({"y": [1]}), 4, "the column is absent"),
        (pa.table({"x": [[1]]}), 4, "has no bins"),
        (pa.table({"x": [1]}), 1, "fewer than 2"),
    ],
)
def test_what_cannot_be_binned_is_refused(table, bins, problem):
    with pytest.raises(DistributionError, match=problem):
        propose_bins(table, ["x"], bins)


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "number", "edges": (2.0, 1.0)},
        {"kind": "number", "edges": (1.0, 1.0)},
        {"kind": "number", "edges": (float("nan"),)},
        {"kind": "number", "edges": (float("inf"),)},
        {"kind": "number", "categories": ("a",)},
        {"kind": "category", "edges": (1.0,)},
        {"kind": "category", "categories": ("a", "a")},
    ],
)
def test_unsound_bins_cannot_be_made(arguments):
    with pytest.raises(DistributionError):
        ColumnBins("x", **arguments)


@settings(deadline=None)  # the first call loads libraries
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.none(), max_size=60),
    st.integers(min_value=2, max_value=8),
)
def test_proposed_bins_survive_json_and_count_every_row_once(values, bins):
    table = pa.table(
        {"x": pa.array(values, pa.float64()), "day": pa.array([0] * len(values), pa.int32()).cast(pa.date32())}
    )
    (proposed,) = propose_bins(table, ["x"], bins)
    assert ColumnBins.from_dict(json.loads(json.dumps(proposed.to_dict()))) == proposed
    assert sum(count_bins(table, [proposed], "day").column("rows").to_pylist()) == len(values)
    assert len(proposed.labels()) == proposed.n_bins


@settings(deadline=None)  # the first call loads libraries
@given(st.lists(st.integers(min_value=-5, max_value=5), min_size=1, max_size=40))
def test_with_few_distinct_values_no_two_share_a_bin(values):
    bins = propose([*values], bins=11)
    places = np.searchsorted(bins.edges, sorted(set(values)))
    assert len(set(places.tolist())) == len(set(values))
    outside = np.searchsorted(bins.edges, [min(values) - 1, max(values) + 1])
    assert not set(outside.tolist()) & set(places.tolist())


def test_instants_have_the_bins_and_the_spread_of_their_seconds():
    seconds = [1_280_000_000.25 + 3600 * hour for hour in range(50)]
    instants = pa.array([round(1e6 * each) for each in seconds], pa.timestamp("us", "UTC"))
    given, read = pa.table({"at": seconds}), pa.table({"at": instants})
    assert propose_bins(read, ["at"], 10) == propose_bins(given, ["at"], 10)
    assert measure_deviations(read, ["at"]) == measure_deviations(given, ["at"])
    with pytest.raises(DistributionError, match="has no bins"):
        propose_bins(pa.table({"at": instants.cast(pa.timestamp("us"))}), ["at"], 10)
