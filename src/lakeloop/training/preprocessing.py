"""What a model's pipeline has before the estimator: on-demand columns, fitted preprocessing by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline

from lakeloop.config.columns import matching_columns
from lakeloop.config.model import Model
from lakeloop.config.preprocess import (
    ENCODES,
    IMPUTES,
    OF_NUMBERS,
    Bin,
    ClipOutliers,
    Impute,
    ImputeConstant,
    Kind,
    OneHot,
    Options,
    Ordinal,
    Preprocess,
    Step,
    options_of,
)
from lakeloop.errors import UsageError
from lakeloop.on_demand.transformer import OnDemandColumns
from lakeloop.training.category_steps import CategoryColumns, CategoryNumbers
from lakeloop.training.estimators import takes_frames
from lakeloop.training.number_steps import (
    IqrClipper,
    NullSafeScaler,
    QuantileBinner,
    QuantileClipper,
    SignedLog,
    UniformBinner,
)
from lakeloop.training.trusted import DATA_ONLY

_FITTED = (
    "collections.OrderedDict",
    "lakeloop.on_demand.transformer.OnDemandColumns",
    "lakeloop.training.category_steps.CategoryColumns",
    "lakeloop.training.category_steps.CategoryNumbers",
    "lakeloop.training.number_steps.IqrClipper",
    "lakeloop.training.number_steps.NullSafeScaler",
    "lakeloop.training.number_steps.QuantileBinner",
    "lakeloop.training.number_steps.QuantileClipper",
    "lakeloop.training.number_steps.SignedLog",
    "lakeloop.training.number_steps.UniformBinner",
    "lakeloop.training.recalibration.RecalibratedClassifier",
    "lakeloop.training.recalibration.RecalibratedRegressor",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)

TRUSTED_TYPES: tuple[str, ...] = tuple(sorted((*_FITTED, *DATA_ONLY)))
"""Types that skops may load from a stored pipeline besides those it trusts itself. A class that brings another one is
refused before it is fitted."""


def _make_step(step: Step, options: Options | None) -> BaseEstimator:
    match options:
        case ImputeConstant():
            return SimpleImputer(strategy="constant", fill_value=options.value, keep_empty_features=True)
        case Impute():
            strategy = "most_frequent" if step is Step.IMPUTE_MODE else step.removeprefix("impute_")
            return SimpleImputer(strategy=strategy, keep_empty_features=True)
        case ClipOutliers():
            is_iqr = options.by == "iqr"
            return IqrClipper(options.factor) if is_iqr else QuantileClipper(options.lower, options.upper)
        case Bin():
            return UniformBinner(options.bins) if options.by == "uniform" else QuantileBinner(options.bins)
        case OneHot():
            unseen = "infrequent_if_exist" if options.unseen == "infrequent" else options.unseen
            return CategoryColumns(options.min_fraction or None, options.max_categories, unseen, options.max_allowed)
        case Ordinal():
            fraction, order = options.min_fraction, list(options.order) or None
            return CategoryNumbers(fraction, order, options.rare, options.unseen, options.missing, options.max_allowed)
        case None:
            return SignedLog() if step is Step.LOG else NullSafeScaler()


def group_columns(
    groups: tuple[Preprocess, ...],
    columns: tuple[str, ...],
    numbers: Collection[str] | None = None,
    weight: str | None = None,
) -> tuple[tuple[str, ...], ...]:
    """Give each model column to the first group that names it.

    Args:
        groups: Groups of columns or patterns, or by type, in order.
        columns: Model columns, in order.
        numbers: Those that are numbers; None where that is not known, and no group is by type.
        weight: Column that holds the rows' weights: a group takes it only by its whole name.

    Returns:
        Per group its columns, in the order of `columns`; empty where earlier groups took them all.

    Raises:
        UsageError: If no group takes a column, or a group is by type and the types are not known.

    >>> first = Preprocess(columns=("carrier",), steps=(Step.ONE_HOT,))
    >>> group_columns((first, Preprocess(columns=("*",), steps=(Step.PASS,))), ("distance", "carrier"))
    (('carrier',), ('distance',))
    >>> both = tuple(Preprocess(type=kind, steps=(Step.PASS,)) for kind in Kind)
    >>> group_columns(both, ("distance", "carrier"), numbers=["distance"])
    (('distance',), ('carrier',))
    """
    left = columns
    taken: list[tuple[str, ...]] = []
    for group in groups:
        if group.type is not None and numbers is None:
            raise UsageError("preprocess", f"type: {group.type}", "columns", "fit it on rows: these tell the types")
        if group.type is not None:
            named = {name for name in left if (name in (numbers or ())) == (group.type is Kind.NUMBER)} - {weight}
        else:
            named = {name for name in matching_columns(group.patterns, columns) if name != weight}
            named |= {name for name in columns if name == weight and name in _full_names(group)}
        taken.append(tuple(name for name in left if name in named))
        left = tuple(name for name in left if name not in named)
    left = tuple(name for name in left if name != weight)
    if left:
        shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        raise UsageError(
            "preprocess",
            f"no group for {shown}",
            "every model column in a group",
            "add a last group with columns: ['*'] and steps: [pass]",
        )
    return tuple(taken)


def _full_names(group: Preprocess) -> set[str]:
    return {pattern.replace(".", "__", 1) for pattern in group.patterns}


def refuse_texts(groups: tuple[Preprocess, ...], taken: tuple[tuple[str, ...], ...], texts: Collection[str]) -> None:
    """Refuse steps that their columns cannot go through.

    Args:
        groups: Groups of columns, in order.
        taken: Per group its columns.
        texts: Columns that hold texts.

    Raises:
        UsageError: With the first step for numbers that meets a text, or constant that is of another kind.

    >>> group = Preprocess(columns=("carrier",), steps=(Step.LOG,))
    >>> refuse_texts((group,), (("carrier",),), ["carrier"])
    Traceback (most recent call last):
    lakeloop.errors.UsageError: preprocess[0].steps[0]: got log for carrier, of text; allowed: ...
    """
    for index, (group, names) in enumerate(zip(groups, taken, strict=True)):
        of_text = [name for name in names if name in texts]
        of_number = [name for name in names if name not in texts]
        for position, (step, options) in enumerate(map(options_of, group.steps)):
            if step in ENCODES:
                break
            constant = options.value if isinstance(options, ImputeConstant) else None
            wrong = of_text if step in OF_NUMBERS or isinstance(constant, float) else ()
            wrong = of_number if isinstance(constant, str) else wrong
            if wrong:
                kind = "number" if isinstance(constant, str) else "text"
                remedy = "give columns of text a group of their own, by their names or by type: category"
                where, got = f"preprocess[{index}].steps[{position}]", f"{step} for {', '.join(wrong[:3])}, of {kind}"
                raise UsageError(where, got, "steps that the column's type goes through", remedy)


def make_preprocessing(
    groups: tuple[Preprocess, ...],
    columns: tuple[str, ...],
    numbers: Collection[str] | None = None,
    weight: str | None = None,
) -> ColumnTransformer:
    """Build the unfitted preprocessing of a model's columns.

    Args:
        groups: Groups of columns, in order.
        columns: Model columns, in order.
        numbers: Those that are numbers; None where that is not known.
        weight: Column that holds the rows' weights.

    Returns:
        One branch per group with columns, and one per group whose missing values are marked.

    Raises:
        UsageError: If no group takes a column, or a step does not go with a column's type.

    >>> import numpy as np
    >>> import pandas as pd
    >>> group = Preprocess.model_validate({"columns": ["wind"], "steps": [{"impute_mean": {"indicator": True}}]})
    >>> made = make_preprocessing((group,), ("wind",)).set_output(transform="pandas")
    >>> made.fit_transform(pd.DataFrame({"wind": [1.0, np.nan, 3.0]})).to_dict("list")
    {'wind': [1.0, 2.0, 3.0], 'missingindicator_wind': [False, True, False]}
    """
    taken = group_columns(groups, columns, numbers, weight)
    if numbers is not None:
        refuse_texts(groups, taken, [name for name in columns if name not in numbers])
    branches = [
        branch
        for index, (group, names) in enumerate(zip(groups, taken, strict=True))
        if names
        for branch in _branches(index, group, names)
    ]
    return ColumnTransformer(branches, sparse_threshold=0, verbose_feature_names_out=False)


def _branches(index: int, group: Preprocess, names: tuple[str, ...]) -> Iterator[tuple[str, Any, list[str]]]:
    declared = [options_of(step) for step in group.steps]
    steps = [_make_step(step, options) for step, options in declared if step is not Step.PASS]
    chain = "passthrough" if not steps else steps[0] if len(steps) == 1 else make_pipeline(*steps)
    yield f"group_{index}", chain, list(names)
    if any(step in IMPUTES and isinstance(options, Impute) and options.indicator for step, options in declared):
        # Beside the chain: the steps that follow would clip, bin or scale the marks.
        yield f"group_{index}_missing", MissingIndicator(error_on_new=False), list(names)


def build_on_demand(model: Model, columns: tuple[str, ...]) -> OnDemandColumns:
    """Build the unfitted first step: its wall clock is the zone in which the model's labels close.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> build_on_demand(load_config(Path()).models["late_arrival"], ("distance",)).timezone
    'America/New_York'
    """
    return OnDemandColumns(dict(model.on_demand), model.label.closes.timezone, list(columns))


def build_preprocessing(
    model: Model, columns: tuple[str, ...], *, numbers: Collection[str] | None = None
) -> ColumnTransformer:
    """Build a model's unfitted preprocessing, giving what its estimator takes.

    Args:
        model: The model's declaration.
        columns: Model columns, in order.
        numbers: Those that are numbers; None where that is not known.

    Returns:
        As of `make_preprocessing`; frames, which keep the names, or arrays for what refuses some characters in these.

    Raises:
        UsageError: If no group takes a column, or a step does not go with a column's type.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> build_preprocessing(load_config(Path()).models["late_arrival"], ("distance",)).transformers[0][2]
    ['distance']
    """
    declared = model.estimator.row_weight
    weight = None if declared is None else declared.model_column
    made = make_preprocessing(model.preprocess, columns, numbers, weight)
    return made.set_output(transform="pandas" if takes_frames(model.estimator) else "default")
