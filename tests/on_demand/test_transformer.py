from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from lakeloop.errors import DataContractError
from lakeloop.on_demand.transformer import OnDemandColumns

ROWS = pd.DataFrame(
    {"at": [1_372_680_000.0, np.nan], "carrier": ["UA", None], "distance": [500, 700], "unused": [1, 2]}
)


def make_step() -> OnDemandColumns:
    return OnDemandColumns({"hour_of_day": "hour(at)"}, "America/New_York", ["carrier", "distance", "hour_of_day"])


def test_columns_come_in_the_declared_order_and_type() -> None:
    expected = pd.DataFrame(
        {
            "carrier": np.array(["UA", np.nan], dtype=object),
            "distance": [500.0, 700.0],
            "hour_of_day": [8.0, np.nan],
        }
    )
    pd.testing.assert_frame_equal(make_step().fit_transform(ROWS), expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.array([True, None], dtype="boolean"), [1.0, np.nan]),
        (pd.array([1, None], dtype="Int64"), [1.0, np.nan]),
        (np.array([True, None], dtype=object), [1.0, np.nan]),
        (np.array([True, False]), [1.0, 0.0]),
        (np.array([0.5, np.nan], dtype=np.float32), [0.5, np.nan]),
    ],
)
def test_numbers_and_booleans_become_float64(values, expected) -> None:
    made = OnDemandColumns({}, "UTC", ["x"]).fit_transform(pd.DataFrame({"x": values}))
    pd.testing.assert_frame_equal(made, pd.DataFrame({"x": expected}, dtype=np.float64))


def test_a_batch_of_missing_values_keeps_the_types_learned() -> None:
    step = make_step().fit(ROWS)
    batch = pd.DataFrame({"at": [None], "carrier": [np.nan], "distance": [None], "extra": [0]}, dtype=object)
    made = step.transform(batch)
    assert made.dtypes.to_dict() == {
        "carrier": np.dtype(object),
        "distance": np.dtype(np.float64),
        "hour_of_day": np.dtype(np.float64),
    }
    assert made.isna().all(axis=None)


def test_a_column_of_numbers_that_turns_into_text_is_refused_without_showing_values() -> None:
    step = make_step().fit(ROWS)
    with pytest.raises(ValueError, match=r"^distance: got values that are not numbers; it was numeric when fitted$"):
        step.transform(ROWS.assign(distance=["secret", "2"]))


def test_an_absent_column_is_named() -> None:
    with pytest.raises(DataContractError, match="carrier: the column is absent"):
        make_step().fit(ROWS.drop(columns="carrier"))
    with pytest.raises(DataContractError, match="reads the column at, which is absent"):
        make_step().fit(ROWS.drop(columns="at"))


def test_it_behaves_as_a_transformer() -> None:
    step = make_step()
    with pytest.raises(NotFittedError):
        step.transform(ROWS)
    assert clone(step).get_params() == step.get_params()
    assert step.get_feature_names_out().tolist() == ["carrier", "distance", "hour_of_day"]


def test_it_survives_skops_with_its_own_class_trusted() -> None:
    step = make_step().fit(ROWS)
    stored = skops.io.dumps(step)
    assert skops.io.get_untrusted_types(data=stored) == ["lakeloop.on_demand.transformer.OnDemandColumns"]
    loaded = skops.io.loads(stored, trusted=["lakeloop.on_demand.transformer.OnDemandColumns"])
    pd.testing.assert_frame_equal(loaded.transform(ROWS), step.transform(ROWS))
