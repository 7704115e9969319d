"""Trials as a job of Spark give what threads give."""

from __future__ import annotations

import numpy as np
import pytest

from lakeloop.errors import NotReadyError
from lakeloop.runs.spark_trials import run_on_spark
from lakeloop.statuses import TrialState
from lakeloop.training.fitting import LabelledRows
from lakeloop.training.folds import Fold
from lakeloop.training.trials import FoldRows, Trial, fit_trial
from tests.training.declarations import COLUMNS, declare_model, make_rows

PLACES = np.arange(200)
FOLDS = [Fold(PLACES < 100, PLACES >= 150), Fold(PLACES < 150, PLACES >= 170)]


def test_spark_gives_what_this_process_gives_and_fails_a_trial_alone(spark) -> None:
    rows = FoldRows(declare_model(), {None: COLUMNS}, LabelledRows(*make_rows(200)), FOLDS, 0)
    trials = [Trial(number, {"C": c}) for number, c in enumerate((0.1, -1.0, 1.0))]
    found = run_on_spark(spark, rows, trials, file="late.yml")
    assert [each.trial for each in found] == trials
    assert [each.state for each in found] == [TrialState.FINISHED, TrialState.FAILED, TrialState.FINISHED]
    assert found[1].refused is not None
    for each in (found[0], found[2]):
        alone = fit_trial(rows, each.trial)
        assert each.metrics == pytest.approx(alone.metrics, rel=1e-9)
        assert [dict(one) for one in each.fold_metrics] == [
            pytest.approx(dict(other), rel=1e-9) for other in alone.fold_metrics
        ]


def test_what_ends_a_search_is_raised_as_it_is(spark) -> None:
    rows = FoldRows(declare_model(), {None: COLUMNS}, LabelledRows(make_rows(200)[0], np.ones(200)), FOLDS, 0)
    with pytest.raises(NotReadyError, match="train: all 100 labels are True"):
        run_on_spark(spark, rows, [Trial(0, {"C": 1.0}), Trial(1, {"C": 2.0})])
