"""Pearson's chi-squared test of two counted columns. No distance: it grows with the rows."""

from __future__ import annotations

import numpy as np

from lakeloop.distances.count_test import Counts, CountTest, Significance, checked_counts


def chi_squared_test(expected: Counts, actual: Counts) -> Significance | None:
    """Test whether two columns fall into their bins alike, rows taken for independent.

    The sum over sides and bins of (observed - fitted)^2 / fitted, without a correction for continuity. Bins that both
    sides leave empty do not count; nulls are a bin. The reference is counted data too: its bins are no known shares.

    Args:
        expected: Rows per bin of the reference, nulls in the last, shape [n_bins].
        actual: Rows per bin of the window, same bins.

    Returns:
        The statistic and its p-value, with one degree of freedom less than there are bins; statistic 0 and p-value 1
        where all rows lie in one bin. None where a side has no rows.

    Raises:
        DistributionError: If lengths differ, or a count is negative or not whole.

    Source: Pearson, "On the criterion that a given system of deviations ...", 1900; `scipy.stats.chi2_contingency`.

    >>> found = chi_squared_test(np.array([30, 30, 0]), np.array([20, 40, 0]))
    >>> round(found.statistic, 4), round(found.pvalue, 4)
    (3.4286, 0.0641)
    """
    table = np.stack(checked_counts(expected, actual))
    table = table[:, table.sum(axis=0) > 0]
    if not table.sum(axis=1).all():
        return None
    from scipy.stats import chi2_contingency  # slow to import, and the configuration imports this file

    found = chi2_contingency(table, correction=False)
    return Significance(float(found.statistic), float(found.pvalue))


TEST = CountTest(
    name="chi_squared",
    description="Pearson's chi-squared; the p-value takes rows for independent, and is recorded only",
    table_column="chi_squared_test",
    of=chi_squared_test,
)
