from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from lakeloop.config.estimator import Estimator
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.preprocess import IMPUTES, Preprocess, Step
from lakeloop.errors import UsageError
from lakeloop.training.estimators import make_estimator
from lakeloop.training.fitting import LabelledRows, fit_estimator, prepare_rows
from lakeloop.training.preprocessing import (
    TRUSTED_TYPES,
    NullSafeScaler,
    QuantileBinner,
    QuantileClipper,
    SignedLog,
    group_columns,
)
from lakeloop.training.recalibration import Correction, corrected
from lakeloop.training.trusted import DATA_ONLY
from tests.training.declarations import COLUMNS, declare_model, make_rows

NAN = np.nan
EVERY_STEP = [
    {"columns": ["carrier"], "steps": ["impute_mode", "one_hot"]},
    {"columns": ["hour_of_day"], "steps": ["impute_median", "bin"]},
    {"columns": ["weather.*"], "steps": ["clip_outliers", "impute_mean", "scale"]},
    {"columns": ["*"], "steps": ["log"]},
]


def preprocess(rows: pd.DataFrame, scored: pd.DataFrame | None = None, groups: Any = None) -> pd.DataFrame:
    """Fit the preprocessing of a model on rows and apply it."""
    model = declare_model(preprocess=groups) if groups else declare_model()
    made: pd.DataFrame = fit_steps(model, rows).transform(rows if scored is None else scored)
    return made


def fit_steps(model: Model, rows: pd.DataFrame) -> Pipeline:
    """Fit everything before the estimator; of labels there have to be both."""
    labelled = LabelledRows(rows, np.arange(len(rows)) % 2 == 0)
    return prepare_rows(model, COLUMNS, labelled, labelled, 0).steps


def fit_pipeline(model: Model, rows: pd.DataFrame, label: Any, seed: int = 0) -> Pipeline:
    """Fit a model without a search."""
    labelled = LabelledRows(rows, label)
    return fit_estimator(model, prepare_rows(model, COLUMNS, labelled, labelled, seed), {}, seed).pipeline


def one_group(*steps: Any) -> list[dict[str, Any]]:
    return [{"columns": ["distance"], "steps": list(steps)}, {"columns": ["*"], "steps": ["pass"]}]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["pass"], [1.0, 1.0, NAN, 4.0]),
        (["impute_mean"], [1.0, 1.0, 2.0, 4.0]),
        (["impute_median"], [1.0, 1.0, 1.0, 4.0]),
        (["impute_mode"], [1.0, 1.0, 1.0, 4.0]),
        (["clip_outliers"], [1.0, 1.0, NAN, 3.97]),  # the .995 quantile of 1, 1, 4: 1 + .99 * 3
        (["bin"], [1.0, 1.0, NAN, 5.0]),  # inner edges 1, 1.6, 2.2, 2.8, 3.4; a value on an edge is in the bin above
        ([{"impute_constant": {"value": -3}}], [1.0, 1.0, -3.0, 4.0]),
        ([{"clip_outliers": {"lower": 0.0, "upper": 0.5}}], [1.0, 1.0, NAN, 1.0]),  # the median of 1, 1, 4
        ([{"clip_outliers": {"by": "iqr", "factor": 0.5}}], [1.0, 1.0, NAN, 3.25]),  # quartiles 1 and 2.5: 2.5 + .75
        ([{"bin": {"bins": 2}}], [1.0, 1.0, NAN, 1.0]),  # the median, 1, is the only edge
        ([{"bin": {"by": "uniform", "bins": 3}}], [0.0, 0.0, NAN, 2.0]),  # edges 2 and 3
        ([{"ordinal": {"min_fraction": 0}}], [0.0, 0.0, NAN, 1.0]),
        (["log"], [np.log(2), np.log(2), NAN, np.log(5)]),
        (["scale"], [-1 / np.sqrt(2), -1 / np.sqrt(2), NAN, np.sqrt(2)]),  # mean 2, variance 2
        (["impute_mean", "pass", "log"], [np.log(2), np.log(2), np.log(3), np.log(5)]),
    ],
)
def test_each_step_worked_by_hand(steps: list[Any], expected: list[float]) -> None:
    rows, _ = make_rows(4)
    made = preprocess(rows.assign(distance=[1.0, 1.0, NAN, 4.0]), groups=one_group(*steps))
    np.testing.assert_allclose(made["distance"].astype(float), expected)


def test_one_hot_knows_missing_and_treats_the_unseen_as_nothing() -> None:
    rows, _ = make_rows(4)
    rows["carrier"] = ["UA", "AA", None, "UA"]
    scored = rows.assign(carrier=["ZZ", None, "AA", np.nan])
    made = preprocess(rows, scored)[["carrier_AA", "carrier_UA", "carrier_nan"]]
    assert made.to_numpy().tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]]


