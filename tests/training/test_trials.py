from __future__ import annotations

import threading

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lakeloop.config.metric import Metric
from lakeloop.errors import NotReadyError
from lakeloop.statuses import TrialState
from lakeloop.training.fitting import LabelledRows
from lakeloop.training.folds import Fold
from lakeloop.training.search import feature_columns
from lakeloop.training.trials import FoldRows, Trial, TrialResult, fit_chosen, fit_trial, mean_metrics, run_on_threads
from tests.training.declarations import COLUMNS, declare_model, make_rows

ROWS = 400
BOOSTED = {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 5}}
FOREST = {"class": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5}}


class Fragile(LogisticRegression):  # type: ignore[misc]  # scikit-learn is untyped
    """Fails at some values of C, as an estimator of somebody else may."""

    def fit(self, X, y, sample_weight=None):  # noqa: N803 - scikit-learn's interface
        if self.C > 5:
            raise RuntimeError("could not factor 'Ada' at all\nTraceback of a library")
        if self.C > 2:
            raise MemoryError
        return super().fit(X, y, sample_weight)


def fold(begin: int, middle: int, end: int) -> Fold:
    places = np.arange(ROWS)
    return Fold(places < begin, (places >= middle) & (places < end))


TWO = (fold(200, 220, 260), fold(280, 300, 400))


def rows_of(model, folds=TWO, keep: int = 1) -> FoldRows:
    return FoldRows(
        model, feature_columns(model.estimator, COLUMNS), LabelledRows(*make_rows(ROWS)), folds, 0, keep=keep
    )


def test_a_trial_s_metric_is_the_mean_over_folds_weighted_by_their_rows() -> None:
    model = declare_model()
    result = fit_trial(rows_of(model), Trial(0, {"C": 0.5}))
    single = [fit_trial(rows_of(model, (each,)), Trial(0, {"C": 0.5})) for each in TWO]
    losses = [each.metrics[Metric.LOG_LOSS] for each in single]
    assert result.metrics[Metric.LOG_LOSS] == pytest.approx((losses[0] * 40 + losses[1] * 100) / 140, rel=1e-12)
    assert [each[Metric.LOG_LOSS] for each in result.fold_metrics] == losses
    assert (result.pipeline, [each.pipeline is None for each in single]) == (None, [False, False])


def test_a_metric_that_one_fold_lacks_is_missing() -> None:
    mean = mean_metrics([{Metric.ROC_AUC: 0.75}, {Metric.ROC_AUC: float("nan")}], [900, 1])
    assert np.isnan(mean[Metric.ROC_AUC])


@pytest.mark.parametrize(("c", "reason"), [(10.0, "RuntimeError: could not factor ... at all"), (3.0, "MemoryError")])
def test_what_a_fit_raises_is_recorded_without_values(c: float, reason: str) -> None:
    model = declare_model(estimator={"class": f"{Fragile.__module__}.Fragile"})
    result = fit_trial(rows_of(model), Trial(3, {"C": c}))
    assert (result.state, result.reason, result.metrics) == (TrialState.FAILED, reason, {})


def test_what_the_declaration_got_wrong_is_recorded_too() -> None:
    result = fit_trial(rows_of(declare_model()), Trial(0, {"C": -1.0}), file="late.yml")
    assert result.state is TrialState.FAILED
    assert result.reason is not None
    assert result.reason.startswith("{'C': -1.0}: The 'C' parameter of LogisticRegression")
    assert result.refused is not None
    assert result.refused.issues[0].file == "late.yml"


def test_rows_that_cannot_be_learned_from_end_the_search() -> None:
    model = declare_model()
    late = np.ones(ROWS, dtype=bool)
    rows = FoldRows(model, {None: COLUMNS}, LabelledRows(make_rows(ROWS)[0], late), TWO, 0)
    with pytest.raises(NotReadyError, match="train: all 200 labels are True"):
        fit_trial(rows, Trial(0, {}))


def test_a_feature_set_is_all_that_a_trial_learns_from() -> None:
    model = declare_model(
        estimator={**FOREST, "feature_sets": {"all": ["*"], "lean": ["weather.wind", "hour_of_day"]}},
        on_demand={"hour_of_day": "hour(departure_ts)"},
    )
    every, lean = (fit_trial(rows_of(model, TWO[:1]), Trial(0, {}, name)) for name in ("all", "lean"))
    assert list(lean.pipeline[:-1].get_feature_names_out()) == ["weather__wind", "hour_of_day"]
    assert every.metrics != lean.metrics
    frame, _ = make_rows(20, seed=3)
    frame["carrier"] = None  # given as ever, and not looked at
    other, _ = make_rows(20, seed=3)
    assert (lean.pipeline.predict_proba(frame) == lean.pipeline.predict_proba(other)).all()


def test_the_chosen_one_fitted_anew_is_the_one_that_was_tried() -> None:
    model = declare_model(estimator=FOREST)
    tried = fit_trial(rows_of(model, TWO[:1]), Trial(0, {"max_depth": 3}))
    frame, late = make_rows(ROWS)
    cut = TWO[0]
    parts = LabelledRows(frame[cut.train], late[cut.train]), LabelledRows(frame[cut.validation], late[cut.validation])
    fitted, metrics = fit_chosen(model, COLUMNS, parts, tried.trial, 0, "late.yml")
    assert metrics == tried.metrics
    assert (fitted.pipeline.predict_proba(frame) == tried.pipeline.predict_proba(frame)).all()


@pytest.mark.parametrize("estimator", [BOOSTED, FOREST, {"class": "sklearn.linear_model.LogisticRegression"}])
def test_threads_give_what_one_after_the_other_gives(estimator: dict[str, object]) -> None:
    model = declare_model(estimator=estimator)
    name = {"Hist": "max_leaf_nodes", "Rand": "max_depth", "Logi": "C"}[str(estimator["class"]).split(".")[-1][:4]]
    trials = [Trial(number, {name: number + 2}) for number in range(4)]
    alone, shared = rows_of(model), rows_of(model, keep=2)
    serial = list(run_on_threads(lambda trial: fit_trial(alone, trial), trials, 1))
    threads = list(run_on_threads(lambda trial: fit_trial(shared, trial), trials, 3))
    assert [each.trial for each in threads] == trials
    for one, other in zip(serial, threads, strict=True):
        assert one.metrics == pytest.approx(other.metrics, rel=1e-9)


def test_results_come_in_order_and_at_most_so_many_at_once() -> None:
    both = threading.Barrier(2, timeout=30)

    def fit(trial: Trial) -> TrialResult:
        both.wait()  # passes only when two are fitted at once
        return TrialResult(trial, TrialState.FINISHED, {Metric.BRIER: float(trial.number)})

    trials = [Trial(number, {}) for number in range(4)]
    assert [each.trial.number for each in run_on_threads(fit, trials, 2)] == [0, 1, 2, 3]


def test_what_ends_the_search_comes_out_of_a_thread() -> None:
    def fit(trial: Trial) -> TrialResult:
        raise NotReadyError("the split", [], "wait")

    with pytest.raises(NotReadyError):
        list(run_on_threads(fit, [Trial(0, {}), Trial(1, {})], 2))
