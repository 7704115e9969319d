"""The declared estimator: imported by its path, seeded, silent, and without early stopping on random rows."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import packages_distributions
from typing import Any

from lakeloop.config.estimator import Estimator, Parameter
from lakeloop.errors import UsageError

LIGHTGBM, XGBOOST = "lightgbm", "xgboost"

_QUIET: Mapping[str, Mapping[str, Parameter]] = {
    LIGHTGBM: {"verbosity": -1, "deterministic": True, "force_row_wise": True},  # row-wise: else it is timed and chosen
    XGBOOST: {"verbosity": 0},
}
"""What keeps a library silent and its fits the same."""


def library_of(estimator: Estimator) -> str:
    """Name the top-level package of an estimator's class.

    >>> library_of(Estimator.model_validate({"class": "lightgbm.LGBMClassifier"}))
    'lightgbm'
    """
    return estimator.class_.partition(".")[0]


def takes_frames(estimator: Estimator) -> bool:
    """Tell whether an estimator takes frames with any column names; boosting libraries refuse some characters.

    >>> takes_frames(Estimator.model_validate({"class": "xgboost.XGBRegressor"}))
    False
    """
    return library_of(estimator) not in _QUIET


def estimator_packages(estimator: Estimator) -> tuple[str, ...]:
    """Name the installed distribution that a stored model needs for its estimator's class.

    Args:
        estimator: The declaration.

    Returns:
        Names of distributions; none of a module that no distribution brought, such as one of the user's own.

    >>> estimator_packages(Estimator.model_validate({"class": "sklearn.linear_model.Ridge"}))
    ('scikit-learn',)
    """
    return tuple(sorted(set(_distributions().get(library_of(estimator), ()))))


@cache  # half a second to read, and what is installed stays as long as a process lives
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


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
        UsageError: If the class cannot be imported, does not take a parameter, or is asked to stop early on rows that
            it chooses itself.

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
    has_switch = "early_stopping" in known
    # Without a switch, a number of rounds is the switch.
    for name in ("early_stopping",) if has_switch else ("n_iter_no_change", "early_stopping_rounds"):
        if given.get(name) not in (None, False):
            remedy = "write estimator.early_stopping: {rounds: ...}, which looks at the validation part, where it can"
            raise UsageError(f"estimator.params.{name}", str(given[name]), "false", remedy)
    if "random_state" in known:
        given.setdefault("random_state", seed)
    if has_switch:
        given["early_stopping"] = False
    return made_class(**{**_QUIET.get(library_of(estimator), {}), **given})