def test_one_hot_puts_rare_and_unseen_categories_together() -> None:
    rows, _ = make_rows(2000)
    rows["carrier"] = ["UA"] * 1970 + ["AA"] * 20 + ["OO", "HA"] * 5  # at least 20 of 2000 make a category of their own
    made = preprocess(rows, rows.iloc[[0, 1970, 1998, 1999, 0]].assign(carrier=["UA", "AA", "OO", "HA", "ZZ"]))
    made = made[["carrier_AA", "carrier_UA", "carrier_infrequent_sklearn"]]
    assert made.to_numpy().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    ("declared", "filled"),
    [
        *((step, False) for step in Step if step not in {*IMPUTES, Step.ONE_HOT}),
        *((step, True) for step in sorted(IMPUTES - {Step.IMPUTE_CONSTANT})),
        ({"impute_constant": {"value": 0}}, True),
        ({"clip_outliers": {"by": "iqr"}}, False),
        ({"bin": {"by": "uniform"}}, False),
        ({"ordinal": {"missing": -9}}, True),
    ],
)
def test_a_column_without_values_keeps_its_width_and_does_not_warn(declared: Any, filled: bool) -> None:
    rows, _ = make_rows(20)
    groups = [{"columns": ["weather.*"], "steps": [declared]}, {"columns": ["*"], "steps": ["pass"]}]
    made = preprocess(rows, groups=groups)
    assert sorted(made.columns) == sorted(COLUMNS)
    assert made["weather__gust"].isna().tolist() == [not filled] * 20


def test_a_column_without_training_values_moves_no_prediction_when_it_gets_some() -> None:
    rows, _ = make_rows(20)
    for groups in ([{"columns": ["*"], "steps": ["pass"]}], EVERY_STEP):
        made = preprocess(rows, rows.assign(weather__gust=1e9), groups=groups)
        pd.testing.assert_frame_equal(made, preprocess(rows, rows, groups=groups))


def test_a_category_column_without_values_keeps_its_width() -> None:
    rows, _ = make_rows(5)
    made = preprocess(rows.assign(carrier=np.array([None] * 5, dtype=object)), rows, groups=EVERY_STEP)
    assert sum(name.startswith("carrier") for name in made.columns) == 1
    made = preprocess(rows.assign(carrier=np.array([None] * 5, dtype=object)), rows)
    assert [name for name in made.columns if name.startswith("carrier")] == ["carrier_nan"]


def test_a_row_alone_is_preprocessed_as_in_its_batch() -> None:
    rows, _ = make_rows(50)
    fitted = fit_steps(declare_model(preprocess=EVERY_STEP), rows)
    alone = pd.concat([fitted.transform(rows.iloc[[index]]) for index in range(50)])
    pd.testing.assert_frame_equal(alone, fitted.transform(rows))


def test_nothing_is_learned_from_rows_that_are_only_scored() -> None:
    rows, _ = make_rows(100)
    scored = rows.iloc[:5]
    wild = pd.concat([scored, rows.assign(distance=1e9, weather__wind=-1e9)])
    pd.testing.assert_frame_equal(preprocess(rows, wild).iloc[:5], preprocess(rows, scored))


def test_clipper_leaves_a_column_without_training_values_as_it_is() -> None:
    clipper = QuantileClipper(0.0, 1.0).fit([[1.0, NAN], [3.0, NAN]])
    np.testing.assert_array_equal(clipper.transform([[0.0, 7.0], [9.0, NAN]]), [[1.0, 7.0], [3.0, NAN]])


def test_binner_keeps_missing_and_clamps_beyond_the_training_range() -> None:
    binner = QuantileBinner(4).fit([[float(value)] for value in range(1, 6)] + [[NAN]])
    assert binner.edges_[0].tolist() == [2.0, 3.0, 4.0]
    np.testing.assert_array_equal(
        binner.transform([[-9.0], [2.0], [2.5], [4.0], [99.0], [NAN]]).ravel(), [0, 1, 1, 3, 3, NAN]
    )


@pytest.mark.parametrize("step", [QuantileClipper(), QuantileBinner(), SignedLog(), NullSafeScaler()])
def test_own_steps_keep_names_and_leave_their_input_alone(step) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 50.0], "b": [NAN, NAN, NAN]})
    before = frame.copy()
    made = step.set_output(transform="pandas").fit_transform(frame)
    assert made.columns.tolist() == ["a", "b"]
    pd.testing.assert_frame_equal(frame, before)


def test_the_first_group_that_names_a_column_takes_it() -> None:
    groups = tuple(
        Preprocess(columns=columns, steps=(Step.PASS,))
        for columns in (("weather.gust",), ("weather.*", "carrier"), ("*",))
    )
    expected = (("weather__gust",), ("carrier", "weather__wind"), ("distance", "hour_of_day"))
    assert group_columns(groups, COLUMNS) == expected


