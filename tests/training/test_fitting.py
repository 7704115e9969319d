from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin

from lakeloop.errors import ConfigError, DataContractError, NotReadyError, UsageError
from lakeloop.training.fitting import Fitted, LabelledRows, Prepared, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.preprocessing import TRUSTED_TYPES
from tests.training.declarations import COLUMNS, declare_model, make_rows

EVERY_KIND = [
    {"columns": ["hour_of_day"], "steps": [{"bin": {"by": "uniform", "bins": 5}}]},
    {"columns": ["weather.*"], "steps": [{"clip_outliers": {"by": "iqr"}}, {"impute_mean": {"indicator": True}}]},
    {"type": "number", "steps": ["impute_median", "bin", "scale"]},
    {"type": "category", "steps": ["impute_mode", {"ordinal": {"min_fraction": 0.1}}]},
]
HIST = {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 30}}
LIGHTGBM = {"class": "lightgbm.LGBMClassifier", "params": {"n_estimators": 30, "min_child_samples": 5, "n_jobs": 1}}
XGBOOST = {"class": "xgboost.XGBClassifier", "params": {"n_estimators": 30, "n_jobs": 1}}
BOOSTERS = [HIST, LIGHTGBM, XGBOOST]
REGRESSION = {"task": "regression", "gate": {"metric": "mean_absolute_error", "non_inferior_by": 1.0}}


