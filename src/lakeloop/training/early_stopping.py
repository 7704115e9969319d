"""Early stopping on the validation part: each library has its own way to be told of it."""

from __future__ import annotations

import inspect
from typing import Any

from numpy.typing import NDArray

from lakeloop.config.estimator_class import STOPPABLE, StoppingWay, stopping_way
from lakeloop.errors import UsageError


def prepare_stopping(
    estimator: Any, rounds: int, rows: Any, label: NDArray[Any], weight: NDArray[Any] | None
) -> dict[str, Any]:
    """Set an unfitted estimator to stop early, and give what its fit has to be told.

    Args:
        estimator: The unfitted estimator; its parameters are set.
        rounds: Rounds without a better loss after which it ends.
        rows: The validation rows, prepared.
        label: Their labels.
        weight: Their weights; None when every row counts the same.

    Returns:
        Arguments of its `fit`.

    Raises:
        UsageError: If the estimator has no way to stop on rows that it is given.

    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> import numpy as np
    >>> booster = HistGradientBoostingRegressor()
    >>> sorted(prepare_stopping(booster, 5, np.zeros((2, 1)), np.zeros(2), None)), booster.n_iter_no_change
    (['X_val', 'y_val'], 5)
    """
    match stopping_way(type(estimator)):
        case StoppingWay.X_VAL:
            estimator.set_params(early_stopping=True, n_iter_no_change=rounds)
            asked = {"X_val": rows, "y_val": label}
            return asked if weight is None else asked | {"sample_weight_val": weight}
        case StoppingWay.XGBOOST:
            estimator.set_params(early_stopping_rounds=rounds)
            asked = {"eval_set": [(rows, label)], "verbose": False}
            return asked if weight is None else asked | {"sample_weight_eval_set": [weight]}
        case StoppingWay.LIGHTGBM:
            asked = _ask_lightgbm(estimator, rounds, rows, label)
            return asked if weight is None else asked | {"eval_sample_weight": [weight]}
        case None:
            name = type(estimator).__name__
            remedy = "choose one of these, or remove early_stopping and search over the number of iterations"
            raise UsageError("estimator.early_stopping", f"rounds for {name}", STOPPABLE, remedy)


def _ask_lightgbm(estimator: Any, rounds: int, rows: Any, label: NDArray[Any]) -> dict[str, Any]:
    import lightgbm  # an extra: only those who declare it have it

    callbacks = [lightgbm.early_stopping(rounds, verbose=False)]
    if "eval_X" in inspect.signature(estimator.fit).parameters:  # the newer name; the older one warns there
        return {"eval_X": rows, "eval_y": label, "callbacks": callbacks}
    return {"eval_set": [(rows, label)], "callbacks": callbacks}


def iterations_of(estimator: Any) -> int | None:
    """Tell how many rounds a fitted estimator predicts with.

    Args:
        estimator: A fitted estimator.

    Returns:
        The rounds: up to the best one, or where it keeps those after it too, all; None of an estimator without rounds.

    >>> from sklearn.linear_model import Ridge
    >>> iterations_of(Ridge()) is None
    True
    """
    way = stopping_way(type(estimator))
    if way is StoppingWay.XGBOOST:
        stopped = getattr(estimator, "best_iteration", None) if estimator.early_stopping_rounds else None
        return int(estimator.get_booster().num_boosted_rounds()) if stopped is None else int(stopped) + 1
    if way is StoppingWay.LIGHTGBM:
        return int(estimator.best_iteration_ or estimator.n_estimators_)
    return None if way is None else int(estimator.n_iter_)


def rounds_of(estimator: Any) -> dict[str, int]:
    """Give the parameter by which an estimator takes as many rounds as a fitted one that was stopped early.

    Args:
        estimator: A fitted estimator that can be stopped early.

    Returns:
        Name of the parameter -> rounds; nothing of an estimator without rounds.

    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> rounds_of(HistGradientBoostingRegressor(max_iter=3).fit([[0.0], [1.0]], [0.0, 1.0]))
    {'max_iter': 3}
    """
    rounds = iterations_of(estimator)
    if rounds is None:
        return {}
    return {"max_iter" if stopping_way(type(estimator)) is StoppingWay.X_VAL else "n_estimators": rounds}