def test_groups_by_type_take_what_no_group_above_took() -> None:
    groups = tuple(
        Preprocess.model_validate({**named, "steps": ["pass"]})
        for named in ({"columns": ["weather.*"]}, {"type": "number"}, {"columns": ["distance", "carrier"]})
    )
    expected = (("weather__wind", "weather__gust"), ("distance", "hour_of_day"), ("carrier",))
    assert group_columns(groups, COLUMNS, NUMBERS) == expected
    with pytest.raises(UsageError, match="no group for carrier"):
        group_columns(groups[:2], COLUMNS, NUMBERS)
    with pytest.raises(UsageError, match="fit it on rows"):
        group_columns(groups, COLUMNS)


def test_the_weight_is_a_feature_only_where_a_group_names_it_in_full() -> None:
    declared = [{"columns": ["*"], "steps": ["pass"]}, {"columns": ["distance"], "steps": ["log"]}]
    groups = tuple(Preprocess.model_validate(each) for each in declared)
    without = tuple(name for name in COLUMNS if name != "distance")
    assert group_columns(groups[:1], COLUMNS, weight="distance") == (without,)
    assert group_columns(groups, COLUMNS, weight="distance") == (without, ("distance",))
    by_type = (Preprocess.model_validate({"type": "number", "steps": ["pass"]}), *groups)
    assert group_columns(by_type, COLUMNS, NUMBERS, "distance")[0] == ("hour_of_day", "weather__wind", "weather__gust")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (["impute_mode", "log"], r"preprocess\[0\]\.steps\[1\]: got log for carrier, of text"),
        ([{"impute_constant": {"value": 0}}], "got impute_constant for carrier, of text"),
        ([{"impute_constant": {"value": "x"}}], "got impute_constant for distance, of number"),
    ],
)
def test_steps_that_do_not_go_with_a_type_are_refused(steps: list[Any], message: str) -> None:
    column = "distance" if "distance" in message else "carrier"
    groups = [{"columns": [column], "steps": steps}, {"columns": ["*"], "steps": ["pass"]}]
    with pytest.raises(UsageError, match=message):
        preprocess(make_rows(4)[0], groups=groups)


def test_marks_of_missing_values_stay_what_they_are_whatever_follows() -> None:
    rows, _ = make_rows(10)
    rows["distance"] = [NAN, *range(100, 1000, 100)]  # one mark in ten: outlier clipping would undo it
    steps = [{"impute_median": {"indicator": True}}, {"clip_outliers": {"by": "iqr"}}, "scale"]
    made = preprocess(rows, rows.assign(weather__wind=NAN), groups=one_group(*steps))
    assert made["missingindicator_distance"].astype(float).tolist() == [1.0] + [0.0] * 9
    none_missing = preprocess(rows.fillna({"distance": 5.0}), rows, groups=one_group(*steps))
    assert "missingindicator_distance" not in none_missing  # nothing could be learned of it


def test_a_column_without_a_group_is_an_error() -> None:
    groups = (Preprocess(columns=("carrier",), steps=(Step.ONE_HOT,)),)
    with pytest.raises(UsageError, match="no group for distance, hour_of_day, weather__wind and 1 more"):
        group_columns(groups, COLUMNS)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"class": "sklearn.linear_model.LogisticRegresion"}, "got sklearn.linear_model.LogisticRegresion; allowed"),
        ({"class": "no_such_package.Model"}, "got no_such_package.Model; .*install the package"),
        ({"class": "sklearn.linear_model.Ridge", "params": {"alhpa": 1.0}}, "got alhpa; .*did you mean alpha?"),
        ({"class": "sklearn.multiclass.OneVsRestClassifier"}, "can be made without arguments"),
        ({"class": "datetime.date"}, "can be made without arguments"),
        (
            {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"early_stopping": True}},
            "early_stopping: got True; allowed: false",
        ),
        (
            {"class": "sklearn.ensemble.GradientBoostingClassifier", "params": {"n_iter_no_change": 5}},
            "n_iter_no_change: got 5; allowed: false",  # it would hold out random rows
        ),
        (
            {"class": "xgboost.XGBClassifier", "params": {"early_stopping_rounds": 5}},
            "early_stopping_rounds: got 5; allowed: false",
        ),
    ],
)
def test_an_estimator_that_cannot_be_built_is_an_error(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_estimator(Estimator.model_validate(declared), {}, 0)


def test_the_estimator_gets_seed_params_and_no_random_early_stopping() -> None:
    declared = Estimator.model_validate(
        {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 5, "max_leaf_nodes": 8}}
    )
    made = make_estimator(declared, {"max_leaf_nodes": 15}, 42)
    assert isinstance(made, HistGradientBoostingClassifier)
    params = made.get_params()
    names = ("max_iter", "max_leaf_nodes", "random_state", "early_stopping")
    assert [params[name] for name in names] == [5, 15, 42, False]
    own = Estimator.model_validate({"class": "sklearn.linear_model.Ridge", "params": {"random_state": 1}})
    assert make_estimator(own, {}, 42).random_state == 1
    assert (
        "random_state"
        not in make_estimator(
            Estimator.model_validate({"class": "sklearn.linear_model.LinearRegression"}), {}, 42
        ).get_params()
    )


