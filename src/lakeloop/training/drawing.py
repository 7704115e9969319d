"""Trials that are drawn by what earlier ones have shown: Optuna's TPE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lakeloop.config.estimator import Estimator, Parameter
from lakeloop.config.tuning import Distribution
from lakeloop.errors import UsageError
from lakeloop.training.trials import Trial

_FEATURE_SET = "feature set"  # no parameter of Python has a name with a space


class DrawnTrials:
    """Draws trials one after the other.

    Args:
        estimator: The declaration.
        seed: Seed of what is drawn: the same declaration, seed and values draw the same trials.
        higher_is_better: Whether a greater value is a better one.

    Raises:
        UsageError: If optuna is not installed.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": {"low": 1, "high": 9}, "positive": [True]}}
    >>> first, again = (DrawnTrials(Estimator.model_validate(spec), 7, higher_is_better=True) for _ in range(2))
    >>> sorted(first.ask(0).params), first.ask(1) == (again.ask(0), again.ask(1))[1]
    (['alpha', 'positive'], True)

    Source: Bergstra, Bardenet, Bengio, Kegl, "Algorithms for Hyper-Parameter Optimization" (NeurIPS 2011).
    """

    def __init__(self, estimator: Estimator, seed: int, *, higher_is_better: bool) -> None:
        try:
            import optuna
        except ImportError as absent:
            remedy = "install optuna, or declare tuning: {by: grid}"
            raise UsageError("estimator.tuning.by", "optuna", "an installed package", remedy) from absent
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._estimator, self._asked = estimator, dict[int, Any]()
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(direction="maximize" if higher_is_better else "minimize", sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL

    def ask(self, number: int) -> Trial:
        """Draw a trial.

        Args:
            number: Its place in the search.

        Returns:
            The trial.
        """
        drawn = self._asked[number] = self._study.ask()
        params: dict[str, Parameter] = {}
        for name, values in self._estimator.search.items():
            if not isinstance(values, Distribution):
                params[name] = drawn.suggest_categorical(name, values)
            elif values.is_whole:
                params[name] = drawn.suggest_int(name, int(values.low), int(values.high), log=values.log)
            else:
                params[name] = drawn.suggest_float(name, values.low, values.high, log=values.log)
        sets = tuple(self._estimator.feature_sets)
        return Trial(number, params, drawn.suggest_categorical(_FEATURE_SET, sets) if sets else None)

    def tell(self, results: Sequence[tuple[Trial, float]]) -> None:
        """Let later trials learn from a batch.

        Args:
            results: Trial and value of each, in the order in which they were asked for; without a finite value it
                counts as failed.
        """
        for trial, value in results:
            drawn = self._asked.pop(trial.number)
            if math.isfinite(value):
                self._study.tell(drawn, value)
            else:
                self._study.tell(drawn, state=self._failed)
