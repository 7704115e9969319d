"""Which estimators can be stored: what their fits hold is asked of skops before the costly fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.utils import all_estimators

from lakeloop.errors import ConfigError
from lakeloop.statuses import TrialState
from lakeloop.training.fitting import LabelledRows
from lakeloop.training.folds import Fold
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.search import grid_trials
from lakeloop.training.storable import find_unstorable, refuse_unstorable
from lakeloop.training.trials import FoldRows
from lakeloop.training.trusted import DATA_ONLY
from tests.training.declarations import COLUMNS, declare_model, make_rows
from tests.training.own_estimators import ShareOfTrue

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(60, 3))
EVENT = ROWS[:, 0] + RNG.normal(size=60) > 0
NUMBER = np.exp(ROWS[:, 0]) + 1

NAMES_OF_CLASSIFIERS = """
AdaBoostClassifier BaggingClassifier BernoulliNB CalibratedClassifierCV DecisionTreeClassifier ExtraTreeClassifier
ExtraTreesClassifier GaussianNB GaussianProcessClassifier GradientBoostingClassifier HistGradientBoostingClassifier
KNeighborsClassifier LabelPropagation LabelSpreading LinearDiscriminantAnalysis LogisticRegression LogisticRegressionCV
MLPClassifier QuadraticDiscriminantAnalysis RadiusNeighborsClassifier RandomForestClassifier
"""
NAMES_OF_REGRESSORS = """
ARDRegression AdaBoostRegressor BaggingRegressor BayesianRidge DecisionTreeRegressor ElasticNet ElasticNetCV
ExtraTreeRegressor ExtraTreesRegressor GammaRegressor GaussianProcessRegressor GradientBoostingRegressor
HistGradientBoostingRegressor HuberRegressor KNeighborsRegressor KernelRidge Lars LarsCV Lasso LassoCV LassoLars
LassoLarsCV LassoLarsIC LinearRegression LinearSVR MLPRegressor NuSVR OrthogonalMatchingPursuit
OrthogonalMatchingPursuitCV PLSRegression PoissonRegressor QuantileRegressor RANSACRegressor RadiusNeighborsRegressor
RandomForestRegressor Ridge RidgeCV SGDRegressor SVR TheilSenRegressor TransformedTargetRegressor TweedieRegressor
"""
NAMES_OF_DISTANCES = """
braycurtis canberra chebyshev dice euclidean hamming jaccard manhattan rogerstanimoto russellrao sokalmichener
sokalsneath
"""
CLASSIFIERS, REGRESSORS = NAMES_OF_CLASSIFIERS.split(), NAMES_OF_REGRESSORS.split()
DISTANCES = NAMES_OF_DISTANCES.split()
OTHERS: list[tuple[str, dict[str, Any]]] = [
    *(("KNeighborsRegressor", {"algorithm": "ball_tree", "metric": metric}) for metric in DISTANCES),
    ("KNeighborsRegressor", {"p": 3}),
    ("MLPRegressor", {"solver": "sgd", "learning_rate_init": 1e-4}),
    ("TweedieRegressor", {"power": 1.5}),
]
MADE = {name: made for kind in ("classifier", "regressor") for name, made in all_estimators(type_filter=kind)}


def fit(name: str, params: dict[str, Any]) -> Any:
    estimator = MADE[name](**params)
    rounds = {key: 5 for key in ("n_estimators", "max_iter") if isinstance(estimator.get_params().get(key), int)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few rounds do not converge
        return estimator.set_params(**rounds).fit(ROWS, EVENT if name in CLASSIFIERS else NUMBER)


@pytest.mark.parametrize(("name", "params"), [*((name, {}) for name in (*CLASSIFIERS, *REGRESSORS)), *OTHERS], ids=str)
def test_an_estimator_of_scikit_learn_is_stored_and_answers_the_same_when_it_is_loaded(
    name: str, params: dict[str, Any]
) -> None:
    fitted = fit(name, params)
    assert find_unstorable(fitted) == ()
    loaded = skops.io.loads(skops.io.dumps(fitted), trusted=list(TRUSTED_TYPES))
    answer = "predict_proba" if name in CLASSIFIERS else "predict"
    np.testing.assert_allclose(getattr(loaded, answer)(ROWS), getattr(fitted, answer)(ROWS), rtol=1e-12)


def test_every_type_that_is_let_through_is_brought_by_one_of_them() -> None:
    needed: set[str] = set()
    for name, params in [*((name, {}) for name in (*CLASSIFIERS, *REGRESSORS)), *OTHERS]:
        needed |= set(skops.io.get_untrusted_types(data=skops.io.dumps(fit(name, params))))
    around = MADE["KNeighborsRegressor"](algorithm="ball_tree", metric="haversine").fit(ROWS[:, :2] / 9, NUMBER)
    needed |= set(skops.io.get_untrusted_types(data=skops.io.dumps(around)))
    assert needed & set(DATA_ONLY) == set(DATA_ONLY)
    assert not [name for name in TRUSTED_TYPES if "PyFunc" in name]  # it calls any function


def rows_of(model: Any) -> FoldRows:
    frame, late = make_rows(300)
    is_train = np.arange(300) < 200
    return FoldRows(model, {None: COLUMNS}, LabelledRows(frame, np.asarray(late)), [Fold(is_train, ~is_train)], 0)


def test_a_class_of_the_user_s_own_is_refused_after_a_fit_on_a_handful() -> None:
    path = "tests.training.own_estimators.ShareOfTrue"
    model = declare_model(estimator={"class": path, "search": {"lift": [0.0, 0.1]}})
    ShareOfTrue.fitted_on.clear()
    refused = refuse_unstorable(rows_of(model), grid_trials(model.estimator), file="conf/base/models/late.yml")
    assert ShareOfTrue.fitted_on == [40, 40]  # 20 of each class
    assert [(number, each.state) for number, each in refused.items()] == [
        (0, TrialState.FAILED),
        (1, TrialState.FAILED),
    ]
    error = refused[0].refused
    assert isinstance(error, ConfigError)
    (issue,) = error.issues
    assert (issue.file, issue.where) == ("conf/base/models/late.yml", "estimator.class")
    assert issue.got == f"{path}, whose fit holds types that may not be in a stored model: {path}"
    assert "registry: {allow_pickle: true} in project.yml" in issue.remedy
    assert refused[0].reason == issue.got


@pytest.mark.parametrize(
    "class_", ["sklearn.neighbors.KNeighborsClassifier", "lightgbm.LGBMClassifier", "xgboost.XGBClassifier"]
)
def test_a_class_that_can_be_stored_is_not_refused(class_: str) -> None:
    model = declare_model(estimator={"class": class_})
    assert refuse_unstorable(rows_of(model), grid_trials(model.estimator), file="late.yml") == {}


def test_of_a_class_that_cannot_be_fitted_on_a_handful_nothing_is_said() -> None:
    estimator = {"class": "sklearn.linear_model.LogisticRegression", "params": {"C": -1.0}}
    model = declare_model(estimator=estimator)
    assert refuse_unstorable(rows_of(model), grid_trials(model.estimator), file="late.yml") == {}


def test_what_skops_cannot_write_is_named() -> None:
    from sklearn.cluster import Birch

    assert find_unstorable(Birch()) == ("sklearn.cluster._birch.Birch (skops cannot write it)",)


def test_a_handful_of_a_regression_is_spread_over_the_rows() -> None:
    model = declare_model(
        estimator={"class": "sklearn.linear_model.Ridge"},
        label={**declare_model().model_dump(by_alias=True)["label"], "as": "delay"},
        task="regression",
        gate={"metric": "mean_absolute_error", "non_inferior_by": 0.5},
    )
    frame, _ = make_rows(300)
    is_train = np.arange(300) < 200
    label = np.arange(300.0)
    rows = FoldRows(model, {None: COLUMNS}, LabelledRows(frame, label), [Fold(is_train, ~is_train)], 0)
    handful = rows.handful(None)
    assert (len(handful.train_label), handful.train_label[0], handful.train_label[-1]) == (40, 0.0, 199.0)