class Recorder(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Keeps what its fit was given."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Recorder:  # noqa: N803
        self.classes_, self.weight_ = np.unique(y), sample_weight
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return np.full((len(X), 2), 0.5)


def rows_of(count: int, seed: int = 0, **changes: Any) -> LabelledRows:
    frame, late = make_rows(count, seed)
    seconds = np.sort(frame["departure_ts"].to_numpy())
    return replace(LabelledRows(frame, late.to_numpy(), prediction_seconds=seconds), **changes)


def prepare(model: Any, train: LabelledRows | None = None, validation: LabelledRows | None = None) -> Prepared:
    return prepare_rows(model, COLUMNS, train or rows_of(300), validation or rows_of(100, seed=1), 0)


def fit(train: LabelledRows | None = None, validation: LabelledRows | None = None, **declared: Any) -> Fitted:
    model = declare_model(**declared)
    return fit_estimator(model, prepare(model, train, validation), {}, 0)


@pytest.mark.parametrize("groups", [EVERY_KIND, declare_model().model_dump(by_alias=True)["preprocess"]])
def test_other_rows_never_change_the_fitted_preprocessing(groups: Any) -> None:
    model = declare_model(preprocess=groups)
    wild, _ = make_rows(100, seed=2)
    wild = wild.assign(carrier="ZZ", distance=1e9, weather__wind=-1e9, weather__gust=7.0)
    expected = prepare(model)
    made = prepare(model, validation=LabelledRows(wild, np.arange(100) % 2 == 0))
    pd.testing.assert_frame_equal(made.train, expected.train)
    pd.testing.assert_frame_equal(made.steps.transform(wild), expected.steps.transform(wild))


def test_groups_by_type_follow_the_training_rows() -> None:
    prepared = prepare(declare_model(preprocess=EVERY_KIND))
    assert prepared.train.columns.tolist() == [
        "hour_of_day",
        *("weather__wind", "weather__gust", "missingindicator_weather__wind", "missingindicator_weather__gust"),
        *("distance", "carrier"),
    ]
    assert sorted(prepared.train["carrier"].unique()) == [0.0, 1.0]


def test_weights_reach_the_fit_and_a_column_of_weights_is_no_feature() -> None:
    train = rows_of(300, weight=np.linspace(1, 3, 300))
    estimator = {"class": f"{__name__}.Recorder", "weight": "distance", "class_weight": {"true": 2}}
    model = declare_model(estimator=estimator, preprocess=declare_model().model_dump()["preprocess"])
    prepared = prepare(model, train, rows_of(100, seed=1, weight=np.ones(100)))
    assert "distance" not in prepared.train
    assert prepared.train_weight is not None
    np.testing.assert_allclose(prepared.train_weight, np.linspace(1, 3, 300) / 2 * np.where(train.label, 2, 1))
    assert prepared.validation_weight is not None
    assert set(prepared.validation_weight) == {0.5, 1.0}


@pytest.mark.parametrize("estimator", [{"class": "sklearn.naive_bayes.GaussianNB"}, *BOOSTERS])
def test_weights_move_what_is_fitted(estimator: dict[str, Any]) -> None:
    plain, heavy = (
        predict_scores(
            declare_model().task,
            fit(estimator=estimator | keys).pipeline,
            make_rows(100, seed=1)[0],
        ).mean()
        for keys in ({}, {"class_weight": {"true": 20}})
    )
    assert heavy > plain + 0.1


def test_a_half_life_weighs_the_newest_rows_most() -> None:
    model = declare_model(
        estimator={"class": "sklearn.linear_model.LogisticRegression", "weight": {"half_life": "7 days"}}
    )
    weights = prepare(model).train_weight
    assert weights is not None
    assert weights.mean() == pytest.approx(1.0)
    assert (np.diff(weights) >= 0).all()
    assert weights[-1] > 2 * weights[0]


def test_an_estimator_without_weights_is_refused() -> None:
    with pytest.raises(UsageError, match="a class whose fit takes sample_weight"):
        fit(estimator={"class": "sklearn.neighbors.KNeighborsClassifier", "class_weight": "balanced"})


@pytest.mark.parametrize("estimator", BOOSTERS)
def test_boosting_ends_when_the_validation_part_says_so(estimator: dict[str, Any]) -> None:
    stopped = fit(estimator=estimator | {"early_stopping": {"rounds": 3}, "class_weight": "balanced"})
    assert stopped.iterations is not None
    assert 0 < stopped.iterations < 30
    again = fit(estimator=estimator | {"early_stopping": {"rounds": 3}, "class_weight": "balanced"})
    assert again.iterations == stopped.iterations
    assert fit(estimator=estimator).iterations is None
    loaded = skops.io.loads(skops.io.dumps(stopped.pipeline), trusted=list(TRUSTED_TYPES))
    scored, _ = make_rows(50, seed=3)
    np.testing.assert_array_equal(loaded.predict_proba(scored), stopped.pipeline.predict_proba(scored))


@pytest.mark.parametrize("class_", ["HistGradientBoostingRegressor", "LGBMRegressor", "XGBRegressor"])
def test_a_regression_is_stopped_early_too(class_: str) -> None:
    library = {"H": "sklearn.ensemble", "L": "lightgbm", "X": "xgboost"}[class_[0]]
    train, validation = rows_of(300), rows_of(100, seed=1)
    noise = np.random.default_rng(0)
    declared = {"class": f"{library}.{class_}", "early_stopping": {"rounds": 2}}
    fitted = fit(
        replace(train, label=noise.normal(size=300)),
        replace(validation, label=noise.normal(size=100)),
        **REGRESSION,
        estimator=declared,
    )
    assert fitted.iterations is not None
    assert 0 < fitted.iterations < 100


def test_the_validation_labels_decide_when_it_ends() -> None:
    validation = rows_of(100, seed=1)
    flipped = replace(validation, label=~validation.label)
    early = {"estimator": HIST | {"early_stopping": {"rounds": 3}}}
    right, wrong = fit(**early).iterations, fit(validation=flipped, **early).iterations
    assert right is not None
    assert wrong is not None
    assert wrong < right


def test_an_estimator_that_would_choose_random_rows_is_not_stopped_early() -> None:
    estimator = {"class": "sklearn.ensemble.GradientBoostingClassifier", "early_stopping": {"rounds": 3}}
    with pytest.raises(UsageError, match="rounds for GradientBoostingClassifier; allowed: LightGBM, XGBoost"):
        fit(estimator=estimator, preprocess=EVERY_KIND)


def test_columns_without_training_values_are_noted_and_move_nothing() -> None:
    fitted = fit()
    assert fitted.empty_columns == ("weather__gust",)
    assert fitted.notes == ("1 column without a value in the training rows, left unused: weather__gust",)
    scored, _ = make_rows(50, seed=1)
    np.testing.assert_array_equal(
        fitted.pipeline.predict_proba(scored.assign(weather__gust=1e9)), fitted.pipeline.predict_proba(scored)
    )
    assert fit(rows_of(300, frame=make_rows(300)[0].assign(weather__gust=1.0))).notes == ()


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize(
    ("task", "label", "message"),
    [({}, False, "all 100 labels are False"), (REGRESSION, 5.0, "all 100 labels are the same number")],
)
def test_a_part_with_one_label_is_not_ready(part: str, task: dict[str, Any], label: Any, message: str) -> None:
    model = declare_model(**task)
    with pytest.raises(NotReadyError, match=f"{part}: {message}"):
        prepare(model, **{part: rows_of(100, label=np.full(100, label))})


def test_both_parts_are_told_in_one_go() -> None:
    one = rows_of(100, label=np.full(100, True))
    with pytest.raises(NotReadyError) as raised:
        prepare(declare_model(), one, one)
    assert [failure.name for failure in raised.value.failures] == ["train", "validation"]


def test_too_many_categories_end_the_fit() -> None:
    frame, late = make_rows(300)
    rows = LabelledRows(frame.assign(carrier=[f"id-{index}" for index in range(300)]), late)
    groups = [
        {"columns": ["carrier"], "steps": [{"one_hot": {"max_allowed": 299}}]},
        {"columns": ["*"], "steps": ["impute_mean"]},
    ]
    with pytest.raises(DataContractError, match="carrier: 300 categories in the training rows, at most 299 allowed"):
        prepare(declare_model(preprocess=groups), rows)


def test_a_bad_weight_ends_the_fit() -> None:
    estimator = {"class": "sklearn.linear_model.LogisticRegression", "weight": "distance"}
    train = rows_of(300, weight=np.where(np.arange(300) == 0, np.nan, 1.0))
    with pytest.raises(DataContractError, match="weights of the train rows"):
        prepare(declare_model(estimator=estimator), train)


@pytest.mark.parametrize(
    "groups",
    [
        [{"columns": ["*"], "steps": ["pass"]}],
        [{"columns": ["carrier"], "steps": ["one_hot", "impute_mean"]}, {"columns": ["*"], "steps": ["log"]}],
    ],
)
def test_what_is_refused_shows_no_value(groups: Any) -> None:
    frame, late = make_rows(300)
    frame = frame.assign(carrier="secret", distance=np.inf) if len(groups) > 1 else frame.assign(carrier="secret")
    with pytest.raises(ConfigError) as raised:
        fit(LabelledRows(frame, late), preprocess=groups)
    assert "secret" not in str(raised.value)
    assert raised.value.issues[0].where == ("preprocess" if len(groups) > 1 else "estimator")
