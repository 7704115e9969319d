from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from lakeloop.config.estimator import Estimator
from lakeloop.errors import DataContractError, UsageError
from lakeloop.training.weights import RowFacts, column_weights, row_weights

NAN = np.nan
DAY = 86_400.0


def declare(**keys: Any) -> Estimator:
    return Estimator.model_validate({"class": "a.B", **keys})


def weigh(estimator: Estimator, rows: RowFacts, others: RowFacts | None = None) -> list[float]:
    made = row_weights(estimator, rows, rows if others is None else others)
    assert made is not None
    return made.tolist()


LABEL = np.array([True, False, False, False])
FACTS = RowFacts(LABEL, np.array([1.0, 1.0, 2.0, 4.0]), np.array([0.0, 5.0, 10.0, 10.0]) * DAY)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"class_weight": "balanced"}, [2.0, 2 / 3, 2 / 3, 2 / 3]),
        ({"class_weight": {"true": 3}}, [3.0, 1.0, 1.0, 1.0]),
        ({"weight": "fare"}, [0.5, 0.5, 1.0, 2.0]),  # the mean is 2
        ({"weight": {"half_life": "5 days"}}, [4 / 11, 8 / 11, 16 / 11, 16 / 11]),  # 1/4, 1/2, 1, 1: the mean is 11/16
        ({"weight": {"column": "fare", "half_life": "5 days"}}, [1 / 6.75 * 4 * x for x in (0.25, 0.5, 2.0, 4.0)]),
        # the true row weighs 1 of 8: 4 / 1, the false ones 4 / 7; then 1, 1, 2, 4 by their mean
        ({"weight": "fare", "class_weight": "balanced"}, [4 * 0.5, 4 / 7 * 0.5, 4 / 7 * 1.0, 4 / 7 * 2.0]),
    ],
)
def test_weights_worked_by_hand(keys: dict[str, Any], expected: list[float]) -> None:
    assert weigh(declare(**keys), FACTS) == pytest.approx(expected)


def test_no_weights_are_none() -> None:
    assert row_weights(declare(), FACTS, FACTS) is None


def test_other_rows_are_weighed_by_the_measure_of_the_training_rows() -> None:
    later = RowFacts(np.array([True, False]), np.array([4.0, 0.0]), np.array([5.0, 99.0]) * DAY)
    assert weigh(declare(weight="fare"), FACTS, later) == [2.0, 0.0]
    assert weigh(declare(weight={"half_life": "5 days"}), FACTS, later) == pytest.approx([8 / 11, 16 / 11])
    assert weigh(declare(class_weight="balanced"), FACTS, later) == pytest.approx([2.0, 2 / 3])


@given(st.lists(st.booleans(), min_size=2, max_size=50).filter(lambda labels: len(set(labels)) == 2))
def test_balanced_is_what_scikit_learn_calls_so(labels: list[bool]) -> None:
    made = weigh(declare(class_weight="balanced"), RowFacts(np.array(labels)))
    np.testing.assert_allclose(made, compute_sample_weight("balanced", labels))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None], "fare: 1 of 2 weights are missing or no finite number"),
        ([1.0, np.inf], "fare: 1 of 2 weights are missing or no finite number"),
        (["abc", "1"], "fare: 1 of 2 weights are missing or no finite number"),
        ([-1.0, 2.0], "fare: 1 of 2 weights are negative"),
        ([0.0, 0.0], "fare: all 2 weights are 0"),
    ],
)
def test_weights_that_say_nothing_are_refused(values: list[Any], message: str) -> None:
    with pytest.raises(DataContractError, match=message):
        column_weights("train", "fare", values)


def test_a_class_without_weight_cannot_be_balanced() -> None:
    facts = RowFacts(np.array([True, False]), np.array([0.0, 1.0]))
    with pytest.raises(DataContractError, match="whose label is true have no weight"):
        weigh(declare(weight="fare", class_weight="balanced"), facts)


@pytest.mark.parametrize("weight", ["fare", {"half_life": "5 days"}])
def test_what_the_weights_are_made_of_has_to_be_there(weight: Any) -> None:
    with pytest.raises(UsageError, match="rows without it"):
        weigh(declare(weight=weight), RowFacts(LABEL))
