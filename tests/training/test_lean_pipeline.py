"""The lean form of a pipeline answers the same bits, or there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from lakeloop.config.preprocess import Preprocess
from lakeloop.on_demand.transformer import OnDemandColumns
from lakeloop.training.lean_pipeline import LeanPipeline, make_lean
from lakeloop.training.preprocessing import make_preprocessing

N = 300
NUMBERS = ["a", "b", "empty"]
TEXTS = ["shop", "sky"]
ON_DEMAND = {"hour": "hour(at)", "pace": "ratio(a, b)", "is_north": "is_in(sky, 'north', 'east')"}
COLUMNS = [*NUMBERS, *TEXTS, *ON_DEMAND]
INPUTS = [*NUMBERS, *TEXTS, "at"]


def rows(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.normal(0, 10, N),
            "b": rng.integers(0, 4, N).astype(np.float64),
            "empty": np.full(N, np.nan),
            "shop": rng.choice(np.array(["A", "B", "C", "rare", None], dtype=object), N, p=[0.4, 0.3, 0.2, 0.02, 0.08]),
            "sky": rng.choice(np.array(["north", "south"], dtype=object), N),
            "at": 1.7e9 + rng.uniform(0, 1e7, N),
        }
    )
    frame.loc[rng.random(N) < 0.1, "a"] = np.nan
    return frame


def fit(groups: list[dict[str, Any]], estimator: Any, *, frames: bool = True) -> Pipeline:
    frame = rows()
    first = OnDemandColumns(ON_DEMAND, "America/New_York", COLUMNS).fit(frame)
    declared = tuple(Preprocess.model_validate(group) for group in groups)
    numbers = [name for name in COLUMNS if name not in TEXTS]
    middle = make_preprocessing(declared, tuple(COLUMNS), numbers)
    middle.set_output(transform="pandas" if frames else "default")
    label = frame["a"].fillna(0).to_numpy() + frame["b"].to_numpy() > 1
    return Pipeline([("on_demand", first), ("preprocessing", middle), ("estimator", estimator)]).fit(frame, label)


def lean_of(pipeline: Pipeline) -> LeanPipeline | None:
    return make_lean(pipeline, INPUTS, TEXTS, ["at"])


ENCODED = {"columns": ["shop"], "steps": [{"one_hot": {"min_fraction": 0.05}}]}
NUMBERED = {"columns": ["sky"], "steps": [{"ordinal": {"unseen": -2}}]}
EVERYTHING = [
    {"columns": ["empty"], "steps": [{"impute_constant": {"value": 0.0}}]},
    ENCODED,
    NUMBERED,
    {"columns": ["a"], "steps": [{"impute_mean": {"indicator": True}}, "clip_outliers", "log", "scale"]},
    {"columns": ["b", "hour"], "steps": ["impute_median", "bin"]},
    {"columns": ["pace"], "steps": [{"clip_outliers": {"by": "iqr"}}, {"bin": {"by": "uniform"}}]},
    {"columns": ["*"], "steps": ["pass"]},
]
FILLED = [
    {"columns": ["shop", "sky"], "steps": ["impute_mode", "one_hot"]},
    {"columns": ["hour"], "steps": ["impute_mode", "one_hot"]},
    {"columns": ["*"], "steps": [{"impute_constant": {"value": 0.0}}, "scale"]},
]
BOOSTED = HistGradientBoostingClassifier(max_iter=8, random_state=0)


@pytest.fixture(scope="module")
def everything() -> tuple[Pipeline, LeanPipeline]:
    pipeline = fit(EVERYTHING, BOOSTED)
    lean = lean_of(pipeline)
    assert lean is not None
    return pipeline, lean


numbers = st.none() | st.floats(-1e12, 1e12) | st.integers(-5, 5).map(float)


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                **dict.fromkeys(NUMBERS, numbers),
                "shop": st.sampled_from(["A", "B", "C", "rare", "new", "", None]),
                "sky": st.sampled_from(["north", "south", "east", None]),
                "at": st.none() | st.floats(-1e9, 4e9),
            }
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_step_gives_the_same_bits(everything, given_rows):
    pipeline, lean = everything
    columns = {
        name: np.array(
            [np.nan if row[name] is None else row[name] for row in given_rows],
            dtype=object if name in TEXTS else np.float64,
        )
        for name in INPUTS
    }
    np.testing.assert_array_equal(lean.predict_proba(columns), pipeline.predict_proba(pd.DataFrame(columns)))


@pytest.mark.parametrize("frames", [True, False])
@pytest.mark.parametrize(
    ("groups", "estimator"),
    [
        (EVERYTHING, BOOSTED),
        (EVERYTHING, LGBMClassifier(n_estimators=5, verbose=-1, random_state=0)),
        (FILLED, LogisticRegression(max_iter=1000)),
        (FILLED, RandomForestRegressor(5, random_state=0)),
    ],
)
def test_common_estimators_have_a_lean_form(groups, estimator, frames):
    pipeline = fit(groups, estimator, frames=frames)
    lean = lean_of(pipeline)
    assert lean is not None
    frame = rows(1)
    method = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    columns = {name: frame[name].where(frame[name].notna(), np.nan).to_numpy() for name in INPUTS}
    for place in range(20):
        one = {name: values[place : place + 1] for name, values in columns.items()}
        mine, theirs = getattr(lean, method)(one), getattr(pipeline, method)(frame.iloc[place : place + 1])
        np.testing.assert_array_equal(mine, theirs)


def test_a_calibrated_pipeline_has_one_too():
    pipeline = fit(EVERYTHING, BOOSTED)
    prepared = pipeline[:-1].transform(rows())
    calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline[-1]), cv=2).fit(prepared, rows()["a"].fillna(0) > 0)
    assert lean_of(Pipeline([*pipeline.steps[:-1], ("estimator", calibrated)])) is not None


def test_what_is_unknown_or_refuses_rows_has_none():
    frame = rows()
    first = OnDemandColumns({}, "UTC", ["a", "b"]).fit(frame)
    middle = ColumnTransformer([("own", FunctionTransformer(np.square), ["a", "b"])])
    own = Pipeline([("on_demand", first), ("preprocessing", middle), ("estimator", BOOSTED)]).fit(frame, frame["b"] > 1)
    assert lean_of(own) is None
    strict = {"columns": ["shop"], "steps": [{"one_hot": {"unseen": "error"}}]}
    assert lean_of(fit([strict, *EVERYTHING[:1], *EVERYTHING[2:]], BOOSTED)) is None


def test_one_wrong_bit_is_found(monkeypatch):
    pipeline = fit(EVERYTHING, BOOSTED)
    real = LeanPipeline.predict_proba
    monkeypatch.setattr(LeanPipeline, "predict_proba", lambda self, rows: np.nextafter(real(self, rows), 2))
    assert lean_of(pipeline) is None
