"""Whether a fitted estimator can be stored: asked of a fit on a handful of rows, before the costly one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import skops.io
from skops.io.exceptions import UnsupportedTypeException

from lakeloop.config.estimator import Parameter
from lakeloop.config.model import Model
from lakeloop.errors import ConfigError, ConfigIssue
from lakeloop.statuses import TrialState
from lakeloop.training.estimators import make_estimator
from lakeloop.training.fitting import Prepared
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.trials import FoldRows, Trial, TrialResult

_MAX_TYPES = 5
_FEW_ROUNDS = 3
_ROUNDS = ("n_estimators", "max_iter")
"""Parameters that make a fit longer, and bring no other types."""


def find_unstorable(fitted: Any) -> tuple[str, ...]:
    """Find the types of an object that may not be in a stored model.

    Args:
        fitted: A fitted estimator or pipeline.

    Returns:
        Import paths of types that skops cannot write, or that neither skops nor lakeloop trusts, sorted; none of what
        can be stored and loaded again.

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> find_unstorable(Ridge()), find_unstorable(FunctionTransformer(print))
    ((), ('builtins.print',))
    """
    try:
        found = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    except Exception as refused:  # noqa: BLE001 - what a class does when it is asked for its state is its own
        of = type(fitted)
        why = "skops cannot write it" if isinstance(refused, UnsupportedTypeException) else type(refused).__name__
        return (f"{of.__module__}.{of.__qualname__} ({why})",)
    return tuple(sorted(set(found) - set(TRUSTED_TYPES)))


def unstorable_error(class_: str, types: Sequence[str], file: str) -> ConfigError:
    """Say that a class brings types that may not be in a stored model.

    Args:
        class_: Import path of the estimator's class.
        types: What `find_unstorable` gave.
        file: Where the model is declared.

    Returns:
        The error.

    >>> print(unstorable_error("theirs.Net", ["theirs.Layer"], "late.yml"))
    1 mistake in the project's configuration
    late.yml: estimator.class
        got:     theirs.Net, whose fit holds types that may not be in a stored
                 model: theirs.Layer
        allowed: classes whose fit skops loads without running code: of
                 scikit-learn, lightgbm and xgboost, of types that skops or lakeloop
                 trust
        remedy:  choose another class; or, if you trust whoever can write to the
                 registry, set registry: {allow_pickle: true} in project.yml, which
                 stores it as pickle
    """
    more = f" and {len(types) - _MAX_TYPES} more" if len(types) > _MAX_TYPES else ""
    got = f"{class_}, whose fit holds types that may not be in a stored model: {', '.join(types[:_MAX_TYPES])}{more}"
    allowed = (
        "classes whose fit skops loads without running code: of scikit-learn, lightgbm and xgboost, of types that skops"
        " or lakeloop trust"
    )
    remedy = (
        "choose another class; or, if you trust whoever can write to the registry, set registry: {allow_pickle: true}"
        " in project.yml, which stores it as pickle"
    )
    return ConfigError([ConfigIssue(file, None, "estimator.class", got, allowed, remedy)])


def refuse_unstorable(rows: FoldRows, trials: Sequence[Trial], *, file: str) -> dict[int, TrialResult]:
    """Find trials that could not be stored: each is fitted on a handful of rows, and what it holds is looked at.

    Where that fit fails nothing is said: few rows may be too few, and the fit on all of them tells more.

    Args:
        rows: Rows of the folds.
        trials: The trials.
        file: Where the model is declared, for messages.

    Returns:
        Number of a trial -> its failure; only of those that are refused.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pandas as pd
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.training.fitting import LabelledRows
    >>> from lakeloop.training.folds import Fold
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> every = np.ones(3, dtype=bool)
    >>> three = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> rows = FoldRows(model, {None: ("distance",)}, three, [Fold(every, every)], seed=0)
    >>> refuse_unstorable(rows, [Trial(0, {"max_leaf_nodes": 8})], file="late.yml")
    {}
    """
    handfuls: dict[str | None, Prepared | None] = {}
    refused = {}
    for trial in trials:
        if trial.feature_set not in handfuls:
            handfuls[trial.feature_set] = _handful(rows, trial.feature_set)
        handful = handfuls[trial.feature_set]
        fitted = None if handful is None else _fit_few(rows.model, handful, trial.params, rows.seed)
        types = () if fitted is None else find_unstorable(fitted)
        if types:
            error = unstorable_error(rows.model.estimator.class_, types, file)
            refused[trial.number] = TrialResult(trial, TrialState.FAILED, reason=error.issues[0].got, refused=error)
    return refused


def _handful(rows: FoldRows, feature_set: str | None) -> Prepared | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a column that only in these rows is empty or constant
        try:
            return rows.handful(feature_set)
        except Exception:  # noqa: BLE001 - too few rows for whatever they are prepared by
            return None


def _fit_few(model: Model, handful: Prepared, params: Mapping[str, Parameter], seed: int) -> Any:
    """Fit an estimator in few rounds; None where it cannot be fitted on so few rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rounds do not converge
        try:
            estimator = make_estimator(model.estimator, params, seed)
            known = estimator.get_params()
            many = [name for name in _ROUNDS if isinstance(known.get(name), int) and known[name] > _FEW_ROUNDS]
            return estimator.set_params(**dict.fromkeys(many, _FEW_ROUNDS)).fit(handful.train, handful.train_label)
        except Exception:  # noqa: BLE001 - whatever it refuses it refuses of all rows, too, and in its own words
            return None
