"""Distances that read an order or a place into bins, and tests of counts, against scipy's of the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from lakeloop.distances import DISTANCES, TESTS, distances_of
from lakeloop.distances.chi_squared import chi_squared_test
from lakeloop.distances.distance import Binned
from lakeloop.distances.jensen_shannon import jensen_shannon_distances
from lakeloop.distances.ks import ks_distances, ks_test
from lakeloop.distances.l_infinity import l_infinity_distances
from lakeloop.distances.total_variation import total_variations
from lakeloop.distances.wasserstein import wasserstein_distances
from lakeloop.drift.binned import bin_numbers
from lakeloop.drift.bins import ColumnBins
from lakeloop.errors import DistributionError

counts = st.lists(st.integers(0, 40), min_size=5, max_size=5)
values = st.lists(st.integers(-30, 30), min_size=1, max_size=30)
BINS = ColumnBins("delay", "number", edges=(-10.0, 0.0, 5.0, 20.0))


def to_shares(rows: list[int]) -> np.ndarray:
    return np.array(rows) / sum(rows)


def spread_out(rows: list[int]) -> np.ndarray:
    """One number per row that has a value: the place of its bin."""
    return np.repeat(np.arange(len(rows) - 1), rows[:-1])


def binned(numbers: list[int], unit: float | None = None) -> Binned:
    place = np.searchsorted(BINS.edges, numbers, side="left")
    rows = np.bincount(place, minlength=BINS.n_bins)
    return bin_numbers(BINS, rows, np.bincount(place, weights=numbers, minlength=BINS.n_bins), unit)


@settings(deadline=None)  # the first call loads libraries
@given(counts.filter(any), counts.filter(any))
def test_jensen_shannon_is_that_of_scipy(expected, actual):
    e, a = to_shares(expected), to_shares(actual)
    found = float(jensen_shannon_distances(e, a))
    assert found == pytest.approx(jensenshannon(e, a, base=2), abs=1e-7)  # a root makes 1e-16 one of 1e-8
    assert 0 <= found <= 1 + 1e-12


def test_jensen_shannon_by_hand():
    # middles 1/4 and 3/4: (1/2 log2 2 + 1/2 log2 2/3 + log2 4/3) / 2
    expected = np.sqrt((0.5 + 0.5 * np.log2(2 / 3) + np.log2(4 / 3)) / 2)
    assert float(jensen_shannon_distances(np.array([0.5, 0.5]), np.array([0.0, 1.0]))) == pytest.approx(expected)
    assert float(jensen_shannon_distances(np.array([1.0, 0.0]), np.array([0.0, 1.0]))) == 1.0


@given(counts.filter(any), counts.filter(any))
def test_the_greatest_difference_lies_between_total_variation_and_its_share(expected, actual):
    e, a = to_shares(expected), to_shares(actual)
    found, total = float(l_infinity_distances(e, a)), float(total_variations(e, a))
    assert found == max(abs(x - y) for x, y in zip(e, a, strict=True))
    assert 2 * total / len(e) - 1e-12 <= found <= total + 1e-12


@settings(deadline=None)  # the first call loads libraries
@given(counts, counts)
def test_kolmogorov_smirnov_is_that_of_scipy_for_the_numbers_of_the_bins(expected, actual):
    assume(min(sum(expected[:-1]), sum(actual[:-1])) > 1)  # scipy divides by 0 for one value each
    found = ks_test(np.array(expected), np.array(actual))
    oracle = stats.ks_2samp(spread_out(expected), spread_out(actual), method="asymp")
    assert found is not None
    assert found.statistic == pytest.approx(oracle.statistic, abs=1e-12)
    assert found.pvalue == pytest.approx(oracle.pvalue, abs=1e-9)
    along = ks_distances(to_shares(expected), to_shares(actual))
    assert float(along) == pytest.approx(found.statistic, abs=1e-12)
    assert float(ks_distances(to_shares(actual), to_shares(expected))) == pytest.approx(float(along), abs=1e-12)


@given(values.filter(lambda each: len(each) > 1), values.filter(lambda each: len(each) > 1))
def test_binning_takes_from_kolmogorov_smirnov_no_more_than_a_bin_holds(before, now):
    reference, week = binned(before), binned(now)
    found = float(ks_distances(reference.shares, week.shares))
    whole = stats.ks_2samp(before, now, method="asymp").statistic
    assert found - 1e-12 <= whole <= found + max(reference.shares.max(), week.shares.max()) + 1e-12


def test_nulls_alone_move_neither_kolmogorov_smirnov_nor_wasserstein():
    before, now = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.1, 0.8])
    means = np.array([1.0, 5.0])
    assert float(ks_distances(before, now)) == 0.0
    assert float(wasserstein_distances(Binned(before, means, 2.0), Binned(now, means))) == 0.0


@pytest.mark.parametrize("name", ["ks", "wasserstein"])
def test_a_side_without_values_has_no_distance(name):
    some, none = (Binned(np.array(each), np.array([1.0, 2.0]), 1.0) for each in ([0.5, 0.5, 0.0], [0.0, 0.0, 1.0]))
    for sides in ((some, none), (none, some), (none, none)):
        assert np.isnan(DISTANCES[name].compare(*sides))
    assert ks_test(np.array([0, 0, 5]), np.array([1, 1, 0])) is None


def test_shares_without_a_value_are_refused():
    with pytest.raises(DistributionError, match="actual: no row has a value"):
        DISTANCES["ks"].between([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])


@settings(deadline=None)  # the first call loads libraries
@given(values, values, st.floats(0.1, 10))
def test_wasserstein_is_that_of_scipy_for_the_means_of_the_bins(before, now, unit):
    reference, week = binned(before, unit), binned(now, unit)
    assert reference.means is not None
    assert week.means is not None
    oracle = stats.wasserstein_distance(reference.means, week.means, reference.shares[:-1], week.shares[:-1]) / unit
    assert float(wasserstein_distances(reference, week)) == pytest.approx(oracle, abs=1e-9)
    assert float(wasserstein_distances(week, reference)) == pytest.approx(oracle, abs=1e-9)
    assert float(wasserstein_distances(reference, reference)) == pytest.approx(0, abs=1e-9)


@given(values, values)
def test_binning_moves_wasserstein_by_no_more_than_values_lie_from_the_means_of_their_bins(before, now):
    def deviation(numbers: list[int], means: np.ndarray) -> float:
        return float(np.abs(np.array(numbers) - means[np.searchsorted(BINS.edges, numbers, side="left")]).mean())

    reference, week = binned(before, 1.0), binned(now)
    assert reference.means is not None
    assert week.means is not None
    found, whole = float(wasserstein_distances(reference, week)), stats.wasserstein_distance(before, now)
    assert abs(found - whole) <= deviation(before, reference.means) + deviation(now, week.means) + 1e-9


def test_wasserstein_sees_a_shift_in_an_open_end_bin_that_shares_do_not():
    before, now = binned([0, 10, 30], unit=10.0), binned([0, 10, 90])
    assert float(wasserstein_distances(before, now)) == pytest.approx(2.0)  # a third of the rows by 60, over 10
    assert float(ks_distances(before.shares, now.shares)) == 0.0


def test_wasserstein_compares_many_windows_as_it_compares_one():
    reference = binned([0, 3, 10, 30], unit=10.0)
    weeks = [binned([0, 3, 10, 90]), binned([-20, 40]), binned([4])]
    many = Binned(np.stack([each.shares for each in weeks]), np.stack([each.means for each in weeks]))  # type: ignore[misc]
    found = wasserstein_distances(reference, many)
    assert found.tolist() == pytest.approx([float(wasserstein_distances(reference, each)) for each in weeks])


@pytest.mark.parametrize(
    ("reference", "week"),
    [
        (Binned(np.array([0.5, 0.5])), Binned(np.array([0.5, 0.5]), np.array([1.0]))),
        (Binned(np.array([0.5, 0.5]), np.array([1.0]), 1.0), Binned(np.array([0.5, 0.5]))),
        (Binned(np.array([0.5, 0.5]), np.array([1.0]), None), Binned(np.array([0.5, 0.5]), np.array([1.0]))),
        (Binned(np.array([0.5, 0.5]), np.array([1.0]), 0.0), Binned(np.array([0.5, 0.5]), np.array([1.0]))),
    ],
)
def test_wasserstein_refuses_what_has_no_means_or_no_unit(reference, week):
    with pytest.raises(DistributionError, match="needs the means"):
        DISTANCES["wasserstein"].compare(reference, week)
    with pytest.raises(DistributionError, match="needs the means"):
        DISTANCES["wasserstein"].between([0.5, 0.5], [0.5, 0.5])


def test_chi_squared_of_the_textbook():
    # Agresti, "An Introduction to Categorical Data Analysis", 2007, table 2.5: gender and party; X^2 = 30.07, 2 degrees
    found = chi_squared_test(np.array([762, 327, 468]), np.array([484, 239, 477]))
    assert found is not None
    assert round(found.statistic, 2) == 30.07
    assert found.pvalue == pytest.approx(np.exp(-found.statistic / 2))  # of two degrees


@settings(deadline=None)  # the first call loads libraries
@given(counts.filter(any), counts.filter(any))
def test_chi_squared_by_its_formula(expected, actual):
    table = np.array([expected, actual])
    table = table[:, table.sum(axis=0) > 0]
    fitted = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    found = chi_squared_test(np.array(expected), np.array(actual))
    assert found is not None
    assert found.statistic == pytest.approx(((table - fitted) ** 2 / fitted).sum(), abs=1e-9)
    assert found.pvalue == pytest.approx(
        stats.chi2.sf(found.statistic, table.shape[1] - 1) if table.shape[1] > 1 else 1
    )
    back = chi_squared_test(np.array(actual), np.array(expected))
    assert back is not None
    assert back.statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)


def test_tests_tell_nothing_without_rows_and_refuse_what_are_no_counts():
    assert chi_squared_test(np.array([0, 0]), np.array([3, 1])) is None
    for test in TESTS.values():
        with pytest.raises(DistributionError, match="whole numbers"):
            test.of(np.array([0.5, 0.5]), np.array([1, 1]))  # type: ignore[arg-type]
        with pytest.raises(DistributionError, match="has 1 bins"):
            test.of(np.array([1, 1]), np.array([1]))


def test_what_a_column_may_be_judged_by():
    assert distances_of("category") == ("jensen_shannon", "l_infinity", "psi", "total_variation")
    assert distances_of("number") == ("jensen_shannon", "ks", "l_infinity", "psi", "total_variation", "wasserstein")
    assert sorted(TESTS) == ["chi_squared", "ks"]