ALL_OPTIONS = [
    {"columns": ["carrier"], "steps": [{"impute_constant": {"value": "none"}}, {"one_hot": {"max_categories": 2}}]},
    {
        "columns": ["hour_of_day"],
        "steps": [{"impute_mode": {"indicator": True}}, {"bin": {"by": "uniform", "bins": 4}}],
    },
    {"columns": ["weather.*"], "steps": [{"clip_outliers": {"by": "iqr"}}, {"impute_mean": {"indicator": True}}]},
    {"type": "number", "steps": [{"ordinal": {"missing": -2}}]},
]
NUMBERS = [name for name in COLUMNS if name != "carrier"]
"""Model columns that are numbers."""

FITS: list[tuple[dict[str, Any], Any]] = [
    ({"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 5}}, EVERY_STEP),
    ({"class": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5}}, ALL_OPTIONS),
    ({"class": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 1000}}, ALL_OPTIONS),
    ({"class": "sklearn.calibration.CalibratedClassifierCV", "params": {"cv": 2}}, ALL_OPTIONS),
    ({"class": "sklearn.ensemble.HistGradientBoostingRegressor", "params": {"max_iter": 5}}, EVERY_STEP),
    ({"class": "sklearn.linear_model.Ridge"}, ALL_OPTIONS),
    ({"class": "lightgbm.LGBMClassifier", "params": {"n_estimators": 5}}, EVERY_STEP),
    ({"class": "lightgbm.LGBMRegressor", "params": {"n_estimators": 5}}, ALL_OPTIONS),
    ({"class": "xgboost.XGBClassifier", "params": {"n_estimators": 5}}, EVERY_STEP),
    ({"class": "xgboost.XGBRegressor", "params": {"n_estimators": 5}}, ALL_OPTIONS),
]


def answers(pipeline: Any, rows: pd.DataFrame) -> Any:
    return pipeline.predict_proba(rows) if hasattr(pipeline, "predict_proba") else pipeline.predict(rows)


def test_fitted_pipelines_survive_skops_with_exactly_the_trusted_types() -> None:
    rows, late = make_rows(300)
    scored, _ = make_rows(50, seed=1)
    needed: set[str] = set()
    for estimator, groups in FITS:
        if "Logistic" in estimator["class"] or "Calibrated" in estimator["class"]:
            groups = [*groups[:3], {"type": "number", "steps": ["impute_median", "log", "scale"]}]
        if "Ridge" in estimator["class"]:
            groups = [*groups[:3], {"type": "number", "steps": ["impute_median", {"clip_outliers": {"upper": 0.9}}]}]
        model = declare_model(estimator=estimator, preprocess=groups)
        plain = fit_pipeline(model, rows, late)
        task = Task.CLASSIFICATION if hasattr(plain[-1], "predict_proba") else Task.REGRESSION
        for fitted in (plain, corrected(plain, task, Correction(0.5))):
            stored = skops.io.dumps(fitted)
            needed |= set(skops.io.get_untrusted_types(data=stored))
            loaded = skops.io.loads(stored, trusted=list(TRUSTED_TYPES))
            np.testing.assert_array_equal(answers(loaded, scored), answers(fitted, scored))
    assert needed == set(TRUSTED_TYPES) - set(DATA_ONLY)  # test_storable.py fits those that bring these


@pytest.mark.parametrize("name", ["lightgbm.LGBMClassifier", "xgboost.XGBClassifier"])
def test_boosting_libraries_are_silent_seeded_and_take_any_category(name: str, capfd: Any) -> None:
    rows, late = make_rows(300)
    rows["carrier"] = np.where(rows["distance"] > 1000, '{"a": [1]}', "<b, c>")
    model = declare_model(estimator={"class": name, "params": {"n_estimators": 5, "subsample": 0.5}})
    first, again, other = (fit_pipeline(model, rows, late, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.predict_proba(rows), again.predict_proba(rows))
    assert other[-1].random_state == 1
    assert list(first[:-1].get_feature_names_out())[:2] == ["carrier_<b, c>", 'carrier_{"a": [1]}']
    assert capfd.readouterr() == ("", "")


def test_the_trusted_types_are_sorted_and_unique() -> None:
    assert list(TRUSTED_TYPES) == sorted(set(TRUSTED_TYPES))
