"""A model's pipeline: on-demand columns, fitted preprocessing by name, the estimator."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from lakeloop.config.columns import matching_columns
from lakeloop.config.estimator import Estimator, Parameter
from lakeloop.config.model import Model
from lakeloop.config.preprocess import Preprocess, Step
from lakeloop.errors import UsageError
from lakeloop.on_demand.transformer import OnDemandColumns

CLIP_QUANTILES = (0.005, 0.995)
"""Quantiles of the training rows to which `clip_outliers` pulls values in."""

BINS = 10
"""Bins that `bin` makes, as far as the values are distinct."""

MIN_CATEGORY_FRACTION = 0.01
"""Share of the training rows below which `one_hot` puts a category among the infrequent ones."""

TRUSTED_TYPES: tuple[str, ...] = (
    "lakeloop.on_demand.transformer.OnDemandColumns",
    "lakeloop.training.preprocessing.NullSafeScaler",
    "lakeloop.training.preprocessing.QuantileBinner",
    "lakeloop.training.preprocessing.QuantileClipper",
    "lakeloop.training.preprocessing.SignedLog",
    "lakeloop.training.recalibration.RecalibratedClassifier",
    "lakeloop.training.recalibration.RecalibratedRegressor",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that skops may load from a stored pipeline besides those it trusts itself. An estimator from another library
brings types of its own, which its loader has to name."""


def _numbers(step: BaseEstimator, X: Any, *, reset: bool) -> NDArray[np.float64]:  # noqa: N803
    checked: NDArray[np.float64] = validate_data(
        step, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", copy=True
    )
    return checked


class QuantileClipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Pull values beyond two quantiles of the training rows in to those quantiles; missing stays missing.

    Args:
        lower: Lower quantile, in [0, 1].
        upper: Upper quantile, in [0, 1].

    Attributes:
        lower_: Lower bound per column, shape (n_columns,); NaN for a column without values, which is left as it is.
        upper_: Upper bound per column, the same.

    >>> QuantileClipper(0.25, 0.75).fit_transform([[0.0], [1.0], [2.0], [3.0], [float("nan")]]).ravel()
    array([0.75, 1.  , 2.  , 2.25,  nan])
    """

    def __init__(self, lower: float = CLIP_QUANTILES[0], upper: float = CLIP_QUANTILES[1]) -> None:
        self.lower = lower
        self.upper = upper

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Learn the bounds from rows of shape (n_rows, n_columns)."""
        bounds = np.full((2, np.shape(X)[1]), np.nan)
        for index, column in enumerate(_numbers(self, X, reset=True).T):
            present = column[~np.isnan(column)]
            if present.size:
                bounds[:, index] = np.quantile(present, [self.lower, self.upper])
        self.lower_, self.upper_ = bounds
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Clip rows of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        values = _numbers(self, X, reset=False)
        return np.where(np.isnan(values), np.nan, np.fmax(np.fmin(values, self.upper_), self.lower_))


