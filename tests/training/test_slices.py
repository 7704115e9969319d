from __future__ import annotations

import numpy as np
import pytest

from lakeloop.config.gate import Gate
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.slices import group_rows, measure_slices

DAYS = np.arange("2013-05-01", "2013-05-05", dtype="datetime64[D]")


def declare_gate(*slices):
    return Gate.model_validate({"metric": "brier", "non_inferior_by": 0.1, "min_blocks": 3, "slices": list(slices)})


def test_slices_by_hand():
    y, score = np.array([0.0, 1, 1, 0, 1]), np.array([0.5, 0.5, 0.5, 1.0, 1.0])
    days = np.append(DAYS, DAYS[-1])
    found = measure_slices(declare_gate("shop"), y, score, days, {"shop": ["A", "A", "A", "B", None]})
    assert [(each.value, each.found.rows, each.found.days, each.found.value, each.mean_outcome) for each in found] == [
        ("A", 3, 3, 0.25, pytest.approx(2 / 3)),
        ("(null)", 1, 1, 0.0, 1.0),
        ("B", 1, 1, 1.0, 0.0),
    ]
    assert [(each.found.status, each.found.lower) for each in found] == [
        (EvidenceStatus.OK, pytest.approx(0.25)),
        (EvidenceStatus.TOO_FEW_BLOCKS, None),
        (EvidenceStatus.TOO_FEW_BLOCKS, None),
    ]


def test_values_of_a_private_column_are_told_nowhere():
    values = {"passenger": ["ANNA", "ANNA", "BERT", "BERT"], "shop": ["A"] * 4}
    gate = declare_gate("passenger", "shop")
    found = measure_slices(gate, np.zeros(4), np.full(4, 0.5), DAYS, values, hidden={"passenger"})
    assert [(each.column, each.value, each.found.status.value, each.found.value) for each in found] == [
        ("passenger", None, "HIDDEN", None),
        ("shop", "A", "OK", 0.25),
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
    assert measure_slices(declare_gate(), np.zeros(4), np.full(4, 0.5), DAYS, {}) == ()
    with pytest.raises(DistributionError, match="lacks the column"):
        measure_slices(declare_gate("shop"), np.zeros(4), np.full(4, 0.5), DAYS, {})
    with pytest.raises(DistributionError, match="does not fit"):
        measure_slices(declare_gate("shop"), np.zeros(4), np.full(4, 0.5), DAYS, {"shop": ["A"]})
