from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lakeloop.errors import DataContractError
from lakeloop.training.category_steps import CategoryColumns, CategoryNumbers

NAN = np.nan


def carriers(*names: Any) -> pd.DataFrame:
    return pd.DataFrame({"carrier": np.array(names, dtype=object)})


TRAIN = carriers(*["UA"] * 5, *["AA"] * 3, "OO", NAN)  # OO is one in ten


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [2.0, 0.0, 1.0, -1.0, NAN]),
        ({"min_fraction": 0.2, "rare": -3, "unseen": -2, "missing": -4}, [1.0, 0.0, -3.0, -2.0, -4.0]),
        ({"min_fraction": 0.1}, [2.0, 0.0, 1.0, -1.0, NAN]),  # a tenth is not below a tenth
        ({"order": ["UA", "OO"]}, [0.0, -1.0, 1.0, -1.0, NAN]),
        ({"order": ["ZZ", "UA"]}, [1.0, -1.0, -1.0, 0.0, NAN]),
    ],
)
def test_numbers_of_categories_worked_by_hand(options: dict[str, Any], expected: list[float]) -> None:
    made = CategoryNumbers(**options).fit(TRAIN).transform(carriers("UA", "AA", "OO", "ZZ", None))
    np.testing.assert_array_equal(made.ravel(), expected)


def test_categories_of_a_column_without_any_are_all_unseen() -> None:
    step = CategoryNumbers().fit(carriers(None, None))
    np.testing.assert_array_equal(step.transform(carriers("UA", None)).ravel(), [-1.0, NAN])


def test_numbers_can_be_categories_too() -> None:
    step = CategoryNumbers().set_output(transform="pandas").fit(pd.DataFrame({"hour": [7.0, 3.0, NAN]}))
    np.testing.assert_array_equal(step.transform(pd.DataFrame({"hour": [3.0, 7.0, 8.0]}))["hour"], [0.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("handle_unknown", "expected"), [("infrequent_if_exist", [0, 0, 1]), ("ignore", [0, 0, 0]), ("error", None)]
)
def test_unseen_categories_go_where_they_are_told(handle_unknown: str, expected: list[int] | None) -> None:
    step = CategoryColumns(min_frequency=0.15, handle_unknown=handle_unknown).fit(TRAIN)
    assert list(step.get_feature_names_out()) == ["carrier_AA", "carrier_UA", "carrier_infrequent_sklearn"]
    if expected is not None:
        assert step.transform(carriers("ZZ")).tolist() == [expected]
        return
    with pytest.raises(DataContractError) as raised:
        step.transform(carriers("ZZ", "UA", "QQ", "OO", None))  # rare ones and missing are seen
    assert [str(each) for each in raised.value.failures] == [
        "carrier: 2 of 5 rows have a category that no training row has"
    ]
    assert "ZZ" not in str(raised.value)


def test_missing_is_unseen_where_no_training_row_lacks_a_value() -> None:
    step = CategoryColumns(handle_unknown="error").fit(carriers("UA", "AA"))
    with pytest.raises(DataContractError, match="1 of 2 rows"):
        step.transform(carriers("UA", None))


@pytest.mark.parametrize("step", [CategoryColumns, CategoryNumbers])
def test_too_many_categories_name_column_and_count_and_no_value(step: Any) -> None:
    step(max_allowed=3).fit(TRAIN)
    with pytest.raises(DataContractError) as raised:
        step(max_allowed=2).fit(TRAIN)
    message = str(raised.value)
    assert "carrier: 3 categories in the training rows, at most 2 allowed" in message
    assert "raise max_allowed" in message
    assert "UA" not in message


def test_rare_categories_share_the_last_of_the_most_columns() -> None:
    step = CategoryColumns(max_categories=2).fit(TRAIN)
    assert step.transform(carriers("UA", "AA", "OO", None)).tolist() == [[1, 0], [0, 1], [0, 1], [0, 1]]
