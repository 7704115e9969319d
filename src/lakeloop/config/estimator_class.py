"""What an estimator's class can do, read from the class: row weights, early stopping on rows that it is given."""

from __future__ import annotations

import inspect
from enum import StrEnum
from typing import Any


class StoppingWay(StrEnum):
    """Ways in which a fit is told of the rows that end it."""

    X_VAL = "X_val"
    LIGHTGBM = "lightgbm"
    XGBOOST = "xgboost"


STOPPABLE = "LightGBM, XGBoost, and HistGradientBoosting of scikit-learn 1.7 or newer"
"""Estimators that can be stopped early on rows that they are given, in words."""


def libraries_of(made: type) -> frozenset[str]:
    """Name the top-level packages of a class and of what it inherits from.

    >>> sorted(libraries_of(int))
    ['builtins']
    """
    return frozenset(each.__module__.partition(".")[0] for each in made.__mro__)


def takes_weights(made: Any) -> bool:
    """Tell whether the fit of a class takes weights of rows.

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> takes_weights(Ridge), takes_weights(KNeighborsRegressor)
    (True, False)
    """
    return _takes(made, "sample_weight")


def stopping_way(made: Any) -> StoppingWay | None:
    """Find how the fit of a class is told of the rows that end it early.

    Args:
        made: An estimator's class.

    Returns:
        The way; None where there is none, or it would choose rows at random.

    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> stopping_way(GradientBoostingClassifier) is None
    True
    """
    if not _takes(made, "eval_set"):
        return StoppingWay.X_VAL if _takes(made, "X_val") and _takes(made, "y_val") else None
    libraries = libraries_of(made)
    return next((way for way in (StoppingWay.LIGHTGBM, StoppingWay.XGBOOST) if way.value in libraries), None)


def _takes(made: Any, parameter: str) -> bool:
    try:
        return parameter in inspect.signature(made.fit).parameters
    except (AttributeError, TypeError, ValueError):
        return False
