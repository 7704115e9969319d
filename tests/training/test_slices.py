from __future__ import annotations

import numpy as np
import pytest

from lakeloop.config.gate import Gate
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.slices import MIN_SLICE_ROWS, estimate_slices, group_rows

DAYS = np.arange("2013-05-01", "2013-05-05", dtype="datetime64[D]")


def declare_gate(*slices):
    return Gate.model_validate({"metric": "brier", "non_inferior_by": 0.1, "min_blocks": 3, "slices": list(slices)})


def test_slices_by_hand():
    """Ten rows of A on three days, ten of B on one, three without a value."""
    y = np.array([*([0.0, 1.0] * 5), *([0.0] * 10), *([1.0] * 3)])
    score = np.array([*([0.5] * 10), *([1.0] * 10), *([1.0] * 3)])
    days = np.array([*DAYS[[0, 1, 2] * 3], DAYS[0], *[DAYS[3]] * 13])
    found = estimate_slices(declare_gate("shop"), y, score, days, {"shop": [*"A" * 10, *"B" * 10, None, None, None]})
    assert [(each.value, each.found.rows, each.found.days, each.found.value, each.mean_outcome) for each in found] == [
        ("A", 10, 3, 0.25, 0.5),
        ("B", 10, 1, 1.0, 0.0),
        ("(null)", 3, 1, None, None),
    ]
    assert [(each.found.status, each.found.lower) for each in found] == [
        (EvidenceStatus.OK, pytest.approx(0.25)),
        (EvidenceStatus.TOO_FEW_BLOCKS, None),
        (EvidenceStatus.TOO_FEW_ROWS, None),
    ]


@pytest.mark.parametrize(("rows", "value"), [(MIN_SLICE_ROWS - 1, None), (MIN_SLICE_ROWS, 0.25)])
def test_a_slice_of_few_rows_tells_nothing_of_them(rows, value):
    (found,) = estimate_slices(
        declare_gate("shop"), np.zeros(rows), np.full(rows, 0.5), DAYS[np.arange(rows) % 4], {"shop": ["A"] * rows}
    )
    assert (found.found.value, found.mean_outcome) == (value, None if value is None else 0.0)


def test_values_of_a_private_column_are_told_nowhere():
    values = {"passenger": ["ANNA"] * 20 + ["BERT"] * 20, "shop": ["A"] * 40}
    gate = declare_gate("passenger", "shop")
    days = DAYS[np.arange(40) % 4]
    found = estimate_slices(gate, np.zeros(40), np.full(40, 0.5), days, values, hidden={"passenger"})
    assert [(each.column, each.value, each.found.status, each.found.value) for each in found] == [
        ("passenger", None, EvidenceStatus.HIDDEN, None),
        ("shop", "A", EvidenceStatus.OK, 0.25),
    ]
    assert [(each.to_dict()["slice_key"], each.to_dict()["slice_value"]) for each in found] == [
        ("passenger", None),
        ("shop", "A"),
    ]
    assert "ANNA" not in str([each.to_dict() for each in found])


def test_values_beyond_the_most_frequent_ones_are_one_slice():
    values = [f"{number:03d}" for number in range(120)] + ["003"]
    found = group_rows(values)
    assert found[0][0] == "003"
    assert (found[-1][0], int(found[-1][1].sum())) == ("(other)", 20)
    assert len(found) == 101
    assert sum(rows.astype(int) for _, rows in found).tolist() == [1] * 121


def test_no_declared_slice_is_no_slice_and_an_absent_one_is_refused():
    assert estimate_slices(declare_gate(), np.zeros(4), np.full(4, 0.5), DAYS, {}) == ()
    with pytest.raises(DistributionError, match="lacks the column"):
        estimate_slices(declare_gate("shop"), np.zeros(4), np.full(4, 0.5), DAYS, {})
    with pytest.raises(DistributionError, match="does not fit"):
        estimate_slices(declare_gate("shop"), np.zeros(4), np.full(4, 0.5), DAYS, {"shop": ["A"]})
