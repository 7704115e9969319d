from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cityblock
from scipy.stats import entropy

from lakeloop.distances import DISTANCES
from lakeloop.distances.distance import Binned, Distance
from lakeloop.distances.psi import population_stability_index
from lakeloop.distances.total_variation import total_variation
from lakeloop.errors import DistributionError

OF_SHARES = [each for each in DISTANCES.values() if not each.needs_values]

shares = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any).map(lambda n: [x / sum(n) for x in n])


def test_psi_by_hand():
    # (0.6 - 0.5) ln(1.2) + (0.2 - 0.3) ln(2/3) + (0.2 - 0.2) ln(1)
    expected = 0.1 * math.log(1.2) - 0.1 * math.log(2 / 3)
    assert population_stability_index([0.5, 0.3, 0.2], [0.6, 0.2, 0.2]) == pytest.approx(expected, rel=1e-12)


def test_an_emptied_bin_counts_with_the_floor():
    expected = (0.01 - 0.5) * math.log(0.01 / 0.5) + (1 - 0.5) * math.log(2)
    assert population_stability_index([0.5, 0.5], [0.0, 1.0], floor=0.01) == pytest.approx(expected, rel=1e-12)


def test_total_variation_by_hand():
    assert total_variation([0.5, 0.3, 0.2], [0.1, 0.3, 0.6]) == pytest.approx(0.4, rel=1e-12)
    assert total_variation([1.0, 0.0], [0.0, 1.0]) == 1.0


@settings(deadline=None)  # the first call loads libraries
@given(shares, shares)
def test_psi_is_the_symmetrised_divergence_and_total_variation_half_the_city_block(expected, actual):
    raised = [np.maximum(values, 1e-4) for values in (expected, actual)]
    divergence = entropy(*raised) + entropy(*reversed(raised))
    psi = population_stability_index(expected, actual)
    # scipy normalises what the floor lifted above 1: up to 3 floors in 4 bins
    assert psi == pytest.approx(divergence, rel=1e-2, abs=1e-2)
    assert total_variation(expected, actual) == pytest.approx(cityblock(expected, actual) / 2, abs=1e-12)


@settings(deadline=None)  # the first call loads libraries
@given(shares, shares)
def test_both_are_symmetric_not_negative_and_zero_on_equal_shares(expected, actual):
    for statistic in (population_stability_index, total_variation):
        assert statistic(expected, actual) == pytest.approx(statistic(actual, expected), rel=1e-9, abs=1e-15)
        assert statistic(expected, actual) >= 0
        assert statistic(expected, expected) == 0
    assert total_variation(expected, actual) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("expected", "actual", "problem"),
    [
        ([0.5, 0.5], [1.0], "has 1 bins where expected has 2"),
        ([0.5, 0.6], [0.5, 0.5], "sum to 1.1"),
        ([0.5, float("nan")], [0.5, 0.5], "NaN or negative"),
        ([1.5, -0.5], [0.5, 0.5], "NaN or negative"),
        ([], [], "one share per bin"),
        ([0.5, 0.5], [float("inf"), 0.0], "sum to inf"),
    ],
)
@pytest.mark.parametrize("statistic", [population_stability_index, total_variation])
def test_what_is_not_a_distribution_is_refused(statistic, expected, actual, problem):
    with pytest.raises(DistributionError, match=problem):
        statistic(expected, actual)


@pytest.mark.parametrize("floor", [0.0, 1.0, -1.0, float("nan")])
def test_a_floor_outside_its_range_is_refused(floor):
    with pytest.raises(DistributionError, match="floor"):
        population_stability_index([0.5, 0.5], [0.5, 0.5], floor=floor)


def have_values(distance: Distance, *sides: list[float]) -> bool:
    return not distance.nulls_apart or all(sum(side[:-1]) > 0 for side in sides)


@pytest.mark.parametrize("distance", OF_SHARES, ids=lambda each: each.name)
@settings(deadline=None)  # the first call loads libraries
@given(expected=shares, actual=shares)
def test_every_distance_is_zero_between_equals_and_never_negative(distance, expected, actual):
    assume(have_values(distance, expected, actual))
    assert distance.between(expected, expected) == pytest.approx(0.0, abs=1e-12)
    assert distance.between(expected, actual) >= 0.0
    assert distance.between(expected, actual) == pytest.approx(distance.between(actual, expected), rel=1e-9, abs=1e-9)
    assert distance.min_effect > 0


@pytest.mark.parametrize("distance", OF_SHARES, ids=lambda each: each.name)
def test_every_distance_compares_many_windows_as_it_compares_one(distance):
    windows = [[0.5, 0.3, 0.2], [0.0, 0.9, 0.1], [0.1, 0.8, 0.1]]
    reference = Binned(np.array([0.6, 0.3, 0.1]))
    along = distance.compare(reference, Binned(np.array([windows, windows[::-1]])))
    singly = [distance.between([0.6, 0.3, 0.1], window) for window in windows]
    assert along[0].tolist() == pytest.approx(singly)
    assert along[1].tolist() == pytest.approx(singly[::-1])
    turned = windows[::-1]
    rest = distance.compare(Binned(np.array(windows)), Binned(np.array(turned)))
    assert rest.tolist() == pytest.approx([distance.between(*s) for s in zip(windows, turned, strict=True)])


@pytest.mark.parametrize("wrong", [[0.5, 0.6], [0.5, float("nan")], [], [1.0]])
def test_every_distance_refuses_what_are_no_shares(wrong):
    for distance in DISTANCES.values():
        with pytest.raises(DistributionError):
            distance.between([0.5, 0.5], wrong)


@pytest.mark.parametrize("distance", DISTANCES.values(), ids=lambda each: each.name)
def test_one_function_tells_a_distance(distance):
    assert (distance.along is None) is distance.needs_values
    with pytest.raises(DistributionError, match="by one of"):
        Distance("both", "", 0.1, along=lambda e, a: e, along_values=lambda e, a: e.shares)
    with pytest.raises(DistributionError, match="by one of"):
        Distance("none", "", 0.1)