class QuantileBinner(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Replace a number by the rank of its bin; bins hold about equally many training rows. Missing stays missing.

    A value on an edge belongs to the bin above it; values outside the training range to the outermost bins.

    Args:
        bins: Most bins, at least 2; equal quantiles make fewer.

    Attributes:
        edges_: Inner edges per column, ascending; none for a column without values, whose bin is 0.

    >>> QuantileBinner(2).fit_transform([[1.0], [2.0], [3.0], [4.0], [float("nan")]]).ravel()
    array([ 0.,  0.,  1.,  1., nan])
    """

    def __init__(self, bins: int = BINS) -> None:
        self.bins = bins

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Learn the edges from rows of shape (n_rows, n_columns)."""
        inner = np.linspace(0, 1, self.bins + 1)[1:-1]
        self.edges_: list[NDArray[np.float64]] = []
        for column in _numbers(self, X, reset=True).T:
            present = column[~np.isnan(column)]
            self.edges_.append(np.unique(np.quantile(present, inner)) if present.size else np.empty(0))
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Bin rows of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        values = _numbers(self, X, reset=False)
        ranks = [
            np.searchsorted(edges, column, side="right") for edges, column in zip(self.edges_, values.T, strict=True)
        ]
        return np.where(np.isnan(values), np.nan, np.column_stack(ranks).astype(np.float64))


class SignedLog(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Replace x by sign(x) * ln(1 + |x|): long tails on both sides shrink, zero and the order stay, missing too.

    >>> SignedLog().fit_transform([[0.0], [1.0], [-1.0], [float("nan")]]).ravel().round(4)
    array([ 0.    ,  0.6931, -0.6931,     nan])
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Note the columns' names; nothing else is learned."""
        _numbers(self, X, reset=True)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Shrink rows of shape (n_rows, n_columns)."""
        values = _numbers(self, X, reset=False)
        return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)


class NullSafeScaler(StandardScaler):  # type: ignore[misc]  # scikit-learn is untyped
    """Scale to mean 0 and variance 1; a column without values stays missing, and does so without a warning.

    >>> NullSafeScaler().fit_transform([[1.0, float("nan")], [3.0, float("nan")]])
    array([[-1., nan],
           [ 1., nan]])
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803 - scikit-learn's interface
        """Learn mean and variance from rows of shape (n_rows, n_columns)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            super().fit(X, y, sample_weight)
        return self


def _make_step(step: Step) -> BaseEstimator | str:
    match step:
        case Step.IMPUTE_MEAN:
            return SimpleImputer(strategy="mean", keep_empty_features=True)
        case Step.IMPUTE_MEDIAN:
            return SimpleImputer(strategy="median", keep_empty_features=True)
        case Step.IMPUTE_MODE:
            return SimpleImputer(strategy="most_frequent", keep_empty_features=True)
        case Step.CLIP_OUTLIERS:
            return QuantileClipper()
        case Step.BIN:
            return QuantileBinner()
        case Step.LOG:
            return SignedLog()
        case Step.ONE_HOT:
            return OneHotEncoder(
                handle_unknown="infrequent_if_exist", min_frequency=MIN_CATEGORY_FRACTION, sparse_output=False
            )
        case Step.SCALE:
            return NullSafeScaler()
        case Step.PASS:
            return "passthrough"


def group_columns(groups: tuple[Preprocess, ...], columns: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Give each model column to the first group that names it.

    Args:
        groups: Groups of columns or patterns, in order.
        columns: Model columns, in order.

    Returns:
        Per group its columns, in the order of `columns`; empty where earlier groups took them all.

    Raises:
        UsageError: If no group names a column.

    >>> first = Preprocess(columns=("carrier",), steps=(Step.ONE_HOT,))
    >>> group_columns((first, Preprocess(columns=("*",), steps=(Step.PASS,))), ("distance", "carrier"))
    (('carrier',), ('distance',))
    """
    left = columns
    taken: list[tuple[str, ...]] = []
    for group in groups:
        named = set(matching_columns(group.columns, columns))
        taken.append(tuple(name for name in left if name in named))
        left = tuple(name for name in left if name not in named)
    if left:
        shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        raise UsageError(
            "preprocess",
            f"no group for {shown}",
            "every model column in a group",
            "add a last group with columns: ['*'] and steps: [pass]",
        )
    return tuple(taken)


def _make_preprocessing(groups: tuple[Preprocess, ...], columns: tuple[str, ...]) -> ColumnTransformer:
    branches = []
    for index, (group, names) in enumerate(zip(groups, group_columns(groups, columns), strict=True)):
        steps = [_make_step(step) for step in group.steps if step is not Step.PASS]
        chain = "passthrough" if not steps else steps[0] if len(steps) == 1 else make_pipeline(*steps)
        if names:
            branches.append((f"group_{index}", chain, list(names)))
    return ColumnTransformer(branches, sparse_threshold=0, verbose_feature_names_out=False)


def make_estimator(estimator: Estimator, params: Mapping[str, Parameter], seed: int) -> Any:
    """Build the declared estimator.

    Early stopping on random rows would look at the neighbours in time of the rows it trains on, so it is off.

    Args:
        estimator: Its import path and fixed parameters.
        params: Parameters of the candidate; they win over the fixed ones.
        seed: Becomes `random_state` where the class has it and the configuration is silent.

    Returns:
        An unfitted estimator.

    Raises:
        UsageError: If the class cannot be imported, does not take a parameter, or is asked for early stopping.

    >>> make_estimator(Estimator.model_validate({"class": "sklearn.linear_model.Ridge"}), {"alpha": 2.0}, 7)
    Ridge(alpha=2.0, random_state=7)
    """
    module_name, _, class_name = estimator.class_.rpartition(".")
    given = {**estimator.params, **params}
    try:
        made_class = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        remedy = "correct the path, or install the package that has it"
        raise UsageError("estimator.class", estimator.class_, "the import path of a class", remedy) from error
    if given.get("early_stopping") not in (None, False):
        raise UsageError(
            "estimator.early_stopping",
            str(given["early_stopping"]),
            "false",
            "remove it: it would hold out random rows; search over the number of iterations instead",
        )
    try:
        known = sorted(made_class().get_params())
    except (TypeError, AttributeError) as error:
        allowed = "a class with scikit-learn's interface that can be made without arguments"
        raise UsageError("estimator.class", estimator.class_, allowed, "choose such a class") from error
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            remedy = f"did you mean {close[0]}?" if close else "remove it"
            raise UsageError("estimator.params", name, ", ".join(known), remedy)
    if "random_state" in known:
        given.setdefault("random_state", seed)
    if "early_stopping" in known:
        given["early_stopping"] = False
    return made_class(**given)


def build_pipeline(model: Model, columns: tuple[str, ...], params: Mapping[str, Parameter], seed: int) -> Pipeline:
    """Build a model's unfitted pipeline: on-demand columns, preprocessing, estimator.

    The wall clock of the on-demand functions is the zone in which the model's labels close.

    Args:
        model: The model's declaration.
        columns: Model columns: known, on-demand and features, in order.
        params: Parameters of the candidate.
        seed: Seed of everything random.

    Returns:
        A pipeline that takes rows with the model's columns and those that its on-demand calls read.

    Raises:
        UsageError: If the estimator cannot be built, or no preprocessing group names a column.
        ValueError: If an on-demand call is wrong (when fitted).

    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from lakeloop.config.loading import load_config
    >>> declared = load_config(Path()).models["late_arrival"]
    >>> model = declared.model_copy(update={"on_demand": {}, "preprocess": declared.preprocess[:2]})
    >>> pipeline = build_pipeline(model, ("carrier", "distance"), {"learning_rate": 0.1}, seed=0)
    >>> list(pipeline.named_steps), pipeline[-1].learning_rate
    (['on_demand', 'preprocessing', 'estimator'], 0.1)
    >>> frame = pd.DataFrame({"carrier": ["UA", "AA", "UA"], "distance": [100, None, 300]})
    >>> pipeline[:-1].fit_transform(frame).round(2)
       carrier_AA  carrier_UA  distance
    0         0.0         1.0     -1.32
    1         1.0         0.0      0.21
    2         0.0         1.0      1.11
    """
    preprocessing = _make_preprocessing(model.preprocess, columns).set_output(transform="pandas")  # keeps the names
    return Pipeline(
        [
            ("on_demand", OnDemandColumns(dict(model.on_demand), model.label.closes.timezone, list(columns))),
            ("preprocessing", preprocessing),
            ("estimator", make_estimator(model.estimator, params, seed)),
        ]
    )
